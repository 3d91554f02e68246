package contract

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// The view of the operators.

// metrics reads the samples of a node by name and labels.
func (n *node) metrics(tb testing.TB) map[string]float64 {
	tb.Helper()
	page := get(tb, "http://"+n.admin+"/metrics")
	if page.status != http.StatusOK {
		tb.Fatalf("/metrics = %d %q", page.status, page.body)
	}
	samples := map[string]float64{}
	for line := range strings.Lines(page.body) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			tb.Fatalf("cannot parse the sample %q: %v", line, err)
		}
		samples[line[:at]] = value
	}
	return samples
}

// wantMetrics waits until the samples have these values.
func (n *node) wantMetrics(tb testing.TB, want map[string]float64) {
	tb.Helper()
	eventually(tb, func() error {
		got := n.metrics(tb)
		for name, value := range want {
			if v, ok := got[name]; !ok || v != value {
				return fmt.Errorf("metric %s = %v (there: %v); want %v", name, v, ok, value)
			}
		}
		return nil
	})
}

func TestAdmin_PortTellsHealthAndMetrics(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := startOn(t, store, "history.on_join=0")
			t.Run("healthy and ready", func(t *testing.T) {
				for _, path := range []string{"/healthz", "/readyz"} {
					if got := get(t, "http://"+n.admin+path); got.status != http.StatusOK {
						t.Errorf("%s = %d %q; want 200", path, got.status, got.body)
					}
				}
			})
			t.Run("metrics", func(t *testing.T) {
				members := []*client{n.member(t, "a", "1"), n.member(t, "a", "2"), n.member(t, "b", "3")}
				for i, count := range []int{3, 0, 2} {
					for k := range count {
						members[i].say(strconv.Itoa(k))
					}
				}
				size := 0 // of what was delivered
				for i, count := range []int{3, 3, 2} {
					for _, message := range members[i].wantMessages(count) {
						size += 2 + len(message)
					}
				}
				members[2].say(strings.Repeat("x", 1<<10))
				size += 4 + len(members[2].text())
				n.wantMetrics(t, map[string]float64{
					"barrage_connections":                                    3,
					"barrage_ready":                                          1,
					"barrage_rooms":                                          2,
					"barrage_members":                                        3,
					"barrage_waiting_messages":                               0,
					"barrage_received_messages_total":                        6,
					"barrage_accepted_messages_total":                        6,
					"barrage_sent_copies_total":                              9,
					"barrage_sent_bytes_total":                               float64(size),
					`barrage_dropped_messages_total{reason="queue_full"}`:    0,
					`barrage_dropped_messages_total{reason="unauthorized"}`:  0,
					`barrage_dropped_messages_total{reason="store"}`:         0,
					`barrage_dropped_messages_total{reason="not_listening"}`: 0,
					`barrage_dropped_copies_total{reason="slow"}`:            0,
					`barrage_dropped_copies_total{reason="left"}`:            0,
					"barrage_store_connected":                                1,
				})
				got := n.metrics(t)
				in := float64(5*(6+1) + 8 + 1<<10) // frames with one byte of text; one with a longer length
				if got["barrage_received_bytes_total"] != in {
					t.Errorf("barrage_received_bytes_total = %v; want %v", got["barrage_received_bytes_total"], in)
				}
				if sent, writes := got["barrage_sent_copies_total"], got["barrage_writes_total"]; writes < 1 || writes > sent {
					t.Errorf("barrage_writes_total = %v; want 1 to %v", writes, sent)
				}

				dialRaw(t, n.addr).send("GET /group/chat/g/u/t HTTP/1.1\r\nHost: x\r\n\r\n").wantStatus(http.StatusBadRequest)
				bad := n.rawMember(t, "b", "4").send("\x81\x01x") // not masked
				bad.wantClose(1002)
				if err := bad.conn.Close(); err != nil {
					t.Error(err)
				}
				for _, m := range members {
					_ = m.conn.CloseNow() // The node may be faster.
				}
				n.wantMetrics(t, map[string]float64{
					"barrage_connections": 0,
					"barrage_members":     0,
					`barrage_refused_handshakes_total{reason="bad_request"}`: 1,
					`barrage_closed_total{reason="peer"}`:                    3,
					`barrage_closed_total{reason="protocol_error"}`:          1,
					`barrage_closed_total{reason="stuck"}`:                   0,
				})
			})
			t.Run("nothing of it on the public port", func(t *testing.T) {
				for _, path := range []string{"/healthz", "/readyz", "/metrics", "/debug/pprof/", "/debug/pprof/profile"} {
					if got := get(t, "http://"+n.addr+path); got.status != http.StatusNotFound {
						t.Errorf("%s on the public port = %d; want 404", path, got.status)
					}
				}
			})
		})
	}
}

func TestPages_AreServedAsHTML(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	for _, path := range []string{"/", "/test/websocket"} {
		got := get(t, "http://"+n.addr+path)
		if got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") ||
			!strings.HasPrefix(strings.ToLower(got.body), "<!doctype html>") {
			t.Errorf("GET %s = %d %s %.60q; want a page", path, got.status, got.header.Get("Content-Type"), got.body)
		}
	}
}
