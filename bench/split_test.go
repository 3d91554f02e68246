package bench

import (
	"math"
	"testing"
)

func TestScenario_RoomsSumExactly(t *testing.T) {
	for _, s := range []Scenario{
		{Viewers: 1},
		{Viewers: 10, Rooms: 10, Zipf: 1},
		{Viewers: 10_000, Rooms: 1000, Zipf: 1, Rate: 500, Slow: Slow{Share: 0.3}},
		{Viewers: 9_973, Rooms: 7, Zipf: 0.37, Rate: 50, Arrival: Arrival{Viewers: 11}},
		{Viewers: 5000, Rooms: 50, Zipf: 10, Rate: 1, Slow: Slow{Share: 1}},
		{Viewers: 12, Rooms: 5, Arrival: Arrival{Viewers: 2}, Slow: Slow{Share: 0.5}},
	} {
		s = s.Filled()
		viewers, late, slow, rate := 0, 0, 0, 0.0
		rooms := s.rooms()
		for k, r := range rooms {
			viewers += r.Viewers
			late += r.Late
			slow += r.Slow
			rate += r.Rate
			if r.Viewers < 1 || r.Slow < 0 || r.Slow > max(r.Viewers-s.Senders, 0) || r.Late < 0 {
				t.Errorf("%+v: room %d is %+v", s, k, r)
			}
			if k > 0 && (r.Viewers > rooms[k-1].Viewers || r.Rate > rooms[k-1].Rate) {
				t.Errorf("%+v: room %d is larger than the one before it", s, k)
			}
		}
		if len(rooms) != s.Rooms || viewers != s.Viewers || late != s.Arrival.Viewers || math.Abs(rate-s.Rate) > 1e-9*s.Rate {
			t.Errorf("%+v: %d rooms with %d viewers, %d late, %v messages a second", s, len(rooms), viewers, late, rate)
		}
		if want := s.Slow.Share * float64(s.Viewers); float64(slow) > want+1 {
			t.Errorf("%+v: %d slow; want at most %v", s, slow, want)
		}
	}
}

func TestScenario_SamplesNoneOfTheSlow(t *testing.T) {
	f := func(s Scenario, want int) {
		t.Helper()
		if got := s.Filled().sampled(); got != want {
			t.Errorf("%+v: %d sampled viewers; want %d", s, got, want)
		}
	}
	f(Scenario{Viewers: 1000}, defaultSample)
	f(Scenario{Viewers: 50, Sample: 60}, 50)
	f(Scenario{Viewers: 50, Slow: Slow{Share: 0.5}}, 25)
}

func TestScenario_RoomsFollowZipf(t *testing.T) {
	// 1/1, 1/2, 1/3: 6, 3 and 2 parts of 11
	rooms := Scenario{Viewers: 110, Rooms: 3, Zipf: 1, Rate: 11, Senders: 8}.rooms()
	for k, want := range []struct {
		viewers int
		rate    float64
	}{{59, 6}, {30, 3}, {21, 2}} { // each has one viewer before the others are divided
		if rooms[k].Viewers < want.viewers-1 || rooms[k].Viewers > want.viewers+1 || math.Abs(rooms[k].Rate-want.rate) > 1e-9 {
			t.Errorf("room %d = %+v; want about %+v", k, rooms[k], want)
		}
	}
}
