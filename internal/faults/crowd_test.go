package faults

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"barrage/codec"
	"barrage/internal/redistest"
	"barrage/room"
)

const (
	// crowdNodes and crowdSize: viewers in one room, spread over the nodes.
	crowdNodes, crowdSize = 3, 3000
	// crowdRate is messages per second, spread over the nodes; a killed one posts no more.
	crowdRate = 500
	// readers is how many of a node's viewers read everything. The others count frames.
	readers = 20
	// crowdLot is how many messages are posted before the node is killed, and after.
	crowdLot = 750
)

// viewer is a member who counts, and reads if reads is set.
type viewer struct {
	room.Member
	reads bool

	mu     sync.Mutex // guards the fields below
	frames int
	ids    []string
	last   time.Time
	// silence is the longest time between two messages, late when each came after it was
	// posted, in milliseconds; both of readers only.
	silence time.Duration
	late    *hdrhistogram.Histogram
}

// Send takes all frames, as a fast socket does.
func (v *viewer) Send(p []byte) (int, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.reads {
		for end := 0; end < len(p); v.frames++ {
			end = codec.FrameBoundary(p, end+1)
		}
		return len(p), false
	}
	now := time.Now()
	if !v.last.IsZero() {
		v.silence = max(v.silence, now.Sub(v.last))
	}
	v.last = now
	eachFrame(p, func(payload string) {
		msg, err := codec.ParseMessage(payload)
		if err != nil {
			panic(fmt.Sprintf("BUG: %q: %v", payload, err))
		}
		v.frames++
		v.ids = append(v.ids, idOf(msg.Info))
		_ = v.late.RecordValue(max(0, now.UnixMilli()-msg.TS)) // larger than a minute counts as that
	})
	return len(p), false
}

// crowdReport is what the readers of the nodes that live saw in one phase.
type crowdReport struct {
	messages          int
	p50, p99, longest time.Duration // from Post to the member
	silence           time.Duration
}

// TestCrowd_ViewersOfOtherNodesMissNothing kills one node of three with a third of the viewers of one busy room.
func TestCrowd_ViewersOfOtherNodesMissNothing(t *testing.T) {
	server := redistest.Start(t)
	w := newWire(t, server.Addr)
	s := openSite(t, plan{
		nodes: crowdNodes, rooms: 1, redis: detour(2, w.addr, server.Addr),
		every: crowdNodes * time.Second / crowdRate,
	})
	var crowd [crowdNodes][]*viewer
	for i, n := range s.nodes {
		for k := range crowdSize / crowdNodes {
			crowd[i] = append(crowd[i], n.watch(k < readers))
		}
	}
	s.flow(crowdLot / 3) // Until all is warm; copies that viewers saw until then do not count.
	resetReaders(crowd[:2])
	s.flow(crowdLot)
	before := report(crowd[:2])
	resetReaders(crowd[:2])
	s.kill(s.nodes[2], w)
	s.over()
	recovery := s.recovery()
	// Those of the killed node come back on the others.
	start := time.Now()
	for k := range crowd[2] {
		crowd[k%2] = append(crowd[k%2], s.nodes[k%2].watch(false))
	}
	back := time.Since(start)
	s.flow(crowdLot * 2 / 3)
	s.settle()
	after := report(crowd[:2])
	o := s.verify()
	o.recovery = recovery
	s.wantWhole(crowd[:2])
	table.addCrowd(t, crowdResult{before, after, o, back})
}

// watch brings a viewer into the only room.
func (n *node) watch(reads bool) *viewer {
	v := &viewer{reads: reads, late: hdrhistogram.New(1, 60_000, 3)}
	n.rooms[0].Enter(&v.Member, v)
	n.rooms[0].Attach(&v.Member)
	return v
}

// resetReaders begins a new phase.
func resetReaders(nodes [][]*viewer) {
	for _, crowd := range nodes {
		for _, v := range crowd[:readers] {
			v.mu.Lock()
			v.late.Reset()
			v.silence, v.last = 0, time.Time{}
			v.mu.Unlock()
		}
	}
}

// report is what the readers saw since the phase began.
func report(nodes [][]*viewer) crowdReport {
	all, r := hdrhistogram.New(1, 60_000, 3), crowdReport{}
	for _, crowd := range nodes {
		for _, v := range crowd[:readers] {
			v.mu.Lock()
			all.Merge(v.late)
			r.silence = max(r.silence, v.silence)
			v.mu.Unlock()
		}
	}
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	r.messages = int(all.TotalCount()) / (readers * len(nodes))
	r.p50, r.p99, r.longest = ms(all.ValueAtQuantile(50)), ms(all.ValueAtQuantile(99)), ms(all.Max())
	return r
}

// wantWhole: viewers that were there from the beginning got as many frames as the reader beside them. That reader has
// the history from where it joined on, in order, each message once.
func (s *site) wantWhole(nodes [][]*viewer) {
	s.t.Helper()
	h, err := s.nodes[0].store.Since(s.t.Context(), roomID(0), 0, historyMessages)
	if err != nil {
		s.t.Fatal(err)
	}
	all := strings.Builder{}
	all.WriteString("\n")
	for _, e := range h.Entries {
		msg, _ := codec.ParseMessage(e.JSON)
		fmt.Fprintf(&all, "%s\n", idOf(msg.Info))
	}
	for i, crowd := range nodes {
		for k, v := range crowd[:readers] {
			if got := strings.Join(v.ids, "\n") + "\n"; !strings.HasSuffix(all.String(), "\n"+got) {
				s.t.Errorf("reader %d on n%d: what it got, %d messages, is not the end of the history, %d messages", k, i, len(v.ids), len(h.Entries))
			}
		}
		least := crowd[crowdSize/crowdNodes-1].frames // the last to join
		for k, v := range crowd[:crowdSize/crowdNodes] {
			if v.frames < least || v.frames > crowd[0].frames {
				s.t.Errorf("viewer %d on n%d got %d frames; want %d to %d", k, i, v.frames, least, crowd[0].frames)
			}
		}
	}
}
