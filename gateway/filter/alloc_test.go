//go:build !race

package filter

import "testing"

// The race detector makes sync.Pool drop what it is given.
func TestCheck_AllocatesOnlyForHits(t *testing.T) {
	f := mustBuild(t, "apple =mask\n赌博\nre:x{3}y\nre:\\d{9}\n")
	for _, text := range []string{"", "an innocent message of ASCII, apples in it", "今天的天气真好，我们去博物馆", "Crème brûlée à la carte", "f u n", "👋🏽 xxx"} {
		if n := testing.AllocsPerRun(200, func() { f.Check(text) }); n != 0 {
			t.Errorf("Check(%q) allocates %v times, want 0", text, n)
		}
	}
}
