package kit

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// longest is the largest frame, in bytes (the protocol's).
const longest = 1 << 20

// talk is how conversations are had.
type talk struct {
	addr, room, token string
	patience          time.Duration
}

// listener is a socket, of a client or of a server. Frames is closed where the socket has ended, with code.
type listener struct {
	side    string // the side whose frames it receives: server or client
	unasked string // of these frames some may come whenever they like
	conn    *websocket.Conn
	frames  chan []byte
	code    websocket.StatusCode
}

// have has one conversation.
func (t talk) have(ctx context.Context, s transcript) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	known, clients := values{"room": t.room}, map[string]*listener{}
	defer func() {
		for _, c := range clients {
			_ = c.conn.CloseNow() // it may have ended
		}
	}()
	for i := 0; i < len(s.steps); i++ {
		step := s.steps[i]
		wants := []string{step.text}
		for ; step.does == "<-" && i+1 < len(s.steps) && s.steps[i+1].does == "<-" && s.steps[i+1].who == step.who; i++ {
			wants = append(wants, s.steps[i+1].text)
		}
		if err := t.take(ctx, step, wants, known, clients); err != nil {
			return fmt.Errorf("line %d: %w", step.line, err)
		}
	}
	return nil
}

func (t talk) take(life context.Context, s step, wants []string, known values, clients map[string]*listener) error {
	ctx, cancel := context.WithTimeout(life, t.patience)
	defer cancel()
	c := clients[s.who]
	if c == nil && s.does != "open" && s.does != "refused" {
		return fmt.Errorf("%s has no socket", s.who)
	}
	switch s.does {
	case "open":
		opened, _, err := t.open(ctx, s.text, known)
		if err != nil {
			return err
		}
		clients[s.who] = opened
		go opened.read(life)
		return nil
	case "refused":
		return t.wantRefused(ctx, s.text, known)
	case "cut":
		return c.conn.CloseNow()
	case "->":
		frame, err := known.fill(s.text)
		if err != nil {
			return err
		}
		return c.conn.Write(ctx, websocket.MessageText, []byte(frame))
	case "closed":
		return c.wantClosed(ctx, s.text)
	default:
		return c.want(ctx, wants, known)
	}
}

// open makes a socket; where it is refused, status is why.
func (t talk) open(ctx context.Context, query string, known values) (c *listener, status int, err error) {
	query, err = known.fill(query)
	if err != nil {
		return nil, 0, err
	}
	protocols := []string{"barrage.v1"}
	if t.token != "" {
		protocols = append(protocols, "bearer."+base64.RawURLEncoding.EncodeToString([]byte(t.token)))
	}
	conn, resp, err := websocket.Dial(ctx, "ws://"+t.addr+"/v1/rooms/"+t.room+"/ws"+query, &websocket.DialOptions{Subprotocols: protocols}) //nolint:bodyclose // coder/websocket closes it
	if err != nil {
		if resp != nil {
			status = resp.StatusCode
		}
		return nil, status, fmt.Errorf("cannot open a socket: %w", err)
	}
	if got := conn.Subprotocol(); got != "barrage.v1" {
		return nil, 0, errors.Join(fmt.Errorf("the sub-protocol is %q; want barrage.v1", got), conn.CloseNow())
	}
	conn.SetReadLimit(longest)
	return &listener{conn: conn, frames: make(chan []byte), side: "server", unasked: "counters"}, 0, nil
}

func (t talk) wantRefused(ctx context.Context, text string, known values) error {
	status, query, _ := strings.Cut(text, " ")
	c, got, err := t.open(ctx, query, known)
	if err == nil {
		return errors.Join(fmt.Errorf("the handshake was taken; want %s", status), c.conn.CloseNow())
	}
	if strconv.Itoa(got) != status {
		return fmt.Errorf("refused with %d; want %s: %w", got, status, err)
	}
	return nil
}

// read reads until the socket ends, or the conversation does.
func (c *listener) read(ctx context.Context) {
	defer close(c.frames)
	for {
		_, frame, err := c.conn.Read(ctx)
		if err != nil {
			c.code = websocket.CloseStatus(err)
			return
		}
		select {
		case c.frames <- frame:
		case <-ctx.Done():
			return
		}
	}
}

// next is the next frame, held against its schema.
func (c *listener) next(ctx context.Context) (any, error) {
	select {
	case b, ok := <-c.frames:
		if !ok {
			return nil, fmt.Errorf("the socket was closed with %d", c.code)
		}
		var frame any
		if err := json.Unmarshal(b, &frame); err != nil {
			return nil, fmt.Errorf("%.200s is no JSON: %w", b, err)
		}
		return frame, Check(c.side, b)
	case <-ctx.Done():
		return nil, errors.New("nothing more came")
	}
}

// want receives frames until each of wants has come, in any order.
func (c *listener) want(ctx context.Context, wants []string, known values) error {
	for len(wants) > 0 {
		frame, err := c.next(ctx)
		if err != nil {
			return fmt.Errorf("want %s: %w", strings.Join(wants, " and "), err)
		}
		i, why := known.which(wants, frame)
		fields, _ := frame.(map[string]any)
		switch {
		case why == nil:
			wants = slices.Delete(wants, i, i+1)
		case fields["t"] != c.unasked:
			return fmt.Errorf("%s came: %w", text(frame), why)
		}
	}
	return nil
}

// which reports which of wants a frame is, or why it is none.
func (v values) which(wants []string, frame any) (i int, why error) {
	for i, s := range wants {
		var want any
		if err := json.Unmarshal([]byte(s), &want); err != nil {
			return 0, err
		}
		trial := maps.Clone(v)
		err := trial.match(want, frame, "the frame")
		if err == nil {
			maps.Copy(v, trial)
			return i, nil
		}
		if why == nil || !strings.Contains(err.Error(), "frame.t is") {
			why = err
		}
	}
	return 0, why
}

func (c *listener) wantClosed(ctx context.Context, code string) error {
	for {
		_, err := c.next(ctx)
		switch {
		case err == nil:
			continue
		case ctx.Err() != nil:
			return fmt.Errorf("it is still open; want it closed with %s", code)
		case strconv.Itoa(int(c.code)) != code:
			return fmt.Errorf("%w; want %s", err, code)
		}
		return nil
	}
}

// schemas are those of frames.schema.json, by the name under $defs.
var schemas = sync.OnceValue(func() func(name string) (*jsonschema.Schema, error) {
	text, err := Files.ReadFile("frames.schema.json")
	if err != nil {
		panic("BUG: cannot read frames.schema.json: " + err.Error())
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		panic("BUG: cannot read frames.schema.json: " + err.Error())
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("frames.schema.json", doc); err != nil {
		panic("BUG: cannot use frames.schema.json: " + err.Error())
	}
	var mu sync.Mutex // guards c, which compiles a schema once
	return func(name string) (*jsonschema.Schema, error) {
		mu.Lock()
		defer mu.Unlock()
		return c.Compile("frames.schema.json#/$defs/" + name)
	}
})

// Check holds a frame against its schema. side is who sends it, "server" or "client". A frame whose t is not known is
// an error.
func Check(side string, frame []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(frame))
	if err != nil {
		return fmt.Errorf("cannot read a frame: %.200s: %w", frame, err)
	}
	fields, _ := doc.(map[string]any)
	t, _ := fields["t"].(string)
	schema, err := schemas()(side + "_" + t)
	if err != nil {
		return fmt.Errorf("cannot check a frame: a %s sends no %q: %.200s", side, t, frame)
	}
	if err := schema.Validate(doc); err != nil {
		return fmt.Errorf("cannot take %.200s: %w", frame, err)
	}
	return nil
}
