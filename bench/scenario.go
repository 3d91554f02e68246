package bench

import (
	"encoding"
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"barrage/internal/units"
)

// Scenario is one load: its viewers, its senders, its duration. Its YAML form stands in
// bench/scenarios; every field has a flag of the same name with "-" for "_". The zero
// value of a field means what its comment says.
type Scenario struct {
	// Name is the file's name without ".yaml".
	Name string `yaml:"name" json:"name"`
	// Question is what the scenario answers, one sentence.
	Question string `yaml:"question" json:"question"`

	// Viewers is how many members connect before the load begins, over all rooms.
	Viewers int `yaml:"viewers" json:"viewers"`
	// Rooms is how many rooms they stand in; 0 is 1.
	Rooms int `yaml:"rooms" json:"rooms"`
	// Zipf makes rooms unequal: room k of 1.. gets a share of viewers and of messages
	// in proportion to 1/k^Zipf. 0 makes them equal.
	Zipf float64 `yaml:"zipf" json:"zipf"`
	// Ramp is how many viewers arrive a second, over all processes; 0 is as fast as
	// their handshakes are answered.
	Ramp float64 `yaml:"ramp" json:"ramp"`

	// Rate is how many messages are due a second, over all rooms.
	Rate float64 `yaml:"rate" json:"rate"`
	// Body is how many bytes a message's body has, 40 to 4096; 0 is 60.
	Body int `yaml:"body" json:"body"`
	// Deflate has viewers take compressed batches (permessage-deflate). Only the native
	// dialect has them.
	Deflate bool `yaml:"deflate" json:"deflate"`
	// Gifts is the share of messages that are gifts, evenly spread, 0 to 1. Only the native
	// dialect has them.
	Gifts float64 `yaml:"gifts" json:"gifts,omitempty"`
	// Senders is how many of a room's viewers speak, in turn, 1 to 20,000; 0 is 8, or as many
	// as the room has. They are in one process, and where the dialect answers them they read
	// everything, which costs it some 50 ns a copy.
	Senders int `yaml:"senders" json:"senders"`
	// Warmup is how long messages come before anything is measured.
	Warmup Duration `yaml:"warmup" json:"warmup"`
	// Duration is how long messages come while it is measured.
	Duration Duration `yaml:"duration" json:"duration"`
	// Rest is how long the node is left alone before its memory is read: at the
	// beginning, with all viewers, and when they have left. It is at most that: the
	// reading is taken as soon as memory has not shrunk for 8 s.
	Rest Duration `yaml:"rest" json:"rest"`

	// Burst adds messages to the largest room, on top of Rate.
	Burst Burst `yaml:"burst" json:"burst"`
	// Slow are viewers that do not keep up. They are part of Viewers and are never
	// senders or samples.
	Slow Slow `yaml:"slow" json:"slow"`
	// Arrival adds viewers while messages come.
	Arrival Arrival `yaml:"arrival" json:"arrival"`
	// Return cuts viewers off while messages come and has them connect again.
	Return Return `yaml:"return" json:"return"`

	// Sample is how many viewers check everything they read: sequence, order, doubles,
	// latency. They are spread evenly over rooms and processes. 0 is 200.
	Sample int `yaml:"sample" json:"sample"`
	// Procs is how many processes the load comes from; 0 is as many as the limit of
	// open files asks for.
	Procs int `yaml:"procs" json:"procs"`

	// Nodes is how many nodes are started when no target is named; 0 is 1. More than
	// one are joined by a redis-server of their own.
	Nodes int `yaml:"nodes" json:"nodes"`
	// Limits has those nodes keep the limits that they come with; false is none, since all of
	// the load comes from one address.
	Limits bool `yaml:"limits" json:"limits,omitempty"`
	// Env are further settings of those nodes: BARRAGE_...=value.
	Env []string `yaml:"env" json:"env,omitempty"`
}

// Burst is a crowd speaking at once, again and again. The zero value is none.
type Burst struct {
	// Every is the time from one burst to the next; the first comes after one Every.
	Every Duration `yaml:"every" json:"every"`
	// Messages is how many one burst has.
	Messages int `yaml:"messages" json:"messages"`
	// Over is the time they are spread over; 0 makes all of them due at once.
	Over Duration `yaml:"over" json:"over"`
}

// Slow is the share of viewers that do not keep up. The zero value is none.
type Slow struct {
	// Share of all viewers, 0 to 1.
	Share float64 `yaml:"share" json:"share"`
	// BytesPerSecond is how much one of them reads; 0 reads nothing after the welcome.
	BytesPerSecond int `yaml:"bytes_per_second" json:"bytes_per_second"`
}

// Arrival is a wave of viewers that come while messages flow. The zero value is none.
type Arrival struct {
	// Viewers is how many come, spread over rooms as the others are.
	Viewers int `yaml:"viewers" json:"viewers"`
	// Rate is how many a second; 0 makes all of them due at once.
	Rate float64 `yaml:"rate" json:"rate"`
	// After is when the first one comes, counted from where measuring begins.
	After Duration `yaml:"after" json:"after"`
}

// Return is a break: viewers are cut off and connect again. The zero value is none.
type Return struct {
	// Share of the viewers that are cut off, 0 to 1. Samples and senders are among them.
	Share float64 `yaml:"share" json:"share"`
	// After is when, counted from where measuring begins.
	After Duration `yaml:"after" json:"after"`
	// Rate is how many come back a second; 0 makes all of them due at once.
	Rate float64 `yaml:"rate" json:"rate"`
}

// Duration is a time.Duration that reads and writes itself as "1m30s".
type Duration time.Duration

var (
	_ encoding.TextMarshaler   = Duration(0)
	_ encoding.TextUnmarshaler = (*Duration)(nil)
	_ yaml.Unmarshaler         = (*Duration)(nil)
)

// String writes d without zeros: "1m".
func (d Duration) String() string { return units.Duration(time.Duration(d)) }

// MarshalText writes d as time.Duration.String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration does; a bare number is refused.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

// UnmarshalYAML does as UnmarshalText, and says in which line it cannot.
func (d *Duration) UnmarshalYAML(node *yaml.Node) error {
	if err := d.UnmarshalText([]byte(node.Value)); err != nil {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %q is no duration such as \"1m30s\"", node.Line, node.Value)}}
	}
	return nil
}
