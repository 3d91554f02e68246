package swarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	"barrage/internal/rawio"
)

const (
	// readSize is how much is read at a time, in bytes. It is what a loopback socket may hold when its viewer was not
	// looked at for long.
	readSize = 256 << 10
	// nap is the most the loop waits for something to come. So no task, and nothing that it has to do at a time, is later
	// than this without a reason.
	nap = 20 * time.Millisecond
	// settle is how long no copy may come before a load in which nothing is missing
	// counts as over: copies too many come last.
	settle = 200 * time.Millisecond
	// haste is how long what is under way may take to come once a load was stopped, and at
	// least once all is sent.
	haste = 2 * time.Second
	// slowTurns is how many times a second some of the slow viewers read; each of them
	// once.
	slowTurns = 10
)

// loop is a worker: its viewers on one epoll. Its methods are for the goroutine of Work.
type loop struct {
	// Immutable after newLoop.
	plan            *Plan
	worker, workers int
	dialect         dialect
	manner          manner
	targets         []target
	sources         []unix.Sockaddr
	atOnce          int // handshakes without an answer
	seats           []seat
	slow            []int32      // viewers that are slow
	speakers        [][]*speaker // by room
	speaking        []int32      // viewers that have one
	tasks           chan task    // from the reader of in, which closes it
	out             *json.Encoder
	epoll           int
	viewers         []viewer

	events   []unix.EpollEvent
	buf      []byte
	frame    []byte
	carry    map[int32][]byte    // the part that has come of something cut, by viewer
	verdicts map[int32]*verdicts // by room
	inflater *inflater           // for all viewers; nil where the plan does not deflate

	queue      []call // viewers that are to connect, by time; those before next did
	next       int
	returning  []call // viewers that return, whose last bytes are still on their way
	pending    int    // on their way in
	unanswered int    // handshakes without an answer

	now        time.Time
	quietSince time.Time // when the last copy came
	open       int
	reading    int // those of them that are not slow
	copies     uint64
	slowTurn   int64

	waveAt time.Time // when the first wave began; zero once it was reported
	lastIn time.Time
	loadAt time.Time // zero before the load
	// measureAt and endAt bound the measured part, and the load.
	measureAt, endAt time.Time
	deadline         time.Time
	returned         bool // viewers were cut off
	measuring        window
	sender           *sender
	stopped          bool
	reportedSent     bool         // all that was sent
	rooms            []roomReport // the totals of each; nil: not known yet
	done             bool         // and reported

	totals Totals
	second second
	err    error
}

// call is a viewer that is to connect, or does.
type call struct {
	at int64 // Unix ns
	i  int32
}

// second is what happened since the last beat.
type second struct {
	next      time.Time // when the beat is
	made      int
	failed    int
	broken    int
	slowEnded int
	offered   uint64 // up to the last beat, as are the next ones
	sent      uint64
	copies    uint64
	bytes     uint64
	cpu       time.Duration
	latencies *hdrhistogram.Histogram
}

// window is how things stood when the measured part began.
type window struct {
	on     bool
	at     time.Time
	copies uint64
	bytes  uint64
	cpu    time.Duration
}

// newLoop prepares a worker. Close it.
func newLoop(t *planTask, out *json.Encoder) (*loop, error) {
	p := &t.Plan
	d, err := newDialect(p)
	if err != nil {
		return nil, err
	}
	l := &loop{
		plan: p, worker: t.Worker, workers: t.Workers, dialect: d, manner: d.manner(), out: out,
		atOnce: max(handshakesAtOnce/t.Workers, 16),
		tasks:  make(chan task, 8), // more than a crew ever sends
		events: make([]unix.EpollEvent, 1024), buf: make([]byte, readSize), carry: map[int32][]byte{}, verdicts: map[int32]*verdicts{},
		speakers: make([][]*speaker, len(p.Rooms)), totals: newTotals(),
	}
	l.second.latencies = newHistogram()
	if p.Deflate {
		l.inflater = newInflater(l.manner.needle)
	}
	l.seats = p.seats(t.Worker, t.Workers)
	if l.targets, err = resolve(p.Targets); err != nil {
		return nil, err
	}
	l.sources = p.sources(l.targets, t.Worker, len(l.seats))
	l.viewers = make([]viewer, len(l.seats))
	for i := range l.seats {
		l.sit(int32(i))
	}
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return l, nil
}

// sit gives a seat its viewer.
func (l *loop) sit(i int32) {
	s, v := &l.seats[i], &l.viewers[i]
	v.seat, v.fd = s, -1
	if s.speaker >= 0 {
		v.speaker = &speaker{fd: -1}
		l.speakers[s.room] = append(l.speakers[s.room], v.speaker)
		l.speaking = append(l.speaking, i)
	}
	if s.sample {
		v.sample = newSample(l.plan, s.room)
	}
	if s.slow {
		l.slow = append(l.slow, i)
	}
}

// close closes every connection and ends the sender.
func (l *loop) close() {
	if l.sender != nil {
		l.sender.stop()
		<-l.sender.done
	}
	for i := range l.viewers {
		if fd := l.viewers[i].fd; fd >= 0 {
			_ = unix.Close(int(fd))
		}
	}
	_ = unix.Close(l.epoll)
}

// run goes on until tasks end.
func (l *loop) run(ctx context.Context) error {
	l.now = time.Now()
	l.second.next = l.now.Truncate(time.Second).Add(time.Second)
	l.second.cpu = ownCPU()
	for l.err == nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := unix.EpollWait(l.epoll, l.events, l.patience())
		if err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("epoll_wait", err)
		}
		l.now = time.Now()
		for _, ev := range l.events[:max(n, 0)] {
			l.ready(ev.Fd, ev.Events)
		}
		if !l.obey() {
			l.beat(l.second.next) // the second under way, as far as it is known
			return nil
		}
		l.now = time.Now()
		l.attend()
	}
	return l.err
}

// patience is how long to wait for something to come, in milliseconds.
func (l *loop) patience() int {
	wait := nap
	sooner := func(t time.Time) {
		if d := time.Until(t); d < wait {
			wait = max(d, 0)
		}
	}
	if l.next < len(l.queue) && l.unanswered < l.atOnce {
		sooner(time.Unix(0, l.queue[l.next].at))
	}
	sooner(l.second.next)
	if !l.loadAt.IsZero() && l.now.Before(l.endAt) {
		sooner(l.endAt)
		if l.now.Before(l.measureAt) {
			sooner(l.measureAt)
		}
	}
	return int((wait + time.Millisecond - 1) / time.Millisecond)
}

// attend does what is to be done at a time.
func (l *loop) attend() {
	if !l.loadAt.IsZero() {
		l.measure()
	}
	l.callQueued()
	l.readSlowly()
	l.reportWave()
	l.finish()
	if !l.now.Before(l.second.next) {
		l.giveUp()
		l.beat(l.now.Truncate(time.Second))
	}
}

// obey takes the tasks that have come. It reports whether there may be more.
func (l *loop) obey() bool {
	for {
		select {
		case t, ok := <-l.tasks:
			if !ok {
				return false
			}
			switch {
			case t.Connect != nil:
				l.connectAll(*t.Connect)
			case t.Load != nil:
				l.load(*t.Load)
			case t.Stop:
				l.stop()
			case t.Ended != nil:
				l.rooms = t.Ended
				for i := range l.viewers {
					l.judge(&l.viewers[i])
				}
				// The message that was written last, maybe long after it was due, is still on its way.
				if least := time.Now().Add(haste); l.deadline.Before(least) {
					l.deadline = least
				}
			}
		default:
			return true
		}
	}
}

// report sends a line to the crew.
func (l *loop) report(r report) {
	if err := l.out.Encode(r); err != nil {
		l.err = fmt.Errorf("cannot report: %w", err)
	}
}

// load begins it.
func (l *loop) load(at time.Time) {
	p := l.plan
	l.loadAt, l.measureAt = at, at.Add(p.Warmup)
	l.endAt = l.measureAt.Add(p.Duration)
	l.deadline = l.endAt.Add(p.Patience)
	l.callLater()
	l.sender = startSender(p, l.dialect, l.worker, l.workers, l.speakers, at)
}

// stop ends the load before its time.
func (l *loop) stop() {
	l.stopped = true
	l.queue, l.returning = l.queue[:l.next], nil
	if soon := l.now.Add(haste); l.deadline.IsZero() || soon.Before(l.deadline) {
		l.deadline = soon
	}
	if l.sender != nil {
		l.sender.stop()
	}
}

// measure notes when the measured part begins and ends, and cuts viewers off in it.
func (l *loop) measure() {
	m := &l.measuring
	if !m.on && m.at.IsZero() && !l.now.Before(l.measureAt) {
		*m = window{on: true, at: l.now, copies: l.copies, bytes: l.totals.Bytes, cpu: ownCPU()}
	}
	if m.on && !l.now.Before(l.endAt) {
		l.measured()
	}
	if r := l.plan.Return; r.Share > 0 && !l.returned && !l.stopped && !l.now.Before(l.measureAt.Add(r.After)) {
		l.returned = true
		l.cutOff()
	}
}

// measured ends the measured part.
func (l *loop) measured() {
	m := &l.measuring
	if !m.on {
		return
	}
	m.on = false
	l.totals.Measured = Measured{
		Elapsed: l.now.Sub(m.at),
		Copies:  l.copies - m.copies,
		Bytes:   l.totals.Bytes - m.bytes,
		CPU:     []time.Duration{ownCPU() - m.cpu},
	}
}

// readSlowly has some of the slow viewers read their share.
func (l *loop) readSlowly() {
	turn := l.now.UnixMilli() * slowTurns / 1000
	if l.plan.SlowBytes <= 0 || turn == l.slowTurn {
		return
	}
	l.slowTurn = turn
	for k := int(turn % slowTurns); k < len(l.slow); k += slowTurns {
		i := l.slow[k]
		v := &l.viewers[i]
		if v.stage != watching {
			continue
		}
		b := l.buf[:min(l.plan.SlowBytes, len(l.buf))]
		n, errno := rawio.Read(int(v.fd), b)
		if errno != 0 || n == 0 {
			continue // nothing there; epoll reports an end
		}
		l.ate(n)
		if err := l.take(i, v, b[:n]); err != nil {
			l.drop(i, v, err)
		}
	}
}

// ate counts bytes.
func (l *loop) ate(n int) { l.totals.Bytes += uint64(n) }

// latency records one.
func (l *loop) latency(d time.Duration) {
	record(l.totals.Latency, d)
	record(l.second.latencies, d)
}

// beat reports the second that ends at the given time.
func (l *loop) beat(at time.Time) {
	s := &l.second
	var offered, sent uint64
	if l.sender != nil {
		offered, sent = l.sender.offered.Load(), l.sender.sent.Load()
	}
	cpu := ownCPU()
	b := beat{
		At: at, FailedWhy: l.totals.FailedWhy, BrokenWhy: l.totals.BrokenWhy, SlowEnded: s.slowEnded,
		Second: Second{
			Open: l.open, Made: s.made, Failed: s.failed, Broken: s.broken, Offered: offered - s.offered, Sent: sent - s.sent,
			Copies: l.copies - s.copies, Bytes: l.totals.Bytes - s.bytes, CPU: cpu - s.cpu,
		},
	}
	if s.latencies.TotalCount() > 0 {
		b.Latency = &wireHistogram{s.latencies}
	}
	l.report(report{Beat: &b})
	s.latencies.Reset()
	*s = second{
		next: at.Add(time.Second), latencies: s.latencies,
		offered: offered, sent: sent, copies: l.copies, bytes: l.totals.Bytes, cpu: cpu,
	}
}

// ownCPU is the CPU time this process has used.
func ownCPU() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
