// Package baseline is the two servers that peers are measured beside. Both speak the chat socket of FastIM, so that the
// same load runs against them. They keep nothing but in memory, and are neither tuned nor held back.
//
// The hub is a chat server as nearly everybody writes it in Go, after the chat example of gorilla/websocket. Each room
// has a hub, each connection a queue of 256 messages and two goroutines, and a client whose queue is full is closed. It
// differs from the example in two ways. A message is encoded and framed once for the whole room, and each is a
// WebSocket message of its own, because FastIM's clients need that.
//
// The bare server is the least that a message can cost where each member gets it by a write(2) of its own. It is one
// thread with one epoll, which writes a message to the whole room where it reads it. It has no queue, no deadline and
// no ping, and uses one core at most.
//
// Goroutines of the hub: per room [hub.run], per connection [client.read] and [client.write], and net/http's.
// [ServeHub] ends and waits for them. The bare server has none but its caller's.
package baseline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readLimit in bytes is above the largest body the load generator sends (the chat example
// has 512).
const readLimit = 64 << 10

// newMetrics has the process's CPU time and memory, and how many clients were closed because
// they were too slow.
func newMetrics() (*prometheus.Registry, prometheus.Counter) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry, promauto.With(registry).NewCounter(prometheus.CounterOpts{
		Name: "baseline_slow_clients_closed_total", Help: "Clients closed because messages waited for them.",
	})
}

// welcome is the first text of a socket. total is how many messages the room ever had.
func welcome(total int) []byte { return fmt.Appendf(nil, `{"list":[],"total":%d}`, total) }

// message is a chat message as FastIM has it.
type message struct {
	GroupID string `json:"groupId"`
	UserID  string `json:"userId"`
	Info    string `json:"info"`
	TS      int64  `json:"ts"`
}

func newMessage(room, user string, body []byte, at time.Time) []byte {
	text, _ := json.Marshal(message{room, user, string(body), at.UnixMilli()}) // strings and a number always have JSON
	return text
}

// ServeHub answers chat sockets at /group/chat/{room}/{user}/{token} and Prometheus at /metrics, on ln, until ctx ends.
// Then it closes every connection, waits for all its goroutines and returns nil. It closes ln.
func ServeHub(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	registry, dropped := newMetrics()
	s := &server{hubs: map[string]*hub{}, dropped: dropped}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /group/chat/{room}/{user}/{token}", func(w http.ResponseWriter, r *http.Request) { s.chat(ctx, w, r) })
	web := http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = web.Close() })()

	err := web.Serve(ln)
	cancel()
	s.wait()
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("cannot serve the baseline at %v: %w", ln.Addr(), err)
	}
	return nil
}

type server struct {
	dropped prometheus.Counter
	running sync.WaitGroup // every goroutine of every room and connection

	mu   sync.Mutex // guards the field below, and running.Go against wait
	hubs map[string]*hub
}

// upgrader has the chat example's sizes.
var upgrader = websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024}

func (s *server) chat(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	c := &client{
		conn: conn, room: r.PathValue("room"), user: r.PathValue("user"),
		send: make(chan *websocket.PreparedMessage, queueMessages),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		_ = conn.Close() // nobody waits for its goroutines any more
		return
	}
	c.hub = s.hubs[c.room]
	if c.hub == nil {
		c.hub = &hub{make(chan *client), make(chan *client), make(chan *websocket.PreparedMessage), s.dropped}
		s.hubs[c.room] = c.hub
		s.running.Go(func() { c.hub.run(ctx) })
	}
	s.running.Go(func() { c.read(ctx) })
	s.running.Go(func() { c.write(ctx) })
}

// wait waits for every goroutine; the server's context must have ended. Under mu, so
// that a connection that arrives now starts none.
func (s *server) wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running.Wait()
}
