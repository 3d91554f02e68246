package contract

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"barrage/internal/redistest"
)

// native opens a room's socket of barrage.v1 and takes the welcome.
func (n *node) native(tb testing.TB, room, user string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	url := "ws://" + n.addr + escaped("/v1/rooms", room) + "/ws?token=any&user_id=" + user
	conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{"barrage.v1"}}) //nolint:bodyclose // there is no body after a 101
	if err != nil {
		tb.Fatalf("cannot dial %s: %v", url, err)
	}
	tb.Cleanup(func() { _ = conn.CloseNow() }) // The node may have closed it.
	c := &client{tb, conn}
	if got := c.text(); !strings.HasPrefix(got, `{"t":"welcome",`) {
		tb.Fatalf("first frame = %s; want a welcome", got)
	}
}

// TestJoin_OfALiveRoomCostsNoCall: who comes into a live room makes no node ask Redis. Here the user is
// known to be a member; what room.auto_join writes behind the join, in batches, would count.
func TestJoin_OfALiveRoomCostsNoCall(t *testing.T) {
	t.Parallel()
	n := startNode(t, append(onRedis(redistest.Start(t)), "room.auto_join=false")...)
	n.wantEnvelope(t, "/user/joinGroup", n.login(t, "1"), params{"groupId": "live"}, done)
	talker := n.member(t, "live", "1") // it is live from here on, and its member known
	talker.say("hi")
	talker.wantMessage("live", "1", "hi")

	const calls = "barrage_store_calls_total"
	begin, before := time.Now(), n.metrics(t)[calls]
	const each = 50
	for range each {
		n.member(t, "live", "1")
		n.native(t, "live", "1")
	}
	grew := n.metrics(t)[calls] - before
	// The room's members are reported once a second.
	if reports := float64(time.Since(begin)/time.Second + 1); grew > reports {
		t.Errorf("%d joins took %v calls of the store in %v; want at most the %v reports", 2*each, grew, time.Since(begin), reports)
	}
	n.wantMetrics(t, map[string]float64{"barrage_members": 2*each + 1})
}
