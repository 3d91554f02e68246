package edge

import (
	"sync/atomic"
	"time"
)

// clock is the coarse time that sessions stamp: seconds since the server was made,
// 32 bits instead of 64 in each of hundreds of thousands of sessions, and a load
// instead of a system call for each message. The session check advances it.
type clock struct{ seconds atomic.Uint32 }

func (c *clock) now() uint32 { return c.seconds.Load() }

func (c *clock) set(since time.Duration) { c.seconds.Store(uint32(since / time.Second)) }

// wallClock is the real time, for the lanes.
type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) AfterFunc(d time.Duration, f func()) { time.AfterFunc(d, f) }
