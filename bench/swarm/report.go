package swarm

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A crew and its workers send each other one JSON object a line. A crew sends tasks, in this order, those in brackets
// where it needs them: a plan, connect, [load], [stop], ended. Workers answer connect by a wave, load and stop by sent,
// ended by done; and send a beat every second.

// task is what a crew sends to a worker. One of its parts is set.
type task struct {
	Plan *planTask `json:"plan,omitempty"`
	// Connect and Load begin at a time, Stop at once.
	Connect *time.Time `json:"connect,omitempty"`
	Load    *time.Time `json:"load,omitempty"`
	Stop    bool       `json:"stop,omitempty"`
	// Ended has what each room had in all.
	Ended []roomReport `json:"ended,omitempty"`
}

type planTask struct {
	Plan    Plan `json:"plan"`
	Worker  int  `json:"worker"`
	Workers int  `json:"workers"`
}

// roomReport is what a room had in all: messages that were written and not refused, and which were refused. Messages
// is -1 where nobody knows.
type roomReport struct {
	Messages int64   `json:"messages"`
	Gifts    int64   `json:"gifts,omitempty"` // among the messages
	Refused  numbers `json:"refused,omitzero"`
}

// report is what a worker sends to its crew. One of its parts is set.
type report struct {
	Beat *beat       `json:"beat,omitempty"`
	Wave *wave       `json:"wave,omitempty"`
	Sent *sentReport `json:"sent,omitempty"`
	Done *done       `json:"done,omitempty"`
	// Error ends the worker.
	Error string `json:"error,omitempty"`
}

// beat is one second of a worker, which ended at At: a whole second of the clock, so
// that those of all workers add up.
type beat struct {
	At time.Time `json:"at"`
	Second
	FailedWhy string         `json:"failed_why,omitempty"`
	BrokenWhy string         `json:"broken_why,omitempty"`
	SlowEnded int            `json:"slow_ended,omitempty"`
	Latency   *wireHistogram `json:"latency,omitempty"`
}

// wave is how the first wave went.
type wave struct {
	In        int    `json:"in"`
	Failed    int    `json:"failed"`
	FailedWhy string `json:"failed_why,omitempty"`
}

// sentReport is what a worker wrote, by room.
type sentReport struct {
	Rooms map[int]roomReport `json:"rooms"`
}

// done is everything that a worker knows at the end.
type done struct {
	Totals    Totals        `json:"totals"`
	Reading   int           `json:"reading"` // viewers that are left, without slow ones
	Latency   wireHistogram `json:"latency"`
	Connect   wireHistogram `json:"connect"`
	Welcome   wireHistogram `json:"welcome"`
	Late      wireHistogram `json:"late"`
	Sightings []sighting    `json:"sightings"`
}

// sighting is what one sampled viewer saw: how many messages of its room, and hashes of
// them, without and with their order.
type sighting struct {
	Room  int32  `json:"room"`
	Found uint64 `json:"found"`
	Set   uint64 `json:"set"`
	Order uint64 `json:"order"`
	// Target is where it was connected; Whole says that it was there for all messages.
	Target int  `json:"target,omitempty"`
	Whole  bool `json:"whole,omitempty"`
}

// longest is what histograms can hold; longer ones count as this.
const longest = 5 * time.Minute

// newHistogram returns one of microseconds, with three digits.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, longest.Microseconds(), 3)
}

// record adds a duration.
func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(max(d.Microseconds(), 1), longest.Microseconds()))
}

// wireHistogram writes itself as HdrHistogram's compressed V2 form in base64.
type wireHistogram struct{ *hdrhistogram.Histogram }

// MarshalText is for encoding/json.
func (w wireHistogram) MarshalText() ([]byte, error) {
	return w.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
}

// UnmarshalText is for encoding/json.
func (w *wireHistogram) UnmarshalText(text []byte) error {
	h, err := hdrhistogram.Decode(text)
	if err != nil {
		return fmt.Errorf("cannot read a histogram: %w", err)
	}
	w.Histogram = h
	return nil
}
