package swarm_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"barrage/bench/swarm"
)

// judgements is what the server does with the messages of each room, one in three of which are gifts.
var judgements = []func(number uint64) verdict{
	func(n uint64) verdict { // honest: refused messages are not delivered
		switch {
		case n%3 == 0:
			return verdict{code: "shed"}
		case n%7 == 0:
			return verdict{code: "rate_limited"}
		}
		return verdict{deliver: true}
	},
	func(n uint64) verdict { // refused, and delivered all the same
		if n%5 == 0 {
			return verdict{code: "slow_mode", deliver: true}
		}
		return verdict{deliver: true}
	},
	func(n uint64) verdict { // acknowledged, and not delivered
		return verdict{deliver: n%4 != 1}
	},
	func(n uint64) verdict { // one lie hides the other: as many lost as are wrong
		switch n % 10 {
		case 3:
			return verdict{code: "shed", deliver: true}
		case 4:
			return verdict{}
		}
		return verdict{deliver: true}
	},
	func(n uint64) verdict { // the first answer counts
		switch n % 8 {
		case 1:
			return verdict{code: "shed", again: "ack"}
		case 2:
			return verdict{again: "shed", deliver: true}
		case 3:
			return verdict{code: "shed", again: "busy"}
		case 4:
			return verdict{again: "ack", deliver: true}
		}
		return verdict{deliver: true}
	},
	func(n uint64) verdict { // no answer is no refusal
		return verdict{silent: n%9 == 5, deliver: n%18 != 5}
	},
}

// TestHonest_RefusalsAreNotLosses: refused messages are counted by code, and expected at no viewer. Every message is
// acknowledged, refused or not answered. A server that lies about it is found.
func TestHonest_RefusalsAreNotLosses(t *testing.T) {
	t.Parallel()
	halved := func(v int) eye { return eye(v % 2) }
	var runs sync.WaitGroup // all at once: most of a run is waiting
	for _, c := range []struct {
		dialect          string
		workers, samples int
		eye              func(v int) eye
	}{
		{"native", 1, 10 * len(judgements), sampling},
		{"native", 3, 10 * len(judgements), sampling},
		{"native+deflate", 1, 10 * len(judgements) / 2, halved},
		{"native+deflate", 3, 0, counting},
	} {
		runs.Go(func() {
			t.Run(fmt.Sprintf("%s/workers=%d/samples=%d", c.dialect, c.workers, c.samples), func(t *testing.T) {
				s := newCrooked(t, c.dialect, rules{judge: func(room int, n uint64) verdict { return judgements[room](n) }})
				p := storm(s)
				p.Rooms = slices.Repeat([]swarm.Room{{Viewers: 10, Rate: 200}}, len(judgements))
				p.Senders, p.Gifts, p.Sample, p.Patience = 10, 1/3., c.samples, 10*time.Second // all runs share the cores
				out, at, err := run(t, p, c.workers)
				if err != nil {
					t.Errorf("Connect: %v", err)
				}
				want := s.figures(c.eye, at)
				wantWrong(t, c.samples == 0 || want.Wrong >= 5*10 && want.Gifts.Lost >= 5*5, want)
				wantWrong(t, strings.Contains(want.Refused, "slow_mode:12") && want.Lost >= 10*15 && want.Unanswered >= 5, want)
				wantFigures(t, out, want)
				if out.Broken > 0 || out.Sent != out.Answers.Acked+out.Answers.Unanswered+out.Answers.Refused["shed"]+out.Answers.Refused["rate_limited"]+out.Answers.Refused["slow_mode"] {
					t.Errorf("%+v, %d broken (%q); want what was sent to be acknowledged, refused or not answered", figuresOf(out), out.Broken, out.BrokenWhy)
				}
			})
		})
	}
	runs.Wait()
}

// TestHonest_TargetsAreCompared: a viewer that saw other messages, or another order, than most is found on its target.
func TestHonest_TargetsAreCompared(t *testing.T) {
	t.Parallel()
	s := newCrooked(t, "native", rules{
		judge: func(_ int, n uint64) verdict {
			if n%2 == 0 {
				return verdict{code: "shed"}
			}
			return verdict{deliver: true}
		},
		copies: func(_, v, k int) []int {
			switch v {
			case 4: // on the second target, another order
				return behind(k, 10, 1)
			case 7: // loses one
				if k == 12 {
					return nil
				}
			case 9: // loses one, and has another twice: its count is right
				if k == 14 {
					return []int{k - 1}
				}
			}
			return []int{k}
		},
	})
	p := storm(s)
	p.Targets, p.Sample = []string{s.addr(), s.addr(), s.addr()}, 12
	out, at, err := run(t, p, 1)
	if err != nil {
		t.Errorf("Connect: %v", err)
	}
	wantFigures(t, out, s.figures(sampling, at))
	want := []swarm.Seen{
		{Viewers: 4, Delivered: 4*30 - 1, Lost: 1, Sampled: 4, Alike: 3},
		{Viewers: 4, Delivered: 4*30 - 1, Lost: 1, Sampled: 4, Alike: 2},
		{Viewers: 4, Delivered: 4 * 30, Sampled: 4, Alike: 4},
	}
	if !slices.Equal(out.Seen, want) {
		t.Errorf("targets saw %+v; want %+v", out.Seen, want)
	}
}
