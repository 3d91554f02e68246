package room

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

// oneLane has a hall whose only lane has the writer that it returns.
func oneLane(t *testing.T, change func(*Config)) (*fixture, *eachWriter) {
	t.Helper()
	all := eachWriters(t)(1)
	f := newFixture(t, func(c *Config) {
		c.Fanout.Lanes = 1
		if change != nil {
			change(c)
		}
	}, Callbacks{NewVolleyWriters: func(int) []VolleyWriter { return all }})
	return f, all[0].(*eachWriter)
}

// TestVolley_SweepIsCutIntoFullVolleys: a sweep goes out in volleys of 32. The rest is one if it is worth it.
func TestVolley_SweepIsCutIntoFullVolleys(t *testing.T) {
	for members, want := range map[int][]int{
		leastVolley - 1: nil, leastVolley: {leastVolley}, MostVolley: {MostVolley}, MostVolley + 1: {MostVolley},
		2*MostVolley + leastVolley: {MostVolley, MostVolley, leastVolley},
		sweepBudget + 5:            {MostVolley, MostVolley, MostVolley, MostVolley, 5}, // two turns
	} {
		t.Run(fmt.Sprint(members), func(t *testing.T) {
			f, writer := oneLane(t, nil)
			r := f.open("1")
			all := f.joinMany(r, members)
			f.post(r, "a")
			f.settle()
			if !slices.Equal(writer.volleys, want) {
				t.Errorf("volleys of %v; want %v", writer.volleys, want)
			}
			volleyed := 0
			for _, n := range want {
				volleyed += n
			}
			if s := f.hall.Stats(); s.Writes != uint64(members) || s.Volleyed != uint64(volleyed) {
				t.Errorf("%d writes, %d volleyed; want %d and %d", s.Writes, s.Volleyed, members, volleyed)
			}
			for _, m := range all {
				wantInfos(t, m, "a")
			}
		})
	}
}

// TestVolley_LargeWritesGoSoonerOrSingly: a volley of large writes goes before it has 32 of them, and still larger ones
// go one by one.
func TestVolley_LargeWritesGoSoonerOrSingly(t *testing.T) {
	for size, want := range map[int][]int{
		volleyBytes/10 + 1: {10, 10, 10}, // two are left, which go one by one
		largeWrite:         nil,
	} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			f, writer := oneLane(t, nil)
			r := f.open("1")
			all := f.joinMany(r, MostVolley)
			large := strings.Repeat("x", size)
			f.post(r, large)
			f.settle()
			if !slices.Equal(writer.volleys, want) {
				t.Errorf("volleys of %v; want %v", writer.volleys, want)
			}
			for _, m := range all {
				wantInfos(t, m, large)
			}
		})
	}
}

// TestVolley_OnlySweeps: a member that comes late, or takes bytes again, is written to alone. Those that take nothing
// are not in a volley.
func TestVolley_OnlySweeps(t *testing.T) {
	f, writer := oneLane(t, nil)
	r := f.open("1")
	var full, fine []*member
	for range leastVolley {
		m := f.join(r)
		m.stall(1) // one frame goes to nbio's queue
		full, fine = append(full, m), append(fine, f.join(r))
	}
	late := &member{fakeSocket: fakeSocket{room: -1}}
	r.Enter(&late.Member, &late.fakeSocket)
	f.settle()
	f.post(r, "a")
	f.settle()
	f.post(r, "b")
	f.settle()
	want := []int{2 * leastVolley, leastVolley}
	if !slices.Equal(writer.volleys, want) {
		t.Errorf("volleys of %v; want %v", writer.volleys, want)
	}
	r.Attach(&late.Member)
	for _, m := range full {
		m.stall(-1)
		r.Drained(&m.Member)
	}
	f.settle()
	if !slices.Equal(writer.volleys, want) {
		t.Errorf("volleys of %v after what was late; want %v", writer.volleys, want)
	}
	for _, m := range append(append(full, fine...), late) {
		wantInfos(t, m, "a", "b")
	}
	f.checkInvariants(r)
}

// TestVolley_PollerFiresUntilTheWriterEnds: a poller that visits a small room fires as well, and a lane whose writer
// has ended writes singly.
func TestVolley_PollerFiresUntilTheWriterEnds(t *testing.T) {
	f, writer := oneLane(t, instant)
	r := f.open("1")
	var all []*member
	for range 10 {
		all = append(all, f.join(r))
	}
	f.settle()
	f.post(r, "a")
	if f.handedOver() != 0 || !slices.Equal(writer.volleys, []int{10}) {
		t.Errorf("%d turns handed over, volleys of %v; want none, and one of 10", f.handedOver(), writer.volleys)
	}
	f.hall.Close()
	if !writer.closed {
		t.Error("the writer was not closed")
	}
	f.post(r, "b")
	for _, m := range all {
		wantInfos(t, m, "a", "b")
	}
	if len(writer.volleys) != 1 {
		t.Errorf("volleys of %v after the writer ended", writer.volleys)
	}
}

// TestVolley_HoldsNobody: a volley lets go of what it had, so that members that leave can be collected.
func TestVolley_HoldsNobody(t *testing.T) {
	f, _ := oneLane(t, nil)
	r := f.open("1")
	for range MostVolley - 1 {
		f.join(r)
	}
	f.settle()
	f.post(r, "a")
	f.settle()
	g := f.hall.lanes[0].volley
	for i := range g.writes {
		if g.writes[i].Socket != nil || g.writes[i].P != nil || g.members[i] != nil || g.views[i].b != nil || g.views[i].frames != nil {
			t.Fatalf("the volley still has %+v of %p", g.writes[i], g.members[i])
		}
	}
}

// TestVolley_OneSenderALane: each lane has its own, and New takes none where there is none to have.
func TestVolley_OneSenderALane(t *testing.T) {
	for _, none := range []bool{false, true} {
		cfg := DefaultConfig()
		cfg.Fanout.Lanes = 3
		var made []VolleyWriter
		h := New(cfg, Callbacks{Clock: realClock{}, NewVolleyWriters: func(n int) []VolleyWriter {
			if !none {
				made = eachWriters(t)(n)
			}
			return made
		}}, newFakeStore(), slog.New(slog.DiscardHandler))
		for i, l := range h.lanes {
			if none && (l.writer != nil || l.volley != nil) || !none && l.writer != made[i] {
				t.Errorf("lane %d has writer %v", i, l.writer)
			}
		}
		h.Close()
		for i, s := range made {
			if !s.(*eachWriter).closed {
				t.Errorf("the writer of lane %d was not closed", i)
			}
		}
	}
}
