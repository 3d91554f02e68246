package room

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"barrage/codec"
)

// TestLog_ViewsAreTheStream: messages and writes are of any size. The views one after the other are the framed messages
// one after the other, cut at frames only.
func TestLog_ViewsAreTheStream(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		l := log{budget: &budget{most: 1 << 40}, most: 1 << 30}
		var want []byte
		var boundaries []int
		for range 400 {
			text := strings.Repeat("x", rnd.IntN(1+rnd.IntN(3000)))
			l.append(0, text, "")
			want = codec.AppendFrame(want, codec.OpText, text)
			boundaries = append(boundaries, len(want))
		}
		most := 1 + rnd.IntN(20_000)
		var got []byte
		var c cursor
		for {
			v, ok := l.at(c, most)
			if !ok {
				t.Fatalf("seed %d: cursor %+v has fallen out of an unbounded log", seed, c)
			}
			if len(v.b) == 0 {
				break
			}
			if len(v.b) > most && codec.FrameBoundary(v.b, 1) != len(v.b) {
				t.Fatalf("seed %d: a view of %d bytes and several frames exceeds %d", seed, len(v.b), most)
			}
			// The kernel may take any whole number of frames.
			n := codec.FrameBoundary(v.b, 1+rnd.IntN(len(v.b)))
			got = append(got, v.b[:n]...)
			c = v.after(n)
			if int(c.off) != len(got) || boundaries[c.index-1] != len(got) {
				t.Fatalf("seed %d: cursor %+v after %d bytes; want a boundary", seed, c, len(got))
			}
		}
		if !bytes.Equal(got, want) || c != l.headNow() {
			t.Fatalf("seed %d: the views are not the stream", seed)
		}
	}
}

// TestLog_ViewIsAsLongAsItMayBe: a view that ends with the last byte that fits is not cut a frame earlier.
func TestLog_ViewIsAsLongAsItMayBe(t *testing.T) {
	l := log{budget: &budget{most: 1 << 40}, most: 1 << 30}
	for range 3 {
		l.append(0, "12345678", "") // 10 bytes, framed
	}
	for most, want := range map[int]int{9: 10, 10: 10, 19: 10, 20: 20, 29: 20, 30: 30, 31: 30} {
		if v, ok := l.at(cursor{}, most); !ok || len(v.b) != want {
			t.Errorf("a view of at most %d bytes has %d; want %d", most, len(v.b), want)
		}
	}
}

func TestLog_IsBoundedFromTheFarEnd(t *testing.T) {
	l := log{budget: &budget{most: 1 << 40}, most: 256 << 10}
	start := l.headNow()
	for i := range 10_000 {
		l.append(0, fmt.Sprintf("%0100d", i), "")
		if l.bytes > 256<<10+maxSegment {
			t.Fatalf("log holds %d bytes; want at most %d and one segment", l.bytes, 256<<10)
		}
	}
	if _, ok := l.at(start, 1<<10); ok {
		t.Error("a cursor at the very start is still in a log of 256 KB after 1 MB")
	}
	if v, ok := l.at(l.segs[0].start, 1<<10); !ok || len(v.b) == 0 {
		t.Error("a cursor at the oldest segment is not in the log")
	}
}

// A member may fall behind by what fanout.log_bytes says, not by whatever the rolling
// of segments leaves of it.
func TestLog_KeepsMostOfItsBound(t *testing.T) {
	for _, most := range []int{8 << 10, 64 << 10, 128 << 10, 1 << 20} {
		l := log{budget: &budget{most: 1 << 40}, most: most}
		for l.head.off < 4*uint64(most) {
			l.append(0, strings.Repeat("x", 100), "")
			behind := l.head.off - l.segs[0].start.off
			if l.head.off > uint64(most) && behind < uint64(most)/2 {
				t.Fatalf("a log of at most %d bytes reaches back %d bytes only", most, behind)
			}
		}
	}
}

func TestLog_ExpireDropsOnlyWhatIsOld(t *testing.T) {
	l := log{budget: &budget{most: 1 << 40}, most: 1 << 20}
	l.append(10, strings.Repeat("a", firstSegment), "")
	before := l.headNow()
	l.append(20, "young", "")
	l.expire(15)
	if _, ok := l.at(cursor{}, 1<<10); ok {
		t.Error("the old segment is still there")
	}
	if v, ok := l.at(before, 1<<10); !ok || string(v.b[2:]) != "young" {
		t.Errorf("the young segment has gone: %q, %v", v.b, ok)
	}
	l.expire(25)
	if l.bytes != 0 || len(l.segs) != 0 {
		t.Errorf("%d bytes in %d segments are left; want none", l.bytes, len(l.segs))
	}
	l.append(30, "next", "")
	if v, ok := l.at(l.segs[0].start, 1<<10); !ok || string(v.b[2:]) != "next" {
		t.Errorf("after a full expiry the log gives %q, %v", v.b, ok)
	}
}

// TestHall_LogsShareABudget: while all logs together hold too much, rooms that append keep only their two newest
// segments. The bytes of a room are given back when the room goes.
func TestHall_LogsShareABudget(t *testing.T) {
	f := newFixture(t, func(c *Config) {
		c.Fanout.WriteBytes, c.Fanout.LogBytes, c.Fanout.TotalLogBytes = 4<<10, 1<<20, 2<<20
	}, Callbacks{})
	var rooms []*Room
	for i := range 20 {
		r := f.open(fmt.Sprint(i))
		f.join(r)
		rooms = append(rooms, r)
	}
	for range 60 {
		for _, r := range rooms {
			for range 5 {
				f.post(r, strings.Repeat("x", 4000))
			}
		}
		f.settle()
		if held := f.hall.Stats().LogBytes; held > 2<<20+20*2*maxSegment {
			t.Fatalf("all logs hold %d bytes; want at most 2 MiB and two segments a room", held)
		}
	}
	if s := f.hall.Stats(); s.Sent != s.Offered {
		t.Errorf("%d of %d copies sent; the budget may cost nobody who keeps up", s.Sent, s.Offered)
	}
	f.hall.Tick(f.now.Add(time.Hour), 0)
	for _, r := range rooms {
		r.Release()
	}
	f.hall.Tick(f.now.Add(2*time.Hour), 0)
	if s := f.hall.Stats(); s.LogBytes != 0 || s.Rooms != 0 {
		t.Errorf("%d bytes in logs of %d rooms after all have gone; want none", s.LogBytes, s.Rooms)
	}
}

// TestHall_APauseDropsNothing: a node was paused for longer than a member may be stuck, or a batch under way. It drops
// nothing that members could not be given meanwhile, and does not take the store for away.
func TestHall_APauseDropsNothing(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	stuck := f.hall.cfg().Fanout.StuckTimeout
	f.hall.Tick(f.now.Add(time.Second), time.Second)
	f.post(r, "hi")
	published, _ := f.hall.publishers.pop()
	published.serve(nil) // and no lane has had its turn
	later := f.now.Add(stuck + 10*time.Second)
	f.hall.Tick(later, time.Second)
	f.settle()
	wantInfos(t, m, "hi")
	// Another pause makes nothing last for longer than this node runs.
	for ran := time.Second; ran <= stuck; ran += time.Second {
		later = later.Add(time.Second)
		if ran == stuck/2 {
			later = later.Add(time.Minute)
		}
		f.hall.Tick(later, time.Second)
	}
	if r.streams[FastIM].log.bytes != 0 {
		t.Errorf("the log still holds %d bytes; want none once the node has gone on for %v", r.streams[FastIM].log.bytes, stuck)
	}
	r.mu.Lock()
	defer r.unlock()
	r.outbox.flight.open = 1
	for since, want := range map[int64]writing{aloneAfter - 1: linked, aloneAfter: cut} {
		r.writing, r.outbox.flight.since = linked, f.hall.ran.Load()-since
		if r.waitedLocked(); r.writing != want {
			t.Errorf("a batch under way for %d s that the node ran: the room is %v; want %v", since, r.writing, want)
		}
	}
}

// TestHall_PausesAreNoTimeOfRunning: a pause that a late Tick finds is not time that the node ran.
func TestHall_PausesAreNoTimeOfRunning(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	for _, tick := range []struct{ at, ran time.Duration }{
		{time.Second, 1},
		{2 * time.Second, 2},
		{4900 * time.Millisecond, 4}, // late, as on a busy machine
		{5900 * time.Millisecond, 5},
		{95900 * time.Millisecond, 6}, // paused for 90 s
		{96900 * time.Millisecond, 7},
		{99 * time.Second, 10},
		{200 * time.Second, 11}, // and again
	} {
		stood := f.hall.Tick(f.now.Add(tick.at), time.Second)
		if ran := time.Duration(f.hall.ran.Load() - f.hall.epoch); ran != tick.ran || (tick.at-stood)/time.Second != ran {
			t.Errorf("%v after the start the node has run for %d s and stood still for %v; want %d s", tick.at, ran, stood, tick.ran)
		}
	}
	if stood := f.hall.Tick(f.now.Add(time.Hour), 0); f.hall.coarse.Load()-f.hall.ran.Load() != int64(stood/time.Second) || stood > 200*time.Second {
		t.Errorf("Ticks that come at any time found the node standing still: %v", stood)
	}
}
