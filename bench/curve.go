package bench

import (
	"errors"
	"fmt"
	"slices"
)

// Curve is the same delivery rate at several sizes, so that the cost of a delivery can be held against the size.
type Curve struct {
	// Scenario is what the levels have in common. Its Zipf must be 0: then each message goes to as many viewers.
	Scenario Scenario
	// Vary is what grows from level to level: "viewers", in the scenario's rooms, or "rooms", with its viewers.
	Vary string
	// Levels are how many of them, each at least 1.
	Levels []int
	// Copies is how many deliveries are due a second at each level, above 0.
	Copies float64
}

// Validate reports what is wrong with c, its scenario at each level included.
func (c Curve) Validate() error {
	switch {
	case c.Vary != "viewers" && c.Vary != "rooms":
		return fmt.Errorf("cannot vary %q: it can be viewers or rooms", c.Vary)
	case !(c.Copies > 0 && isRate(c.Copies)):
		return fmt.Errorf("cannot deliver %v copies a second: it must be above 0 and at most %d", c.Copies, mostRate)
	case c.Scenario.Zipf != 0:
		return errors.New("cannot deliver the same at each level with unequal rooms: zipf must be 0")
	case len(c.Levels) == 0:
		return fmt.Errorf("cannot vary %s: no level is named", c.Vary)
	}
	if least := slices.Min(c.Levels); least < 1 {
		return fmt.Errorf("cannot begin with %s %d: it must be at least 1", c.Vary, least)
	}
	for _, level := range c.Levels {
		if err := c.At(level).Validate(); err != nil {
			return err
		}
	}
	return nil
}

// At is the scenario at one level: fewer messages a second where each goes to more viewers.
func (c Curve) At(level int) Scenario {
	s := c.Scenario.Filled()
	if c.Vary == "rooms" {
		s.Rooms = level
	} else {
		s.Viewers = level
	}
	s.Rate = c.Copies * float64(s.Rooms) / float64(s.Viewers)
	return s
}
