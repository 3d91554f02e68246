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
	// Expected copies are counted viewer by viewer: the messages of its room less those
	// before it came. Left out are slow viewers, those that broke, the time before a
	// viewer was cut off and, in dialects that do not say how many messages there were
	// before, viewers that came while messages did: what they read is Uncounted.
	Expected  uint64 `json:"expected"`
	Delivered uint64 `json:"delivered"`
	Lost      uint64 `json:"lost"`
	Doubled   uint64 `json:"doubled"`
	Uncounted uint64 `json:"uncounted"`
	// OutOfOrder copies came to a sampled viewer after a later one of the same sender.
	OutOfOrder uint64 `json:"out_of_order"`
	// Disagree is how many sampled viewers saw the same messages of their room in another order than most who saw them.
	Disagree int `json:"disagree"`
	// Bytes is what all viewers read, over the whole time.
	Bytes uint64 `json:"bytes"`

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
	o.OutOfOrder += p.OutOfOrder
	o.Bytes += p.Bytes
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
		key := s
		key.Order = 0
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
