package swarm

import (
	"container/heap"
	"math"
	"sort"
	"time"
)

// message is one message of the schedule.
type message struct {
	room   int
	number uint64        // in its room, from 0
	due    time.Duration // since the load began
}

// schedule gives the messages of some rooms in the order they are due. It is the same
// each time it is made from the same plan.
type schedule struct {
	timetables timetables
	numbers    []uint64 // next number, by room
	end        time.Duration
}

// timetable is messages of one room at set times. due says when its i-th comes.
type timetable struct {
	room int
	i    int
	next time.Duration
	due  func(i int) time.Duration
}

// schedule returns the messages of the rooms whose senders are in the given worker.
func (p *Plan) schedule(worker, workers int) *schedule {
	s := &schedule{numbers: make([]uint64, len(p.Rooms)), end: p.Warmup + p.Duration}
	for room := worker; room < len(p.Rooms); room += workers {
		if p.senders(room) <= 0 {
			continue
		}
		if rate := p.Rooms[room].Rate; rate > 0 {
			// Rooms of one rate do not speak in step: the golden ratio spreads them
			// evenly however many there are.
			_, phase := math.Modf(float64(room) * math.Phi)
			s.add(room, func(i int) time.Duration {
				// The end will do for what is later; a Duration may not hold it.
				return time.Duration(min(math.Round((float64(i)+phase)/rate*float64(time.Second)), float64(s.end)))
			})
		}
		if b := p.Burst; room == 0 && b.Messages > 0 && b.Every > 0 {
			s.add(room, func(i int) time.Duration {
				n, k := i/b.Messages, i%b.Messages
				return p.Warmup + time.Duration(n+1)*b.Every + b.Over*time.Duration(k)/time.Duration(b.Messages)
			})
		}
	}
	heap.Init(&s.timetables)
	return s
}

func (s *schedule) add(room int, due func(int) time.Duration) {
	if first := due(0); first < s.end {
		s.timetables = append(s.timetables, &timetable{room: room, next: first, due: due})
	}
}

// peek returns when the next message is due. ok is false when there is none.
func (s *schedule) peek() (due time.Duration, ok bool) {
	if len(s.timetables) == 0 {
		return 0, false
	}
	return s.timetables[0].next, true
}

// pop takes the message that peek saw.
func (s *schedule) pop() message {
	t := s.timetables[0]
	m := message{room: t.room, number: s.numbers[t.room], due: t.next}
	s.numbers[t.room]++
	t.i++
	if t.next = t.due(t.i); t.next < s.end {
		heap.Fix(&s.timetables, 0)
	} else {
		heap.Pop(&s.timetables)
	}
	return m
}

// left is how many messages that were not popped are due before a time. It counts without
// going through them: there may be a thousand million.
func (s *schedule) left(before time.Duration) (n uint64) {
	before = min(before, s.end)
	for _, t := range s.timetables {
		most := 1
		for t.due(t.i+most) < before {
			most *= 2
		}
		n += uint64(sort.Search(most, func(k int) bool { return t.due(t.i+k) >= before }))
	}
	return n
}

// timetables is a heap by due time.
type timetables []*timetable

func (h timetables) Len() int { return len(h) }
func (h timetables) Less(i, j int) bool {
	return h[i].next < h[j].next || h[i].next == h[j].next && h[i].room < h[j].room
}
func (h timetables) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *timetables) Push(x any)   { *h = append(*h, x.(*timetable)) }
func (h *timetables) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
