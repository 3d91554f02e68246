package bench

import (
	"strings"
	"testing"

	"barrage/bench/swarm"
)

func TestObjective_ReadsAndJudgesFigures(t *testing.T) {
	r := &Result{
		Latency: Quantiles{Count: 10, P50: 20, P99: 200, Max: 1500}, Connect: Quantiles{P99: 5},
		Messages:    Messages{Sent: 100, Expected: 10_000, Lost: 5, PerSecond: 1234.5, Answers: swarm.Answers{Refused: map[string]uint64{"shed": 10}}},
		Connections: Connections{Wanted: 200, Failed: 1},
	}
	for text, want := range map[string]string{
		"p99>200ms":       "",
		"p99>=200ms":      "it is 200ms",
		"p99 > 0.1s":      "it is 200ms",
		"max>1s":          "it is 1.5s",
		"connect-p99>4ms": "it is 5ms",
		"p50<30ms":        "it is 20ms",
		"lost>0":          "it is 5",
		"lost>5":          "",
		"lost>0.1%":       "",
		"lost>0.01%":      "it is 0.05%",
		"refused>5%":      "it is 10%",
		"unconnected>=1":  "it is 1",
		"broken>0":        "",
		"copies/s<2000":   "it is 1234.5",
	} {
		o, err := ParseObjective(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.Missed(r); (got == "") != (want == "") || got != "" && got != text+": "+want {
			t.Errorf("%s: %q; want %q", text, got, want)
		}
	}
	for _, text := range []string{"p99<1s", "lost>0.1%"} { // of nothing
		o, err := ParseObjective(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.Missed(&Result{}); got != text+": nothing was measured" {
			t.Errorf("%s of nothing: %q", text, got)
		}
	}
	for text, want := range map[string]string{
		"p99": "it has none of", "p9>1s": `"p9" is none of p50, p90`, "p99>200": `"200" is no time`, "p99>-1s": "is no time",
		"lost>x": `"x" is no number`, "lost>NaN": "is no number", "copies/s<5%": "has no share",
	} {
		if _, err := ParseObjective(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}
