package contract

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"barrage/internal/await"
	"barrage/internal/redistest"
)

// Several nodes on one redis-server.

// twoNodes starts two nodes on the server.
func twoNodes(t *testing.T, server *redistest.Server, settings ...string) []*node {
	t.Helper()
	settings = append(settings, onRedis(server)...)
	return []*node{startNode(t, settings...), startNode(t, settings...)}
}

func TestCluster_NodesServeTheSameRooms(t *testing.T) {
	t.Parallel()
	nodes := twoNodes(t, redistest.Start(t), "auth.mode=redis", "list.update_interval=50ms")
	one, two := nodes[0], nodes[1]
	enter := func(t *testing.T, n *node, group string, a account) *client {
		t.Helper()
		return n.dial(t, chatPath(group, a.user, a.token))
	}
	t.Run("a message reaches the members of both", func(t *testing.T) {
		t.Parallel()
		a := one.login(t, "a")
		here, there := enter(t, one, "both", a), enter(t, two, "both", a) // and the token of one works on the other
		here.wantText(firstFrame(0))
		there.wantText(firstFrame(0))
		here.say("1")
		first := here.wantMessage("both", "a", "1")
		there.wantText(first)
		there.say("2")
		second := there.wantMessage("both", "a", "2")
		here.wantText(second)
		for _, n := range nodes {
			enter(t, n, "both", a).wantText(firstFrame(2, first, second))
		}
	})
	t.Run("a token of one works on the other until the next login", func(t *testing.T) {
		t.Parallel()
		a := one.login(t, "b")
		two.wantEnvelope(t, "/user/listGroup", a, nil, listed())
		fresh := two.login(t, "b")
		one.wantEnvelope(t, "/user/listGroup", a, nil, notLoggedIn)
		one.wantEnvelope(t, "/user/listGroup", fresh, nil, listed())
		enter(t, one, "r", a).wantRefused()
	})
	t.Run("a join through one shows on the list of the other", func(t *testing.T) {
		t.Parallel()
		c, d := one.login(t, "c"), one.login(t, "d")
		talker := enter(t, one, "joined there", d)
		talker.wantText(firstFrame(0))
		talker.say("1")
		first := talker.wantMessage("joined there", "d", "1")
		l := two.dial(t, listPath(c.user, c.token))
		one.wantEnvelope(t, "/user/joinGroup", c, params{"groupId": "joined there"}, done)
		l.wantText(list(entry(first, 1)))
		talker.say("2")
		l.wantList(entry(talker.wantMessage("joined there", "d", "2"), 2))
	})
	t.Run("a recall on one leaves the first frame and the list of the other", func(t *testing.T) {
		t.Parallel()
		e := one.login(t, "e")
		m := enter(t, two, "regret", e)
		m.wantText(firstFrame(0))
		m.say("1")
		m.say("2")
		messages := m.wantMessages(2)
		l := two.dial(t, listPath(e.user, e.token))
		l.wantText(list(entry(messages[1], 2)))
		one.wantEnvelope(t, "/group/delMessage", e, params{"groupId": "regret", "ts": fmt.Sprint(timestamp(t, messages[1]))}, recalled)
		l.wantList(entry(messages[0], 2))
		enter(t, two, "regret", e).wantText(firstFrame(2, messages[0]))
		two.wantEnvelope(t, "/group/delMessage", e, params{"groupId": "regret", "ts": fmt.Sprint(timestamp(t, messages[1]))}, recalled)
	})
}

func TestCluster_AllMembersSeeOneOrder(t *testing.T) {
	t.Parallel()
	nodes := twoNodes(t, redistest.Start(t))
	wantOneOrder(t, "order", nodes, 10, 200, 6)
	t.Run("unique ts on two nodes", func(t *testing.T) {
		const each = 300
		tabs := []*client{nodes[0].member(t, "ts", "7"), nodes[1].member(t, "ts", "7")}
		var senders sync.WaitGroup
		for _, tab := range tabs {
			senders.Go(func() { // Ends after its messages.
				for i := range each {
					tab.say(strconv.Itoa(i))
				}
			})
		}
		seen := map[int64]bool{}
		for _, message := range tabs[0].wantMessages(each * len(tabs)) {
			seen[timestamp(t, message)] = true
		}
		senders.Wait()
		if len(seen) != each*len(tabs) {
			t.Errorf("%d messages of one user have %d different ts", each*len(tabs), len(seen))
		}
	})
}

// recovery is how soon after Redis is back chat must go on.
const recovery = 5 * time.Second

// wantChat has from send the word until listener receives it: a message from before the nodes have found Redis again
// may be lost.
func wantChat(t *testing.T, from, listener *client, word string) {
	t.Helper()
	start := await.Start()
	stop := from.keepTalking(word)
	defer stop()
	listener.wantAfter(word)
	start.WantWithin(t, "chat went on", recovery)
}

func TestCluster_ChatGoesOnAfterRedisRestarts(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	nodes := twoNodes(t, server)
	members := []*client{nodes[0].member(t, "r", "1"), nodes[1].member(t, "r", "2")}
	members[0].say("before")
	for _, m := range members {
		m.wantMessage("r", "1", "before")
	}
	server.Kill(t)
	for _, n := range nodes {
		if why := n.wantNotReady(t); !strings.Contains(why, server.Addr) {
			t.Errorf("reason why not ready = %q; want the address of Redis", why)
		}
	}
	server.Restart(t)
	wantChat(t, members[0], members[1], "from one")
	wantChat(t, members[1], members[0], "from two")
	for _, n := range nodes {
		n.wantReady(t)
	}
	members[0].say("the end")
	if one, two := members[0].wantAfter("the end"), members[1].wantAfter("the end"); one != two {
		t.Errorf("members see different messages: %s and %s", one, two)
	}
	for _, n := range nodes {
		n.wantMetrics(t, map[string]float64{"barrage_connections": 1, `barrage_closed_total{reason="peer"}`: 0})
	}
}

// TestCluster_ChatGoesOnWithoutRedis: within a node at once, newcomers included; the other node receives it when Redis
// is back. Nobody gets anything twice.
func TestCluster_ChatGoesOnWithoutRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	nodes := twoNodes(t, server)
	here, there := nodes[0].member(t, "r", "here"), nodes[1].member(t, "r", "there")
	here.say("before")
	here.wantMessage("r", "here", "before")
	there.wantMessage("r", "here", "before")
	server.Kill(t)
	nodes[0].wantNotReady(t)
	late := nodes[0].member(t, "r", "late")
	late.say("anyone?")
	late.wantMessage("r", "late", "anyone?")
	here.wantMessage("r", "late", "anyone?")
	other := nodes[0].member(t, "other", "alone") // a room that was never live
	other.say("hello?")
	other.wantMessage("other", "alone", "hello?")
	server.Restart(t)
	there.wantMessage("r", "late", "anyone?")
	nodes[0].wantReady(t)
	nodes[1].wantReady(t)
	there.say("welcome back")
	for _, m := range []*client{here, there, late} {
		m.wantMessage("r", "there", "welcome back")
	}
	other.say("still")
	other.wantMessage("other", "alone", "still")
}

func TestCluster_StartedWithoutRedisIsReadyOnceItIsThere(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.Kill(t)
	n := launchNode(t, onRedis(server)...)
	if why := n.wantNotReady(t); !strings.Contains(why, server.Addr) {
		t.Errorf("reason why not ready = %q; want the address of Redis", why)
	}
	if got := get(t, "http://"+n.admin+"/healthz"); got.status != 200 {
		t.Errorf("/healthz = %d without Redis; want 200: a restart would not help", got.status)
	}
	server.Restart(t)
	n.wantReady(t)
	m := n.member(t, "r", "1")
	m.say("hi")
	m.wantMessage("r", "1", "hi")
}
