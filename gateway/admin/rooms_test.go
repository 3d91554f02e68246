package admin

import (
	"fmt"
	"testing"

	"barrage/gateway/fleet"
	"barrage/room"
)

// The answers of nodes about a room are put together: numbers of the room itself are not added up.
func TestAdmin_RoomsMergedAddUpOnlyWhatNodesHave(t *testing.T) {
	one, two := room.Account{ID: "r"}, room.Account{ID: "r"}
	one.Online, two.Online, one.Members, two.Members, one.Sent, two.Sent, two.Rate = 10, 11, 4, 6, 100, 200, 5
	one.Modes = []string{"frozen"}
	got := merged([]fleet.Reply[[]room.Account]{{Node: "a", Body: []room.Account{one}}, {Node: "b", Body: []room.Account{two}}}, whichRooms{Sort: "rate", Limit: 9})
	if len(got) != 1 || got[0].Online != 11 || got[0].Members != 10 || got[0].Sent != 300 || got[0].Rate != 5 || fmt.Sprint(got[0].Modes) != "[frozen]" || fmt.Sprint(got[0].Nodes) != "[a b]" {
		t.Errorf("merged = %+v; want one room of two nodes", got)
	}
}
