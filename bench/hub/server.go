// Package hub is the baseline that peers are measured beside: a chat server as nearly
// everybody writes it in Go, after the chat example of gorilla/websocket. Each room has
// a hub, each connection a queue of 256 messages and two goroutines, and a client whose
// queue is full is closed. It speaks the chat socket of FastIM, so that the same load
// runs against it, and keeps no history.
//
// It is neither tuned nor held back. It differs from the example in two ways: a message
// is encoded and framed once for the whole room, and each is a WebSocket message of its
// own, because FastIM's clients need that.
//
// Goroutines: per room [hub.run], per connection [client.read] and [client.write], and
// net/http's. [Serve] ends and waits for them.
package hub

import (
	"context"
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

// Serve answers chat sockets at /group/chat/{room}/{user}/{token} and Prometheus at
// /metrics, on ln, until ctx ends; then it closes every connection, waits for all its
// goroutines and returns nil. It closes ln. The metrics have the process's CPU time and
// memory, and how many clients were closed because they were too slow.
func Serve(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s := &server{hubs: map[string]*hub{}, dropped: promauto.With(registry).NewCounter(prometheus.CounterOpts{
		Name: "hub_slow_clients_closed_total", Help: "Clients closed because 256 messages waited for them.",
	})}
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
