package contract

import (
	"testing"
	"time"

	"barrage/internal/redistest"
)

// TestJoin_OfALiveRoomCostsNoCall: a user who comes into a live room makes no node ask Redis. Here the user is known to
// be a member; the writes of room.auto_join behind the join, in batches, would count.
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
		n.dialNative(t, "live", account{user: "1", token: "any"})
	}
	grew := n.metrics(t)[calls] - before
	// The room's members are reported once a second. Two more are a beat, and the message: a call counts when its answer
	// has come, which the event overtakes.
	if most := float64(time.Since(begin)/time.Second + 1 + 2); grew > most {
		t.Errorf("%d joins took %v calls of the store in %v; want at most %v", 2*each, grew, time.Since(begin), most)
	}
	n.wantMetrics(t, map[string]float64{"barrage_members": 2*each + 1})
}
