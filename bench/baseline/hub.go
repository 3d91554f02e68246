package baseline

import (
	"context"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	// queueMessages is how many messages wait for one client, which is then closed (the
	// chat example's number, as are the times below).
	queueMessages = 256
	writeWait     = 10 * time.Second
	pongWait      = 60 * time.Second
	pingPeriod    = pongWait * 9 / 10
)

// hub is one room. It belongs to the goroutine of run; others talk to it over its
// unbuffered channels, which are never closed.
type hub struct {
	register   chan *client
	unregister chan *client
	broadcast  chan *websocket.PreparedMessage
	dropped    prometheus.Counter
}

// run serves the room until ctx ends.
func (h *hub) run(ctx context.Context) {
	clients := map[*client]bool{} // until they unregister; false: given up, its writer may still be stuck
	total := 0                    // messages ever
	for {
		select {
		case <-ctx.Done():
			for c := range clients {
				_ = c.conn.Close() // ends its two goroutines, wherever they wait
			}
			return
		case c := <-h.register:
			clients[c] = true
			c.send <- prepare(welcome(total)) // the first, so there is room
		case c := <-h.unregister:
			if clients[c] {
				close(c.send)
			}
			delete(clients, c)
		case m := <-h.broadcast:
			total++
			for c, keepsUp := range clients {
				if !keepsUp {
					continue
				}
				select {
				case c.send <- m:
				default: // too slow
					h.dropped.Inc()
					clients[c] = false
					close(c.send)
				}
			}
		}
	}
}

// prepare frames a text message once for all who get it.
func prepare(json []byte) *websocket.PreparedMessage {
	m, err := websocket.NewPreparedMessage(websocket.TextMessage, json)
	if err != nil {
		panic("BUG: cannot frame a text message: " + err.Error())
	}
	return m
}

// client is one connection, with two goroutines: read and write.
type client struct {
	// Immutable once made.
	hub        *hub
	conn       *websocket.Conn
	room, user string
	// send has what waits for the socket. The hub sends and closes, write receives.
	send chan *websocket.PreparedMessage
}

// read takes what the user sends to the hub until the connection or ctx ends.
func (c *client) read(ctx context.Context) {
	defer func() {
		select {
		case c.hub.unregister <- c:
		case <-ctx.Done():
		}
		_ = c.conn.Close() // the writer may have closed it
	}()
	select {
	case c.hub.register <- c:
	case <-ctx.Done():
		return
	}
	alive := func(string) error { return c.conn.SetReadDeadline(time.Now().Add(pongWait)) }
	c.conn.SetReadLimit(readLimit)
	c.conn.SetPongHandler(alive)
	_ = alive("") // a dead connection fails at the read below
	for {
		_, body, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		select {
		case c.hub.broadcast <- prepare(newMessage(c.room, c.user, body, time.Now())):
		case <-ctx.Done():
			return
		}
	}
}

// write takes what the hub sends to the socket until the hub gives the client up, the
// connection fails or ctx ends.
func (c *client) write(ctx context.Context) {
	ping := time.NewTicker(pingPeriod)
	defer ping.Stop()
	defer func() { _ = c.conn.Close() }() // the reader may have closed it
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case m, ok := <-c.send:
			_ = c.conn.SetWriteDeadline(time.Now().Add(writeWait)) // a dead connection fails at the write below
			if !ok {
				_ = c.conn.WriteMessage(websocket.CloseMessage, nil) // a courtesy
				return
			}
			err = c.conn.WritePreparedMessage(m)
		case <-ping.C:
			_ = c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			err = c.conn.WriteMessage(websocket.PingMessage, nil)
		}
		if err != nil {
			return
		}
	}
}
