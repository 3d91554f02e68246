package room

import (
	"slices"
	"strings"
	"testing"

	"barrage/codec"
)

// TestFlush_WaitsForWhatLands: nothing is quiet while a message that the store has answered has not come to the
// members, nor until its sender has the answer. A drain that went on there cut both off.
func TestFlush_WaitsForWhatLands(t *testing.T) {
	var f *fixture
	var landing, answered []bool
	f = newFixture(t, nil, Callbacks{OnChange: func(*Room) { landing = append(landing, f.hall.still()) }})
	r := f.open("1") // nobody is there: a batch that lands leaves no lane work
	r.Watch()
	f.settle()
	landing = nil
	f.sayHere(r, teller(func(Outcome) { answered = append(answered, f.hall.still()) }), "u", "1")
	f.deliverAll()
	if len(landing) == 0 || slices.Contains(landing, true) {
		t.Errorf("quiet while the message lands: %v; want it asked, and never so", landing)
	}
	if !slices.Equal(answered, []bool{false}) {
		t.Errorf("quiet while its sender is told: %v; want [false]", answered)
	}
	if !f.hall.quiet() {
		t.Error("the hall is not quiet when all is told")
	}
}

// TestFlush_WaitsForWhoHasEntered: nothing is quiet while a member that messages were written for has entered and is
// not attached: a handshake goes on behind its welcome. A drain that went on there closed the member without them.
func TestFlush_WaitsForWhoHasEntered(t *testing.T) {
	for name, end := range map[string]func(r *Room, m *member) (got []string){
		"it is attached": func(r *Room, m *member) []string { r.Attach(&m.Member); return []string{"1"} },
		"it leaves":      func(r *Room, m *member) []string { r.Leave(&m.Member); r.Attach(&m.Member); return nil },
	} {
		f := newFixture(t, nil, Callbacks{})
		r := f.open("1")
		m := &member{fakeSocket: fakeSocket{room: -1}}
		r.Enter(&m.Member, &m.fakeSocket)
		f.post(r, "1")
		f.settle()
		if f.hall.quiet() {
			t.Errorf("%s: the hall is quiet before", name)
		}
		want := end(r, m)
		f.settle()
		if !f.hall.quiet() {
			t.Errorf("%s: the hall is not quiet after", name)
		}
		wantInfos(t, m, want...)
	}
}

// TestQueueBytes_AnAnsweredSenderHasRoomForTheNext: an answered message takes no room in the queue any more, though
// others of its batch are not answered yet.
func TestQueueBytes_AnAnsweredSenderHasRoomForTheNext(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.QueueBytes = 64 << 10 }, Callbacks{})
	r := f.open("1")
	body := strings.Repeat("x", 8000)
	var said int
	var refused []error
	var from teller
	say := func(id string) error {
		return r.PostNative(from, "u", &codec.Op{T: codec.OpSend, ID: id, Kind: codec.KindChat, Body: body}, f.now)
	}
	from = func(Outcome) {
		if said++; said <= 8 {
			refused = append(refused, say("again"+string(rune('a'+said))))
		}
	}
	for i := range 20 {
		_ = say(string(rune('a' + i))) // until the queue is full
	}
	f.settle()
	if len(refused) < 7 || slices.ContainsFunc(refused, func(err error) bool { return err != nil }) {
		t.Errorf("the next messages of those who were answered: %v; want at least 7, and all taken", refused)
	}
}
