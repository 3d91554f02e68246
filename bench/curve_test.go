package bench

import (
	"math"
	"strings"
	"testing"
	"time"
)

// As many copies are due at each level, whatever varies.
func TestCurve_SameCopiesAtEachLevel(t *testing.T) {
	s := Scenario{Name: "storm", Viewers: 900, Rooms: 3, Duration: Duration(time.Second)}
	for _, c := range []Curve{
		{Scenario: s, Vary: "viewers", Levels: []int{3, 70, 19_000}, Copies: 20_000},
		{Scenario: s, Vary: "rooms", Levels: []int{1, 7, 900}, Copies: 20_000},
	} {
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		for _, level := range c.Levels {
			at := c.At(level)
			viewers, rooms := 900, 3
			if c.Vary == "rooms" {
				rooms = level
			} else {
				viewers = level
			}
			if at.Viewers != viewers || at.Rooms != rooms {
				t.Errorf("%s %d: %d viewers in %d rooms", c.Vary, level, at.Viewers, at.Rooms)
			}
			if copies := at.Rate * float64(viewers) / float64(rooms); math.Abs(copies-20_000) > 1e-6 {
				t.Errorf("%s %d: %v copies a second are due; want 20000", c.Vary, level, copies)
			}
		}
	}
}

func TestCurve_ValidateRefusesWhatCannotBe(t *testing.T) {
	good := Curve{Scenario: Scenario{Name: "storm", Viewers: 10, Duration: Duration(time.Second)}, Vary: "viewers", Levels: []int{1}, Copies: 5}
	f := func(want string, change func(*Curve)) {
		t.Helper()
		c := good
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate of %+v = %v; want %s", c, err, want)
		}
	}
	f("cannot vary \"rate\"", func(c *Curve) { c.Vary = "rate" })
	f("cannot deliver 0 copies", func(c *Curve) { c.Copies = 0 })
	f("cannot deliver NaN copies", func(c *Curve) { c.Copies = math.NaN() })
	f("cannot deliver +Inf copies", func(c *Curve) { c.Copies = math.Inf(1) })
	f("zipf must be 0", func(c *Curve) { c.Scenario.Zipf = 1 })
	f("no level is named", func(c *Curve) { c.Levels = nil })
	f("cannot begin with viewers 0", func(c *Curve) { c.Levels = []int{5, 0} })
	f("rooms: 11 for 10 viewers", func(c *Curve) { c.Vary, c.Levels = "rooms", []int{1, 11} })
}
