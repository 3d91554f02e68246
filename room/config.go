package room

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/internal/pace"
	"barrage/internal/units"
)

// Config is how rooms behave on one node. Start from [DefaultConfig].
type Config struct {
	// OnJoin is how many of the newest messages a member is given first; 0 to 1000.
	// Too high: every join costs that many messages of bandwidth and every live room
	// keeps them. Too low: a newcomer meets an empty room.
	OnJoin int
	// Linger is how long a room without members stays live. Too low: a room that
	// flaps is loaded from the store again and again. Too high: memory and
	// subscriptions for rooms nobody is in.
	Linger time.Duration
	// Node names this node in what it sends the store, no space or dot in it; unique among
	// nodes that run. Empty: [New] makes one up.
	Node string
	// Instant says that no call of the store waits, as those of one in memory, and so that Callbacks.Authorize does not
	// either. Then messages of small rooms run through where they come in, see inplace.go.
	Instant bool
	// QueueMessages bounds the messages of one room that wait for the store; 1 or
	// more. Full: further messages are refused and counted.
	QueueMessages int
	// QueueBytes bounds the messages of all rooms together that wait for the store. Full:
	// further messages are refused and counted.
	QueueBytes units.Bytes
	// QueueAge is how long a message waits for the store; then it is given up and
	// counted. Less than what the store remembers of a batch (chat.BatchLife, 30 s),
	// so that trying again never stores a message twice. Too low: a restart of Redis loses
	// messages. Too high: messages that come through in the end are old.
	QueueAge time.Duration
	// UserRate bounds the messages that one user sends in a room on this node, see [Known]; the zero value: any number.
	// Over it: [TooFastError].
	UserRate pace.Rate
	// MaxRooms bounds the rooms that are live; 0 = no bound.
	MaxRooms int
	// NoLocal keeps chat from flowing among the members of this node while the store is
	// away: messages wait for it.
	NoLocal bool
	// Publishers is how many goroutines carry batches to the store; 1 or more. A
	// publisher waits for one round trip at a time, so this bounds the calls in flight.
	Publishers int
	// OnAnswer acknowledges messages by the store's answer alone. An event of a message, or its place in the history, does
	// not show whether it survives a failover.
	OnAnswer bool
	// StoreTimeout bounds one call to the store.
	StoreTimeout time.Duration
	// Storm is what rooms do that are offered more than they take.
	Storm StormConfig
	// Fanout is how rooms write to sockets.
	Fanout FanoutConfig
}

// FanoutConfig is the config section `fanout`.
type FanoutConfig struct {
	// Lanes is the number of goroutines that write to sockets; 0 = GOMAXPROCS.
	// Too low: cores idle while members wait. Too high: lanes only fight for cores.
	Lanes int `mapstructure:"lanes"`
	// IOUring says whether a lane gives a sweep's writes to the kernel together, by io_uring: [IOUringAuto], [IOUringOn]
	// or [IOUringOff]. Rooms do not look at it: the owner of the sockets makes Callbacks.NewVolleyWriters of it.
	IOUring string `mapstructure:"io_uring"`
	// Interval is the longest rest of a room between two sweeps. After a sweep that took D a room rests for a share of D.
	// So a small room goes out at once and a large one gathers. Too low: large rooms pay a write for every few messages.
	// Too high: their members wait.
	Interval time.Duration `mapstructure:"interval"`
	// LogBytes bounds the log of one room, so also how far a slow member may fall
	// behind before it skips. Too low: members skip after a hiccup. Too high: memory
	// for every busy room.
	LogBytes units.Bytes `mapstructure:"log_bytes"`
	// TotalLogBytes bounds the logs of all rooms together. While they hold more, each
	// room that gets a message keeps only its newest 128 KiB or less. Too low: members
	// skip when many rooms are busy. Too high: that much memory, when they are.
	TotalLogBytes units.Bytes `mapstructure:"total_log_bytes"`
	// WriteBytes bounds one write to one member. Too low: more system calls for the
	// same bytes. Too high: one slow sweep delays other rooms on the lane.
	WriteBytes units.Bytes `mapstructure:"write_bytes"`
	// StuckTimeout is how long a member may take no byte at all before it is closed.
	// Too low: phones in tunnels are thrown out. Too high: dead sockets hold memory.
	StuckTimeout time.Duration `mapstructure:"stuck_timeout"`
}

// The values of FanoutConfig.IOUring.
const (
	IOUringAuto = "auto" // where the kernel has and allows it
	IOUringOn   = "on"   // or the node does not start
	IOUringOff  = "off"
)

// DefaultConfig is what config.yaml says.
func DefaultConfig() Config {
	return Config{
		OnJoin:        50,
		Linger:        30 * time.Second,
		QueueMessages: 4096,
		QueueBytes:    64 << 20,
		QueueAge:      20 * time.Second,
		MaxRooms:      100_000,
		Publishers:    32,
		StoreTimeout:  3 * time.Second,
		Storm:         DefaultStorm(),
		Fanout:        DefaultFanout(),
	}
}

// DefaultStorm is what config.yaml says in section `storm`.
func DefaultStorm() StormConfig {
	return StormConfig{RoomBurst: 400, Reserved: 20, HighKinds: []string{"gift"}, LowKinds: []string{"enter", "follow"}}
}

// Quota is what the store is to take of a room.
func (c *StormConfig) Quota() chat.Quota {
	return chat.Quota{PerSecond: c.RoomRate, Burst: c.RoomBurst, Reserved: c.Reserved}
}

// Validate reports every value out of range, each with its key within the section.
func (c StormConfig) Validate() error {
	var errs []error
	if c.RoomRate < 0 || c.RoomRate > 100_000 {
		errs = append(errs, fmt.Errorf("room_rate: %d is not within 0 (= any number) and 100000", c.RoomRate))
	}
	if c.RoomBurst < 1 || c.RoomBurst > 1_000_000 {
		errs = append(errs, fmt.Errorf("room_burst: %d is not within 1 and 1000000", c.RoomBurst))
	}
	if c.Reserved < 0 || c.Reserved > 90 {
		errs = append(errs, fmt.Errorf("reserved: %d is not within 0 and 90 percent", c.Reserved))
	}
	for _, list := range []struct {
		key   string
		kinds []string
	}{{"high_kinds", c.HighKinds}, {"low_kinds", c.LowKinds}} {
		for _, kind := range list.kinds {
			if kind != strings.ToLower(kind) || kind == "" || kind == codec.KindChat || kind == codec.KindSystem {
				errs = append(errs, fmt.Errorf("%s: %q is no kind that can be ranked: write it in small letters; chat is normal, system is never left out", list.key, kind))
			}
			if list.key == "low_kinds" && slices.Contains(c.HighKinds, kind) {
				errs = append(errs, fmt.Errorf("low_kinds: %q is among high_kinds, too", kind))
			}
		}
	}
	return errors.Join(errs...)
}

// DefaultFanout is what config.yaml says in section `fanout`.
func DefaultFanout() FanoutConfig {
	return FanoutConfig{IOUring: IOUringAuto, Interval: 20 * time.Millisecond, LogBytes: 1 << 20, TotalLogBytes: 256 << 20, WriteBytes: 64 << 10, StuckTimeout: 30 * time.Second}
}

// Validate reports every value out of range, each with its key within the section.
func (c FanoutConfig) Validate() error {
	var errs []error
	if c.Lanes < 0 || c.Lanes > 1024 {
		errs = append(errs, fmt.Errorf("lanes: %d is not within 0 (= one per core) and 1024", c.Lanes))
	}
	if !slices.Contains([]string{IOUringAuto, IOUringOn, IOUringOff}, c.IOUring) {
		errs = append(errs, fmt.Errorf("io_uring: %q is none of auto, on, off", c.IOUring))
	}
	if c.WriteBytes < 4<<10 || c.WriteBytes > 1<<20 {
		errs = append(errs, fmt.Errorf("write_bytes: %v is not within 4KiB and 1MiB", c.WriteBytes))
	}
	if c.LogBytes < 2*c.WriteBytes || c.LogBytes > 1<<30 {
		errs = append(errs, fmt.Errorf("log_bytes: %v is not within twice write_bytes (%v) and 1GiB", c.LogBytes, 2*c.WriteBytes))
	}
	if c.TotalLogBytes < c.LogBytes {
		errs = append(errs, fmt.Errorf("total_log_bytes: %v is below log_bytes (%v)", c.TotalLogBytes, c.LogBytes))
	}
	if c.Interval < 0 || c.Interval > time.Second {
		errs = append(errs, fmt.Errorf("interval: %v is not within 0 (= no rest) and 1s", c.Interval))
	}
	if c.StuckTimeout < time.Second {
		errs = append(errs, fmt.Errorf("stuck_timeout: %v is below 1s", c.StuckTimeout))
	}
	return errors.Join(errs...)
}
