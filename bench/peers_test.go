package bench

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
)

func TestMedians_KeepTheWorstFaults(t *testing.T) {
	round := func(peer string, p99, cores float64, lost uint64, partial string) Result {
		return Result{
			Peer: peer, Partial: partial, Warnings: []string{fmt.Sprintf("%v cores", min(cores, 2)), "little memory"},
			Latency: Quantiles{Count: int64(p99), P99: p99}, Server: Server{Cores: cores, ResidentFull: int64(cores)},
			Messages: Messages{Lost: lost, Delivered: 1000 - lost},
		}
	}
	got := Medians([]Result{
		round("barrage", 30, 1, 0, ""), round("hub", 100, 7, 0, "it died"),
		round("barrage", 10, 2, 4, ""), round("hub", 300, 9, 0, ""),
		round("barrage", 20, 3, 0, ""),
	})
	want := []Result{round("barrage", 20, 2, 0, ""), round("hub", 100, 7, 0, "it died")}
	want[0].Messages.Lost = 4 // the worst round's
	want[0].Warnings = []string{"2 cores", "little memory", "1 cores"}
	want[1].Warnings = []string{"2 cores", "little memory"}
	cut := round("hub", 100, 1, 0, "")
	cut.Connections, cut.Client.Died = Connections{Wanted: 9, Made: 9, Broken: 2, BrokenWhy: "reset"}, 1
	cut.Partial = cut.Missing()
	one := Medians([]Result{round("hub", 90, 1, 0, ""), cut, round("hub", 80, 1, 0, "")})[0]
	if one.Connections.Broken != 2 || one.Partial == "" || one.Partial != one.Missing() || one.Client.Died != 1 {
		t.Errorf("rounds, one of them without all viewers, make partial %q of %+v, %d processes died", one.Partial, one.Connections, one.Client.Died)
	}
	for i := range want {
		g, w := got[i], want[i]
		if g.Peer != w.Peer || g.Latency != w.Latency || !reflect.DeepEqual(g.Server, w.Server) || !reflect.DeepEqual(g.Messages, w.Messages) || g.Partial != w.Partial || !slices.Equal(g.Warnings, w.Warnings) {
			t.Errorf("Medians()[%d] = %+v; want %+v", i, g, w)
		}
	}
}
