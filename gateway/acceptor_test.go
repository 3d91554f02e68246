package gateway

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"barrage/gateway/edge"
)

// wantDirect: so many handshakes were served by the acceptors of their connections.
func wantDirect(t *testing.T, s *Server, want uint64) {
	t.Helper()
	eventually(t, func() error { return differ("connections that were never net/http's", s.edge.PeekDirect(), want) })
}

// TestAcceptor_TakesWhatIsPlain: a handshake that comes whole has no part of net/http. Its room may be there or not,
// and its protocol may be any. A handshake that comes in pieces has part of net/http, and is let in all the same.
func TestAcceptor_TakesWhatIsPlain(t *testing.T) {
	s := newServer(t, nil)
	for i, request := range []string{
		handshake(chatPath("r", "first")), handshake(chatPath("r", "u")), handshake(chatPath("%E5%BC%B9", "u")), handshake(listPath("u")),
		requestV1("r", userAndToken, offerV1), requestV1("r", userAndToken+"&since=0", offerV1),
	} {
		w := dialTCP(t, s)
		w.mustWrite(request)
		if err := w.upgraded(); err != nil {
			t.Fatalf("%q: %v", request, err)
		}
		wantDirect(t, s, uint64(i+1))
	}
	before := s.edge.PeekDirect()
	w := dialTCP(t, s)
	half := handshake(chatPath("r", "slow"))
	w.mustWrite(half[:40])
	eventually(t, func() error { return differ("connections of net/http", s.edge.Plain.Open(), 1) })
	w.mustWrite(half[40:])
	if err := w.upgraded(); err != nil {
		t.Fatal(err)
	}
	join(t, s, "r", "plain")
	wantDirect(t, s, before+1) // plain alone
}

// TestAcceptor_RefusalsAreNetHTTPs: a refused request is refused once, with what net/http writes around it, and counts
// once against the limits.
func TestAcceptor_RefusalsAreNetHTTPs(t *testing.T) {
	s := newServer(t, func(c *setup) {
		c.CORS.AllowedOrigins = []string{"https://shop.example"}
		c.Limits.Enabled, c.Limits.Handshakes, c.Limits.HandshakesBurst = true, 0.001, 2
	})
	join(t, s, "r", "u")
	f := func(status int, refused uint64) {
		t.Helper()
		w := dialTCP(t, s)
		w.mustWrite(strings.Replace(handshake(chatPath("r", "u")), "Host", "Origin: http://evil.example\r\nHost", int(refused)%2))
		resp, err := w.response()
		if err != nil || resp.status != status || resp.header.Get("Date") == "" {
			t.Errorf("answer %+v, %v; want %d, as net/http says it", resp, err, status)
		}
		if got := s.edge.Stats.RefusedHandshakes.Load(); got != refused {
			t.Errorf("%d refused handshakes; want %d", got, refused)
		}
	}
	f(http.StatusForbidden, 1)
	join(t, s, "r", "v")                // the second of the burst: the refused one took none
	f(http.StatusServiceUnavailable, 2) // the third
	wantDirect(t, s, 2)
}

// TestAcceptor_CountsRequestsOnce: a request of an address counts once against ten times http_rate, whether the
// acceptor refused a handshake or not. Nothing comes after the request on its connection.
func TestAcceptor_CountsRequestsOnce(t *testing.T) {
	s := behindProxy(t, func(c *setup) {
		c.CORS.AllowedOrigins = []string{"https://shop.example"}
		c.Limits.HTTPRate, c.Limits.HTTPBurst = 0.001, 1
	})
	evil := strings.Replace(handshake(chatPath("r", "u")), "Host", fromAddr("203.0.113.1")+"Origin: http://evil.example\r\nHost", 1)
	nowhere := strings.Replace(evil, "/group/chat", "/nowhere", 1)
	for i := range 12 {
		request, want := evil, http.StatusForbidden
		if i%2 == 1 {
			request, want = nowhere, http.StatusNotFound
		}
		if i >= 10 {
			want = http.StatusTooManyRequests
		}
		w := dialTCP(t, s)
		w.mustWrite(request)
		resp, err := w.response()
		if err != nil || resp.status != want {
			t.Errorf("request %d: %+v, %v; want %d", i, resp, err, want)
		}
		_ = w.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n") // an error: it is cut already
		w.wantCut()
	}
}

// TestAcceptor_AStoreThatHangsHoldsUpNobody: rooms that are not there yet wait for it, others do not.
func TestAcceptor_AStoreThatHangsHoldsUpNobody(t *testing.T) {
	s := newServer(t, nil)
	join(t, s, "live", "u")
	goOn := storeOf(s).hold("Read")
	for i := range 50 {
		dialTCP(t, s).mustWrite(handshake(chatPath(fmt.Sprint("new", i), "u")))
	}
	for i := range 4 { // not the room "live"; one after the other, 5 s each, they would be too late
		dialTCP(t, s).mustWrite(handshake(chatPath(fmt.Sprint("live%2F", i), "u")))
	}
	eventually(t, func() error { return differ("handshakes under way", storeOf(s).called("Read"), 55) })
	join(t, s, "live", "v")
	if resp, err := http.Get("http://" + s.Addr().String() + "/"); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("the page: %v, %v", resp, err)
	} else {
		_ = resp.Body.Close()
	}
	goOn()
	wantSessions(t, s, 56)
}

// TestAcceptor_HistoryThatHangsHoldsUpNobody: a client that says where it was waits for the store, however the address
// writes that.
func TestAcceptor_HistoryThatHangsHoldsUpNobody(t *testing.T) {
	s := newServerV1(t, func(c *setup) { c.history = 2000 })
	at := place(t, s, publishMany(t, s, 1500).Epoch, 600)
	join(t, s, "r", "u")
	defer storeOf(s).hold("Since")()
	before := storeOf(s).called("Since")
	for range 3 { // one after the other, 5 s each, they would be too late
		dialTCP(t, s).mustWrite(requestV1("r", userAndToken+at, offerV1))
		dialTCP(t, s).mustWrite(requestV1("r", userAndToken+strings.Replace(at, "since", "%73ince", 1), offerV1))
	}
	eventually(t, func() error { return differ("reads under way", storeOf(s).called("Since"), before+6) })
	join(t, s, "r", "v")
}

// TestAcceptor_TracedHandshakesAreOneSpanEach: a handshake whose request is traced is let in once, by its acceptor, and
// is one span, also where it is refused.
func TestAcceptor_TracedHandshakesAreOneSpanEach(t *testing.T) {
	statuses := make(chan int64, 10)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var data otlp.TracesData
		if err != nil || proto.Unmarshal(body, &data) != nil {
			return
		}
		for _, resource := range data.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					for _, a := range span.GetAttributes() {
						if a.GetKey() == "http.response.status_code" {
							statuses <- a.GetValue().GetIntValue()
						}
					}
				}
			}
		}
	}))
	defer collector.Close()
	s := newServer(t, func(c *setup) {
		c.CORS.AllowedOrigins = []string{"https://shop.example"}
		c.Traces.Endpoint, c.Traces.Sample = collector.URL+"/v1/traces", 1
	})
	join(t, s, "r", "u")
	wantDirect(t, s, 1)
	w := dialTCP(t, s)
	w.mustWrite(strings.Replace(handshake(chatPath("r", "u")), "Host", "Origin: http://evil.example\r\nHost", 1))
	if resp, err := w.response(); err != nil || resp.status != http.StatusForbidden {
		t.Errorf("%+v, %v; want 403", resp, err)
	}
	if got := s.edge.Stats.RefusedHandshakes.Load(); got != 1 {
		t.Errorf("%d refused handshakes; want one", got)
	}
	s.Close() // sends what is left
	collector.Close()
	close(statuses)
	var got []int64
	for status := range statuses {
		got = append(got, status)
	}
	if want := []int64{101, 403}; !slices.Equal(got, want) {
		t.Errorf("spans of requests with status %v; want %v", got, want)
	}
}

// TestAcceptor_SilentClientsAreCut: the kernel keeps a client that has sent nothing for a second; a node that leaves
// has it come out, and cuts it.
func TestAcceptor_SilentClientsAreCut(t *testing.T) {
	s := newServer(t, func(c *setup) { c.Server.LameDuck = 1500 * time.Millisecond })
	silent := dialTCP(t, s)
	if err := <-drain(t, s, 3*time.Second); err != nil {
		t.Error(err)
	}
	s.Close()
	silent.wantCut()
	wantClosedFor(t, s, edge.CloseRestart, 0)
}
