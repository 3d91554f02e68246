package contract

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"barrage/internal/await"
	"barrage/internal/redistest"
)

// A revoked token stops working within a second on every node, though its owner sends nothing.

// revocation is how soon a socket must end after its token. It is a second, and one more for what the tests do
// meanwhile on a busy machine.
const revocation = 2 * time.Second

// dialNative opens a room's native socket and takes the welcome.
func (n *node) dialNative(tb testing.TB, room string, a account) *client {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	q := url.Values{"user_id": {a.user}, "token": {a.token}}
	conn, _, err := websocket.Dial(ctx, "ws://"+n.addr+escaped("/v1/rooms", room, "ws")+"?"+q.Encode(), //nolint:bodyclose // there is no body after a 101
		&websocket.DialOptions{Subprotocols: []string{"barrage.v1"}})
	if err != nil {
		tb.Fatalf("cannot dial room %q: %v", room, err)
	}
	tb.Cleanup(func() { _ = conn.CloseNow() }) // The node may have closed it.
	c := &client{tb, conn}
	if got := c.text(); !strings.HasPrefix(got, `{"t":"welcome",`) {
		tb.Fatalf("first frame = %s; want a welcome", got)
	}
	return c
}

// sockets are one of each kind, of one user on one node.
type sockets struct{ native, chat, list *client }

func (n *node) openAll(tb testing.TB, room string, a account) sockets {
	tb.Helper()
	s := sockets{n.dialNative(tb, room, a), n.dial(tb, chatPath(room, a.user, a.token)), n.dial(tb, listPath(a.user, a.token))}
	s.chat.wantWelcome()
	return s
}

// wantRevoked wants all to end as their kinds do, native ones with code. Lists may have come before.
func (s sockets) wantRevoked(code websocket.StatusCode) {
	s.native.tb.Helper()
	s.native.wantClose(code)
	s.chat.wantRefused()
	for s.list.text() != "440" {
	}
	s.list.wantClose(websocket.StatusNormalClosure)
}

// wantOpen sees that all work still: the nodes have had the time that wantRevoked took.
func (s sockets) wantOpen(word string) {
	s.chat.tb.Helper()
	s.chat.say(word)
	s.chat.wantAfter(word)
	for !strings.Contains(s.native.text(), quoted(word)) { // counters, and earlier messages
	}
	for !strings.Contains(s.list.text(), quoted(word)) {
	}
}

func TestRevoked_SocketsCloseOnAllNodes(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	nodes := twoNodes(t, server, "auth.mode=redis", "list.update_interval=50ms")
	one, two := nodes[0], nodes[1]
	redis := dialRedis(t, server)
	for _, c := range []struct {
		name   string
		code   websocket.StatusCode
		revoke func(t *testing.T, a account)
	}{
		{"login on the other node", 4410, func(t *testing.T, a account) {
			t.Helper()
			fresh := two.login(t, a.user)
			two.openAll(t, "fresh", fresh).wantOpen("fresh")
		}},
		{"login on the node", 4410, func(t *testing.T, a account) { t.Helper(); one.login(t, a.user) }},
		{"SET", 4410, func(_ *testing.T, a account) { redis.do("SET", "login:"+a.user, "foreign") }},
		{"DEL", 4401, func(_ *testing.T, a account) { redis.do("DEL", "login:"+a.user) }},
		{"end of its life", 4401, func(_ *testing.T, a account) { redis.do("PEXPIRE", "login:"+a.user, "1") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, other := one.login(t, "u "+c.name), one.login(t, "other than u "+c.name)
			gone := []sockets{one.openAll(t, c.name, a), two.openAll(t, c.name, a)}
			stay := []sockets{one.openAll(t, c.name, other), two.openAll(t, c.name, other)}
			start := await.Start()
			c.revoke(t, a)
			for _, s := range gone {
				s.wantRevoked(c.code)
			}
			start.WantWithin(t, "the sockets were closed", revocation)
			for i, s := range stay {
				s.wantOpen(nodes[i].addr)
			}
		})
	}
}

func TestRevoked_InMemorySocketsCloseToo(t *testing.T) {
	t.Parallel()
	n := startNode(t, "auth.mode=redis", "list.update_interval=50ms")
	a, other := n.login(t, "a"), n.login(t, "other")
	gone, stay := n.openAll(t, "r", a), n.openAll(t, "r", other)
	start := await.Start()
	a = n.login(t, "a")
	fresh := n.openAll(t, "r", a)
	gone.wantRevoked(4410)
	start.WantWithin(t, "the sockets were closed", revocation)
	stay.wantOpen("other")
	fresh.wantOpen("fresh")
}

func TestRevoked_NotWithoutAuth(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	nodes := twoNodes(t, server, "list.update_interval=50ms")
	redis := dialRedis(t, server)
	a := nodes[0].login(t, "a")
	nodes[0].wantEnvelope(t, "/user/listGroup", a, nil, listed()) // the node knows the token
	s := nodes[0].openAll(t, "r", a)
	s.wantOpen("before") // else the node may look for their rooms when there are none any more
	nodes[1].login(t, "a")
	redis.do("FLUSHALL")
	s.wantOpen("still here")
}

// A token that was revoked while a node could not reach Redis stops when it can again.
func TestRevoked_WhileRedisIsAwayIsClosedAfterwards(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr)
	n := startNode(t, "redis.addrs="+proxy.Addr, "auth.mode=redis", "list.update_interval=50ms")
	redis := dialRedis(t, server)
	a, other := n.login(t, "a"), n.login(t, "other")
	gone, stay := n.openAll(t, "r", a), n.openAll(t, "r", other)
	proxy.Cut(true)
	n.wantNotReady(t)
	redis.do("SET", "login:a", "foreign")
	stay.chat.say("without Redis") // nobody is closed meanwhile
	stay.chat.wantAfter("without Redis")
	gone.chat.wantMessage("r", "other", "without Redis")
	proxy.Cut(false)
	n.wantReady(t)
	start := await.Start()
	gone.wantRevoked(4410)
	start.WantWithin(t, "the sockets were closed after Redis was back", revocation)
	stay.wantOpen("still here")
}
