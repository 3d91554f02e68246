package swarm

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Outcome is what is known of a load, over all workers.
//
// Its counts of messages cover the whole load, warm-up and measured part, because that
// is where they can be exact: a viewer that only counts cannot tell the last copy of
// the warm-up from the first that is measured. The fields of Measured and the histograms
// Latency and Late cover the measured part alone.
type Outcome struct {
	// Wanted viewers were to connect; those that come back count again. Made ones
	// were answered and welcomed, Failed ones were not. Broken ones had been made and
	// ended other than by our will, without slow viewers: those that did are SlowEnded.
	Wanted    int    `json:"wanted"`
	Made      int    `json:"made"`
	Failed    int    `json:"failed"`
	FailedWhy string `json:"failed_why,omitempty"`
	Broken    int    `json:"broken"`
	BrokenWhy string `json:"broken_why,omitempty"`
	SlowEnded int    `json:"slow_ended,omitempty"`
	// Dead is how many workers died; what their viewers got is Uncounted, whatever they
	// should have got.
	Dead int `json:"dead,omitempty"`
	// FirstWave is how long the first wave took, from the first connection to the last
	// welcome, and FirstMade how many of it were made.
	FirstWave time.Duration `json:"first_wave"`
	FirstMade int           `json:"first_made"`

	// Offered messages were due, Sent ones were written whole.
	Offered uint64 `json:"offered"`
	Sent    uint64 `json:"sent"`
	// Where the dialect answers senders, Acked messages were taken and Refused ones were not, by code; Unanswered is
	// the rest of those sent, whose answer did not come, or was cut off with its connection. There are few codes: those
	// of a server that has too many are counted together as "other".
	Acked      uint64            `json:"acked,omitempty"`
	Refused    map[string]uint64 `json:"refused,omitempty"`
	Unanswered uint64            `json:"unanswered,omitempty"`
	// Expected copies are counted viewer by viewer: the messages of its room that were sent and not refused, less those
	// before it came. Left out are slow viewers, those that broke, the time before a
	// viewer was cut off and, in dialects that do not say how many messages there were
	// before, viewers that came while messages did: what they read is Uncounted.
	Expected  uint64 `json:"expected"`
	Delivered uint64 `json:"delivered"`
	Lost      uint64 `json:"lost"`
	Doubled   uint64 `json:"doubled"`
	// Wrong copies came to sampled viewers that stayed, of messages that were refused. A viewer that only counts has
	// them among Doubled.
	Wrong     uint64 `json:"wrong,omitempty"`
	Uncounted uint64 `json:"uncounted"`
	// Others is how many messages in its rooms were said by others, as far as sampled viewers of one worker have read
	// them. Copies of such a room at viewers that only count are Uncounted.
	Others uint64 `json:"others,omitempty"`
	// OutOfOrder copies came to a sampled viewer after a later one of the same sender.
	OutOfOrder uint64 `json:"out_of_order"`
	// Disagree is how many sampled viewers saw the same messages of their room in another order than most who saw them.
	Disagree int `json:"disagree"`
	// Bytes is what all viewers read, over the whole time.
	Bytes uint64 `json:"bytes"`
	// Gifts are the messages that were gifts.
	Gifts Gifts `json:"gifts,omitzero"`
	// Targets has what viewers saw on each target, in the plan's order; nil: no worker came to its end.
	Targets []Seen `json:"targets,omitempty"`

	Measured Measured `json:"measured"`

	// Latency is of sampled copies, from when their message was due; of the measured part.
	Latency *hdrhistogram.Histogram `json:"-"`
	// Connect is from when a viewer was due to the answer of its handshake, Welcome to
	// the end of its first message; empty in dialects without one. Where viewers come
	// while it is measured, they are about those, otherwise about the first wave.
	Connect *hdrhistogram.Histogram `json:"-"`
	Welcome *hdrhistogram.Histogram `json:"-"`
	// Late is how long after it was due a message was written whole; of the measured part.
	Late *hdrhistogram.Histogram `json:"-"`
}

// Gifts counts the messages that are gifts, and their copies at sampled viewers that were there for all of them.
type Gifts struct {
	Sent    uint64 `json:"sent"`
	Acked   uint64 `json:"acked"`
	Refused uint64 `json:"refused"`
	// Expected copies are those of gifts that were not refused; Lost ones did not come.
	Expected uint64 `json:"expected"`
	Lost     uint64 `json:"lost"`
}

// account adds what one sampled viewer has of all gifts of its room.
func (g *Gifts) account(all int64, s *sample) {
	expected := uint64(max(all, 0))
	g.Expected += expected
	g.Lost += expected - min(s.gifts-s.wrongGifts, expected)
}

// Seen is what viewers of one target saw: those whose number of copies is known.
type Seen struct {
	Viewers   int    `json:"viewers"`
	Delivered uint64 `json:"delivered"`
	Lost      uint64 `json:"lost"`
	// Sampled viewers were there for all messages. Alike is how many of them saw the very messages, in the very order,
	// that most such viewers of their room saw, on whatever target.
	Sampled int `json:"sampled"`
	Alike   int `json:"alike"`
}

// Measured is what happened in the measured part of a load.
type Measured struct {
	// Elapsed is how long it was: the plan's Duration, or less where the load ended early.
	Elapsed time.Duration `json:"elapsed"`
	// Offered messages were due in it, Sent are those of them that were written.
	Offered uint64 `json:"offered"`
	Sent    uint64 `json:"sent"`
	// Copies and Bytes were read in it.
	Copies uint64 `json:"copies"`
	Bytes  uint64 `json:"bytes"`
	// CPU is what each worker used in it, user and system time. Index: worker.
	CPU []time.Duration `json:"cpu"`
}

// newOutcome returns an empty one.
func newOutcome() Outcome {
	return Outcome{Latency: newHistogram(), Connect: newHistogram(), Welcome: newHistogram(), Late: newHistogram()}
}

// add merges what another worker knows.
func (o *Outcome) add(p Outcome) {
	o.Wanted += p.Wanted
	o.Made += p.Made
	o.Failed += p.Failed
	o.Broken += p.Broken
	o.SlowEnded += p.SlowEnded
	o.Dead += p.Dead
	if p.FailedWhy != "" {
		o.FailedWhy = p.FailedWhy
	}
	if p.BrokenWhy != "" {
		o.BrokenWhy = p.BrokenWhy
	}
	o.FirstWave = max(o.FirstWave, p.FirstWave)
	o.FirstMade += p.FirstMade
	o.Offered += p.Offered
	o.Sent += p.Sent
	o.Expected += p.Expected
	o.Delivered += p.Delivered
	o.Lost += p.Lost
	o.Doubled += p.Doubled
	o.Uncounted += p.Uncounted
	o.Others = max(o.Others, p.Others)
	o.OutOfOrder += p.OutOfOrder
	o.Bytes += p.Bytes
	o.Acked += p.Acked
	o.Unanswered += p.Unanswered
	o.Wrong += p.Wrong
	for code, n := range p.Refused {
		o.refuse(code, n)
	}
	o.Gifts.add(p.Gifts)
	o.addTargets(p.Targets)
	m, n := &o.Measured, p.Measured
	m.Elapsed = max(m.Elapsed, n.Elapsed)
	m.Offered += n.Offered
	m.Sent += n.Sent
	m.Copies += n.Copies
	m.Bytes += n.Bytes
	m.CPU = append(m.CPU, n.CPU...)
	for _, h := range []struct{ to, from *hdrhistogram.Histogram }{
		{o.Latency, p.Latency}, {o.Connect, p.Connect}, {o.Welcome, p.Welcome}, {o.Late, p.Late},
	} {
		if h.from != nil {
			h.to.Merge(h.from)
		}
	}
}

// disagree counts the sightings that differ in nothing but their order from most of the same room and messages:
// whichever comes first, the count is the same.
func disagree(all []sighting) int {
	alike := map[sighting]map[uint64]int{} // how many of each order
	for _, s := range all {
		key := sighting{Room: s.Room, Found: s.Found, Set: s.Set}
		if alike[key] == nil {
			alike[key] = map[uint64]int{}
		}
		alike[key][s.Order]++
	}
	count := 0
	for _, orders := range alike {
		most := 0
		for _, n := range orders {
			count += n
			most = max(most, n)
		}
		count -= most
	}
	return count
}

// add merges what another worker knows.
func (g *Gifts) add(h Gifts) {
	g.Sent += h.Sent
	g.Acked += h.Acked
	g.Refused += h.Refused
	g.Expected += h.Expected
	g.Lost += h.Lost
}

// addTargets merges what another worker's viewers saw.
func (o *Outcome) addTargets(all []Seen) {
	if len(o.Targets) < len(all) {
		o.Targets = make([]Seen, len(all)) // of others nothing is known yet
	}
	for i, s := range all {
		t := &o.Targets[i]
		t.Viewers += s.Viewers
		t.Delivered += s.Delivered
		t.Lost += s.Lost
	}
}

// compare finds out which sampled viewers that were there for all messages saw the same as most in their room.
func (o *Outcome) compare(all []sighting) {
	look := func(s sighting) sighting { return sighting{s.Room, s.Found, s.Set, s.Order, 0, true} }
	many, usual := map[sighting]int{}, map[int32]sighting{}
	for _, s := range all {
		if !s.Whole {
			continue
		}
		key := look(s)
		many[key]++
		if most, ok := usual[s.Room]; !ok || many[key] > many[most] {
			usual[s.Room] = key
		}
	}
	for _, s := range all {
		if !s.Whole {
			continue
		}
		t := &o.Targets[s.Target]
		t.Sampled++
		if look(s) == usual[s.Room] {
			t.Alike++
		}
	}
}
