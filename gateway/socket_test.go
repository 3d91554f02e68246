package gateway

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"barrage/codec"
	"barrage/gateway/edge"
)

// tight makes pipes small, so that they are full soon.
func tight(c *setup) {
	c.Server.SendBuffer = 4 << 10
	c.rooms.Fanout.WriteBytes, c.rooms.Fanout.LogBytes = 16<<10, 64<<10
}

// smallWindow is a receive buffer in bytes that a few messages fill.
const smallWindow = 4 << 10

// body is message i of a flood: its number and up to 6 KiB that follow from it.
func body(i int) string {
	r := rand.New(rand.NewPCG(uint64(i), 1))
	var b strings.Builder
	fmt.Fprintf(&b, "%d:", i)
	for n := r.IntN(6 << 10); b.Len() < n; {
		b.WriteRune([]rune("barrage 弹幕 \"\\<>")[r.IntN(15)])
	}
	return b.String()
}

// numberOf is the number of a flood's message, whose every byte is checked.
func numberOf(text string) (int, error) {
	m, err := codec.ParseMessage(text)
	if err != nil {
		return 0, err
	}
	head, _, _ := strings.Cut(m.Info, ":")
	i, err := strconv.Atoi(head)
	if err != nil || m.Info != body(i) {
		return 0, errorf("message %q is not whole: %.100q", head, m.Info)
	}
	return i, nil
}

// A short write may end exactly between two frames. The member must not wait for a drain that nobody will report.
func TestSocket_ShortWriteEndsBetweenFrames(t *testing.T) {
	overWriters(t, testShortWriteEndsBetweenFrames)
}

func testShortWriteEndsBetweenFrames(t *testing.T) {
	t.Helper()
	s := newServer(t, tight)
	cut := false
	for odd := range 2 { // the kernel takes an even number of bytes, or an odd one
		user := fmt.Sprint("u", odd)
		peer := dial(t, s, chatPath("r", user))
		c := sessionOf(t, s, user)
		first := codec.AppendFrame(nil, codec.OpText, strings.Repeat("x", odd))
		p := slices.Concat(first, bytes.Repeat([]byte{0x81, 0}, 4<<20))
		n, full := c.Send(p)
		if !full || n >= len(p) {
			t.Fatalf("Send of %d bytes = %d, %v; want a full socket", len(p), n, full)
		}
		cut = cut || n%2 == odd
		peer.wantWelcome()
		for range (n - len(first)) / 2 {
			peer.wantText()
		}
		eventually(t, func() error { return differ("waiting for a drain", c.Waits(), false) })
	}
	if !cut {
		t.Error("no write ended between two frames")
	}
}

// One member reads a few odd bytes for each message that the room gets, and its pings
// are answered in between. Then its whole stream is read back.
func TestSocket_SlowStreamIsWhole(t *testing.T) {
	overWriters(t, testSlowStreamIsWhole)
}

func testSlowStreamIsWhole(t *testing.T) {
	t.Helper()
	const messages, window = 600, 8
	s := newServer(t, tight)
	slow := dialSlow(t, s, chatPath("r", "slow"), smallWindow)
	fast := join(t, s, "r", "fast")

	var got bytes.Buffer
	random := rand.New(rand.NewPCG(1, 2))
	pings := 0
	for i := range messages + window {
		if i < messages {
			fast.say(body(i))
		}
		if i < window {
			continue
		}
		if n, err := numberOf(fast.wantText()); err != nil || n != i-window {
			t.Fatalf("the fast member got message %d, %v; want %d", n, err, i-window)
		}
		if _, err := io.CopyN(&got, slow.in, 1+random.Int64N(500)); err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 {
			slow.mustSend(codec.OpPing, fmt.Sprint("ping ", pings))
			pings++
		}
	}

	rest := make(chan error, 1)
	slow.in = bufio.NewReader(io.MultiReader(&got, slow.in))
	go func() { // ends with the last message, or the connection
		rest <- slow.wantStream(messages, pings, s)
	}()
	eventually(t, func() error {
		h := s.edge.Hall.Stats()
		return differ("copies sent or given up", h.Sent+h.Skipped, h.Offered)
	})
	fast.say("end")
	if err := <-rest; err != nil {
		t.Error(err)
	}
}

// wantStream reads a slow member's stream up to the message "end".
func (c *client) wantStream(messages, pings int, s *Server) error {
	if f, err := c.next(); err != nil || !strings.HasPrefix(f.payload, `{"list":[`) {
		return errorf("first frame = %.100q, %v; want the welcome", f.payload, err)
	}
	chat, runs, pongs := 0, 0, 0
	for next := 0; ; {
		f, err := c.next()
		switch {
		case err != nil:
			return errorf("behind message %d: %w", next-1, err)
		case f.op == codec.OpPong:
			if want := fmt.Sprint("ping ", pongs); f.payload != want {
				return errorf("pong %q; want %q", f.payload, want)
			}
			pongs++
			continue
		case f.op != codec.OpText:
			return errorf("a frame %v %q", f.op, f.payload)
		case strings.Contains(f.payload, `"info":"end"`):
			return firstOf(
				differ("pongs", pongs, pings),
				differ("copies skipped", s.edge.Hall.Stats().Skipped, uint64(messages-chat)),
				differ("skipped at all", runs > 0, true),
			)
		}
		i, err := numberOf(f.payload)
		if err != nil || i < next {
			return errorf("message %d, %v; want %d or later", i, err, next)
		}
		if i > next {
			runs++
		}
		chat++
		next = i + 1
	}
}

// Those who read nothing cost the others nothing, and hold next to nothing.
func TestSocket_SilentReadersDoNotSlowOthers(t *testing.T) {
	overWriters(t, testSilentReadersDoNotSlowOthers)
}

func testSilentReadersDoNotSlowOthers(t *testing.T) {
	t.Helper()
	const silent, reading, rounds, burst = 200, 20, 60, 4
	s := newServer(t, tight)
	welcome := 0
	for i := range silent {
		_ = dialSlow(t, s, chatPath("r", fmt.Sprint("silent", i)), smallWindow)
	}
	readers := make([]*client, reading)
	for i := range readers {
		readers[i] = dial(t, s, chatPath("r", fmt.Sprint("reader", i)))
		welcome = max(welcome, len(readers[i].wantText()))
	}
	largest := 0
	for round := range rounds {
		for i := range burst {
			readers[0].say(body(burst*round + i))
		}
		for _, r := range readers { // so nobody can fall out of the log
			for i := range burst {
				text := r.wantText()
				largest = max(largest, len(text))
				if got, err := numberOf(text); err != nil || got != burst*round+i {
					t.Fatalf("a reader got message %d, %v; want %d", got, err, burst*round+i)
				}
			}
		}
		eachSession(s, func(c edge.Peek) {
			if most, p := int64(largest+welcome+2*codec.FrameHeaderLen(largest)), c.Pending(); p < 0 || p > most {
				t.Fatalf("%s has %d bytes waiting; want at most one message and the welcome, %d", c.User(), p, most)
			}
		})
	}
	full := 0
	eachSession(s, func(c edge.Peek) {
		if c.Pending() > 0 {
			full++
		}
	})
	h := s.edge.Hall.Stats()
	if full != silent || h.Sent+h.Skipped+h.Left >= h.Offered {
		t.Errorf("%d sockets are full; want %d, and copies on their way to them: %+v", full, silent, h)
	}
	eachSession(s, func(c edge.Peek) {
		if strings.HasPrefix(c.User(), "silent") {
			c.Kill(edge.CloseRestart)
		}
	})
	wantSessions(t, s, reading)
	eventually(t, func() error {
		h = s.edge.Hall.Stats()
		return differ("copies that have met their end", h.Sent+h.Skipped+h.Left, h.Offered)
	})
	if h.Sent < reading*rounds*burst {
		t.Errorf("%d copies were sent; want %d or more", h.Sent, reading*rounds*burst)
	}
}

// A client with a full pipe is notified of the close, too: begun writes are finished, then comes the close frame, then
// the end.
func TestSocket_CloseFrameArrivesBehindBacklog(t *testing.T) {
	overWriters(t, testCloseFrameArrivesBehindBacklog)
}

func testCloseFrameArrivesBehindBacklog(t *testing.T) {
	t.Helper()
	s := newServer(t, func(c *setup) { tight(c); manualCheck(c) })
	slow := dialSlow(t, s, chatPath("r", "slow"), smallWindow)
	fast := join(t, s, "r", "fast")
	c := sessionOf(t, s, "slow")
	said := 0
	for ; c.Pending() == 0; said++ {
		fast.say(body(said))
		_ = fast.wantText()
	}
	c.Close(edge.CloseRestart)
	fast.say(body(said)) // not for slow
	_ = fast.wantText()

	slow.wantWelcome()
	for next := 0; ; next++ {
		f, err := slow.next()
		if err != nil {
			t.Fatalf("behind message %d: %v", next-1, err)
		}
		if f.op == codec.OpClose {
			if code := closedError(f.payload).code(); code != codec.CloseRestart {
				t.Errorf("closed with %d; want %d", code, codec.CloseRestart)
			}
			break
		}
		if i, err := numberOf(f.payload); err != nil || i != next || i >= said {
			t.Fatalf("message %d, %v; want %d, below %d", i, err, next, said)
		}
	}
	eventually(t, func() error { return differ("bytes waiting", c.Pending(), 0) })
	s.edge.CheckSessions(s.edge.PeekStarted()) // shuts our half, now that all has gone out
	slow.wantEOF()
}

// A client that pings and does not read the answers loses answers, not more.
func TestSocket_UnreadPongsAreBounded(t *testing.T) {
	const pings = 4 * maxBacklog / 127
	s := newServer(t, tight)
	slow := dialSlow(t, s, chatPath("r", "slow"), smallWindow)
	other := join(t, s, "r", "other")
	ping := func(i int) string { return fmt.Sprintf("%0125d", i) }
	for i := range pings {
		slow.mustSend(codec.OpPing, ping(i))
	}
	c := sessionOf(t, s, "slow")
	eventually(t, func() error { return differ("bytes read", s.edge.Stats.BytesIn.Load(), uint64(pings*(2+4+125))) })
	if p := c.Pending(); p > maxBacklog || p < maxBacklog-127 {
		t.Errorf("%d bytes are waiting; want about %d", p, maxBacklog)
	}
	other.say("hello")
	other.wantInfo("hello")

	slow.wantWelcome()
	last, pongs := "", 0
	for asked := false; ; {
		if !asked && c.Pending() == 0 { // not before: it could be the one that finds no room
			slow.mustSend(codec.OpPing, "still here?")
			asked = true
		}
		f, err := slow.next()
		if err != nil {
			t.Fatalf("behind pong %s: %v", last, err)
		}
		if f.payload == "still here?" {
			break
		}
		if f.op == codec.OpText { // the message of other
			continue
		}
		if len(f.payload) != 125 || f.payload <= last {
			t.Fatalf("%v %s behind pong %s", f.op, f.payload, last)
		}
		last = f.payload
		pongs++
	}
	if pongs < maxBacklog/127 || pongs >= pings {
		t.Errorf("%d of %d pings were answered; want at least %d, not all", pongs, pings, maxBacklog/127)
	}
}

// Answers have their room behind a frame that is larger than all they may be.
func TestSocket_AnswersWaitBehindALargeFrame(t *testing.T) {
	overWriters(t, testAnswersWaitBehindALargeFrame)
}

func testAnswersWaitBehindALargeFrame(t *testing.T) {
	t.Helper()
	s := newServer(t, tight)
	peer := dialSlow(t, s, chatPath("r", "slow"), smallWindow)
	peer.wantWelcome()
	c := sessionOf(t, s, "slow")
	large := strings.Repeat("x", 4*maxBacklog)
	frame := codec.AppendFrame(nil, codec.OpText, large)
	if n, full := c.Send(frame); n != len(frame) || !full {
		t.Fatalf("Send of %d bytes = %d, %v; want all of it, and a full socket", len(frame), n, full)
	}
	pong := codec.AppendFrame(nil, codec.OpPong, []byte("answer"))
	answers := 0
	for c.Unicast(pong) {
		answers++
	}
	// some more, as far as the kernel still takes
	if n := answers * len(pong); n < maxBacklog-len(pong) || n > 2*maxBacklog {
		t.Errorf("%d bytes of answers wait; want about %d", n, maxBacklog)
	}
	peer.wantFrame(codec.OpText, large)
	for range answers {
		peer.wantFrame(codec.OpPong, "answer")
	}
}
