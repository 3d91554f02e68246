package swarm_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// Actions that a rule may ask for instead of a message.
const (
	hangUp   = -1 - iota // close the viewer's connection, after what was sent before
	ping                 // send a ping of the dialect
	stranger             // somebody else sends something
)

// rules are what a crooked server does wrong. The zero value does nothing wrong.
type rules struct {
	// copies returns what viewer v of a room gets when the room's message number k has arrived. The result is numbers of
	// messages, or one of the above. A nil copies is k itself. Rooms and viewers have the client's numbers; message
	// numbers are the order in which they arrived.
	copies func(room, v, k int) []int
	// refuse reports which handshakes, counted from 0, are answered with 503.
	refuse func(n int) bool
	// judge decides what becomes of a message of a room, by the client's number; nil takes all. Only barrage.v1 has
	// answers.
	judge func(room int, number uint64) verdict
	// delay is how long every message stays at the server.
	delay time.Duration
	// crumbs sends every frame in many small writes.
	crumbs bool
	// stallAt is the message of a room at which the server stops reading from everyone,
	// for stall. Its sockets are narrow then, so that clients soon cannot write.
	stallAt int
	stall   time.Duration
}

// crooked is a chat server that does wrong on purpose and keeps a ledger of what it
// really sent.
type crooked struct {
	tb      testing.TB
	dialect string
	deflate bool // it agrees on permessage-deflate
	rules   rules
	ln      net.Listener
	running sync.WaitGroup // every goroutine of the server
	wrote   atomic.Uint64  // bytes to all viewers
	queued  atomic.Int64   // frames that are not written yet

	mu         sync.Mutex // guards the fields below and those of halls and ends
	halls      map[string]*hall
	ends       []*end
	handshakes int
	refused    int
	pings      int
	pongs      int
	deflater   deflater
	reading    chan struct{} // closed while the server reads
	closed     bool
}

// verdict is what a server does with a message.
type verdict struct {
	code    string // it is refused with it; "": it is acknowledged
	silent  bool   // its sender is not answered
	again   string // and then answered a second time: refused with it, or "ack"
	deliver bool   // it is delivered to viewers, whatever its sender received
}

// hall is one room.
type hall struct {
	number   int // the client's
	answered []said
	messages []said
	ends     []*end
	spoken   int // ends that spoke
	// in has the messages that came, for the goroutine that delivers them; closed by the end.
	in chan said
}

// said is one message: its body, as it is sent on, and when it is.
type said struct {
	body   string
	from   *end
	number uint64
	gift   bool
	told   verdict
	dueAt  time.Time
	readAt time.Time
}

// end is the server's end of one viewer's connection.
type end struct {
	conn   net.Conn
	viewer int // its number in its room
	spoke  bool
	// out has frames for the goroutine that writes them; nil hangs up. Big enough for
	// all that a test sends.
	out chan []byte
	// from is how many messages its room had before it came.
	from int
	// sent has the numbers of the messages it was sent, in that order, and after how long
	// since they were due.
	sent  []int
	late  []time.Duration
	cut   bool // by a rule
	gone  bool
	again bool // its viewer came again, which ended this one
	texts int  // how many were framed
}

// newCrooked starts a server of a dialect; "native+deflate" is native, deflated.
func newCrooked(tb testing.TB, dialect string, r rules) *crooked {
	tb.Helper()
	var narrow net.ListenConfig
	if r.stall > 0 {
		narrow.Control = func(_, _ string, c syscall.RawConn) (err error) {
			control := c.Control(func(fd uintptr) {
				// The bytes that a client's kernel holds back grow with the segments' size.
				err = errors.Join(
					unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, 1400),
					unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 8<<10))
			})
			return errors.Join(err, control)
		}
	}
	ln, err := narrow.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	dialect, deflate := strings.CutSuffix(dialect, "+deflate")
	s := &crooked{tb: tb, dialect: dialect, deflate: deflate, rules: r, ln: ln, halls: map[string]*hall{}, reading: make(chan struct{})}
	close(s.reading)
	s.running.Go(s.accept) // ends with the listener
	tb.Cleanup(s.stop)
	return s
}

func (s *crooked) addr() string { return s.ln.Addr().String() }

// stop ends the server and waits for it.
func (s *crooked) stop() {
	_ = s.ln.Close()
	s.mu.Lock()
	s.closed = true
	for _, e := range s.ends {
		_ = e.conn.Close() // it may be closed already
	}
	for _, h := range s.halls {
		close(h.in)
	}
	s.halls = nil
	s.mu.Unlock()
	s.running.Wait()
}

func (s *crooked) accept() {
	for {
		conn, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.running.Go(func() { s.serve(conn) }) // ends with the connection, which stop closes
	}
}

// serve talks with one viewer.
func (s *crooked) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	e := &end{conn: counted{conn, &s.wrote}, out: make(chan []byte, 1<<16)}
	s.mu.Lock()
	n, over := s.handshakes, s.closed
	s.handshakes++
	s.ends = append(s.ends, e)
	s.mu.Unlock()
	if over {
		return
	}
	in := bufio.NewReader(conn)
	room, err := s.shakeHands(e, in, s.rules.refuse != nil && s.rules.refuse(n))
	if err != nil {
		return
	}
	written := make(chan struct{})
	go func() { // ends when serve closes e.out, which waits for it
		defer close(written)
		s.write(e)
	}()
	defer func() {
		s.mu.Lock()
		e.gone = true
		close(e.out)
		s.mu.Unlock()
		<-written
	}()
	if s.dialect == "fastim" || s.dialect == "native" {
		s.join(room, e)
	}
	for {
		s.mu.Lock()
		reading := s.reading
		s.mu.Unlock()
		<-reading
		op, payload, err := s.readFrame(in)
		if err != nil {
			return
		}
		switch op {
		case ws.OpText:
			s.hear(e, room, string(payload))
		case ws.OpPong:
			s.mu.Lock()
			s.pongs++
			s.mu.Unlock()
		case ws.OpClose:
			return
		default:
			s.tb.Errorf("a client sent opcode %v", op)
		}
	}
}

func (s *crooked) readFrame(in io.Reader) (ws.OpCode, []byte, error) {
	h, err := ws.ReadHeader(in)
	if err != nil {
		return 0, nil, err
	}
	if !h.Masked || !h.Fin || h.Length > 64<<10 {
		s.tb.Errorf("a client sent the frame %+v", h)
		return 0, nil, io.ErrUnexpectedEOF
	}
	payload := make([]byte, h.Length)
	_, err = io.ReadFull(in, payload)
	ws.Cipher(payload, h.Mask, 0)
	return h.OpCode, payload, err
}

// shakeHands answers the handshake and returns which room the address names.
func (s *crooked) shakeHands(e *end, in *bufio.Reader, refuse bool) (room string, err error) {
	if refuse {
		s.mu.Lock()
		s.refused++
		s.mu.Unlock()
	}
	up := ws.Upgrader{OnRequest: func(uri []byte) error {
		if refuse {
			return ws.RejectConnectionError(ws.RejectionStatus(http.StatusServiceUnavailable))
		}
		room, err = s.roomOf(e, string(uri))
		return err
	}}
	switch s.dialect {
	case "native":
		s.agree(&up)
	case "raw": // its viewers are in with the answer
		up.OnBeforeUpgrade = func() (ws.HandshakeHeader, error) {
			s.join(room, e)
			return nil, nil
		}
	}
	_, err = up.Upgrade(struct {
		io.Reader
		io.Writer
	}{in, e.conn})
	return room, err
}

// roomOf reads where a viewer wants to go, and which one it is.
func (s *crooked) roomOf(e *end, uri string) (room string, err error) {
	u, err := url.Parse(uri)
	if err != nil {
		return "", err
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	switch {
	case s.dialect == "centrifugo" && u.Path == "/connection/websocket":
		return "", nil
	case s.dialect == "fastim" && len(parts) == 5 && parts[0] == "group" && parts[1] == "chat":
		e.viewer = numberIn(parts[3])
		return parts[2], nil
	case s.dialect == "raw" && len(parts) == 3 && parts[0] == "ws":
		e.viewer = numberIn(parts[2])
		return parts[1], nil
	case s.dialect == "native" && len(parts) == 4 && parts[0] == "v1" && parts[3] == "ws":
		e.viewer = numberIn(u.Query().Get("user_id"))
		return parts[2], nil
	}
	s.tb.Errorf("a client of dialect %s asked for %q", s.dialect, uri)
	return "", io.EOF
}

// numberIn is the number that the id of a room or user ends with; -1 is none.
func numberIn(id string) int {
	n, err := strconv.Atoi(id[strings.LastIndexByte(id, '-')+1:])
	if err != nil {
		return -1
	}
	return n
}

// write writes what the viewer is sent.
func (s *crooked) write(e *end) {
	for frame := range e.out {
		if frame == nil {
			// Orderly, and one way: bytes written before still arrive. Messages that a speaker sends until it finds out are
			// received, as it counts them.
			_ = e.conn.(counted).Conn.(*net.TCPConn).CloseWrite()
		}
		for at := 0; at < len(frame); {
			end := len(frame)
			if s.rules.crumbs {
				end = min(2*at+1, end) // cut the header everywhere, and the payload
			}
			n, err := e.conn.Write(frame[at:end]) // TCP_NODELAY is Go's default
			if err != nil {
				break // the cut is not the server's
			}
			at += n
		}
		s.queued.Add(-1)
	}
}

// queue has a frame written to a viewer, or its connection closed by nil. s.mu is held.
func (s *crooked) queue(e *end, frame []byte) {
	s.queued.Add(1)
	e.out <- frame
}

// said reports whether so many messages came, and all of their copies are written.
func (s *crooked) said(messages int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.halls {
		messages -= len(h.messages)
	}
	return messages == 0 && s.queued.Load() == 0
}

// join puts a viewer into a room.
func (s *crooked) join(room string, e *end) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.joinLocked(room, e)
}

func (s *crooked) joinLocked(room string, e *end) {
	if s.closed {
		return
	}
	h := s.halls[room]
	if h == nil {
		h = &hall{number: numberIn(room), in: make(chan said, 1<<16)}
		s.halls[room] = h
		s.running.Go(func() { s.deliver(h) }) // ends when stop closes h.in
	}
	if s.dialect == "centrifugo" {
		e.viewer = len(h.ends)
	}
	for _, o := range h.ends {
		o.again = o.again || o.viewer == e.viewer
	}
	h.ends = append(h.ends, e)
	e.from = len(h.messages)
	switch s.dialect {
	case "fastim":
		s.sendLocked(e, fmt.Sprintf(`{"list":[{"groupId":"x","userId":"x","info":"b 1 0 in the history","ts":1}],"total":%d}`, len(h.messages)))
	case "native":
		s.sendLocked(e, fmt.Sprintf(`{"t":"welcome","total":%d,"messages":[{"seq":1,"body":"b 1 0 in the history"}]}`, len(h.messages)))
	}
}

// sendLocked queues one text frame. mu is held.
func (s *crooked) sendLocked(e *end, text string) {
	if !e.gone {
		s.queue(e, ws.MustCompileFrame(s.textFrame(e, text)))
	}
}

// bodyForm is what a message's body holds: when it was due, in Unix µs, and its number.
var bodyForm = regexp.MustCompile(`b (\d{16}) (\d+) `)

// read takes one text of a viewer.
func (s *crooked) hear(e *end, room, text string) {
	if s.dialect == "centrifugo" {
		for line := range strings.Lines(text) {
			s.command(e, strings.TrimSpace(line))
		}
		return
	}
	if s.dialect == "native" {
		s.op(e, room, text)
		return
	}
	s.say(e, room, text, false)
}

// command is one line of the Centrifugo protocol.
func (s *crooked) command(e *end, line string) {
	var c struct {
		ID        int
		Connect   *struct{}
		Subscribe *struct{ Channel string }
		Publish   *struct {
			Channel string
			Data    json.RawMessage
		}
	}
	if line == "{}" {
		s.mu.Lock()
		s.pongs++
		s.mu.Unlock()
		return
	}
	if err := json.Unmarshal([]byte(line), &c); err != nil || c.ID == 0 {
		s.tb.Errorf("a client sent the command %q: %v", line, err)
		return
	}
	reply := func(format string, args ...any) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sendLocked(e, fmt.Sprintf(format, args...))
	}
	switch {
	case c.Connect != nil:
		reply(`{"id":%d,"connect":{"client":"065b1dfa-a69f-4991-9f62-2d9761b15c80","ping":25,"pong":true}}`, c.ID)
	case c.Subscribe != nil:
		s.mu.Lock() // a viewer that learns that it is in has all that comes after
		defer s.mu.Unlock()
		s.sendLocked(e, fmt.Sprintf(`{"id":%d,"subscribe":{}}`, c.ID))
		s.joinLocked(c.Subscribe.Channel, e)
	case c.Publish != nil:
		s.say(e, c.Publish.Channel, string(c.Publish.Data), false)
		reply(`{"id":%d,"publish":{}}`, c.ID)
	default:
		s.tb.Errorf("a client sent the command %q", line)
	}
}

// say takes one message for a room, and returns what becomes of it.
func (s *crooked) say(e *end, room, body string, gift bool) verdict {
	m := said{body: body, from: e, gift: gift, told: verdict{deliver: true}, readAt: time.Now()}
	if f := bodyForm.FindStringSubmatch(body); f != nil {
		us, _ := strconv.ParseInt(f[1], 10, 64)
		m.number, _ = strconv.ParseUint(f[2], 10, 64)
		m.dueAt = time.UnixMicro(us)
	} else {
		s.tb.Errorf("a client said %q", body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.halls[room]
	if h == nil {
		if !s.closed {
			s.tb.Errorf("a client spoke in room %q, where nobody is", room)
		}
		return m.told
	}
	if s.rules.judge != nil {
		m.told = s.rules.judge(h.number, m.number)
	}
	h.answered = append(h.answered, m)
	if !e.spoke {
		e.spoke = true
		if s.dialect == "centrifugo" {
			h.renumber(e, h.spoken)
		}
		h.spoken++
	}
	if m.told.deliver {
		h.in <- m
	}
	return m.told
}

// renumber gives a viewer its number, where the dialect does not report it. The viewers who speak are the first ones,
// and message i comes from number i. Of the others nobody knows who is who.
func (h *hall) renumber(e *end, number int) {
	for _, o := range h.ends {
		if o.viewer == number {
			o.viewer, e.viewer = e.viewer, number
			return
		}
	}
}

// deliver sends a room's messages to its viewers, as the rules say.
func (s *crooked) deliver(h *hall) {
	for m := range h.in {
		if s.rules.delay > 0 {
			<-time.After(time.Until(m.readAt.Add(s.rules.delay)))
		}
		s.mu.Lock()
		k := len(h.messages)
		h.messages = append(h.messages, m)
		for _, e := range h.ends {
			numbers := []int{k}
			if s.rules.copies != nil {
				numbers = s.rules.copies(h.number, e.viewer, k)
			}
			s.sendCopiesLocked(h, e, numbers)
		}
		if s.rules.stall > 0 && k == s.rules.stallAt {
			reading := make(chan struct{})
			s.reading = reading
			time.AfterFunc(s.rules.stall, func() { close(reading) })
		}
		s.mu.Unlock()
	}
}

// sendCopiesLocked does what a rule said for one viewer. mu is held.
func (s *crooked) sendCopiesLocked(h *hall, e *end, numbers []int) {
	var lines []string // Centrifugo puts several into one frame
	var batch []int    // and so does barrage.v1
	flush := func() {
		if len(lines) > 0 {
			s.sendLocked(e, strings.Join(lines, "\n"))
		}
		if len(batch) > 0 {
			s.sendLocked(e, h.batch(batch))
		}
		lines, batch = nil, nil
	}
	defer flush()
	for _, k := range numbers {
		switch {
		case e.gone:
		case k == hangUp:
			flush()
			e.cut, e.gone = true, true
			s.queue(e, nil)
		case k == stranger:
			flush()
			s.sendLocked(e, map[string]string{
				"fastim":     `{"groupId":"r","userId":"else","info":"b of somebody else","ts":1648368380132}`,
				"raw":        "hello",
				"native":     `{"t":"batch","epoch":"e","seq":0,"messages":[{"seq":0,"kind":"chat","user_id":"else","body":"b of somebody else","ts":1,"id":"x"}]}`,
				"centrifugo": `{"push":{"channel":"r","pub":{"data":"hello"}}}`,
			}[s.dialect])
		case k == ping && s.dialect == "centrifugo":
			s.pings++
			lines = append(lines, `{}`)
		case k == ping:
			flush()
			s.pings++
			s.queue(e, ws.MustCompileFrame(ws.NewPingFrame([]byte("still there?"))))
		default:
			e.sent = append(e.sent, k)
			e.late = append(e.late, time.Since(h.messages[k].dueAt))
			switch m := h.messages[k]; s.dialect {
			case "fastim":
				s.sendLocked(e, fmt.Sprintf(`{"groupId":"r","userId":"u","info":%s,"ts":1648368380132}`, quote(m.body)))
			case "raw":
				s.sendLocked(e, m.body)
			case "native":
				batch = append(batch, k)
			case "centrifugo":
				lines = append(lines, fmt.Sprintf(`{"push":{"channel":"r","pub":{"data":%s}}}`, m.body))
			}
		}
	}
}

// pinged is how many pings were sent, and how many were answered while the client was
// there.
func (s *crooked) pinged() (pings, pongs int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pings, s.pongs
}

func quote(s string) []byte {
	var b bytes.Buffer
	_ = json.NewEncoder(&b).Encode(s) // a string always has JSON
	return bytes.TrimSpace(b.Bytes())
}
