package traces

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"barrage/internal/await"
)

// serve makes spans for a collector, and is ended with the test.
func serve(t *testing.T, collector http.HandlerFunc, log io.Writer) (t2 *Traces, end func()) {
	t.Helper()
	srv := httptest.NewServer(collector)
	t.Cleanup(srv.Close)
	cfg := Config{Endpoint: srv.URL + "/v1/traces", Sample: 1}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	traces := New(cfg, "node", "v1", slog.New(slog.NewTextHandler(log, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	traces.Run(ctx, &workers)
	end = func() { cancel(); workers.Wait() }
	t.Cleanup(end)
	return traces, end
}

var nothing = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// ask makes n requests.
func ask(h http.Handler, n int) {
	for range n {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v1/rooms/r", http.NoBody))
	}
}

// TestOff_CostsNothing: without an endpoint no request, call of a hook or call of the store allocates or is changed.
func TestOff_CostsNothing(t *testing.T) {
	off := New(Config{Sample: 1}, "node", "v1", slog.New(slog.DiscardHandler))
	if off != nil || off.Stats() != (Stats{}) {
		t.Fatal("there are traces without an endpoint")
	}
	off.Reload(Config{})
	off.Run(t.Context(), nil)
	mux := http.NewServeMux()
	if off.Serve(mux, "/", false) != http.Handler(mux) {
		t.Error("requests take a way around")
	}
	r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
	began, ctx := time.Now(), t.Context()
	if n := testing.AllocsPerRun(100, func() {
		off.StoreCall(ctx, "publish", began, nil)
		off.Call("connect", r)(0, nil)
	}); n != 0 || len(r.Header) != 0 {
		t.Errorf("%v allocations, headers %v; want none", n, r.Header)
	}
}

// TestUnrecorded_StoreCallsCostNothing: with traces on, calls of the store for what is not recorded allocate nothing.
func TestUnrecorded_StoreCallsCostNothing(t *testing.T) {
	traces, _ := serve(t, nothing, io.Discard)
	began, ctx := time.Now(), t.Context()
	if n := testing.AllocsPerRun(100, func() { traces.StoreCall(ctx, "publish", began, nil) }); n != 0 {
		t.Errorf("%v allocations; want none", n)
	}
	if in, recorded := Cause(ctx, ctx); recorded || in != ctx {
		t.Error("a batch belongs to what is not recorded")
	}
}

func BenchmarkStoreCall(b *testing.B) {
	var off *Traces
	on := New(Config{Endpoint: "http://127.0.0.1/v1/traces"}, "node", "v1", slog.New(slog.DiscardHandler))
	for name, traces := range map[string]*Traces{"off": off, "unrecorded": on} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				traces.StoreCall(b.Context(), "publish", time.Time{}, nil)
			}
		})
	}
}

// TestBadCollectors_CostSpansAlone: whatever the collector does, requests do not wait for it, and spans that do not fit
// are counted. A node that ends is held up for lastPatience, not for patience.
func TestBadCollectors_CostSpansAlone(t *testing.T) {
	over := make(chan struct{})
	for name, answer := range map[string]http.HandlerFunc{
		"500":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"moved": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"gone":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"hangs": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			select {
			case <-r.Context().Done():
			case <-over:
			}
		},
		"large": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, strings.Repeat("x", 10<<20))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder // written by the queue's goroutine alone, read when that has ended
			asked := make(chan struct{})
			traces, end := serve(t, func(w http.ResponseWriter, r *http.Request) {
				select {
				case <-asked: // no request needed an answer
					answer(w, r)
				case <-r.Context().Done():
				}
			}, &log)
			h := traces.Serve(nothing, "/", false)
			const requests = 3 * maxWaiting
			ask(h, requests)
			s := traces.Stats()
			if s.Dropped == 0 { // they would have waited for a place
				t.Errorf("%+v after %d requests that no collector answered; want spans that are dropped", s, requests)
			}
			close(asked)
			leaving := await.Start()
			end()
			leaving.WantWithin(t, "the node had ended", lastPatience+2*time.Second)
			s = traces.Stats()
			if s.Sent != 0 || s.Failed == 0 || s.Failed+s.Dropped != requests || s.Failed > requests-1 && name == "hangs" {
				t.Errorf("%+v of %d spans", s, requests)
			}
			if text := log.String(); strings.Count(text, "cannot send traces") < 1 || strings.Count(text, "\n") > 3 {
				t.Errorf("the log has %q; want one line for each reason", text)
			}
		})
	}
	close(over)
}

// TestServe_CallersDecideOnlyWhereTrusted: callers decide on ports of operators, and elsewhere only with follow;
// prefixes count.
func TestServe_CallersDecideOnlyWhereTrusted(t *testing.T) {
	for _, c := range []struct {
		name            string
		sample          float64
		trusted, follow bool
		parent, path    string
		recorded        bool
	}{
		{"a stranger wants it", 0, false, false, "01", "/v1/x", false},
		{"a stranger does not want it", 1, false, false, "00", "/v1/x", true},
		{"nobody says", 1, false, false, "", "/v1/x", true},
		{"nobody says, none are taken", 0, true, true, "", "/v1/x", false},
		{"an operator wants it", 0, true, false, "01", "/v1/x", true},
		{"an operator does not want it", 1, true, false, "00", "/v1/x", false},
		{"a proxy wants it", 0, false, true, "01", "/v1/x", true},
		{"a proxy does not want it", 1, false, true, "00", "/v1/x", false},
		{"another address", 1, true, false, "01", "/metrics", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			traces, _ := serve(t, nothing, io.Discard)
			traces.Reload(Config{Sample: c.sample, Follow: c.follow})
			var in trace.SpanContext
			mux := http.NewServeMux()
			mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { in = trace.SpanContextFromContext(r.Context()) })
			r := httptest.NewRequest(http.MethodGet, c.path, http.NoBody)
			const id = "4bf92f3577b34da6a3ce929d0e0e4736"
			if c.parent != "" {
				r.Header.Set("Traceparent", "00-"+id+"-00f067aa0ba902b7-"+c.parent)
			}
			traces.Serve(mux, "/v1/", c.trusted).ServeHTTP(httptest.NewRecorder(), r)
			if in.IsSampled() != c.recorded {
				t.Errorf("recorded: %v; want %v", in.IsSampled(), c.recorded)
			}
			if c.parent != "" && c.path == "/v1/x" && in.TraceID().String() != id {
				t.Errorf("trace %s; want the caller's", in.TraceID())
			}
		})
	}
}

// queued is the span that waits.
func queued(t *Traces) sdk.ReadOnlySpan {
	ended, end := context.WithCancel(context.Background())
	end()
	return t.queue.spans.Next(ended, nil)[0]
}

// TestServe_NamesSpansByTheirRoutes: spans are named by routes, and have no method that a stranger made up.
func TestServe_NamesSpansByTheirRoutes(t *testing.T) {
	traces, end := serve(t, nothing, io.Discard)
	end()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/rooms/{room}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	h := traces.Serve(mux, "/", true)
	for _, c := range []struct{ method, path, name string }{
		{http.MethodGet, "/v1/rooms/den", "GET /v1/rooms/{room}"},
		{http.MethodGet, "/secret", "GET"},
		{"BREW", "/v1/rooms/den", "HTTP"},
	} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(c.method, c.path, http.NoBody))
		span := queued(traces)
		if span.Name() != c.name {
			t.Errorf("%s %s is %q; want %q", c.method, c.path, span.Name(), c.name)
		}
		if strings.Contains(fmt.Sprint(span.Attributes()), "secret") {
			t.Errorf("an address is in %v", span.Attributes())
		}
	}
}

// TestServe_StrangersKeepNoSpanFromTheCollector: no address of a room keeps a span from the collector, and hooks get no
// tracestate of a stranger.
func TestServe_StrangersKeepNoSpanFromTheCollector(t *testing.T) {
	for _, follow := range []bool{false, true} {
		traces, end := serve(t, nothing, io.Discard)
		traces.Reload(Config{Sample: 1, Follow: follow})
		hook := httptest.NewRequest(http.MethodPost, "https://hook.example/", http.NoBody)
		mux := http.NewServeMux()
		mux.HandleFunc("GET /v1/rooms/{room}", func(_ http.ResponseWriter, r *http.Request) {
			traces.Call("connect", hook.WithContext(r.Context()))(http.StatusOK, nil)
		})
		h := traces.Serve(mux, "/", false)
		for _, room := range []string{"den", "%FF", "%ED%A0%80", strings.Repeat("%FF", maxValue), strings.Repeat("a", maxValue-1) + "%C3%A9"} {
			r := httptest.NewRequest(http.MethodGet, "/v1/rooms/"+room, http.NoBody)
			r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
			r.Header.Set("Tracestate", "k="+strings.Repeat("v", 256))
			h.ServeHTTP(httptest.NewRecorder(), r)
			if hook.Header.Get("Traceparent") == "" || (hook.Header.Get("Tracestate") != "") != follow {
				t.Errorf("follow %v: the hook gets %v", follow, hook.Header)
			}
		}
		end()
		if s := traces.Stats(); s.Sent != 10 || s.Failed+s.Dropped > 0 {
			t.Errorf("%+v; want all 10 sent", s)
		}
	}
}

// TestCall_HidesWhatIsInURLs: neither the path of a hook nor the error of a call, which has it, is in a span.
func TestCall_HidesWhatIsInURLs(t *testing.T) {
	traces, end := serve(t, nothing, io.Discard)
	end()
	r := httptest.NewRequest(http.MethodPost, "https://user:word@hook.example/key?k=v", http.NoBody)
	traces.Call("connect", r)(0, errors.New(`Post "https://user:word@hook.example/key?k=v": refused`))
	span := queued(traces)
	if text := fmt.Sprint(span.Attributes(), span.Status(), span.Name()); strings.Contains(text, "key") || strings.Contains(text, "word") || !strings.Contains(text, "hook.example") {
		t.Errorf("the span has %s", text)
	}
	if !strings.HasPrefix(r.Header.Get("Traceparent"), "00-"+span.SpanContext().TraceID().String()+"-"+span.SpanContext().SpanID().String()) {
		t.Errorf("traceparent is %q; want %v", r.Header.Get("Traceparent"), span.SpanContext())
	}
}

func TestConfig_ValidateRefusesWithoutShowingSecrets(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string // empty: valid
	}{
		{DefaultConfig(), ""},
		{Config{Endpoint: "http://collector:4318/v1/traces", Headers: []string{"authorization=Bearer a=b"}, Sample: 1}, ""},
		{Config{Endpoint: "collector:4318"}, `endpoint: "collector:4318" is neither http nor https`},
		{Config{Endpoint: "https://u:secret@c/key"}, ""},
		{Config{Endpoint: "grpc://u:secret@c/key"}, `endpoint: "grpc://u:***@c/***" is neither`},
		{Config{Endpoint: "http://c:4318"}, "has no path; collectors take traces at /v1/traces"},
		{Config{Endpoint: "http://c/x", Headers: []string{"secret"}}, "headers[0]: it is not name=value"},
		{Config{Endpoint: "http://c/x", Headers: []string{"a b=secret"}}, "headers[0]: it is not name=value"},
		{Config{Headers: []string{"a=secret"}}, "headers: they are set, and endpoint is not"},
		{Config{Sample: 1.5}, "sample: 1.5 is not within 0 (none) and 1 (all)"},
		{Config{Sample: -0.1}, "sample: -0.1"},
	} {
		err := c.cfg.Validate()
		if text := fmt.Sprint(err); c.want == "" && err != nil || c.want != "" && !strings.Contains(text, c.want) || strings.Contains(text, "secret") {
			t.Errorf("%+v: %v; want %q", c.cfg, err, c.want)
		}
	}
}
