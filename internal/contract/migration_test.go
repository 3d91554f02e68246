package contract

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"barrage/internal/redistest"
)

// The steps of docs/fastim.md as clients see them. TestBeside_StepsLoseOrDoubleNothing looks at what each step leaves
// in Redis.

// migration is a room that moves: its members, and all that was sent.
type migration struct {
	t    *testing.T
	said []string
	in   map[string]*client
}

// talk has everybody in the room speak, and all of them receive each message once, in one order.
func (m *migration) talk(what string) {
	m.t.Helper()
	names := make([]string, 0, len(m.in))
	for name := range m.in {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		m.in[name].say(what + " by " + name)
		var first string
		for i, other := range names {
			heard := m.in[other].wantMessage("r", name, what+" by "+name)
			if i == 0 {
				first = heard
			} else if heard != first {
				m.t.Fatalf("%s heard %s; %s heard %s", other, heard, names[0], first)
			}
		}
		m.said = append(m.said, first)
	}
}

// wantAllOn wants a node to have all that was sent, each message once.
func (m *migration) wantAllOn(n *node, a account) {
	m.t.Helper()
	list := n.history(m.t, a)
	wantHeardOnce(m.t, "history", list, m.said)
	if len(list) != len(m.said) {
		m.t.Fatalf("the history has %d messages; want the %d that were said", len(list), len(m.said))
	}
}

// recall has a user take back the last message, which was theirs, on a node.
func (m *migration) recall(n *node, a account) {
	m.t.Helper()
	last := m.said[len(m.said)-1]
	n.wantEnvelope(m.t, "/group/delMessage", a, params{"groupId": "r", "ts": fmt.Sprint(timestamp(m.t, last))}, recalled)
	m.said = m.said[:len(m.said)-1]
}

func (m *migration) leave(name string) {
	_ = m.in[name].conn.CloseNow() // it may be closed already
	delete(m.in, name)
}

// TestMigration_LosesNothingAtAnyStep moves the users of an original node to ours, switches interop off, and goes back.
// Tokens, memberships, lists, recalls and chat hold at each step.
func TestMigration_LosesNothingAtAnyStep(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	o := startOriginal(t, server)
	m := &migration{t: t, in: map[string]*client{}}

	// Before: two users on the original node, one with a list.
	ann, bob, cat := o.node.login(t, "ann"), o.node.login(t, "bob"), o.node.login(t, "cat")
	m.in["ann"], m.in["bob"] = o.node.userIn(t, ann), o.node.userIn(t, bob)
	o.node.wantEnvelope(t, "/user/joinGroup", cat, params{"groupId": "r"}, done)
	m.talk("before")

	// 1. Side by side: bob moves with the token that he has, cat opens her list on both.
	settings := append(beside(server.Addr), "auth.mode=redis")
	n := startNode(t, settings...)
	m.leave("bob")
	m.in["bob"] = n.userIn(t, bob)
	theirs, ours := o.node.dial(t, listPath("cat", cat.token)), n.dial(t, listPath("cat", cat.token))
	for range 3 { // the original writes the token again at each message: bob stays
		m.talk("side by side")
	}
	last := m.said[len(m.said)-1]
	theirs.wantLast(fmt.Sprintf("[{newMessage:%s, total:%d}]", last, len(m.said)))
	ours.wantList(entry(last, len(m.said)))
	m.recall(n, bob) // seen there
	m.wantAllOn(o.node, ann)
	theirs.wantLast(fmt.Sprintf("[{newMessage:%s, total:%d}]", m.said[len(m.said)-1], len(m.said)))
	m.in["ann"].say("mine")
	mine := m.in["ann"].wantMessage("r", "ann", "mine")
	m.in["bob"].wantText(mine)
	m.said = append(m.said, mine)
	m.recall(o.node, ann) // and here
	m.wantAllOn(n, bob)
	ours.wantList(entry(m.said[len(m.said)-1], len(m.said)))
	n.wantEnvelope(t, "/user/listGroup", cat, nil, listed("r"))
	n.wantEnvelope(t, "/user/joinGroup", cat, params{"groupId": "s"}, done)
	o.node.wantEnvelope(t, "/user/listGroup", ann, nil, listed("r"))
	o.node.wantEnvelope(t, "/user/joinGroup", cat, params{"groupId": "s"}, refused)
	bob = n.login(t, "bob") // the token of before ends, on both
	o.node.wantEnvelope(t, "/user/listGroup", bob, nil, listed("r"))
	m.in["bob"].wantRefused()
	m.leave("bob")
	m.in["bob"] = n.userIn(t, bob)
	// One session a user there: the first tab falls silent. Here both receive.
	tab := o.node.userIn(t, ann)
	first := m.in["ann"]
	m.in["ann"] = tab
	second := n.userIn(t, bob)
	m.talk("two tabs")
	second.wantHeard(m.said[len(m.said)-2:]...)
	_ = second.conn.CloseNow()
	_ = first.conn.CloseNow()

	// 2. Cut over: ann moves, too.
	m.leave("ann")
	o.stop()
	m.in["ann"] = n.userIn(t, ann)
	m.talk("cut over")
	m.wantAllOn(n, ann)

	// 3. Interop off: one node beside the other, then alone.
	plain := append(onRedis(server), "auth.mode=redis", "list.update_interval=50ms", "server.drain_spread=100ms")
	next := startNode(t, plain...)
	m.leave("ann")
	m.in["ann"] = next.userIn(t, ann)
	m.talk("in two modes")
	m.wantAllOn(n, bob)
	m.wantAllOn(next, ann)
	m.leave("bob")
	_ = ours.conn.CloseNow()
	_ = theirs.conn.CloseNow()
	n.signal(t)
	n.wantExit(t, 0, patience)
	m.in["bob"] = next.userIn(t, bob)
	m.talk("interop off")
	m.wantAllOn(next, ann)
	next.wantEnvelope(t, "/user/listGroup", cat, nil, listed("r", "s"))

	// 4. Back: interop on, and once somebody has spoken the original node.
	n = startNode(t, settings...)
	m.leave("bob")
	m.in["bob"] = n.userIn(t, bob)
	m.leave("ann")
	next.signal(t)
	next.wantExit(t, 0, patience)
	m.in["ann"] = n.userIn(t, ann)
	m.talk("interop on")
	o = startOriginal(t, server)
	m.leave("ann")
	m.in["ann"] = o.node.userIn(t, ann)
	m.talk("back")
	m.wantAllOn(n, bob)
	// the additions of native clients and our nodes stay in Redis, and original clients are shown them
	for i, text := range m.said {
		m.said[i] = withoutX(text)
	}
	list := o.node.history(t, ann)
	for i := range list {
		list[i] = withoutX(list[i])
	}
	wantHeardOnce(t, "history on the original node", list, m.said)
	if got := o.strings("SMEMBERS", "ugs:cat"); !slices.Contains(got, "r") || !slices.Contains(got, "s") {
		t.Errorf("rooms of cat on the original node = %q; want r and s", got)
	}
}

// withoutX is a message without the field x, which is ours.
func withoutX(message string) string { return nodesID.ReplaceAllString(message, "") }

// wantLast skips what comes before a text.
func (c *client) wantLast(want string) {
	c.tb.Helper()
	for {
		text := c.text()
		if text == want {
			return
		}
		if !strings.HasPrefix(text, "[") {
			c.tb.Fatalf("%s came; want %s", text, want)
		}
	}
}
