package room

import (
	"slices"
	"testing"
)

// TestFlush_WaitsForWhatLands: nothing is quiet while a message that the store has answered has not come to the
// members, nor until its sender has the answer. A drain that went on there cut both off.
func TestFlush_WaitsForWhatLands(t *testing.T) {
	var f *fixture
	var landing, answered []bool
	f = newFixture(t, nil, Hooks{OnChange: func(*Room) { landing = append(landing, f.hall.still()) }})
	r := f.open("1") // nobody is there: what lands leaves no lane work
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
