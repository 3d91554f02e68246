package swarm

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestNumbers_AllGivesWhatWasPutIn: numbers that were put in come out, and those that the ring has forgotten do not.
func TestNumbers_AllGivesWhatWasPutIn(t *testing.T) {
	for _, put := range [][]uint64{nil, {0}, {63}, {1000, 1023, 1024, 5}, {1 << 40, 1<<40 - 3, 1<<40 + 1}, {7, 2000, 977}} {
		s := newNumbers(samplePlan(), 0)
		want := map[uint64]bool{}
		for _, n := range put {
			if s.add(n) == want[n] {
				t.Errorf("add(%d) of %v says that it was there", n, put)
			}
			want[n] = true
		}
		for n := range want {
			if s.High-n > s.size() {
				delete(want, n)
			}
			if s.has(n) != want[n] {
				t.Errorf("has(%d) of %v = %v", n, put, s.has(n))
			}
		}
		if got := slices.Sorted(s.all()); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
			t.Errorf("all() of %v = %v", put, got)
		}
	}
	if (*numbers)(nil).has(0) || new(numbers).has(0) {
		t.Error("nothing has a number")
	}
}

// TestTotals_RefusedIsBounded: a server that makes up codes does not fill the memory, and the sum is exact.
func TestTotals_RefusedIsBounded(t *testing.T) {
	o, p := newTotals(), newTotals()
	for i := range 1000 {
		o.Answers.refuse(fmt.Sprint("code", i), 1)
		p.Answers.refuse(fmt.Sprint("code", i+500), 2)
	}
	p.Answers.refuse(strings.Repeat("x", 1000), 5)
	o.Answers.refuse("code1", 3)
	o.add(p)
	if len(o.Answers.Refused) != mostCodes || o.Answers.TurnedAway() != 1000+2000+5+3 || o.Answers.Refused["code1"] != 4 {
		t.Errorf("%d codes, %d refused, %d of code1; want %d, 3008 and 4", len(o.Answers.Refused), o.Answers.TurnedAway(), o.Answers.Refused["code1"], mostCodes)
	}
}
