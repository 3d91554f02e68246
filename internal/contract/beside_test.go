package contract

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"barrage/internal/await"
	"barrage/internal/redistest"
)

// Beside original FastIM nodes, and away from them: docs/fastim.md.

// beside is the settings of a node beside original ones at addr.
func beside(addr string) []string {
	return []string{"redis.addrs=" + addr, "redis.fastim_interop=true", "list.update_interval=50ms", "server.drain_spread=100ms"}
}

// wantNext wants a member to receive these messages next, in any order, and no other.
func (c *client) wantNext(want ...string) {
	c.tb.Helper()
	got := make([]string, len(want))
	for i := range got {
		got[i] = c.text()
	}
	want = slices.Clone(want)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		c.tb.Fatalf("messages:\n got %s\nwant %s", got, want)
	}
}

// TestBeside_EqualTextsAllArrive: an original node sends what looks the same 40 times.
func TestBeside_EqualTextsAllArrive(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	o := startOriginal(t, server)
	proxy := redistest.StartProxy(t, server.Addr)
	n := startNode(t, beside(proxy.Addr)...)
	m := n.member(t, "r", "a")
	same := oldMessage("r", "9", "666", 0)
	forty := func() {
		for range 40 {
			o.send(same)
		}
	}
	hear := func(want ...string) {
		t.Helper()
		m.wantNext(append(slices.Repeat([]string{same}, 40), want...)...)
	}
	forty()
	hear()
	for _, bad := range []struct {
		name string
		set  func(bool)
	}{{"cut", proxy.Cut}, {"deaf", proxy.Deafen}} {
		bad.set(true)
		forty()
		bad.set(false)
		hear()
		// Nothing comes behind them but this, when the link is sound again.
		last := o.say("after it was " + bad.name)
		m.wantText(last)
	}
	o.want(122, "LLEN", "gml:r")
}

// TestBeside_RecallsAndJoinsAreFoundOut: a change that an original node makes without an event is found out here.
func TestBeside_RecallsAndJoinsAreFoundOut(t *testing.T) {
	t.Parallel()
	const bound = 5 * time.Second
	server := redistest.Start(t)
	o := startOriginal(t, server)
	n := startNode(t, beside(server.Addr)...)
	first, second := o.say("first"), o.say("second")
	list := n.dial(t, listPath("b", "t"))
	o.do("SADD", "ugs:b", fastIM("r"))
	began := await.Start()
	list.wantList(entry(second, 2))
	began.WantWithin(t, "a room that was joined is on the list", time.Second)

	for _, alone := range []bool{true, false} { // without a member in the room, and with one
		third := o.say("third")
		list.wantList(entry(third, 3))
		var m *client
		if !alone {
			m = n.dial(t, chatPath("r", "a", "t"))
			m.wantText(firstFrame(3, first, second, third))
		}
		o.do("LREM", "gml:r", "1", fastIM(third))
		began = await.Start()
		list.wantList(entry(second, 2))
		began.WantWithin(t, "a recalled message is gone from the list", bound)
		n.wantFirstFrame(t, "r", "c", firstFrame(2, first, second))
		began.WantWithin(t, "a recalled message is gone from the room", bound)
		if m != nil {
			m.wantText(o.say("only this")) // no earlier message was sent again
		}
	}
	if strings.Contains(n.output.String(), "redis.db") {
		t.Error("a node on the right database warns of another one")
	}
}

// TestBeside_NativesAreToldOfRecalls: native clients on all nodes are notified, whoever takes a message back.
func TestBeside_NativesAreToldOfRecalls(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	o := startOriginal(t, server)
	nodes := []*node{startNode(t, beside(server.Addr)...), startNode(t, beside(server.Addr)...)}
	told := make(chan string, 100)
	for i, n := range nodes {
		n.native(t, t.Context(), "r", "viewer", func(f stormFrame) {
			if f.T == "recalled" {
				told <- fmt.Sprintf("%d: %s %d", i, f.UserID, f.TS)
			}
		})
	}
	wantTold := func(message, user string) {
		t.Helper()
		want := map[string]bool{}
		for i := range nodes {
			want[fmt.Sprintf("%d: %s %d", i, user, timestamp(t, message))] = true
		}
		for len(want) > 0 {
			select {
			case got := <-told:
				if !want[got] {
					t.Fatalf("told of %q; want %v", got, want)
				}
				delete(want, got)
			case <-time.After(patience):
				t.Fatalf("native members were not told of %v", want)
			}
		}
	}
	account := nodes[0].login(t, "a")
	member, other := nodes[0].userIn(t, account), nodes[1].member(t, "r", "b")
	hear := func(message string) string {
		t.Helper()
		member.wantText(message)
		other.wantText(message)
		return message
	}
	theirs := hear(o.say("theirs"))
	hear(o.say("stays"))
	o.do("LREM", "gml:r", "1", fastIM(theirs))
	wantTold(theirs, "9")

	member.say("mine")
	mine := member.wantMessage("r", "a", "mine")
	other.wantText(mine)
	for range 2 { // repeated: members are notified again
		nodes[0].wantEnvelope(t, "/group/delMessage", account, params{"groupId": "r", "ts": fmt.Sprint(timestamp(t, mine))}, recalled)
		wantTold(mine, "a")
	}
}

// TestBeside_RecallHoldsInABusyRoom: it never falls silent.
func TestBeside_RecallHoldsInABusyRoom(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	o := startOriginal(t, server)
	n := startNode(t, beside(server.Addr)...)
	m := n.member(t, "r", "a")
	bad := o.say("bad")
	m.wantText(bad)
	stop := m.keepTalking("on and on")
	o.do("LREM", "gml:r", "1", fastIM(bad))
	began := await.Start()
	eventually(t, func() error {
		c := n.dial(t, chatPath("r", "c", "any"))
		defer func() { _ = c.conn.CloseNow() }() // Nothing to lose.
		if got := c.text(); strings.Contains(got, bad) {
			return errors.New("a newcomer is given the message that was recalled")
		}
		return nil
	})
	began.WantWithin(t, "a recalled message is gone", 5*time.Second)
	stop()
}

// TestBeside_StepsLoseOrDoubleNothing plays docs/fastim.md: side by side, cut over, interop off node by node, and back.
func TestBeside_StepsLoseOrDoubleNothing(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	o := startOriginal(t, server)
	there := o.node.userIn(t, o.node.login(t, "there")) // receives what a client of an original node receives
	said, step := []string{o.say("before")}, 0
	// Newcomers are given all, so that a first frame shows what is lost or doubled.
	plain := append(onRedis(server), "history.on_join=1000", "server.drain_spread=100ms")
	interop := append(beside(server.Addr), "history.on_join=1000")
	one, two := startNode(t, interop...), startNode(t, interop...)
	a, b := one.member(t, "r", "a"), two.member(t, "r", "b")
	// talk has everybody speak, 5 times, and each member of ours receive all of it once.
	talk := func(originals bool) {
		t.Helper()
		step++
		for i := range 5 {
			info := fmt.Sprintf("step %d, %d", step, i)
			if originals {
				said = append(said, o.say(info))
				a.wantText(said[len(said)-1])
				b.wantText(said[len(said)-1])
			}
			for _, speaker := range []*client{a, b} {
				speaker.say(info + strconv.Itoa(len(said)))
				heard := a.text()
				b.wantText(heard)
				said = append(said, heard)
			}
		}
		// And all at once.
		for i := range 20 {
			a.say(fmt.Sprintf("step %d, a %d", step, i))
			b.say(fmt.Sprintf("step %d, b %d", step, i))
		}
		heard := a.wantMessages(40)
		b.wantNext(heard...)
		for _, n := range []*node{one, two} {
			n.wantWelcomeOf(t, "r", append(slices.Clone(said), heard...))
		}
		said = append(said, heard...)
	}
	restart := func(n *node, member *client, settings ...string) *node {
		_ = member.conn.CloseNow() // its client would wait for its turn to read
		n.signal(t)
		n.wantExit(t, 0, patience)
		return startNode(t, settings...)
	}

	talk(true) // 1. side by side
	there.wantHeard(said...)
	o.want(len(said), "LLEN", "gml:r")

	talk(false) // 2. cut over: nobody speaks on the original node any more
	there.wantHeard(said[len(said)-50:]...)
	o.stop()

	two = restart(two, b, plain...) // 3. interop off, node by node
	b = two.member(t, "r", "b")
	talk(false)
	one = restart(one, a, plain...)
	a = one.member(t, "r", "a")
	talk(false)

	one = restart(one, a, interop...) // 4. and back
	a = one.member(t, "r", "a")
	talk(false)
	two = restart(two, b, interop...)
	b = two.member(t, "r", "b")
	talk(false)
	o = startOriginal(t, server)
	talk(true)
	o.find(o.strings("LRANGE", "gml:r", "0", "-1"), "", "") // it can read all of them
	there = o.node.userIn(t, o.node.login(t, "there"))
	last := len(said)
	talk(true)
	there.wantHeard(said[last:]...)
}

// wantWelcomeOf waits until a new member is given these messages, each once.
func (n *node) wantWelcomeOf(tb testing.TB, group string, messages []string) {
	tb.Helper()
	eventually(tb, func() error {
		c := n.dial(tb, chatPath(group, "newcomer", "any"))
		defer func() { _ = c.conn.CloseNow() }() // Nothing to lose.
		welcome := c.text()
		for _, m := range messages {
			if strings.Count(welcome, m) != 1 {
				return fmt.Errorf("%s is %d times in the first frame %s", m, strings.Count(welcome, m), welcome)
			}
		}
		return nil
	})
}
