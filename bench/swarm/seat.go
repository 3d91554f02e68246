package swarm

import (
	"iter"
	"math"
	"strconv"
)

// seat is the place of one viewer in a plan.
type seat struct {
	room    int32
	number  int32 // in its room; the first wave before those who come late
	turn    int32 // in its wave, over all rooms and processes
	back    int32 // turn among those that are cut off and return, or -1
	speaker int32 // which sender of its room it is, or -1
	target  int32 // where it connects: an index of the plan's
	slow    bool
	late    bool
	sample  bool
}

// senders is how many viewers of a room speak: its first ones.
func (p *Plan) senders(room int) int {
	r := p.Rooms[room]
	if r.Rate <= 0 && (room > 0 || p.Burst.Messages <= 0) {
		return 0
	}
	return min(max(p.Senders, 1), r.Viewers-r.Slow)
}

// Viewers is how many connections the plan has at most at a time.
func (p *Plan) Viewers() int {
	n := 0
	for _, r := range p.Rooms {
		n += r.Viewers + r.Late
	}
	return n
}

// all goes through every seat of the plan, in an order that never changes.
func (p *Plan) all() iter.Seq[seat] {
	fast := 0
	for _, r := range p.Rooms {
		fast += r.Viewers - r.Slow + r.Late
	}
	samples := min(p.Sample, fast)
	return func(yield func(seat) bool) {
		var first, late, back, quick int
		for i, r := range p.Rooms {
			senders := p.senders(i)
			for n := range r.Viewers + r.Late {
				s := seat{room: int32(i), number: int32(n), back: -1, speaker: -1, late: n >= r.Viewers}
				s.slow = !s.late && n >= r.Viewers-r.Slow
				if n < senders {
					s.speaker = int32(n)
				}
				if s.late {
					s.turn = int32(late)
					late++
				} else {
					s.turn = int32(first)
					first++
					if math.Floor(float64(first)*p.Return.Share) > float64(back) {
						s.back = int32(back)
						back++
					}
				}
				if !s.slow {
					s.sample = (quick+1)*samples/fast > quick*samples/fast
					quick++
				}
				if !yield(s) {
					return
				}
			}
		}
	}
}

// seats returns the seats of one worker. All senders of a room are in one worker, so that one goroutine knows the
// room's order. Samples are dealt out one by one, and the others fill up so that all workers have the same number.
func (p *Plan) seats(worker, workers int) []seat {
	total := p.Viewers()
	quota, taken := make([]int, workers), make([]int, workers)
	for w := range workers {
		quota[w] = total / workers
		if w < total%workers {
			quota[w]++
		}
	}
	// bound says which worker a seat must be in, or -1.
	samples := 0
	bound := func(s seat) int {
		switch {
		case s.speaker >= 0:
			return int(s.room) % workers
		case s.sample:
			samples++
			return samples % workers
		}
		return -1
	}
	for s := range p.all() {
		if w := bound(s); w >= 0 {
			taken[w]++
		}
	}
	samples = 0
	mine := make([]seat, 0, quota[worker])
	next := 0
	for s := range p.all() {
		w := bound(s)
		if w < 0 {
			for taken[next%workers] >= quota[next%workers] {
				next++
			}
			w = next % workers
			taken[w]++
			next++
		}
		if w == worker {
			mine = append(mine, s)
		}
	}
	p.direct(mine, worker)
	return mine
}

// direct has the seats of a worker go round the targets, and those that are samples by themselves, so that some look
// at each target.
func (p *Plan) direct(mine []seat, worker int) {
	next := [2]int{worker, worker}
	for i := range mine {
		n := &next[0]
		if mine[i].sample {
			n = &next[1]
		}
		mine[i].target = int32(*n % max(len(p.Targets), 1))
		*n++
	}
}

// roomID and userID are unique to the run, as Prefix is; but Plan.Room, which others may know, is not.
func (p *Plan) roomID(room int32) string {
	if p.Room != "" {
		return p.Room
	}
	return p.Prefix + "-" + strconv.Itoa(int(room))
}

func (p *Plan) userID(s seat) string {
	return p.Prefix + "-" + strconv.Itoa(int(s.room)) + "-" + strconv.Itoa(int(s.number))
}
