package swarm_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"barrage/bench/swarm"
)

// figures are what a swarm must report of messages.
type figures struct {
	Sent, Expected, Delivered, Lost, Doubled, Uncounted, OutOfOrder uint64
	Disagree                                                        int
	Latencies                                                       int64

	Acked, Unanswered, Wrong uint64
	Refused                  string // by code
	Gifts                    swarm.Gifts
}

func figuresOf(o swarm.Totals) figures {
	return figures{
		o.Sent, o.Expected, o.Delivered, o.Lost, o.Doubled, o.Uncounted, o.OutOfOrder,
		o.Disagree, o.Latency.TotalCount(),
		o.Answers.Acked, o.Answers.Unanswered, o.Wrong, fmt.Sprint(o.Answers.Refused), o.Gifts,
	}
}

// eye is what a viewer looks at.
type eye int

const (
	counts  eye = iota // how many copies come
	numbers            // and which
	nothing            // it is slow: the copies that it reads are uncounted
)

func counting(int) eye { return counts }
func sampling(int) eye { return numbers }

// figures reads the server's ledger in the plainest way. eyeOf reports what the viewers look at. Latency is measured
// from the given time on.
func (s *crooked) figures(eyeOf func(v int) eye, measured time.Time) figures {
	s.mu.Lock()
	defer s.mu.Unlock()
	var f figures
	refused := map[string]uint64{}
	for _, h := range s.halls {
		gifts := f.answers(s, h, refused)
		var seen [][]int // by sampled viewers that stayed
		for _, e := range h.byNumber() {
			look := eyeOf(e.viewer)
			copies := e.sent
			if look == nothing {
				f.Uncounted += uint64(len(copies))
				continue
			}
			if look == numbers {
				copies = firsts(e.sent)
				f.Doubled += uint64(len(e.sent) - len(copies))
				f.judge(h, copies, measured)
			}
			if e.cut || e.again {
				f.Uncounted += uint64(len(copies))
				continue
			}
			due := h.taken() - e.from
			if look == numbers {
				copies = f.accepted(h, copies)
				if e.from == 0 {
					f.Gifts.Expected += gifts
					f.Gifts.Lost += gifts - h.gifts(copies)
				}
			}
			f.Expected += uint64(due)
			f.Delivered += uint64(min(len(copies), due))
			f.Lost += uint64(due - min(len(copies), due))
			f.Doubled += uint64(len(copies) - min(len(copies), due))
			if look == numbers {
				seen = append(seen, firsts(e.sent))
			}
		}
		f.Disagree += disagreeing(seen)
	}
	f.Refused = fmt.Sprint(refused)
	return f
}

// answers adds the answers that senders of a room received, and returns how many gifts were not refused.
func (f *figures) answers(s *crooked, h *hall, refused map[string]uint64) (gifts uint64) {
	for _, m := range h.answered {
		f.Sent++
		if m.gift {
			f.Gifts.Sent++
		}
		switch told := m.told; {
		case s.dialect != "native":
		case told.silent && told.again == "":
			f.Unanswered++
		case m.refused() != "":
			refused[m.refused()]++
			if m.gift {
				f.Gifts.Refused++
			}
		default:
			f.Acked++
			if m.gift {
				f.Gifts.Acked++
			}
		}
		if m.gift && m.refused() == "" {
			gifts++
		}
	}
	return gifts
}

// refused is the code that a message was refused with, by the first answer to it; "" is none.
func (m said) refused() string {
	if m.told.silent {
		return strings.TrimPrefix(m.told.again, "ack")
	}
	return m.told.code
}

// taken is how many messages of a room were not refused.
func (h *hall) taken() (n int) {
	for _, m := range h.answered {
		if m.refused() == "" {
			n++
		}
	}
	return n
}

// accepted is copies without those of messages that were refused, which are wrong.
func (f *figures) accepted(h *hall, copies []int) (rest []int) {
	for _, k := range copies {
		if h.messages[k].refused() != "" {
			f.Wrong++
		} else {
			rest = append(rest, k)
		}
	}
	return rest
}

// gifts is how many of copies are gifts.
func (h *hall) gifts(copies []int) (n uint64) {
	for _, k := range copies {
		if h.messages[k].gift {
			n++
		}
	}
	return n
}

// judge looks at the copies, without doubles, that one viewer was sent.
func (f *figures) judge(h *hall, copies []int, measured time.Time) {
	for i, k := range copies {
		m := h.messages[k]
		if !m.dueAt.Before(measured.Truncate(time.Microsecond)) {
			f.Latencies++
		}
		if slices.ContainsFunc(copies[:i], func(b int) bool { return b > k && h.messages[b].from == m.from }) {
			f.OutOfOrder++
		}
	}
}

// offBeat is how far the due time of any message is from where an open loop has it. In its only room, message i is due
// i/rate seconds after the load began.
func (s *crooked) offBeat(began time.Time, rate float64) (most time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.halls {
		for _, m := range h.messages {
			due := began.Add(time.Duration(float64(m.number) / rate * float64(time.Second)))
			most = max(most, m.dueAt.Sub(due).Abs())
		}
	}
	return most
}

// lateness is how long after their due time all copies were sent, sorted.
func (s *crooked) lateness() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []time.Duration
	for _, e := range s.ends {
		all = append(all, e.late...)
	}
	slices.Sort(all)
	return all
}

func (h *hall) byNumber() []*end {
	return slices.SortedFunc(slices.Values(h.ends), func(a, b *end) int { return a.viewer - b.viewer })
}

// firsts is numbers without those that came before.
func firsts(numbers []int) []int {
	var once []int
	for _, k := range numbers {
		if !slices.Contains(once, k) {
			once = append(once, k)
		}
	}
	return once
}

// disagreeing is how many saw what others saw in another order than most of them.
func disagreeing(seen [][]int) (n int) {
	for i, a := range seen {
		if slices.ContainsFunc(seen[:i], func(b []int) bool { return sameSet(a, b) }) {
			continue // counted with the first of its set
		}
		alike, most := 0, 0
		for _, b := range seen {
			if sameSet(a, b) {
				same := 0
				for _, c := range seen {
					if slices.Equal(b, c) {
						same++
					}
				}
				alike++
				most = max(most, same)
			}
		}
		n += alike - most
	}
	return n
}

func sameSet(a, b []int) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
