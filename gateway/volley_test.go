package gateway

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"barrage/codec"
	"barrage/gateway/edge"
	"barrage/internal/denied"
	"barrage/internal/env"
	"barrage/internal/uring"
	"barrage/room"
)

// volleyServer is a node, and a writer to call beside its lanes.
func volleyServer(t *testing.T, change func(*setup)) (*Server, room.VolleyWriter) {
	t.Helper()
	if err := uring.Check(); err != nil {
		t.Skip("no io_uring here: ", err)
	}
	t.Setenv(env.TestIOUring, room.IOUringOn)
	s := newServer(t, change)
	writer := s.edge.PeekVolleyWriter()
	t.Cleanup(writer.Close)
	return s, writer
}

// TestRingWriter_AnswersAsSendDoes: in one volley each socket has the answer that Socket.Send gives. One takes all, one
// is full, one was sent a close, one was cut, the peer of one is gone, and one is no session.
func TestRingWriter_AnswersAsSendDoes(t *testing.T) {
	s, writer := volleyServer(t, func(c *setup) { tight(c); manualCheck(c) })
	well, slow := join(t, s, "r", "well"), dialSlow(t, s, chatPath("r", "slow"), smallWindow)
	for _, user := range []string{"told", "cut"} {
		join(t, s, "r", user)
	}
	gone := join(t, s, "r", "gone")
	all := map[string]edge.Peek{}
	for _, user := range []string{"well", "slow", "told", "cut", "gone"} {
		all[user] = sessionOf(t, s, user)
	}
	all["told"].Close(edge.CloseRestart)
	all["cut"].Kill(edge.CloseRestart)
	if err := gone.conn.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	_ = gone.conn.Close()
	wantSessions(t, s, 3) // told's waits for its answer; gone and cut have gone, and are written to all the same

	large := bytes.Repeat(codec.AppendFrame(nil, codec.OpText, strings.Repeat("x", 998)), 4<<10)
	small := codec.AppendFrame(nil, codec.OpText, "hello")
	other := &fixedSocket{}
	volley := []room.Write{
		{Socket: all["well"], P: small},
		{Socket: all["slow"], P: large},
		{Socket: all["told"], P: small},
		{Socket: other, P: small},
		{Socket: all["cut"], P: small},
		{Socket: all["gone"], P: small},
	}
	writer.Send(volley)
	answer := func(i, n int, full bool) {
		t.Helper()
		if w := volley[i]; w.N != n || w.Full != full {
			t.Errorf("write %d: %d, %v; want %d, %v", i, w.N, w.Full, n, full)
		}
	}
	answer(0, len(small), false)
	answer(2, 0, true)
	answer(3, 3, true)
	answer(4, 0, true)
	answer(5, 0, true)
	n := volley[1].N
	if !volley[1].Full || n <= 0 || n >= len(large) || n%1002 != 0 {
		t.Errorf("the slow one: %d of %d bytes, full %v; want some whole frames, and a full socket", n, len(large), volley[1].Full)
	}
	well.wantFrame(codec.OpText, "hello")

	writer.Send([]room.Write{{Socket: all["slow"], P: small}}) // it is full: nothing is tried
	slow.wantWelcome()
	for range n / 1002 {
		slow.wantFrame(codec.OpText, strings.Repeat("x", 998))
	}
	eventually(t, func() error { return differ("waiting for a drain", all["slow"].Waits(), false) })
	volley = volley[:2]
	volley[1].P = small
	writer.Send(volley)
	answer(0, len(small), false)
	answer(1, len(small), false)
	well.wantFrame(codec.OpText, "hello")
	slow.wantFrame(codec.OpText, "hello")
}

// fixedSocket is a socket that is no session.
type fixedSocket struct{}

func (*fixedSocket) Send([]byte) (int, bool) { return 3, true }

// TestRingWriter_GarbageCollectionSparesVolleys: nobody else knows the bytes of a volley, and collections run beside
// it.
func TestRingWriter_GarbageCollectionSparesVolleys(t *testing.T) {
	s, writer := volleyServer(t, manualCheck)
	var peers []*client
	var sockets []edge.Peek
	for i := range room.MostVolley {
		peers = append(peers, join(t, s, "r", fmt.Sprint("u", i)))
		sockets = append(sockets, sessionOf(t, s, fmt.Sprint("u", i)))
	}
	stop := make(chan struct{})
	var collector sync.WaitGroup
	collector.Go(func() { // ends with the test
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
				_ = bytes.Repeat([]byte("!"), 4<<10)
			}
		}
	})
	for round := range 50 {
		var volley []room.Write
		for i := range sockets {
			volley = append(volley, room.Write{Socket: sockets[i], P: codec.AppendFrame(nil, codec.OpText, strings.Repeat(fmt.Sprint(round, " ", i, " "), 50))})
		}
		writer.Send(volley)
		volley = nil
		for i, p := range peers {
			p.wantFrame(codec.OpText, strings.Repeat(fmt.Sprint(round, " ", i, " "), 50))
		}
	}
	close(stop)
	collector.Wait()
}

// TestRingWriter_CloseUnderAVolleyCutsNoFrame: sessions are closed, cut and answered while volleys go to them. Nobody
// waits for ever, and nobody gets half a frame.
func TestRingWriter_CloseUnderAVolleyCutsNoFrame(t *testing.T) {
	s, writer := volleyServer(t, func(c *setup) { c.rooms.Fanout.Lanes = 1 })
	p := codec.AppendFrame(nil, codec.OpText, strings.Repeat("x", 200))
	pong := codec.AppendFrame(nil, codec.OpPong, []byte("y"))
	for round := range 20 {
		var volley []room.Write
		var sockets []edge.Peek
		var work sync.WaitGroup
		for i := range room.MostVolley {
			user := fmt.Sprint("u", round, "-", i)
			peer := join(t, s, "r", user)
			c := sessionOf(t, s, user)
			volley, sockets = append(volley, room.Write{Socket: c, P: p}), append(sockets, c)
			work.Go(func() { // ends with its connection
				for {
					f, err := peer.next()
					if err != nil || f.op == codec.OpClose {
						_ = peer.conn.Close()
						return
					}
					if f.op != codec.OpPong && (f.op != codec.OpText || f.payload != strings.Repeat("x", 200)) {
						t.Errorf("%s got a frame %v %.100q", user, f.op, f.payload)
					}
				}
			})
		}
		for i, c := range sockets {
			work.Go(func() {
				for range 10 * (i % 5) {
					c.Unicast(pong)
				}
				if i%2 == 0 {
					c.Kill(edge.CloseRestart)
				} else {
					c.Close(edge.CloseRestart)
				}
			})
		}
		for range 20 {
			writer.Send(volley)
		}
		work.Wait()
	}
	wantSessions(t, s, 0)
}

// childEnv makes a test of this binary the child of another one, without io_uring.
const childEnv = denied.Variable

// TestWriters_DeniedRingsFallBackToSend: a container forbids io_uring, or io_uring_enter alone. With auto a node serves
// by send(2) and logs so once. With on it does not start, and reports what to do.
func TestWriters_DeniedRingsFallBackToSend(t *testing.T) {
	if what := os.Getenv(childEnv); what != "" {
		deny(t, what)
		return
	}
	for _, what := range []string{"setup", "enter"} {
		child := exec.Command(os.Args[0], "-test.run=^TestWriters_DeniedRingsFallBackToSend$", "-test.v")
		child.Env = append(os.Environ(), childEnv+"="+what)
		if out, err := child.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS: TestWriters_DeniedRingsFallBackToSend")) {
			t.Errorf("without io_uring_%s: %v\n%s", what, err, out)
		}
	}
}

// deny is the child of TestWriters_DeniedRingsFallBackToSend.
func deny(t *testing.T, what string) {
	t.Helper()
	if err := denied.Calls(map[string]int{"setup": unix.SYS_IO_URING_SETUP, "enter": unix.SYS_IO_URING_ENTER}[what]); err != nil {
		t.Fatal(err)
	}
	t.Setenv(env.TestIOUring, "")
	logged := &journal{}
	s := newLogged(t, logged, nil)
	if n := s.edge.RingedLanes(); n != 0 {
		t.Errorf("%d lanes write by io_uring", n)
	}
	var all []*client
	for i := range 10 {
		all = append(all, join(t, s, "r", fmt.Sprint("u", i)))
	}
	all[0].say("hello")
	for _, c := range all {
		c.wantInfo("hello")
	}
	want := "cannot write by io_uring: io_uring_" + what + ": operation not permitted; allow the node io_uring_setup and io_uring_enter (docs/deploy.md), or set fanout.io_uring to off"
	if n := strings.Count(logged.String(), want); n != 1 {
		t.Errorf("%d lines of the log say it; want one:\n%s", n, logged.String())
	}
	off := &journal{}
	newLogged(t, off, func(c *setup) { c.IOUring = room.IOUringOff })
	if strings.Contains(off.String(), "io_uring") {
		t.Errorf("off says something:\n%s", off.String())
	}
	err := newStopped(t, func(c *setup) { c.IOUring = room.IOUringOn }).Start()
	if err == nil || err.Error() != want {
		t.Errorf("Start = %v; want %s", err, want)
	}
}

// TestWriters_AFailedRingLosesNothing: a ring that the kernel refuses later is given up with one line, and nothing is
// lost.
func TestWriters_AFailedRingLosesNothing(t *testing.T) {
	if os.Getenv(childEnv) == "" {
		if err := uring.Check(); err != nil {
			t.Skip("no io_uring here: ", err)
		}
		child := exec.Command(os.Args[0], "-test.run=^TestWriters_AFailedRingLosesNothing$", "-test.v")
		child.Env = append(os.Environ(), childEnv+"=later")
		if out, err := child.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS: TestWriters_AFailedRingLosesNothing")) {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	t.Setenv(env.TestIOUring, room.IOUringOn)
	logged := &journal{}
	s := newLogged(t, logged, func(c *setup) { c.rooms.Fanout.Lanes = 1 })
	var all []*client
	for i := range 40 {
		all = append(all, join(t, s, "r", fmt.Sprint("u", i)))
	}
	say := func(text string) {
		t.Helper()
		all[0].say(text)
		for _, c := range all {
			c.wantInfo(text)
		}
	}
	say("all have come") // a member that comes while the lane is with the others is written to alone
	eventually(t, func() error { return differ("the lane has written", s.edge.Hall.Written(), true) })
	ringed := s.edge.Hall.Stats().Volleyed + uint64(len(all))
	say("by a ring")
	// A lane counts what it wrote once it has been with all: then it does not count the volleys below.
	eventually(t, func() error { return differ("writes in volleys", s.edge.Hall.Stats().Volleyed, ringed) })
	if n := s.edge.RingedLanes(); n != 1 {
		t.Errorf("%d lanes write by io_uring; want one", n)
	}
	if err := denied.Calls(unix.SYS_IO_URING_ENTER); err != nil {
		t.Fatal(err)
	}
	say("by send(2)")
	say("again")
	if n := s.edge.Hall.Stats().Volleyed; n != ringed {
		t.Errorf("%d writes count as one call's; want the %d by the ring alone", n, ringed)
	}
	if n := s.edge.RingedLanes(); n != 0 {
		t.Errorf("%d lanes write by io_uring; want none", n)
	}
	if n := strings.Count(logged.String(), "a lane writes without io_uring from now on"); n != 1 {
		t.Errorf("%d lines of the log say it; want one:\n%s", n, logged.String())
	}
}

// TestWriters_MetricsShowHowANodeWrites: a node shows how it writes.
func TestWriters_MetricsShowHowANodeWrites(t *testing.T) {
	overWriters(t, func(t *testing.T) {
		t.Helper()
		s := newServer(t, func(c *setup) { c.rooms.Fanout.Lanes = 3 })
		want := map[bool]int{true: 3}[os.Getenv(env.TestIOUring) == room.IOUringOn]
		if got := s.edge.RingedLanes(); got != want {
			t.Errorf("%d lanes write by io_uring; want %d", got, want)
		}
		var all []*client
		for i := range 12 {
			all = append(all, join(t, s, "r", fmt.Sprint("u", i)))
		}
		all[0].say("hello")
		for _, c := range all {
			c.wantInfo("hello")
		}
		eventually(t, func() error { return differ("writes in volleys", s.edge.Hall.Stats().Volleyed > 0, want > 0) })
	})
}
