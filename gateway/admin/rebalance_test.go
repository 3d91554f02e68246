package admin

import (
	"fmt"
	"slices"
	"testing"

	"barrage/gateway/fleet"
)

// Each ready node sends away what it has above so many times the mean, and no more than that.
func TestSurplus_IsWhatNodesHaveAboveTheMean(t *testing.T) {
	ready := func(connections ...int) (all []fleet.Node) {
		for i, n := range connections {
			all = append(all, fleet.Node{Node: fmt.Sprint(i), State: fleet.Ready, Connections: n})
		}
		return all
	}
	f := func(all []fleet.Node, over, mean float64, want ...int) {
		t.Helper()
		got := surplus(all, over)
		var moves []int
		for _, n := range got.Nodes {
			moves = append(moves, n.Moves)
		}
		if !slices.Equal(moves, want) || got.Mean != mean {
			t.Errorf("of %+v over %v: mean %v, moves %v; want %v, %v", all, over, got.Mean, moves, mean, want)
		}
	}
	f(nil, 1.1, 0)
	f(ready(1000, 0), 1.1, 500, 450, 0)
	f(ready(105, 95), 1.1, 100, 0, 0)
	f(ready(3, 0, 0), 1, 1, 2, 0, 0)
	f(ready(10, 11), 1, 10.5, 0, 0) // half a client cannot move
	f(append(ready(1000, 0), fleet.Node{Node: "x", State: fleet.Draining, Connections: 5000}), 1.1, 500, 450, 0)
}
