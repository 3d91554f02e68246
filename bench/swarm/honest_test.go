package swarm_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"barrage/bench/swarm"
	"barrage/internal/await"
)

// storm is the plan that the tests change: one room of 12, two of whom speak. Its load is over when all has come, which
// may take a busy machine long: no patience ends it.
func storm(s *crooked) swarm.Plan {
	return swarm.Plan{
		Dialect: s.dialect, Deflate: s.deflate, Targets: []string{s.addr()}, Path: "/ws/{room}/{user}", Prefix: "honest",
		Rooms: []swarm.Room{{Viewers: 12, Rate: 200}}, Body: 60, Senders: 2,
		Duration: 300 * time.Millisecond, Patience: time.Minute,
	}
}

// run runs a plan to its end. It returns when the load began, and what Connect returned.
func run(tb testing.TB, p swarm.Plan, workers int) (out swarm.Totals, at time.Time, connected error) {
	tb.Helper()
	return runUntil(tb, p, workers, nil)
}

// runUntil runs a plan until enough bytes are read; to its end where enough is nil.
func runUntil(tb testing.TB, p swarm.Plan, workers int, enough func(read uint64) bool) (out swarm.Totals, at time.Time, connected error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 2*time.Minute) // nothing may hang
	defer cancel()
	crew, err := swarm.Start(ctx, p, workers, swarm.InProcess())
	if err != nil {
		tb.Fatalf("Start: %v", err)
	}
	defer func() {
		if err := crew.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	}()
	connected = crew.Connect(ctx)
	// As in a run, the workers have the time of the load before it comes. Messages that come earlier have no latency, and
	// on a busy machine a worker may get no processor for 50 ms.
	at = time.Now().Add(time.Second)
	loading, over := context.WithCancel(ctx)
	defer over()
	if enough != nil {
		go func() { // ends by Close
			read := uint64(0)
			for t := range crew.Ticks() {
				if read += t.Bytes; enough(read) {
					over()
				}
			}
		}()
	}
	if err := crew.Load(loading, at); (err != nil) != (enough != nil) || ctx.Err() != nil {
		tb.Errorf("Load: %v", err)
	}
	if out, err = crew.Totals(ctx); err != nil {
		tb.Fatalf("Totals: %v", err)
	}
	return out, at, connected
}

func wantFigures(tb testing.TB, o swarm.Totals, want figures) {
	tb.Helper()
	if got := figuresOf(o); got != want {
		tb.Errorf("the swarm says\n%+v; the server knows\n%+v", got, want)
	}
}

// wantWrong fails a test whose server did not do what the test is about.
func wantWrong(tb testing.TB, wrong bool, f figures) {
	tb.Helper()
	if !wrong {
		tb.Fatalf("the server did not do as it was told: %+v", f)
	}
}

// last reports whether k is the last of each n.
func last(k, n int) bool { return k%n == n-1 }

// behind has message number at come behind message at+by.
func behind(k, at, by int) []int {
	switch k {
	case at:
		return nil
	case at + by:
		return []int{k, at}
	}
	return []int{k}
}

// wrongs is what the server does wrong to the viewers of each room. Those who speak are
// spared. The two of a pair suffer the same, so that it does not matter which of them is
// sampled.
var wrongs = []func(pair, k int) []int{
	func(pair, k int) []int { // copies get lost
		if pair == 2 && last(k, 3) || pair == 3 && k > 40 {
			return nil
		}
		return []int{k}
	},
	func(pair, k int) []int { // and come twice, at once or later
		switch {
		case pair == 2 && last(k, 4):
			return []int{k, k}
		case pair == 3 && k == 20:
			return []int{k, k, k - 15, k - 1}
		}
		return []int{k}
	},
	func(pair, k int) []int { // both: only a viewer that looks at numbers can distinguish them
		switch {
		case pair == 2 && last(k, 10):
			return nil
		case pair == 2 && last(k, 6):
			return []int{k, k - 1}
		}
		return []int{k}
	},
	func(pair, k int) []int { // the order is another one
		switch pair {
		case 1: // two speakers' messages change places: no speaker's order breaks
			return behind(k, 10, 1)
		case 2: // behind the speaker's next one
			return behind(k, 20, 2)
		case 3: // a viewer that lacks a message agrees with nobody else
			if k == 40 {
				return nil
			}
			// There are two speakers with 30 messages each. The one who sent message 5 sent one of the next 31 too, however the
			// machine lets one of them run ahead.
			return behind(k, 5, 31)
		case 4: // a double is not out of order
			if k == 30 {
				return []int{k, k - 4}
			}
		}
		return []int{k}
	},
	func(pair, k int) []int { // connections end
		switch {
		case pair == 2 && k == 31: // both speakers are known by now: each has 30 messages
			return []int{hangUp}
		case pair == 3 && k == 45:
			return []int{k, k, hangUp}
		}
		return []int{k}
	},
}

func TestHonest_WhatIsWrongIsFound(t *testing.T) {
	t.Parallel()
	halved := func(v int) eye { return eye(v % 2) }
	var runs sync.WaitGroup // all at once: most of a run is waiting for what was lost
	for _, c := range []struct {
		dialect          string
		workers, samples int
		eye              func(v int) eye
	}{
		{"fastim", 1, 10 * 5 / 2, halved},
		{"fastim", 3, 10 * 5 / 2, halved},
		{"native", 1, 10 * 5 / 2, halved},
		{"native+deflate", 1, 10 * 5 / 2, halved},
		{"native+deflate", 3, 0, counting},
		{"raw", 1, 10 * 5 / 2, halved},
		{"raw", 3, 10 * 5 / 2, halved},
		// Nobody knows who is who but the speakers.
		{"centrifugo", 1, 10 * 5, sampling},
		{"centrifugo", 3, 0, counting},
	} {
		runs.Go(func() {
			t.Run(fmt.Sprintf("%s/workers=%d/samples=%d", c.dialect, c.workers, c.samples), func(t *testing.T) {
				s := newCrooked(t, c.dialect, rules{copies: func(room, v, k int) []int { return wrongs[room](v/2, k) }})
				p := storm(s)
				p.Rooms = slices.Repeat([]swarm.Room{{Viewers: 10, Rate: 200}}, len(wrongs))
				p.Sample = c.samples
				// Lost copies never come.
				out, at, err := runUntil(t, p, c.workers, func(read uint64) bool { return s.said(60*len(wrongs)) && read == s.wrote.Load() })
				if err != nil {
					t.Errorf("Connect: %v", err)
				}
				want := s.figures(c.eye, at)
				wantWrong(t, want.Lost >= 80 && want.Doubled >= 40 && want.Uncounted >= 50, want)
				wantWrong(t, c.samples == 0 || want.OutOfOrder > 0 && want.Disagree > 0, want)
				wantFigures(t, out, want)
				if out.Wanted != 50 || out.Made != 50 || out.Failed != 0 || out.Broken != 4 || !strings.Contains(out.BrokenWhy, "the server closed") {
					t.Errorf("wanted %d, made %d, failed %d, broken %d (%q); want 50, 50, 0, 4",
						out.Wanted, out.Made, out.Failed, out.Broken, out.BrokenWhy)
				}
			})
		})
	}
	runs.Wait()
}

// Unusual but correct behaviour is not held against a server: pings, frames in crumbs, rooms of every size.
func TestHonest_NothingIsFoundWhereNothingIsWrong(t *testing.T) {
	for _, dialect := range []string{"fastim", "native", "native+deflate", "raw", "centrifugo"} {
		for _, workers := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s/workers=%d", dialect, workers), func(t *testing.T) {
				t.Parallel()
				s := newCrooked(t, dialect, rules{crumbs: workers == 3, copies: func(_, v, k int) []int {
					switch {
					case v%3 == 0 && last(k, 5):
						return []int{ping, k}
					case v%3 == 1 && last(k+2, 5): // never behind a room's last message, which ends the load
						return []int{k, ping}
					}
					return []int{k}
				}})
				p := storm(s)
				p.Rooms = []swarm.Room{{Viewers: 7, Rate: 150}, {Viewers: 4, Rate: 90}, {Viewers: 1, Rate: 7}, {Viewers: 2}}
				p.Senders, p.Body, p.Sample = 3, 300, 5 // a header of four bytes
				out, at, err := run(t, p, workers)
				if err != nil {
					t.Errorf("Connect: %v", err)
				}
				want := s.figures(counting, at)
				want.Latencies = out.Latency.TotalCount() // the server does not know who looks at it
				wantWrong(t, want.Lost+want.Doubled+want.Uncounted == 0 && want.Sent >= 45+27+2, want)
				wantFigures(t, out, want)
				if out.Made != 14 || out.Offered != want.Sent || out.Measured.Sent != want.Sent || out.Broken+out.Failed != 0 {
					t.Errorf("made %d, failed %d, broken %d (%q), offered %d, measured %d; want 14, 0, 0 and %d messages",
						out.Made, out.Failed, out.Broken, out.BrokenWhy, out.Offered, out.Measured.Sent, want.Sent)
				}
				if wrote := s.wrote.Load(); out.Bytes != wrote {
					t.Errorf("%d bytes were read; the server wrote %d", out.Bytes, wrote)
				}
				await.True(t, time.Minute, "all pings are answered", func() (bool, string) {
					pinged, ponged := s.pinged()
					return pinged == ponged && pinged >= 9*5, fmt.Sprint(pinged, " pings, ", ponged, " pongs")
				})
			})
		}
	}
}

// Messages of others in a room are no doubles, and do not make up for lost ones. Viewers that look distinguish them
// from ours. Nobody knows what the other viewers should have.
func TestHonest_OthersAreCountedApart(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"fastim", "native", "native+deflate", "raw", "centrifugo"} {
		for _, samples := range []int{12, 2} {
			t.Run(fmt.Sprintf("%s/samples=%d", dialect, samples), func(t *testing.T) {
				t.Parallel()
				s := newCrooked(t, dialect, rules{copies: func(_, _, k int) []int {
					if last(k+5, 10) { // never behind the last message, which ends the load
						return []int{stranger, k, stranger}
					}
					return []int{k}
				}})
				p := storm(s)
				p.Sample = samples
				out, _, err := run(t, p, 1)
				if err != nil {
					t.Errorf("Connect: %v", err)
				}
				strangers := out.Sent / 10 * 2
				if out.Lost+out.Doubled+out.OutOfOrder != 0 || out.Disagree != 0 || out.Others != strangers || strangers == 0 {
					t.Errorf("lost %d, doubled %d, of others %d; want no fault, and %d of others", out.Lost, out.Doubled, out.Others, strangers)
				}
				uncounted := uint64(12-samples) * (out.Sent + strangers)
				if out.Expected != uint64(samples)*out.Sent || out.Delivered != out.Expected || out.Uncounted != uncounted {
					t.Errorf("expected %d, delivered %d, uncounted %d; want %d of those who look, and %d", out.Expected, out.Delivered, out.Uncounted, uint64(samples)*out.Sent, uncounted)
				}
			})
		}
	}
}

func TestHonest_RefusedViewersAreCountedApart(t *testing.T) {
	t.Parallel()
	s := newCrooked(t, "fastim", rules{refuse: func(n int) bool { return n == 0 || n == 5 || n == 11 }})
	p := storm(s)
	p.Sample = 12
	out, at, err := run(t, p, 3)
	if err == nil || !strings.Contains(err.Error(), "9 are in, 3 failed") || !strings.Contains(err.Error(), "503") {
		t.Errorf("Connect: %v; want that 9 are in, 3 failed, and the 503", err)
	}
	wantFigures(t, out, s.figures(sampling, at))
	if out.Wanted != 12 || out.Made != 9 || out.Failed != 3 || out.Broken != 0 || !strings.Contains(out.FailedWhy, "503") {
		t.Errorf("wanted %d, made %d, failed %d (%q), broken %d; want 12, 9, 3 because of 503, 0",
			out.Wanted, out.Made, out.Failed, out.FailedWhy, out.Broken)
	}
	if out.Offered != 60 {
		t.Errorf("offered = %d; want 60, whoever was refused", out.Offered)
	}
}

func TestHonest_WarmupIsNotMeasured(t *testing.T) {
	t.Parallel()
	s := newCrooked(t, "fastim", rules{copies: func(_, v, k int) []int {
		if v == 3 && k == 10 {
			return []int{k, k} // double in the warm-up is double
		}
		return []int{k}
	}})
	p := storm(s)
	p.Warmup, p.Sample = 200*time.Millisecond, 12
	out, at, _ := run(t, p, 1)
	want := s.figures(sampling, at.Add(p.Warmup))
	wantWrong(t, want.Doubled == 1 && want.Latencies == 60*12, want)
	wantFigures(t, out, want)
	if out.Offered != 100 || out.Measured.Sent != 60 || out.Late.TotalCount() != 60 {
		t.Errorf("offered %d, %d sent while it was measured, %d timed; want 100, and 60 measured",
			out.Offered, out.Measured.Sent, out.Late.TotalCount())
	}
}

// The welcomes of FastIM and of barrage.v1 report how many messages came before a viewer. So viewers that come late, or
// again, count exactly too.
func TestHonest_LateViewersAreCountedExactly(t *testing.T) {
	for _, c := range []struct {
		dialect string
		workers int
	}{{"fastim", 1}, {"fastim", 3}, {"native+deflate", 3}} {
		t.Run(fmt.Sprintf("%s/workers=%d", c.dialect, c.workers), func(t *testing.T) {
			t.Parallel()
			s := newCrooked(t, c.dialect, rules{copies: func(_, v, k int) []int {
				if v%4 == 3 && last(k, 9) {
					return []int{k, k}
				}
				return []int{k}
			}})
			p := storm(s)
			p.Rooms = []swarm.Room{{Viewers: 20, Slow: 2, Late: 8, Rate: 200}}
			p.Duration = 500 * time.Millisecond
			p.Arrival = swarm.Arrival{After: 50 * time.Millisecond, Rate: 50}
			p.Return = swarm.Return{Share: 0.3, After: 100 * time.Millisecond, Rate: 100}
			out, at, err := run(t, p, c.workers)
			if err != nil {
				t.Errorf("Connect: %v", err)
			}
			want := s.figures(func(v int) eye {
				if v == 18 || v == 19 {
					return nothing
				}
				return counts
			}, at)
			wantWrong(t, want.Sent == 100 && want.Doubled > 10, want)
			// Nobody knows how much a viewer read that was cut off, or is slow.
			if out.Uncounted > want.Uncounted {
				t.Errorf("uncounted = %d; the server sent only %d", out.Uncounted, want.Uncounted)
			}
			want.Uncounted = out.Uncounted
			wantFigures(t, out, want)
			if out.Wanted != 34 || out.Made != 34 || out.Failed+out.Broken != 0 {
				t.Errorf("wanted %d, made %d, failed %d (%q), broken %d (%q); want 34, 34, 0, 0",
					out.Wanted, out.Made, out.Failed, out.FailedWhy, out.Broken, out.BrokenWhy)
			}
		})
	}
}

// wantNoneTooEarly holds the swarm's distribution against the server's: nobody can have
// read a copy before it was sent. It counts from when the plan has a message due, whatever
// the server did meanwhile.
func wantNoneTooEarly(tb testing.TB, s *crooked, out swarm.Totals, began time.Time, rate float64) {
	tb.Helper()
	if off := s.offBeat(began, rate); off > time.Millisecond {
		tb.Errorf("a message is due %v off its time", off)
	}
	if least := leastExcess(tb, s, out); least < 0 {
		tb.Errorf("a copy was read %v before the server sent it", -least)
	}
}

// leastExcess is the least that the swarm's latencies are above the server's ledger. Each latency of the one, in order
// of size, is beside that of the other. If every copy was read at least d after it was sent, leastExcess is at least d.
// A delay by a busy machine on the way of a copy only adds to it. A delay by a mistake of the swarm also adds to it,
// but for every copy.
func leastExcess(tb testing.TB, s *crooked, out swarm.Totals) time.Duration {
	tb.Helper()
	sent := s.lateness()
	if out.Latency.TotalCount() != int64(len(sent)) {
		tb.Fatalf("%d latencies were measured; want %d", out.Latency.TotalCount(), len(sent))
	}
	least := time.Hour
	for i, late := range sent {
		share := (float64(i) + 0.75) / float64(len(sent)) // the histogram rounds to the nearest: i+1 of them
		read := time.Duration(out.Latency.ValueAtQuantile(100*share)) * time.Microsecond
		least = min(least, read-late.Truncate(time.Microsecond))
	}
	return least
}

func TestHonest_DelayIsSeenAsItIs(t *testing.T) {
	for _, dialect := range []string{"fastim", "native", "native+deflate", "raw", "centrifugo"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			const (
				delay  = 100 * time.Millisecond
				ours   = 5 * time.Millisecond // the delay that the swarm may add
				trials = 5                    // on cores so busy that no copy of a run is read at once
			)
			least := time.Hour
			for range trials {
				s := newCrooked(t, dialect, rules{delay: delay})
				p := storm(s)
				p.Sample = 12
				out, at, _ := run(t, p, 1)
				wantFigures(t, out, s.figures(sampling, at))
				wantNoneTooEarly(t, s, out, at, p.Rooms[0].Rate)
				if first := time.Duration(out.Latency.Min()) * time.Microsecond; first < delay {
					t.Errorf("a copy came after %v from a server that keeps each for %v", first, delay)
				}
				if least = min(least, leastExcess(t, s, out)); least < ours {
					return
				}
			}
			t.Errorf("copies were read %v after the server sent them, or later; want less than %v for one of them", least, ours)
		})
	}
}

// A server that stops reading holds up what is due meanwhile: each of those messages
// waited, not just the first. Large ones fill the socket, so that they wait at the swarm: that counts too. 200 of them
// are more than the 4 MiB to which Linux lets a send buffer grow.
func TestHonest_StallIsSeenFromTheDueTimes(t *testing.T) {
	for _, size := range []int{60, 32 << 10} {
		t.Run(fmt.Sprintf("body=%d", size), func(t *testing.T) {
			t.Parallel()
			const stall = 500 * time.Millisecond
			s := newCrooked(t, "fastim", rules{stallAt: 20, stall: stall})
			p := storm(s)
			p.Rooms = []swarm.Room{{Viewers: 2, Rate: 400}}
			p.Duration, p.Senders, p.Sample, p.Body = 800*time.Millisecond, 1, 2, size
			out, at, _ := run(t, p, 1)
			want := s.figures(sampling, at)
			wantFigures(t, out, want)
			if want.Sent != 320 || out.Offered != 320 {
				t.Errorf("%d messages came, %d were offered; want 320 of both: a stall holds nothing back", want.Sent, out.Offered)
			}
			sent := s.lateness()
			i, _ := slices.BinarySearch(sent, stall/2)
			wantWrong(t, len(sent)-i >= 2*80, want) // those due in the first half of the stall
			wantNoneTooEarly(t, s, out, at, p.Rooms[0].Rate)
			if wrote := time.Duration(out.Late.Max()) * time.Microsecond; size > 1000 && wrote < stall/5 {
				t.Errorf("every message was written within %v; the server's socket was full for longer", wrote)
			}
		})
	}
}
