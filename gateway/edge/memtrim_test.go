package edge

import "testing"

func TestMemTrim_IsDueOnceAWaveAndOnlyBehindIt(t *testing.T) {
	var trim memTrim
	handshakes, open := uint64(0), 0
	checks := func(n, each int) (over int) {
		for range n {
			handshakes += uint64(each)
			open += each
			if trim.due(handshakes, open) {
				over++
			}
		}
		return over
	}
	if got := checks(100, 0); got != 0 {
		t.Errorf("without a handshake %d waves were over", got)
	}
	if got := checks(20, 5000); got != 0 {
		t.Errorf("in the middle of a wave it was over %d times", got)
	}
	if got := checks(waveQuiet-1, 100); got != 0 { // 100 of 100,000 are next to nothing
		t.Errorf("the wave was over before it was quiet for %d checks", waveQuiet)
	}
	if got := checks(100, 0); got != 1 {
		t.Errorf("a wave was over %d times; want once", got)
	}
	for range 1000 { // a session lasts 20 minutes
		handshakes += 80
		if trim.due(handshakes, open) {
			t.Fatal("a steady coming and going gave memory back; want waves to do that alone")
		}
	}
	if got := checks(2, 500) + checks(waveQuiet, 0); got != 1 {
		t.Errorf("a small wave was over %d times; want once", got)
	}
	open -= waveSize
	if got := checks(waveQuiet, 0) + checks(100, 0); got != 1 {
		t.Errorf("a crowd that left gave memory back %d times; want once", got)
	}
	open = 0
	if got := checks(waveQuiet, 0) + checks(100, 0); got != 1 {
		t.Errorf("when all had left memory was given back %d times; want once", got)
	}
}
