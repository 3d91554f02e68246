//nolint:thelper // its functions are no helpers but cases, each a subtest of its own
package gateway

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws/wsflate"

	"barrage/codec"
	"barrage/gateway/edge"
)

// TestNative_CloseCodesFitTheirCauses has every code that a socket is closed with. Another member of the
// room notices nothing of it.
func TestNative_CloseCodesFitTheirCauses(t *testing.T) { runCases(t, nativeCloses) }

var nativeCloses = and(and(authCloses, modCloses), map[string]func(*testing.T){
	"1000": func(t *testing.T) { closesWith(t, 1000, "", masked(codec.OpClose, "\x03\xE8bye")) },
	"1001": func(t *testing.T) { closesWith(t, 1001, "", masked(codec.OpClose, "\x03\xE9")) },
	"1002": closedProtocolError,
	"1003": func(t *testing.T) { closesWith(t, 1003, "", masked(codec.OpBinary, `{"t":"ping"}`)) },
	"1007": closedBadText,
	"1009": closedTooBig,
	"1011": closedForABug,
	"1012": closedForRestart,
	"4400": closedForBadOps,
	"4410": closedReplaced,
	"4408": closedIdle,
	"4409": closedStuck,
	"4429": closedFlooded,
})

const deflateOffer = "Sec-WebSocket-Extensions: permessage-deflate\r\n"

// closesWith sends b, in one write and then byte by byte, and wants to be closed with code.
func closesWith(t *testing.T, code codec.CloseCode, more string, b []byte) {
	t.Helper()
	s := newServer(t, manualCheck)
	_, undisturbed := watched(t, s, "user_id=a&token=t", false)
	for _, size := range []int{len(b), 1} {
		c := wireV1(t, s, "user_id=b&token=t", more, 0)
		for piece := range slices.Chunk(b, max(size, len(b)/100)) {
			if err := c.write(string(piece)); err != nil {
				break // closed already
			}
		}
		c.wantClosed(code)
		_ = c.conn.Close()
	}
	undisturbed()
}

// wantCounted waits until one session was closed for that reason: its client is notified first.
func wantCounted(t *testing.T, s *Server, why edge.CloseReason) {
	t.Helper()
	eventually(t, func() error { return differ("closed for "+why.String(), s.edge.Stats.Closed[why].Load(), 1) })
}

// compressed is a text frame that says it is compressed; payload is what it carries.
func compressed(payload []byte) []byte {
	b := masked(codec.OpText, string(payload))
	b[0] |= 0x40
	return b
}

// deflated is text as permessage-deflate has it on the wire (RFC 7692 section 7.2.1).
func deflated(tb testing.TB, text string) []byte {
	tb.Helper()
	b, err := wsflate.DefaultHelper.Compress([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func closedProtocolError(t *testing.T) {
	f := func(name, more string, b []byte) {
		t.Run(name, func(t *testing.T) { closesWith(t, 1002, more, b) })
	}
	ping := masked(codec.OpText, `{"t":"ping"}`)
	f("no mask", "", []byte{0x81, 0x00})
	f("reserved opcode", "", append([]byte{0x83}, ping[1:]...))
	f("continuation of nothing", "", append([]byte{0x80}, ping[1:]...))
	f("fragmented ping", "", append([]byte{0x09}, ping[1:]...))
	f("half a close code", "", masked(codec.OpClose, "\x03"))
	f("compressed, not agreed on", "", compressed(deflated(t, `{"t":"ping"}`)))
	f("another reserved bit", deflateOffer, append([]byte{0xA1}, ping[1:]...))
	f("compressed ping", deflateOffer, append([]byte{0xC9}, masked(codec.OpPing, "")[1:]...))
}

func closedBadText(t *testing.T) {
	f := func(name string, b []byte) {
		t.Run(name, func(t *testing.T) { closesWith(t, 1007, deflateOffer, b) })
	}
	f("not UTF-8", masked(codec.OpText, "{\"t\":\"ping\",\"x\":\"\xff\"}"))
	f("a surrogate in UTF-8", masked(codec.OpText, "\"\xed\xa0\x80\""))
	f("reason of a close not UTF-8", masked(codec.OpClose, "\x03\xE8\xff"))
	f("no deflate stream", compressed([]byte("\xff\xff\xff\xff")))
	f("deflate stream cut off", compressed(deflated(t, strings.Repeat("abcd", 100))[:5]))
	f("inflates to what is not UTF-8", compressed(deflated(t, "\xff")))
}

func closedTooBig(t *testing.T) {
	f := func(name, more string, b []byte) {
		t.Run(name, func(t *testing.T) { closesWith(t, 1009, more, b) })
	}
	const most = 24 << 10
	fragment := func(op codec.Opcode, payload string) []byte {
		b := masked(op, payload)
		b[0] &^= 0x80
		return b
	}
	f("one frame", "", masked(codec.OpText, strings.Repeat("x", most+1)))
	f("a header alone", "", append(binary.BigEndian.AppendUint64([]byte{0x81, 0xFF}, 1<<62), 1, 2, 3, 4))
	f("fragments", "", slices.Concat(fragment(codec.OpText, strings.Repeat("x", most/2)), fragment(codec.OpContinuation, strings.Repeat("x", most/2)), masked(codec.OpContinuation, "x")))
	bomb := deflated(t, strings.Repeat("x", 4<<20))
	if len(bomb) > most {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	f("deflate bomb", deflateOffer, compressed(bomb))
	tiny := deflated(t, strings.Repeat("x", most+1))
	f("inflated one byte too much", deflateOffer, compressed(tiny))
}

// A bug in the handling of one socket closes it, and no other.
func closedForABug(t *testing.T) {
	s := newStopped(t, manualCheck)
	s.edge.Log = slog.New(slog.DiscardHandler) // its lines would fail the test
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	n, undisturbed := watched(t, s, "user_id=a&token=t", false)
	func() {
		defer sessionOf(t, s, "a").Recover()()
		panic("on purpose")
	}()
	n.wantClose(codec.CloseInternal)
	undisturbed()
}

func closedForRestart(t *testing.T) {
	s := newServer(t, func(c *setup) { c.Server.DrainSpread = 50 * time.Millisecond })
	var all []*native
	for i := range 5 {
		room := fmt.Sprint("r", i)
		n, _ := dialV1(t, s, room, "user_id=a&token=t", i%2 == 0)
		publish(t, s, room, "hi", 1)
		n.want("batch") // its lane knows it: a member that came in the last moment is closed without a reconnect
		all = append(all, n)
	}
	done := drain(t, s, patience)
	for _, n := range all {
		n.want("reconnect")
		n.wantClose(codec.CloseRestart)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func closedForBadOps(t *testing.T) {
	s := newServer(t, manualCheck)
	n, undisturbed := watched(t, s, "user_id=a&token=t", false)
	for range mostBadOps {
		n.send(`{"t":"dance"}`)
	}
	for range mostBadOps { // each is answered, the last one too
		n.wantRefused("", badRequest, "dance", false)
	}
	n.wantClose(4400)
	wantCounted(t, s, edge.CloseBadOps)
	undisturbed()
}

// A user whose token was replaced, or is no more, is closed at the next send or recall, which is not done.
func closedReplaced(t *testing.T) {
	closedAtTheNextOp(t, 4410, edge.CloseReplaced, func(s *Server) error { return s.store.SetToken(t.Context(), "u", "newer") })
}

func closedRevoked(t *testing.T) {
	closedAtTheNextOp(t, 4401, edge.CloseRevoked, func(s *Server) error { return s.store.RevokeUser(t.Context(), "u", time.Now()) })
}

func closedAtTheNextOp(t *testing.T, code codec.CloseCode, why edge.CloseReason, end func(*Server) error) {
	t.Helper()
	for _, op := range []string{`{"t":"send","id":"1","body":"x"}`, `{"t":"recall","seq":1}`} {
		s := newServerV1(t, func(c *setup) { manualCheck(c); c.Auth.Mode = []string{edge.AuthRedis} })
		publishMany(t, s, 1) // of u
		witness, _ := dialV1(t, s, "r", "user_id=v&token=t", false)
		n := joinV1(t, s, "u")
		if err := end(s); err != nil {
			t.Fatal(err)
		}
		n.send(op)
		n.wantClose(code)
		wantCounted(t, s, why)
		publishMany(t, s, 1)
		if f, err := witness.next(); err != nil || f.T != "batch" || f.Seq != 2 {
			t.Errorf("after %s the other member's next frame = %+v, %v; want message 2", op, f, err)
		}
	}
}

func closedIdle(t *testing.T) {
	s := newSweptServer(t)
	c := wireV1(t, s, "user_id=a&token=t", "", 0)
	s.checkAt(30)
	c.wantFrame(codec.OpPing, "")
	s.checkAt(75)
	for { // counters may stand before it
		f, err := c.next()
		if err != nil {
			t.Fatal(err)
		}
		if f.op == codec.OpText {
			continue
		}
		if f.op == codec.OpPing || closedError(f.payload).code() != 4408 {
			t.Fatalf("frame %v %q; want a close with 4408", f.op, f.payload)
		}
		break
	}
	c.wantEOF()
	wantClosedFor(t, s, edge.CloseIdle, 1)
}

func closedStuck(t *testing.T) {
	s := newSweptServer(t)
	stuck := wireV1(t, s, "user_id=stuck&token=t", "", smallWindow)
	talker := join(t, s, "r", "talker")
	s.checkAt(10)
	fill(talker, sessionOf(t, s, "stuck"))
	talker.mustSend(codec.OpPing, "")
	talker.wantFrame(codec.OpPong, "")
	s.checkAt(50)
	wantClosedFor(t, s, edge.CloseStuck, 1)
	for { // it reads on: whole frames, then why
		_, err := stuck.nextV1()
		if closed, ok := err.(closedError); ok && closed.code() == 4409 { //nolint:errorlint // text returns it bare
			return
		}
		if err != nil {
			t.Fatalf("the stream ended with %v; want a close with 4409", err)
		}
	}
}

func TestDrain_SendsAwayOverItsSpread(t *testing.T) {
	s := newServer(t, func(c *setup) { c.Server.DrainSpread = 200 * time.Millisecond })
	var all []*client
	for i := range 20 {
		all = append(all, join(t, s, "1", fmt.Sprint("u", i)))
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(ctx) }() // waited for below
	closed := make(chan time.Duration, len(all))
	for _, c := range all {
		go func() { // ends with the socket; all are waited for below
			f, err := c.next()
			if err == nil && f.op == codec.OpClose {
				_ = c.conn.Close() // else Drain waits for it
			}
			closed <- time.Since(began)
		}()
	}
	var first, last time.Duration
	for i := range all {
		d := <-closed
		if i == 0 {
			first = d
		}
		last = max(last, d)
	}
	if err := <-drained; err != nil {
		t.Fatal(err)
	}
	if last-first < 100*time.Millisecond {
		t.Errorf("all sockets were closed within %v; want them spread over 200ms", last-first)
	}
}

func closedFlooded(t *testing.T) {
	s := limited(t, nil)
	n, undisturbed := watched(t, s, "user_id=flood&token=t", false)
	for range 3000 { // 20 a second are forgiven
		n.try(`{"t":"ping","ts":1}`)
	}
	n.wantFlooded()
	undisturbed()
}
