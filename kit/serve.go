package kit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/spf13/cobra"
)

// trial is one conversation with a client that is to be tried, in a room that is called like its transcript. It plays
// the server: it sends what the client receives, and expects what the client sends.
type trial struct {
	name       string
	transcript transcript
	handshakes chan handshake // of the client's sockets
	over       chan struct{}
}

// handshake is one of the client's: its socket, and what it asked for.
type handshake struct {
	conn  *websocket.Conn
	query url.Values
}

// trials are those that have not ended, by their rooms.
type trials map[string]*trial

// ServeHTTP gives each socket to the trial of its room, and refuses all else. A trial that is over closes what comes to
// it for good.
func (all trials) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	room, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/rooms/"), "/")
	t := all[room]
	if t == nil || rest != "ws" {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		// it may be gone
		_, _ = io.WriteString(w, `{"error":{"code":"no_such_room","message":"there are sockets of transcripts here, and nothing else"}}`)
		return
	}
	// pages of any origin may be tried
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"barrage.v1"}, InsecureSkipVerify: true})
	if err != nil {
		return // it has been answered
	}
	conn.SetReadLimit(longest)
	select {
	case t.handshakes <- handshake{conn, r.URL.Query()}:
	case <-t.over:
		_ = conn.Close(4403, "the conversation is over") // it may be gone
	}
}

// have plays the server until the transcript ends. The client may take its time to come; after that each step has
// patience.
func (t *trial) have(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer close(t.over)
	known := values{"room": t.name}
	var came *listener
	defer func() {
		if came != nil {
			_ = came.conn.Close(4403, "the conversation is over") // it may have ended
		}
	}()
	for i, s := range t.transcript.steps {
		var err error
		if came, err = t.take(ctx, s, known, came, i == 0, patience); err != nil {
			return fmt.Errorf("line %d: %w", s.line, err)
		}
	}
	return nil
}

// take does a step, and returns the socket that the client has now. The first step waits as long as it takes.
func (t *trial) take(life context.Context, s step, known values, c *listener, first bool, patience time.Duration) (*listener, error) {
	ctx, cancel := life, context.CancelFunc(func() {})
	if !first {
		ctx, cancel = context.WithTimeout(life, patience)
	}
	defer cancel()
	if c == nil && s.does != "open" {
		return nil, fmt.Errorf("%s has no socket", s.who)
	}
	switch s.does {
	case "open":
		select {
		case a := <-t.handshakes:
			if c != nil {
				_ = c.conn.CloseNow() // its client has left it
			}
			c = &listener{conn: a.conn, frames: make(chan []byte), side: "client", unasked: "ping"}
			go c.read(life)
			return c, wantQuery(s.text, a.query)
		case <-ctx.Done():
			return c, errors.New("no socket came")
		}
	case "cut":
		return c, c.conn.CloseNow()
	case "closed":
		code, err := strconv.Atoi(s.text)
		return c, errors.Join(err, c.conn.Close(websocket.StatusCode(code), ""))
	case "->":
		return c, c.want(ctx, []string{s.text}, known)
	case "<-":
		frame, err := known.fill(s.text)
		if err != nil {
			return c, err
		}
		return c, c.conn.Write(ctx, websocket.MessageText, []byte(frame))
	default:
		return c, fmt.Errorf("no server does %q with a client that is tried", s.does)
	}
}

// wantQuery reports which value of a transcript's query the client's lacks. Without one the client comes for the first
// time, or with nothing to resume from.
func wantQuery(text string, got url.Values) error {
	want, err := url.ParseQuery(strings.TrimPrefix(text, "?"))
	if err != nil {
		return err
	}
	for name := range want {
		if got.Get(name) != want.Get(name) {
			return fmt.Errorf("the handshake has %s=%s; want %s", name, got.Get(name), want.Get(name))
		}
	}
	return nil
}

// tryClients waits at an address for a client to come into each room, and reports how it did.
func tryClients(ctx context.Context, cmd *cobra.Command, addr string, patience time.Duration) error {
	transcripts, err := read("transcripts/client/*.txt")
	if err != nil {
		return err
	}
	type verdict struct {
		t   *trial
		err error
	}
	all, names, verdicts := trials{}, []string(nil), make(chan verdict, len(transcripts))
	for file, s := range transcripts {
		name := strings.TrimSuffix(path.Base(file), ".txt")
		names = append(names, name)
		all[name] = &trial{name: name, transcript: s, handshakes: make(chan handshake), over: make(chan struct{})}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", addr, err)
	}
	server := &http.Server{Handler: all, ReadHeaderTimeout: patience}
	defer func() { _ = server.Close() }() // the sockets are ours
	go func() { _ = server.Serve(listener) }()
	cmd.Printf("Have your client come to ws://%s as ann, send \"hello\" once, and stay, in each of these rooms: %s\n", listener.Addr(), strings.Join(sorted(names), ", "))
	for _, t := range all {
		go func() { verdicts <- verdict{t, t.have(ctx, patience)} }()
	}
	failed := 0
	for range all {
		v := <-verdicts
		if err := say(cmd, v.t.transcript, "client/"+v.t.name+".txt", v.err); err != nil {
			return err
		}
		if v.err != nil {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("cannot call it a client of barrage.v1: %d of %d conversations went another way", failed, len(all))
	}
	return nil
}
