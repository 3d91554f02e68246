package swarm

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	"barrage/codec"
	"barrage/internal/rawio"
)

// speaker is a viewer's socket as its sender sees it. The loop opens and closes it under
// mu, so that a message never lands on a descriptor that means somebody else.
type speaker struct {
	mu sync.Mutex // guards the fields below
	// fd takes messages, since opened; -1 while the viewer is away.
	fd     int
	opened time.Time
	// gone: it will not come back.
	gone bool
	// waiting are messages that the socket did not take yet, in order.
	waiting []message
	// cut is how many bytes of the first of them the socket has taken.
	cut int
	// after is a control frame that goes behind the message that was cut.
	after []byte
	// owed is how many messages that fd took were not answered yet.
	owed int
}

// open lets messages go to fd, from the beginning of the first that was not taken whole.
func (m *speaker) open(fd int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fd, m.opened, m.cut, m.after, m.owed = fd, time.Now(), 0, nil, 0
}

// settle notes that a message was answered.
func (m *speaker) settle() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.owed--
}

// owes reports whether messages were not answered yet.
func (m *speaker) owes() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.owed > 0
}

// shut keeps messages back, for good where the viewer is gone.
func (m *speaker) shut(gone bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fd, m.gone = -1, gone
}

// control sends a control frame without cutting a message in two.
func (m *speaker) control(frame []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.fd < 0:
	case m.cut > 0:
		m.after = append(m.after, frame...)
	default:
		_, _ = write(m.fd, frame)
	}
}

// sender sends a worker's messages when they are due, whatever the server does.
type sender struct {
	// Immutable after startSender.
	plan     *Plan
	dialect  dialect
	at       time.Time
	end      time.Time    // when Patience is over
	speakers [][]*speaker // by room
	measure  time.Duration

	// Atomic; written by run, read by the loop.
	offered, sent, sentMeasured, gifts atomic.Uint64

	// Owned by run until done is closed.
	todo   *schedule
	stuck  []*speaker // those with messages waiting
	byRoom []uint64   // messages written whole
	giving []uint64   // gifts among them, by room
	late   *hdrhistogram.Histogram
	body   []byte
	frame  []byte

	stop context.CancelFunc
	done chan struct{} // closed when run has ended
}

// startSender begins to send what the schedule of the worker has, counted from at. It does so in a goroutine that ends
// when all is sent, when Patience is over, or by stop.
func startSender(p *Plan, d dialect, worker, workers int, speakers [][]*speaker, at time.Time) *sender {
	ctx, stop := context.WithCancel(context.Background())
	s := &sender{
		plan: p, dialect: d, at: at, end: at.Add(p.Warmup + p.Duration + p.Patience), speakers: speakers, measure: p.Warmup,
		todo: p.schedule(worker, workers), byRoom: make([]uint64, len(p.Rooms)), giving: make([]uint64, len(p.Rooms)),
		late: newHistogram(), stop: stop, done: make(chan struct{}),
	}
	go s.run(ctx)
	return s
}

// retry is how soon a socket that took no more is tried again.
const retry = time.Millisecond

// run is the goroutine.
func (s *sender) run(ctx context.Context) {
	defer close(s.done)
	// A thread of its own, which ends with the goroutine, sleeps to the microsecond. The runtime's timers sleep only to
	// the millisecond, which would pass for latency.
	runtime.LockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // without it, 50 µs more
	for {
		now := time.Now()
		if more := s.turn(now); !more || ctx.Err() != nil {
			s.leave(now)
			return
		}
	}
}

// turn does what there is to do at now, or waits a little. It reports whether there will be
// more.
func (s *sender) turn(now time.Time) bool {
	if now.After(s.end) {
		return false // however much is overdue: a rate that nobody can keep has an end, too
	}
	s.stuck = slices.DeleteFunc(s.stuck, s.flush)
	due, more := s.todo.peek()
	switch {
	case more && !s.at.Add(due).After(now):
		s.say(s.todo.pop())
	case !more && len(s.stuck) == 0:
		return false
	default:
		wait := 10 * time.Millisecond // how late stop may be noticed
		if more {
			wait = min(wait, s.at.Add(due).Sub(now))
		}
		if len(s.stuck) > 0 {
			wait = min(wait, retry)
		}
		ts := unix.NsecToTimespec(int64(wait))
		_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &ts, nil)
	}
	return true
}

// leave offers what was due up to now and nobody got round to. Counting only the others would hide that the sender
// could not keep up.
func (s *sender) leave(now time.Time) {
	s.offered.Add(s.todo.left(now.Sub(s.at)))
}

// say offers a message that is due.
func (s *sender) say(m message) {
	s.offered.Add(1)
	speakers := s.speakers[m.room]
	o := speakers[m.number%uint64(len(speakers))]
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone {
		return
	}
	o.waiting = append(o.waiting, m)
	if len(o.waiting) == 1 && !s.flushLocked(o) {
		s.stuck = append(s.stuck, o)
	}
}

// flush writes what waits and reports whether nothing is left.
func (s *sender) flush(o *speaker) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return s.flushLocked(o)
}

func (s *sender) flushLocked(o *speaker) bool {
	if o.gone {
		o.waiting = nil
		return true
	}
	for o.fd >= 0 && len(o.waiting) > 0 {
		m := o.waiting[0]
		due := s.at.Add(m.due)
		s.body = appendBody(s.body[:0], due.UnixMicro(), m.number, s.plan.Body)
		s.frame = appendFrame(s.frame[:0], codec.OpText, s.dialect.say(nil, s.plan.roomID(int32(m.room)), s.body, s.plan.gift(m.number)))
		n, err := write(o.fd, s.frame[o.cut:])
		if err != nil {
			return false // full; the loop finds out what else is wrong
		}
		if o.cut += n; o.cut < len(s.frame) {
			return false
		}
		o.cut = 0
		o.owed++
		o.waiting = o.waiting[1:]
		if o.opened.After(due) {
			due = o.opened // it was away when it should have spoken: nobody lagged behind
		}
		s.count(m, time.Since(due))
		if len(o.after) > 0 {
			_, _ = write(o.fd, o.after)
			o.after = nil
		}
	}
	return len(o.waiting) == 0
}

// count notes a message that was written whole.
func (s *sender) count(m message, late time.Duration) {
	s.byRoom[m.room]++
	s.sent.Add(1)
	if s.plan.gift(m.number) {
		s.giving[m.room]++
		s.gifts.Add(1)
	}
	if m.due >= s.measure {
		s.sentMeasured.Add(1)
		record(s.late, late)
	}
}

// write writes to a socket that does not block. It is RawSyscall, because the call never waits: a notice to the
// scheduler costs more than it does.
func write(fd int, b []byte) (int, error) {
	for {
		n, errno := rawio.Write(fd, b)
		if errno == 0 {
			return n, nil
		}
		if !errors.Is(errno, unix.EINTR) {
			return 0, errno
		}
	}
}
