package room

import (
	"context"
	"strings"
	"testing"

	"barrage/internal/chat"
)

// databases is a store that looks into others, which have a history of a room.
type databases struct {
	*fakeStore
	have  map[string][]int
	asked []string
}

func (d *databases) Elsewhere(_ context.Context, room string) ([]int, error) {
	d.asked = append(d.asked, room)
	return d.have[room], nil
}

// TestElsewhere_LooksForOneSuspectAtATime: of the rooms that are suspected one is looked for at a time, and not soon
// again; a find is logged once.
func TestElsewhere_LooksForOneSuspectAtATime(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	store := &databases{fakeStore: f.store, have: map[string][]int{"2": {3}}}
	f.hall.store = store
	look := func(want string) {
		t.Helper()
		f.hall.lookElsewhere(t.Context())
		if got := strings.Join(store.asked, " "); got != want {
			t.Errorf("looked for rooms %q; want %q", got, want)
		}
	}
	suspect := func(room string) {
		f.open(room)
		f.hall.RoomEvent(room, chat.Event{Kind: chat.EventLook})
	}
	look("")
	suspect("1")
	suspect("2")
	look("1")
	suspect("2")
	look("1")
	f.tick(suspectEvery)
	look("1 2")
	if n := strings.Count(f.logs.String(), "databases=[3]"); n != 1 || !strings.Contains(f.logs.String(), "room=2") {
		t.Errorf("it is said %d times, in %s; want once, of room 2", n, f.logs)
	}
	suspect("2")
	f.tick(suspectEvery)
	look("1 2")
}
