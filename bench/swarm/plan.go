package swarm

import (
	"math"
	"time"
)

// Plan is a whole load, the same for all processes of a crew. Each process takes its part of it by its number, so no
// process has to assign a part to another.
type Plan struct {
	// Dialect is the protocol: "fastim", "native", "raw" or "centrifugo".
	Dialect string `json:"dialect"`
	// Deflate has viewers take deflated messages (permessage-deflate without context
	// takeover); the dialect must be "native". A server that does not agree refuses them.
	Deflate bool `json:"deflate,omitempty"`
	// Targets are "host:port" addresses; connections go round them.
	Targets []string `json:"targets"`
	// Path is the address of a room's socket where the dialect leaves it open ("raw"):
	// {room} and {user} are put in. Empty is the dialect's own.
	Path string `json:"path,omitempty"`
	// Token is what every viewer shows to be let in, but in the dialect "raw"; empty is "t",
	// and none in "centrifugo".
	Token string `json:"token,omitempty"`
	// Room is the id of the one room, which others may know and be in; empty: rooms get ids that nobody knows. Messages
	// that were sent there before count for nothing, and Sample should be all viewers, since others may speak.
	Room string `json:"room,omitempty"`
	// Prefix begins every room and user id: unique to the run, so that rooms are empty.
	Prefix string `json:"prefix"`
	// Rooms has the rooms, largest first.
	Rooms []Room `json:"rooms"`
	// Ramp is how many connect a second in the first wave, over all processes; 0 is as
	// fast as they are answered.
	Ramp float64 `json:"ramp"`
	// Body is how many bytes a message's body has.
	Body int `json:"body"`
	// Gifts is the share of messages that are gifts, evenly spread, 0 to 1; above 0 the dialect must be "native".
	Gifts float64 `json:"gifts,omitempty"`
	// Senders is the most viewers of a room that speak.
	Senders int `json:"senders"`
	// Sample is how many viewers check everything, over all processes.
	Sample int `json:"sample"`
	// Warmup and Duration are how long messages come, not measured and measured.
	Warmup   time.Duration `json:"warmup"`
	Duration time.Duration `json:"duration"`
	// Burst goes to the first room. Messages 0: none.
	Burst Burst `json:"burst"`
	// SlowBytes is how many bytes a second a slow viewer reads; 0: none after its welcome.
	SlowBytes int `json:"slow_bytes"`
	// Arrival and Return happen while it is measured.
	Arrival Arrival `json:"arrival"`
	Return  Return  `json:"return"`
	// Patience is how long after the last message was due copies may still come, and how
	// long a handshake may take.
	Patience time.Duration `json:"patience"`
}

// Room is one room of a plan.
type Room struct {
	// Viewers of the first wave; the last Slow of them are slow.
	Viewers int `json:"viewers"`
	Slow    int `json:"slow"`
	// Late is how many come with the arrival.
	Late int `json:"late"`
	// Rate is messages a second.
	Rate float64 `json:"rate"`
}

// Burst is messages on top of a room's rate.
type Burst struct {
	Every    time.Duration `json:"every"`
	Messages int           `json:"messages"`
	Over     time.Duration `json:"over"`
}

// Arrival is when and how fast the rooms' late viewers come; Rate 0: all at once.
type Arrival struct {
	After time.Duration `json:"after"`
	Rate  float64       `json:"rate"`
}

// Return is a share of viewers that is cut off and connects again. Share 0: none.
type Return struct {
	Share float64       `json:"share"`
	After time.Duration `json:"after"`
	Rate  float64       `json:"rate"`
}

// gift reports whether a message of a room is one, by its number.
func (p *Plan) gift(number uint64) bool {
	return p.Gifts > 0 && math.Floor(float64(number+1)*p.Gifts) > math.Floor(float64(number)*p.Gifts)
}
