package contract

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"barrage/internal/redistest"
)

// Order in rooms, on real nodes.

// verdict has the operator of a node carry out a verb in a room, and reports whether the call returned well.
func (n *node) verdict(tb testing.TB, room, verb string) bool {
	tb.Helper()
	resp, err := http.Post("http://"+n.admin+escaped("/v1/admin/rooms", room, "mod"), "application/json", strings.NewReader(verb)) //nolint:noctx // the client has a time of its own
	if err != nil {
		tb.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable {
		tb.Fatalf("%s = %d; want 200, or 503 while Redis is away", verb, resp.StatusCode)
	}
	return resp.StatusCode == http.StatusOK
}

// crowd are users who speak over native sockets, each message with an id that says who and which.
type crowd struct {
	t    *testing.T
	ctx  context.Context
	room string

	acked   []atomic.Int64 // by user: messages that were acknowledged
	refused atomic.Int64
}

// speak sends something again and again until the crowd ends, on its node, with some pause between.
func (c *crowd) speak(n *node, user int) {
	conn, _, err := websocket.Dial(c.ctx, fmt.Sprintf("ws://%s/v1/rooms/%s/ws?user_id=u%d&token=t", n.addr, c.room, user), //nolint:bodyclose // coder/websocket has read it
		&websocket.DialOptions{Subprotocols: []string{"barrage.v1"}})
	if err != nil {
		if c.ctx.Err() == nil {
			c.t.Errorf("user %d: %v", user, err)
		}
		return
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(4 << 20)
	answers := make(chan string, 64)
	go func() { // ends with the connection
		defer close(answers)
		for {
			_, text, err := conn.Read(context.Background())
			if err != nil {
				return
			}
			var f struct {
				T    string `json:"t"`
				ID   string `json:"id"`
				Code string `json:"code"`
			}
			if json.Unmarshal(text, &f) == nil && (f.T == "ack" || f.T == "refused") && f.ID != "" {
				select {
				case answers <- f.T + f.Code:
				case <-c.ctx.Done():
					return
				}
			}
		}
	}()
	for i := 0; c.ctx.Err() == nil; i++ {
		op := fmt.Sprintf(`{"t":"send","id":"u%d-%d","body":"u%d-%d"}`, user, i, user, i)
		if conn.Write(c.ctx, websocket.MessageText, []byte(op)) != nil {
			return
		}
		select {
		case a, ok := <-answers:
			switch {
			case !ok:
				return
			case a == "ack":
				c.acked[user].Add(1)
			default:
				c.refused.Add(1)
			}
		case <-c.ctx.Done():
			return
		}
	}
}

// stored are the bodies of the room's history, read from Redis itself, in order.
func stored(c redisClient, room string) (bodies []string) {
	for _, entry := range c.strings("LRANGE", "gml:"+room, "0", "-1") {
		var m struct {
			Info string `json:"info"`
		}
		if json.Unmarshal([]byte(entry), &m) == nil && m.Info != "" {
			bodies = append(bodies, m.Info)
		}
	}
	return bodies
}

// span is a part of the history that must have nothing of a user's.
type span struct{ user, from, to int }

// mutes is how many come; 1,000 of them take some 20 s and all cores.
var mutes = flag.Int("mutes", 200, "mutes of TestOrder_MuteIsABarrier, 40 or more")

// TestOrder_MuteIsABarrier: over three nodes users speak as fast as they are answered, and mutes come at random
// moments, over random nodes; Redis stops in some. When a call has returned, nothing more of the muted user gets into
// the history, whichever node takes it. Once a mute has ended, the user's messages get in again.
func TestOrder_MuteIsABarrier(t *testing.T) {
	t.Parallel()
	const users = 9
	server := redistest.Start(t)
	settings := append(onRedis(server), "limits.enabled=false", "history.max_messages=1000000", "history.max_bytes=0")
	nodes := []*node{startNode(t, settings...), startNode(t, settings...), startNode(t, settings...)}
	redis := dialRedis(t, server)
	ctx, stop := context.WithCancel(t.Context())
	c := &crowd{t: t, ctx: ctx, room: "order", acked: make([]atomic.Int64, users)}
	var all sync.WaitGroup
	for u := range users {
		all.Go(func() { c.speak(nodes[u%3], u) })
	}
	eventually(t, func() error {
		for u := range users {
			if c.acked[u].Load() == 0 {
				return fmt.Errorf("user %d has not been heard", u)
			}
		}
		return nil
	})
	rnd := rand.New(rand.NewPCG(1, 1))
	length := func() int {
		msg := redis.do("LLEN", "gml:order")
		n, err := msg.AsInt64()
		if err != nil {
			t.Fatal(err)
		}
		return int(n)
	}
	verdict := func(verb string, u int) bool {
		return nodes[rnd.IntN(3)].verdict(t, "order", fmt.Sprintf(`{"verb":%q,"user_id":"u%d"}`, verb, u))
	}
	var spans []span
	muted := map[int]int{} // by user: how long the history was when the call had returned
	lift := func(u int) (lifted bool) {
		to := length() // before the call: messages behind it may be theirs
		if lifted = verdict("unmute", u); !lifted {
			return false
		}
		if from, ok := muted[u]; ok {
			spans = append(spans, span{u, from, to})
			delete(muted, u)
		}
		return true
	}
	for i := range *mutes {
		u := rnd.IntN(users)
		if i%(*mutes/4) == *mutes/10 { // Redis is away for a while
			server.Pause(t)
			for _, n := range nodes {
				n.wantNotReady(t)
			}
			if verdict("mute", u) {
				t.Error("a mute is done while Redis is away")
			}
			server.Resume(t)
			for _, n := range nodes {
				n.wantReady(t)
			}
		}
		if lift(u) && verdict("mute", u) {
			muted[u] = length()
		}
	}
	for u := range users {
		eventually(t, func() error {
			if !lift(u) {
				return fmt.Errorf("user %d cannot be unmuted", u)
			}
			return nil
		})
	}
	before := make([]int64, users)
	for u := range users {
		before[u] = c.acked[u].Load()
	}
	eventually(t, func() error {
		for u := range users {
			if c.acked[u].Load() < before[u]+3 {
				return fmt.Errorf("user %d is muted no more, and not heard", u)
			}
		}
		return nil
	})
	stop()
	all.Wait()
	history := stored(redis, "order")
	for _, s := range spans {
		for i := s.from; i < s.to; i++ {
			if strings.HasPrefix(history[i], fmt.Sprintf("u%d-", s.user)) {
				t.Fatalf("entry %d, %s, was stored while its sender was muted, from entry %d to %d", i, history[i], s.from, s.to)
			}
		}
	}
	seen := map[string]int{}
	for _, body := range history {
		seen[body]++
	}
	for body, n := range seen {
		if n > 1 {
			t.Errorf("%s is stored %d times", body, n)
		}
	}
	total := int64(0)
	for u := range users {
		total += c.acked[u].Load()
	}
	if len(spans) < *mutes/2 || c.refused.Load() == 0 || total > int64(len(history)) {
		t.Errorf("%d mutes, %d refused, %d acknowledged and %d stored; want many, some, and all that was acknowledged", len(spans), c.refused.Load(), total, len(history))
	}
	t.Logf("%d mutes that were lifted again, %d messages stored, %d acknowledged, %d refused", len(spans), len(history), total, c.refused.Load())
}

// TestOrder_RolesOnOtherNodesCount: a moderator acts on nobody whose token gives an equal or higher role, though
// another node alone knows that. The moderator takes none of their messages away.
func TestOrder_RolesOnOtherNodesCount(t *testing.T) {
	t.Parallel()
	settings := append(onRedis(redistest.Start(t)), "auth.mode=jwt", "auth.jwt_secret="+jwtSecret)
	one, other := startNode(t, settings...), startNode(t, settings...)
	enter := func(n *node, user, role string) *client {
		now := time.Now()
		token := jwtOf(t, map[string]any{"alg": "HS256"}, map[string]any{"sub": user, "role": role, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()})
		return n.dialNative(t, "live", account{user, token})
	}
	eventually(t, func() error { // nodes ask those whose beat they know
		if all := nodesOf(t, operator{n: one}); len(all) != 2 {
			return fmt.Errorf("%d nodes are known; want two", len(all))
		}
		return nil
	})
	mod, owner, viewer := enter(one, "mod", "moderator"), enter(other, "owner", "owner"), enter(other, "viewer", "")
	owner.say(`{"t":"send","id":"1","body":"mine"}`)
	owner.wantFrame(`{"t":"ack","id":"1"`)
	mod.wantFrame(`"body":"mine"`)
	for i, verb := range []string{
		`"verb":"mute","user_id":"owner"`, `"verb":"kick","user_id":"owner"`, `"verb":"ban","user_id":"owner"`, `"verb":"purge","user_id":"owner"`, `"verb":"delete","seq":1`,
	} {
		id := fmt.Sprint("no-", i)
		mod.say(`{"t":"mod","id":"` + id + `",` + verb + `}`)
		if frame := mod.wantFrames(`"id":"` + id + `"`)[0]; !strings.Contains(frame, `"code":"forbidden"`) {
			t.Errorf("%s is answered %s; want forbidden", verb, frame)
		}
	}
	mod.say(`{"t":"mod","id":"yes","verb":"mute","user_id":"viewer"}`)
	mod.wantFrame(`{"t":"done","id":"yes"`)
	viewer.wantFrame(`{"t":"you","role":"","muted_until":`)
	owner.say(`{"t":"send","id":"2","body":"still here"}`)
	owner.wantFrame(`{"t":"ack","id":"2"`)
}
