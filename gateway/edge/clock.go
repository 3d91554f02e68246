package edge

import (
	"sync/atomic"
	"time"
)

// clock is the coarse time that sessions stamp: seconds since the server was made, 32 bits instead of 64 in each of
// hundreds of thousands of sessions, and a load instead of a system call for each message. The session check advances
// it. Seconds in which the node stood still are not among them: nobody's bytes were read then, so nobody was silent.
type clock struct {
	seconds atomic.Uint32

	// Owned by the session check.
	looked time.Duration // the last look, since the server was made
	stood  time.Duration // for how long the node has stood still in all
}

func (c *clock) now() uint32 { return c.seconds.Load() }

func (c *clock) set(since time.Duration) { c.seconds.Store(uint32(since / time.Second)) }

// advance sets the clock to so long since the server was made. Looks come at an interval of every. One that comes by
// two of them too late found the node standing still: its container was paused, or others had the cores.
func (c *clock) advance(since, every time.Duration) {
	if late := since - c.looked - every; late > 2*every {
		c.stood += late
	}
	c.looked = since
	c.set(since - c.stood)
}

// wallClock is the real time, for the lanes.
type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) AfterFunc(d time.Duration, f func()) { time.AfterFunc(d, f) }
