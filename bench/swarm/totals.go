package swarm

import (
	"cmp"
	"reflect"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Totals is what is known of a load, over all workers.
//
// Its counts of messages cover the whole load, warm-up and measured part, because that is where they can be exact. A
// viewer that only counts cannot distinguish the last copy of the warm-up from the first that is measured. The fields
// of Measured and the histograms Latency and Late cover the measured part alone.
type Totals struct {
	Connections
	Messages
	// Dead is how many workers died; the copies that their viewers got are Uncounted, however many they should have got.
	Dead int `json:"dead,omitempty"`
	// FirstWave is how long the first wave took, from the first connection to the last
	// welcome, and FirstMade how many of it were made.
	FirstWave time.Duration `json:"first_wave"`
	FirstMade int           `json:"first_made"`

	Measured Measured `json:"measured"`

	// Latency is of sampled copies, from when their message was due; of the measured part.
	Latency *hdrhistogram.Histogram `json:"-"`
	// Connect is from when a viewer was due to the answer of its handshake, Welcome to the end of its first message.
	// Welcome is empty in dialects without one. Where viewers come while it is measured, both are about those, otherwise
	// about the first wave.
	Connect *hdrhistogram.Histogram `json:"-"`
	Welcome *hdrhistogram.Histogram `json:"-"`
	// Late is how long after it was due a message was written whole; of the measured part.
	Late *hdrhistogram.Histogram `json:"-"`
}

// Connections counts viewers.
type Connections struct {
	// Wanted viewers were to connect, those that arrive later and come back included.
	Wanted int `json:"wanted"`
	// Made is how many handshakes were answered as they should be, and welcomed.
	Made int `json:"made"`
	// Failed is how many were refused, reset or not answered, and why the last one was.
	Failed    int    `json:"failed"`
	FailedWhy string `json:"failed_why,omitempty"`
	// Broken is how many ended that had been made, other than by our will, and why the
	// last one did; without slow viewers.
	Broken    int    `json:"broken"`
	BrokenWhy string `json:"broken_why,omitempty"`
	// SlowEnded is how many slow viewers did, which a server may cut off. One whose socket
	// is full of what it does not read never sees it.
	SlowEnded int `json:"slow_ended,omitempty"`
	// PerSecond is how many were made a second while the first wave connected. A crew leaves it at 0.
	PerSecond float64 `json:"per_second"`
}

// Messages counts messages and their copies. A copy is one message at one viewer. Fields that a crew leaves at 0 are
// for whoever reports.
type Messages struct {
	// Offered messages were due; Sent ones were written to a socket whole.
	Offered uint64 `json:"offered"`
	Sent    uint64 `json:"sent"`
	// Answers is the outcomes that senders received; zero: the dialect does not report them.
	Answers Answers `json:"answers,omitzero"`
	// Expected copies are counted viewer by viewer: the messages of its room that were sent and not refused, less those
	// before it came. Left out are slow viewers, those that broke, and the time before a viewer was cut off. In dialects
	// that do not report how many messages there were before, viewers that came while messages did are left out too. All
	// that those left out read is Uncounted.
	Expected uint64 `json:"expected"`
	// Delivered copies of those expected; Lost are those that did not come. Both are
	// counted viewer by viewer: one that lacks three and one that has three too many
	// make three lost and three doubled.
	Delivered uint64 `json:"delivered"`
	Lost      uint64 `json:"lost"`
	// Doubled copies came more than once: by count in viewers that only count, by
	// number in sampled ones.
	Doubled uint64 `json:"doubled"`
	// Wrong copies came to sampled viewers that stayed, of messages that were refused. A viewer that only counts has
	// them among Doubled.
	Wrong uint64 `json:"wrong,omitempty"`
	// OutOfOrder copies, in sampled viewers, came after a later one of the same sender.
	OutOfOrder uint64 `json:"out_of_order"`
	// Disagree is how many sampled viewers saw the same messages of their room in another order than most who saw them.
	Disagree int `json:"disagree"`
	// Gifts are the messages that were gifts; zero: there were none.
	Gifts Gifts `json:"gifts,omitzero"`
	// Seen is what viewers saw on each target, in the plan's order; nil: no worker came to its end. Reports leave it
	// out where there was one target.
	Seen []Seen `json:"seen,omitempty"`
	// Sampled is how many viewers were to look at order and numbers; 0: a crew or an older program wrote this.
	Sampled int `json:"sampled"`
	// Uncounted copies came to viewers of which nobody can say exactly what they should have got. These viewers are slow,
	// were cut off or came late, or had a worker that died. Viewers that only count in a room where others spoke are among
	// them too.
	Uncounted uint64 `json:"uncounted"`
	// Others is how many messages others sent in the rooms, as far as sampled viewers of one worker have read them. They
	// are no copies; those of their rooms at viewers that only count are uncounted.
	Others uint64 `json:"others,omitempty"`
	// PerSecond is how many copies came a second, to all viewers, while it was measured. A crew leaves it at 0.
	PerSecond float64 `json:"copies_per_second"`
	// Bytes is what all viewers read from their sockets over the whole time. That is frames with their headers, as they
	// are on the wire, and the answers of handshakes.
	Bytes uint64 `json:"bytes"`
	// BytesPerCopy is how many of them came for each copy while it was measured. It is 0 where no copy came, or a crew or
	// an older program wrote this.
	BytesPerCopy float64 `json:"bytes_per_copy"`
}

// Answers is what became of each message that was sent, as it was reported to its sender.
type Answers struct {
	Acked uint64 `json:"acked"`
	// Refused is by the server's code; those of too many codes are together as "other".
	Refused map[string]uint64 `json:"refused,omitempty"`
	// Unanswered is the rest of those sent: no answer came, or its connection ended before.
	Unanswered uint64 `json:"unanswered,omitempty"`
}

// Known reports whether senders receive outcomes.
func (a *Answers) Known() bool { return a.Acked+a.Unanswered > 0 || len(a.Refused) > 0 }

// TurnedAway is how many messages were refused.
func (a *Answers) TurnedAway() (sum uint64) {
	for _, n := range a.Refused {
		sum += n
	}
	return sum
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
	// Sent messages were due in it and written.
	Sent uint64 `json:"sent"`
	// Copies and Bytes were read in it.
	Copies uint64 `json:"copies"`
	Bytes  uint64 `json:"bytes"`
	// CPU is what each worker used in it, user and system time. Index: worker.
	CPU []time.Duration `json:"cpu"`
}

// newTotals returns an empty one.
func newTotals() Totals {
	return Totals{Latency: newHistogram(), Connect: newHistogram(), Welcome: newHistogram(), Late: newHistogram()}
}

// add merges what another worker knows.
func (o *Totals) add(p Totals) {
	was := *o
	sum(reflect.ValueOf(o).Elem(), reflect.ValueOf(p))
	o.FirstWave, o.Measured.Elapsed, o.Others = max(was.FirstWave, p.FirstWave), max(was.Measured.Elapsed, p.Measured.Elapsed), max(was.Others, p.Others)
	o.Measured.CPU = append(o.Measured.CPU, p.Measured.CPU...)
	for code, n := range p.Answers.Refused {
		o.Answers.refuse(code, n)
	}
	o.Seen = make([]Seen, max(len(was.Seen), len(p.Seen))) // of others nothing is known yet
	for _, seen := range [][]Seen{was.Seen, p.Seen} {
		for i := range seen {
			sum(reflect.ValueOf(&o.Seen[i]).Elem(), reflect.ValueOf(seen[i]))
		}
	}
}

// sum adds each number of from to the one of to, which has its type, and merges histograms. The last word stays that
// is not empty.
func sum(to, from reflect.Value) {
	switch to.Kind() {
	case reflect.Int, reflect.Int64:
		to.SetInt(to.Int() + from.Int())
	case reflect.Uint64:
		to.SetUint(to.Uint() + from.Uint())
	case reflect.String:
		to.SetString(cmp.Or(from.String(), to.String()))
	case reflect.Struct:
		for i := range to.NumField() {
			sum(to.Field(i), from.Field(i))
		}
	case reflect.Pointer:
		if h, ok := reflect.TypeAssert[*hdrhistogram.Histogram](from); ok && h != nil {
			all, _ := reflect.TypeAssert[*hdrhistogram.Histogram](to)
			all.Merge(h)
		}
	default: // others have no sum
	}
}

// disagree counts the sightings that differ in nothing but their order from most of the same room and messages. The
// count is the same whichever comes first.
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

// compare finds out which sampled viewers that were there for all messages saw the same as most in their room.
func (o *Totals) compare(all []sighting) {
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
		t := &o.Seen[s.Target]
		t.Sampled++
		if look(s) == usual[s.Room] {
			t.Alike++
		}
	}
}
