package contract

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"barrage/internal/redistest"
)

// spans are what a collector was given.
type spans struct {
	mu  sync.Mutex // guards the field below
	all []*otlp.Span
}

// ServeHTTP takes OTLP over HTTP.
func (s *spans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var data otlp.TracesData
	if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" ||
		r.Header.Get("X-Key") != "a key" || proto.Unmarshal(body, &data) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range data.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			s.all = append(s.all, scope.GetSpans()...)
		}
	}
}

// of is the span of a trace with that name and parent; the last one, since a request may look for the same twice.
func (s *spans) of(tb testing.TB, trace, name string, parent []byte) *otlp.Span {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var found *otlp.Span
	var others []string
	for _, span := range s.all {
		if fmt.Sprintf("%x", span.GetTraceId()) != trace {
			continue
		}
		others = append(others, fmt.Sprintf("%q of %x below %x", span.GetName(), span.GetSpanId(), span.GetParentSpanId()))
		if span.GetName() == name && (parent == nil || string(span.GetParentSpanId()) == string(parent)) {
			found = span
		}
	}
	if found == nil {
		tb.Fatalf("trace %s has no span %q below %x; it has\n%s", trace, name, parent, strings.Join(others, "\n"))
	}
	return found
}

// attributes are a span's as text.
func attributes(span *otlp.Span) string {
	var b strings.Builder
	for _, a := range span.GetAttributes() {
		fmt.Fprintf(&b, "%s=%s ", a.GetKey(), cmp.Or(a.GetValue().GetStringValue(), strconv.FormatInt(a.GetValue().GetIntValue(), 10)))
	}
	return b.String()
}

// TestTraces_CallHookAndStoreAreOneTrace: a request, the hook that it asks and the calls of Redis that it makes are one
// trace. A caller may have begun it; no token, user or address is in it.
func TestTraces_CallHookAndStoreAreOneTrace(t *testing.T) {
	t.Parallel()
	got := &spans{}
	collector := httptest.NewServer(got)
	t.Cleanup(collector.Close)
	passedOn := make(chan string, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		passedOn <- r.Header.Get("Traceparent")
		_, _ = w.Write([]byte(`{"user_id":"alice"}`))
	}))
	t.Cleanup(hook.Close)
	store := redistest.Start(t)
	n := startNode(t, "redis.addrs="+store.Addr, "auth.mode=hook", "auth.connect_url="+hook.URL+"/its-key", "auth.connect_cache=0s", "auth.connect_timeout=5s",
		"traces.endpoint="+collector.URL+"/v1/traces", "traces.headers=x-key=a key", "traces.sample=1")
	call := func(method, url, trace, flags, body string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Traceparent", "00-"+trace+"-00f067aa0ba902b7-"+flags)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer the-token")
		if resp := send(t, req); resp.status >= 300 {
			t.Fatalf("%s %s = %d %s", method, url, resp.status, resp.body)
		}
	}
	const sends, reads, unwanted, published = "4bf92f3577b34da6a3ce929d0e0e4736", "4bf92f3577b34da6a3ce929d0e0e4737",
		"4bf92f3577b34da6a3ce929d0e0e4738", "4bf92f3577b34da6a3ce929d0e0e4739"
	// sample decides: 1
	call(http.MethodPost, "http://"+n.addr+"/v1/rooms/den/messages", sends, "00", `{"id":"1","body":"hello"}`)
	call(http.MethodGet, "http://"+n.addr+"/v1/rooms/den", reads, "01", "")
	call(http.MethodPost, "http://"+n.admin+"/v1/admin/rooms/den/messages", unwanted, "00", `{"messages":[{"id":"1","user_id":"bob","body":"hello"}]}`)
	call(http.MethodPost, "http://"+n.admin+"/v1/admin/rooms/den/messages", published, "01", `{"messages":[{"id":"2","user_id":"bob","body":"hello"}]}`)
	conn, _, _, err := n.dialToken(t.Context(), "lounge", "the-token")
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.CloseNow()
	n.signal(t)
	n.wantExit(t, 0, patience) // it sends what is left

	root := got.of(t, sends, "POST /v1/rooms/{room}/messages", []byte("\x00\xf0\x67\xaa\x0b\xa9\x02\xb7"))
	if text := attributes(root); !strings.Contains(text, "barrage.room=den ") || !strings.Contains(text, "http.response.status_code=201 ") {
		t.Errorf("the span of the request has %s", text)
	}
	asked := got.of(t, sends, "hook connect", root.GetSpanId())
	if head := <-passedOn; head != fmt.Sprintf("00-%s-%x-01", sends, asked.GetSpanId()) {
		t.Errorf("the hook got traceparent %s; want its own span", head)
	}
	for _, stored := range []*otlp.Span{got.of(t, sends, "publish", root.GetSpanId()), got.of(t, published, "publish", nil)} {
		if text := attributes(stored); text != "db.system.name=redis db.operation.name=publish " {
			t.Errorf("the span of the store's call has %q", text)
		}
		if stored.GetStartTimeUnixNano() >= stored.GetEndTimeUnixNano() {
			t.Error("the span of the store's call has no length")
		}
	}
	got.of(t, published, "publish", got.of(t, published, "POST /v1/admin/rooms/{room}/messages", nil).GetSpanId())
	got.of(t, reads, "report", got.of(t, reads, "GET /v1/rooms/{room}", nil).GetSpanId())
	handshakes := 0
	for _, span := range got.all {
		if span.GetName() == "GET /v1/rooms/{room}/ws" && strings.Contains(attributes(span), "status_code=101 ") {
			handshakes++
			got.of(t, fmt.Sprintf("%x", span.GetTraceId()), "hook connect", span.GetSpanId())
		}
		if fmt.Sprintf("%x", span.GetTraceId()) == unwanted {
			t.Errorf("an operator who wants no trace got %q", span.GetName())
		}
		for _, secret := range []string{"alice", "bob", "the-token", "its-key", "hello"} {
			if strings.Contains(span.String(), secret) {
				t.Errorf("%q is in %v", secret, span)
			}
		}
	}
	if handshakes != 1 {
		t.Errorf("%d handshakes have spans; want 1", handshakes)
	}
}
