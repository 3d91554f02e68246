package edge

import (
	"sync/atomic"
	"time"
)

// clock is the coarse time that sessions stamp: seconds for which the server has run. It takes 32 bits instead of 64 in
// each of hundreds of thousands of sessions. To read it is a load instead of a system call for each message. The
// session check sets it. Seconds in which the node stood still are not among them, see room.Hall.Tick: nobody's bytes
// were read then, so nobody was silent. So it does not say when something was.
type clock struct{ seconds atomic.Uint32 }

func (c *clock) now() uint32 { return c.seconds.Load() }

func (c *clock) set(ran time.Duration) { c.seconds.Store(uint32(max(0, ran) / time.Second)) }

// wallClock is the real time, for the lanes.
type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) AfterFunc(d time.Duration, f func()) { time.AfterFunc(d, f) }
