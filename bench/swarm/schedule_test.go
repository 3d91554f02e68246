package swarm

import (
	"cmp"
	"slices"
	"testing"
	"time"
)

// busy is a plan with everything in it.
func busy() *Plan {
	p := &Plan{
		Dialect: "fastim", Targets: []string{"127.0.0.1:1"}, Prefix: "p", Senders: 8, Sample: 50,
		Warmup: time.Second, Duration: 10 * time.Second,
		Burst:   Burst{Every: 3 * time.Second, Messages: 40, Over: 500 * time.Millisecond},
		Return:  Return{Share: 0.3},
		Arrival: Arrival{Rate: 10},
	}
	for k := 1; k <= 20; k++ {
		p.Rooms = append(p.Rooms, Room{Viewers: 400 / k, Slow: 40 / k, Late: 20 / k, Rate: 100 / float64(k)})
	}
	return p
}

func messagesOf(s *schedule) []message {
	var all []message
	for {
		due, ok := s.peek()
		if !ok {
			return all
		}
		m := s.pop()
		if m.due != due {
			panic("peek and pop differ")
		}
		all = append(all, m)
	}
}

// TestSchedule_PartsMakeTheWhole: the parts of any number of workers are the messages
// of one, each in order of time, and come out the same each time.
func TestSchedule_PartsMakeTheWhole(t *testing.T) {
	p := busy()
	whole := messagesOf(p.schedule(0, 1))
	order := func(a, b message) int {
		return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.room, b.room), cmp.Compare(a.number, b.number))
	}
	if !slices.IsSortedFunc(whole, func(a, b message) int { return cmp.Compare(a.due, b.due) }) {
		t.Error("messages are not in order of time")
	}
	slices.SortFunc(whole, order)
	for _, workers := range []int{1, 2, 3, 7, 30} {
		var parts []message
		for w := range workers {
			part := messagesOf(p.schedule(w, workers))
			for _, m := range part {
				if m.room%workers != w {
					t.Fatalf("worker %d of %d says a message of room %d", w, workers, m.room)
				}
			}
			parts = append(parts, part...)
		}
		slices.SortFunc(parts, order)
		if !slices.Equal(parts, whole) {
			t.Errorf("%d workers have %d messages that are not the %d of one", workers, len(parts), len(whole))
		}
	}
}

// TestSchedule_HasWhatThePlanAsksFor: as many messages as rate and time make, numbered
// without a gap, and bursts on top.
func TestSchedule_HasWhatThePlanAsksFor(t *testing.T) {
	p := busy()
	count, burst := make([]uint64, len(p.Rooms)), 0
	for _, m := range messagesOf(p.schedule(0, 1)) {
		if m.number != count[m.room] {
			t.Fatalf("room %d: number %d follows %d", m.room, m.number, count[m.room])
		}
		count[m.room]++
		if m.due < 0 || m.due >= 11*time.Second {
			t.Errorf("a message is due after %v; want within 11 s", m.due)
		}
		if m.room == 0 && m.due >= 4*time.Second && m.due < 4500*time.Millisecond {
			burst++
		}
	}
	for room, got := range count {
		want := 11 * 100 / float64(room+1)
		if room == 0 {
			want += 3 * 40 // after 3, 6 and 9 s of the measured part
		}
		if d := float64(got) - want; d <= -1 || d >= 1 {
			t.Errorf("room %d has %d messages; want %.2f", room, got, want)
		}
	}
	if burst != 40+50 {
		t.Errorf("the first burst has %d messages with those of the rate; want 90", burst)
	}
}

// TestSchedule_LeftIsCounted: without popping it is known how many there would be.
func TestSchedule_LeftIsCounted(t *testing.T) {
	p := busy()
	s, all := p.schedule(0, 1), messagesOf(p.schedule(0, 1))
	for i := range 1000 {
		if s.pop() != all[i] {
			t.Fatal("two schedules of one plan differ")
		}
	}
	for _, before := range []time.Duration{0, 2 * time.Second, 4250 * time.Millisecond, 11*time.Second - 1, time.Hour} {
		want := 0
		for _, m := range all[1000:] {
			if m.due < before {
				want++
			}
		}
		if got := s.left(before); got != uint64(want) {
			t.Errorf("left(%v) = %d; want %d", before, got, want)
		}
	}
}

// TestSchedule_SmallestRateSendsOnce: a rate so small that the second message is due after all time.
func TestSchedule_SmallestRateSendsOnce(t *testing.T) {
	p := Plan{Rooms: []Room{{Viewers: 1, Rate: 1e-300}}, Senders: 1, Duration: time.Hour}
	if all := messagesOf(p.schedule(0, 1)); len(all) != 1 {
		t.Errorf("%d messages are due within the hour; want 1", len(all))
	}
}

// TestSeats_PartsMakeTheWhole: each seat of the plan is in one worker, and workers have the same number. Samples are
// dealt evenly, and those who speak are where their room's sender is.
func TestSeats_PartsMakeTheWhole(t *testing.T) {
	p := busy()
	type id struct{ room, number int32 }
	for _, workers := range []int{1, 2, 3, 10} {
		seen := map[id]bool{}
		samples, back := 0, 0
		for w := range workers {
			mine, mySamples := p.seats(w, workers), 0
			if d := len(mine) - p.Viewers()/workers; d < 0 || d > 1 {
				t.Errorf("worker %d of %d has %d of %d seats", w, workers, len(mine), p.Viewers())
			}
			for _, s := range mine {
				if seen[id{s.room, s.number}] {
					t.Fatalf("seat %d of room %d is taken twice", s.number, s.room)
				}
				seen[id{s.room, s.number}] = true
				if s.speaker >= 0 && (int(s.room)%workers != w || s.slow || s.late) {
					t.Errorf("seat %+v speaks in worker %d of %d", s, w, workers)
				}
				if s.sample {
					mySamples++
				}
				if s.sample && s.slow {
					t.Errorf("seat %+v is slow and sampled", s)
				}
				if s.back >= 0 {
					back++
				}
			}
			if mySamples < 50/workers/2 {
				t.Errorf("worker %d of %d has %d of 50 samples", w, workers, mySamples)
			}
			samples += mySamples
		}
		first := 0
		for _, r := range p.Rooms {
			first += r.Viewers
		}
		if len(seen) != p.Viewers() || samples != 50 || back != first*3/10 {
			t.Errorf("%d workers: %d seats, %d samples, %d return; want %d, 50, %d", workers, len(seen), samples, back, p.Viewers(), first*3/10)
		}
	}
}

// TestSeats_SamplesLookAtEachTarget: viewers go round the targets, and so do samples, whatever the numbers of both.
func TestSeats_SamplesLookAtEachTarget(t *testing.T) {
	for _, targets := range []int{1, 2, 3, 4, 7} {
		p := Plan{Targets: make([]string, targets), Rooms: []Room{{Viewers: 1500, Rate: 1}}, Senders: 1500, Sample: 200}
		for _, workers := range []int{1, 2, 3} {
			all, samples := make([]int, targets), make([]int, targets)
			for w := range workers {
				for _, s := range p.seats(w, workers) {
					all[s.target]++
					if s.sample {
						samples[s.target]++
					}
				}
			}
			if slices.Max(all)-slices.Min(all) > 2*workers || slices.Max(samples)-slices.Min(samples) > workers {
				t.Errorf("%d workers, %d targets: they have %v viewers and %v samples", workers, targets, all, samples)
			}
		}
	}
}
