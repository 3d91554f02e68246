package pace

import (
	"testing"
	"testing/quick"
	"time"
)

func TestRate_TakesBurstThenRate(t *testing.T) {
	r := PerSecond(5, 20)
	now := uint32(4_294_967_000) // the counter of milliseconds wraps around meanwhile
	used := Used(now)
	for i := range 20 {
		if wait := r.Take(&used, now, 1); wait != 0 {
			t.Fatalf("unit %d of the burst has to wait %v", i, wait)
		}
	}
	if wait := r.Take(&used, now, 1); wait != 200*time.Millisecond {
		t.Errorf("the unit after the burst has to wait %v; want 200ms", wait)
	}
	if wait := r.Take(&used, now+199, 1); wait != time.Millisecond {
		t.Errorf("a millisecond too early it has to wait %v; want 1ms", wait)
	}
	if wait := r.Take(&used, now+200, 1); wait != 0 {
		t.Errorf("in time it has to wait %v", wait)
	}
	now += 200 + 20*200
	for i := range 20 {
		if wait := r.Take(&used, now, 1); wait != 0 {
			t.Fatalf("unit %d of the next burst has to wait %v", i, wait)
		}
	}
	var unlimited Rate
	for range 1000 {
		if unlimited.Take(&used, now, 1000) != 0 {
			t.Fatal("no limit has to wait")
		}
	}
}

// TestRate_ChargesUpToABurst: past use is paid for, but nobody waits for longer than a burst takes.
func TestRate_ChargesUpToABurst(t *testing.T) {
	r := PerSecond(5, 20)
	used := Used(4_294_967_000)
	now := uint32(used)
	r.Charge(&used, now, 19)
	if r.Take(&used, now, 1) != 0 || r.Take(&used, now, 1) != 200*time.Millisecond {
		t.Error("of 20 units 19 were charged: one is left, and no other")
	}
	r.Charge(&used, now, 1000)
	if wait := r.Take(&used, now, 1); wait != 200*time.Millisecond {
		t.Errorf("after a charge of 1000 a unit waits for %v; want 200ms, a whole burst", wait)
	}
	if r.Take(&used, now+4000, 20) != 0 {
		t.Error("no burst after as long as one takes")
	}
	unlimited := used
	Rate{}.Charge(&unlimited, now, 1000)
	if unlimited != used {
		t.Error("no limit is used up")
	}
}

// TestRate_LongBurstsAreBounded: a rate has no burst that cannot be distinguished from a time that is over.
func TestRate_LongBurstsAreBounded(t *testing.T) {
	r := PerSecond(0.001, 100_000)
	var used Used
	taken := 0
	for taken < 100_000 && r.Take(&used, 5, 1) == 0 {
		taken++
	}
	if taken < 2000 || taken > 2147 {
		t.Errorf("%d units are taken at once; want what 24 days bring, 2147", taken)
	}
}

// TestRate_NeverMoreThanItsRate: however the units are spread, within any time there are never more than the burst and
// what the rate gives. A refused unit comes in after the wait that it was given.
func TestRate_NeverMoreThanItsRate(t *testing.T) {
	f := func(steps []uint16, perSec uint8, burst uint8) bool {
		r := PerSecond(float64(perSec%50+1), int(burst%30+1))
		var used Used
		now, start, taken := uint32(77), uint32(77), uint32(0)
		for _, step := range steps {
			now += uint32(step % 500)
			wait := r.Take(&used, now, 1)
			if wait == 0 {
				taken++
				continue
			}
			again := used
			if r.Take(&again, now+uint32(wait.Milliseconds()), 1) != 0 {
				return false
			}
		}
		return taken <= r.Burst+(now-start)/r.Every+1
	}
	if err := quick.Check(f, nil); err != nil {
		t.Error(err)
	}
}
