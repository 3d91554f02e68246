package gateway

import (
	"io"
	"testing"
	"time"

	"barrage/codec"
	"barrage/gateway/edge"
)

// checkAt has the sessions checked as if the server had been started so many seconds ago.
func (s *Server) checkAt(seconds int) {
	s.edge.CheckSessions(s.edge.PeekStarted().Add(time.Duration(seconds) * time.Second))
}

// newSweptServer pings after 30 s, closes the silent after 75 s and the stuck after
// 40 s; the test makes up the time.
func newSweptServer(t *testing.T) *Server {
	t.Helper()
	return newServer(t, func(c *setup) {
		manualCheck(c)
		tight(c)
		c.Server.PingInterval, c.Server.IdleTimeout, c.StuckTimeout = 30*time.Second, 75*time.Second, 40*time.Second
		c.rooms.Fanout.StuckTimeout = c.StuckTimeout
	})
}

func wantClosedFor(tb testing.TB, s *Server, why edge.CloseReason, want uint64) {
	tb.Helper()
	for r := edge.ClosePeer; r < edge.CloseReasons; r++ {
		n := uint64(0)
		if r == why {
			n = want
		}
		if got := s.edge.Stats.Closed[r].Load(); got != n {
			tb.Errorf("closed for %v: %d; want %d", r, got, n)
		}
	}
}

func TestSessionCheck_PingsTheSilentThenClosesThem(t *testing.T) {
	s := newSweptServer(t)
	c := join(t, s, "r", "u")
	s.checkAt(29)
	s.checkAt(30)
	s.checkAt(31)
	s.checkAt(59)
	s.checkAt(60)
	s.checkAt(74)
	before := s.edge.Stats.UnicastBytes.Load()
	s.checkAt(75)
	c.wantFrame(codec.OpPing, "") // at 30
	c.wantFrame(codec.OpPing, "") // at 60
	if reason := c.wantClosed(4408); reason == "" {
		t.Error("the close has no reason")
	}
	if got := s.edge.Stats.UnicastBytes.Load() - before; got > 127 {
		t.Errorf("%d bytes were sent at 75 s; want one close frame", got)
	}
	wantClosedFor(t, s, edge.CloseIdle, 1)
	_ = c.conn.Close()
	wantSessions(t, s, 0)
}

// Any input shows life: the count begins anew.
func TestSessionCheck_ActivityResetsSilence(t *testing.T) {
	s := newSweptServer(t)
	c := join(t, s, "r", "u")
	session := sessionOf(t, s, "u")
	for at := 29; at <= 29*6; at += 29 { // never 30 s of silence
		s.checkAt(at)
		c.say("hello")
		c.wantInfo("hello") // no ping before it
	}
	s.checkAt(29*6 + 30)
	c.wantFrame(codec.OpPing, "")
	c.mustSend(codec.OpPong, "") // is enough, too
	eventually(t, func() error { return differ("heard", session.Received(), 29*6+30) })
	s.checkAt(29*6 + 30 + 74)
	c.wantFrame(codec.OpPing, "")
	s.checkAt(29*6 + 30 + 75)
	c.wantClosed(4408)
	wantClosedFor(t, s, edge.CloseIdle, 1)
}

// fill sends so much that c's socket takes no more, and enough beyond that to fill what the kernel may still find room
// for.
func fill(talker *client, c edge.Peek) {
	talker.tb.Helper()
	for i, more := 0, 16; more > 0; i++ {
		talker.say(body(i))
		_ = talker.wantText()
		if c.Pending() > 0 {
			more--
		}
	}
	eventually(talker.tb, func() error { return differ("socket full", c.Pending() > 0, true) })
}

// The session check goes by two times: when bytes began to wait, and when some last went out.
func TestSessionCheck_ProgressIsStamped(t *testing.T) {
	s := newSweptServer(t)
	peer := dialSlow(t, s, chatPath("r", "u"), smallWindow)
	peer.wantWelcome()
	c := sessionOf(t, s, "u")
	for at := 10; at <= 30; at += 10 { // the pipe is empty when the next round begins
		s.checkAt(at)
		sent := 0
		eventually(t, func() error { // the kernel may take some more when it has looked at what the peer answered
			sent += sendUntilFull(c)
			return differ("socket full", c.Pending() > 0, true)
		})
		if c.Progress() != uint32(at) {
			t.Errorf("bytes wait since %d; want since %d", c.Progress(), at)
		}
		s.checkAt(at + 5)
		if _, err := io.CopyN(io.Discard, peer.in, int64(sent)); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error { return differ("last progress", c.Progress(), uint32(at+5)) })
	}
}

// sendUntilFull sends frames of 1 KiB until the socket takes no more.
func sendUntilFull(c edge.Peek) (sent int) {
	p := codec.AppendFrame(nil, codec.OpText, make([]byte, 1<<10))
	for {
		n, full := c.Send(p)
		sent += n
		if full {
			return sent
		}
	}
}

// stickOne has one member that takes no byte since second 10, and one that stays lively.
func stickOne(t *testing.T) (s *Server, stuck, talker *client) {
	t.Helper()
	s = newSweptServer(t)
	stuck = dialSlow(t, s, chatPath("r", "stuck"), smallWindow)
	talker = join(t, s, "r", "talker")
	c := sessionOf(t, s, "stuck")
	s.checkAt(10)
	fill(talker, c)
	talker.mustSend(codec.OpPing, "")
	talker.wantFrame(codec.OpPong, "")
	return s, stuck, talker
}

// A socket that takes no byte is closed; it would not take the close frame either, so it is cut a little later.
func TestSessionCheck_CutsTheStuck(t *testing.T) {
	s, stuck, talker := stickOne(t)
	s.checkAt(49)
	wantClosedFor(t, s, edge.CloseStuck, 0)
	talker.wantFrame(codec.OpPing, "")
	s.checkAt(50)
	wantClosedFor(t, s, edge.CloseStuck, 1)
	s.checkAt(50 + closeGrace)
	wantSessions(t, s, 1)
	stuck.wantCut()
	wantClosedFor(t, s, edge.CloseStuck, 1) // the end of the connection is not counted again
}

// A member that reads on at the last moment learns why it was closed, behind whole frames.
func TestSessionCheck_StuckThatReadsOnLearnsWhy(t *testing.T) {
	s, stuck, _ := stickOne(t)
	s.checkAt(50)
	for {
		f, err := stuck.next()
		if err != nil {
			t.Fatalf("the stream ended with %v; want a close frame", err)
		}
		if f.op == codec.OpText {
			continue
		}
		if code, _, err := codec.ParseClose([]byte(f.payload)); f.op != codec.OpClose || err != nil || code != 4409 {
			t.Fatalf("frame %v %q behind the messages; want a close with 4409", f.op, f.payload)
		}
		return
	}
}

// A socket that takes some bytes now and then is slow, not stuck; nor is it idle, though nothing is received from it.
func TestSessionCheck_LeavesTheSlow(t *testing.T) {
	s := newSweptServer(t)
	slow := dialSlow(t, s, chatPath("r", "slow"), smallWindow)
	talker := join(t, s, "r", "talker")
	c := sessionOf(t, s, "slow")
	slow.wantWelcome()
	for at := 39; at <= 39*4; at += 39 {
		fill(talker, c)
		talker.mustSend(codec.OpPong, "") // stays lively
		s.checkAt(at)
		for i := 0; c.Progress() != uint32(at); i += 2 { // two come for each that is read
			for more := range 2 {
				talker.say(body(i + more))
				_ = talker.wantText()
			}
			_ = slow.wantText()
		}
	}
	wantClosedFor(t, s, edge.CloseNone, 0)
}

// A client that does not answer a close frame is cut after closeGrace.
func TestSessionCheck_CutsWhoDoesNotAnswerAClose(t *testing.T) {
	s := newSweptServer(t)
	c := join(t, s, "r", "u")
	s.checkAt(10)
	sessionOf(t, s, "u").Close(edge.CloseRestart)
	c.wantClosed(codec.CloseRestart)
	s.checkAt(10 + closeGrace - 1)
	if n := s.Sessions(); n != 1 {
		t.Errorf("sessions = %d before closeGrace is over; want 1", n)
	}
	s.checkAt(10 + closeGrace)
	wantSessions(t, s, 0)
	wantClosedFor(t, s, edge.CloseRestart, 1)
}

// A client that comes after the node has stood still has just come, whatever the clock of the sessions left out.
func TestSessionCheck_APauseMakesNobodyOlder(t *testing.T) {
	s := newSweptServer(t)
	s.checkAt(5 * 3600)
	before := time.Now().Add(-time.Second)
	join(t, s, "r", "u")
	some, _ := s.edge.SocketsOf("u", 1)
	if since := time.UnixMilli(some[0].Since); since.Before(before) || since.After(time.Now()) {
		t.Errorf("the socket is there since %v; want a moment behind %v", since, before)
	}
}
