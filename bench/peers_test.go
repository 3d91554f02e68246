package bench

import (
	"testing"
)

func TestMedians_FiguresAndFaults(t *testing.T) {
	round := func(peer string, p99, cores float64, lost uint64, partial string) Result {
		return Result{
			Peer: peer, Partial: partial,
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
	for i := range want {
		g, w := got[i], want[i]
		if g.Peer != w.Peer || g.Latency != w.Latency || g.Server != w.Server || g.Messages != w.Messages || g.Partial != w.Partial {
			t.Errorf("Medians()[%d] = %+v; want %+v", i, g, w)
		}
	}
}
