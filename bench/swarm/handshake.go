package swarm

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// handshakesAtOnce bounds the connections without an answer, over all processes:
	// well below the 4096 that a Linux server's accept queue holds (somaxconn).
	handshakesAtOnce = 1024
	// hopeless is how many failures in a row, none having come in, end the first wave.
	hopeless = 64
	// longestAnswer bounds the head of an HTTP answer in bytes.
	longestAnswer = 16 << 10
	// lastWords is how long a sender that is cut off may take to have its messages read
	// before it comes back.
	lastWords = time.Second
)

// The key is the RFC's example, and what it must be answered by (RFC 6455 section 1.3).
const (
	key    = "dGhlIHNhbXBsZSBub25jZQ=="
	accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// connectAll lines up the first wave.
func (l *loop) connectAll(at time.Time) {
	l.waveAt = at
	for i := range l.seats {
		if !l.seats[i].late {
			l.enqueue(int32(i), at, l.seats[i].turn, l.plan.Ramp)
		}
	}
	l.sortQueue()
}

// callLater lines up those who come while it is measured.
func (l *loop) callLater() {
	a, r := l.plan.Arrival, l.plan.Return
	for i := range l.seats {
		s := &l.seats[i]
		if s.late {
			l.enqueue(int32(i), l.measureAt.Add(a.After), s.turn, a.Rate)
		}
		if s.back >= 0 {
			l.enqueue(int32(i), l.measureAt.Add(r.After), s.back, r.Rate)
		}
	}
	if l.next < len(l.queue) { // the first wave is not of interest any more
		l.totals.Connect.Reset()
		l.totals.Welcome.Reset()
	}
	l.sortQueue()
}

// enqueue lines up the viewer whose turn it is in a wave that begins at at. The wave has rate viewers a second; 0 is
// all at once.
func (l *loop) enqueue(i int32, at time.Time, turn int32, rate float64) {
	if rate > 0 {
		at = at.Add(time.Duration(float64(turn) / rate * float64(time.Second)))
	}
	l.queue = append(l.queue, call{at.UnixNano(), i})
	l.totals.Wanted++
}

func (l *loop) sortQueue() {
	slices.SortStableFunc(l.queue[l.next:], func(a, b call) int { return cmp.Compare(a.at, b.at) })
}

// callQueued connects those whose time has come, as far as the server answers.
func (l *loop) callQueued() {
	now := l.now.UnixNano()
	for l.next < len(l.queue) && l.queue[l.next].at <= now && l.unanswered < l.atOnce {
		c := l.queue[l.next]
		l.next++
		if l.viewers[c.i].stage == leaving {
			l.returning = append(l.returning, c)
			continue
		}
		if l.plan.Ramp <= 0 && !l.waveAt.IsZero() {
			c.at = now // as fast as they are answered: nobody is due earlier
		}
		l.call(c)
	}
	if l.next == len(l.queue) {
		l.queue, l.next = nil, 0
	}
	l.returning = slices.DeleteFunc(l.returning, func(c call) bool {
		v := &l.viewers[c.i]
		if v.stage == leaving && now < c.at+lastWords.Nanoseconds() {
			return false
		}
		if v.stage == leaving {
			l.drop(c.i, v, nil)
		}
		l.call(c)
		return true
	})
}

// call connects a viewer.
func (l *loop) call(c call) {
	i, v := c.i, &l.viewers[c.i]
	if v.stage != away { // it was on its way when it was to be cut off
		l.totals.Wanted--
		return
	}
	v.due, v.began, v.got, v.scan = c.at, l.now.UnixNano(), 0, scanner{deflates: l.plan.Deflate}
	v.stage = connecting
	l.pending++
	l.unanswered++
	t := &l.targets[v.seat.target]
	var from unix.Sockaddr
	if len(l.sources) > 0 {
		from = l.sources[int(i)/len(l.targets)%len(l.sources)]
	}
	fd, made, err := connect(t, from, v.seat.slow, v.speaker != nil)
	if err != nil {
		l.drop(i, v, err)
		return
	}
	v.fd = int32(fd)
	ev := unix.EpollEvent{Events: unix.EPOLLOUT, Fd: i}
	if made {
		ev.Events = unix.EPOLLIN
	}
	err = os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &ev))
	if err == nil && made {
		err = l.ask(v)
	}
	if err != nil {
		l.drop(i, v, err)
	}
}

// connected goes on with a viewer whose connection is made, or failed.
func (l *loop) connected(i int32, v *viewer) {
	errno, err := unix.GetsockoptInt(int(v.fd), unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err != nil:
		err = os.NewSyscallError("getsockopt SO_ERROR", err)
	case errno != 0:
		err = os.NewSyscallError("connect", unix.Errno(errno))
	default:
		if err = l.listen(i, v, unix.EPOLLIN); err == nil {
			err = l.ask(v)
		}
	}
	if err != nil {
		l.drop(i, v, err)
	}
}

// listen sets what epoll is to report of a viewer.
func (l *loop) listen(i int32, v *viewer, events uint32) error {
	ev := unix.EpollEvent{Events: events, Fd: i}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, int(v.fd), &ev))
}

// ask sends the handshake.
func (l *loop) ask(v *viewer) error {
	v.stage = asking
	path := l.dialect.path(l.plan.roomID(v.seat.room), l.plan.userID(*v.seat))
	offer := ""
	if l.manner.protocol != "" {
		offer = "\r\nSec-WebSocket-Protocol: " + l.manner.protocol
	}
	if l.plan.Deflate {
		offer += "\r\nSec-WebSocket-Extensions: " + deflateOffer
	}
	_, err := write(int(v.fd), []byte("GET "+path+" HTTP/1.1\r\nHost: "+l.targets[v.seat.target].name+
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "+key+offer+"\r\n\r\n"))
	return os.NewSyscallError("write", err)
}

// answer takes the answer of the handshake and returns what follows it.
func (l *loop) answer(i int32, v *viewer, b []byte) ([]byte, error) {
	if carried := l.carry[i]; carried != nil {
		b = append(carried, b...)
	}
	head, rest, whole := bytes.Cut(b, []byte("\r\n\r\n"))
	line, _, hasLine := bytes.Cut(head, []byte("\r\n"))
	switch {
	case (hasLine || whole) && !bytes.HasPrefix(line, []byte("HTTP/1.1 101")):
		return nil, fmt.Errorf("the server answered %.80q", line)
	case !whole && len(b) > longestAnswer:
		return nil, fmt.Errorf("the server answered more than %d bytes", longestAnswer)
	case !whole:
		l.carry[i] = append([]byte(nil), b...)
		return nil, nil
	case !bytes.Contains(head, []byte(accept)):
		return nil, errors.New("the server's answer has a wrong Sec-WebSocket-Accept")
	case l.plan.Deflate && !bytes.Contains(head, []byte(deflateAnswer)):
		return nil, errors.New("the server does not agree on permessage-deflate without context takeover")
	}
	delete(l.carry, i)
	l.unanswered--
	v.stage = greeting
	record(l.totals.Connect, l.since(v.due))
	if hello := l.dialect.hello(nil, l.plan.roomID(v.seat.room)); len(hello) > 0 {
		if _, err := write(int(v.fd), hello); err != nil {
			return nil, os.NewSyscallError("write", err)
		}
	}
	if !l.manner.greets {
		l.welcomed(i, v, 0, false)
	}
	return rest, nil
}

// since is how long ago a time in Unix ns was.
func (l *loop) since(ns int64) time.Duration { return time.Duration(time.Now().UnixNano() - ns) }

// welcomed lets a viewer in. total is how many messages its room had before, where known.
func (l *loop) welcomed(i int32, v *viewer, total uint64, known bool) {
	v.stage, v.before, v.exact = watching, total, known || l.loadAt.IsZero()
	if l.plan.Room != "" { // its count is of all that was ever sent there
		v.before, v.exact = 0, l.loadAt.IsZero()
	}
	l.beginPayload(v)
	l.pending--
	l.enter(v, 1)
	l.totals.Made++
	l.second.made++
	if l.loadAt.IsZero() {
		l.totals.FirstMade++
		l.lastIn = l.now
	}
	if l.manner.greets {
		record(l.totals.Welcome, l.since(v.due))
	}
	if v.speaker != nil {
		v.speaker.open(int(v.fd))
	}
	if v.seat.slow {
		if err := l.listen(i, v, unix.EPOLLRDHUP); err != nil {
			l.drop(i, v, err)
		}
	}
}

// giveUp ends handshakes that take too long.
func (l *loop) giveUp() {
	if l.pending == 0 {
		return
	}
	for i := range l.viewers {
		v := &l.viewers[i]
		if v.stage != away && v.stage < watching && l.now.UnixNano()-v.began >= l.plan.Patience.Nanoseconds() {
			l.drop(int32(i), v, fmt.Errorf("the server did not answer within %v", l.plan.Patience))
		}
	}
}

// cutOff cuts off those who are to come back.
func (l *loop) cutOff() {
	for i := range l.viewers {
		v := &l.viewers[i]
		if v.seat.back < 0 || v.stage != watching {
			continue
		}
		if v.speaker == nil {
			l.drop(int32(i), v, nil)
			continue
		}
		// Messages that a sender has sent must not get lost with it.
		v.speaker.shut(false)
		_ = unix.Shutdown(int(v.fd), unix.SHUT_WR)
		v.stage = leaving
		l.enter(v, -1)
		if v.seat.slow {
			l.drop(int32(i), v, nil)
		}
	}
}

// drop ends a viewer's connection: because of why, or by our will where it is nil.
func (l *loop) drop(i int32, v *viewer, why error) {
	if v.stage == away {
		return
	}
	was := v.stage
	v.stage = away
	delete(l.carry, i)
	switch was {
	case connecting, asking, greeting:
		l.pending--
		if was != greeting {
			l.unanswered--
		}
		l.totals.Failed++
		l.second.failed++
		l.totals.FailedWhy = why.Error()
	case watching:
		l.enter(v, -1)
		l.retire(v)
		l.broke(v, why)
	default:
		l.retire(v)
	}
	if v.speaker != nil {
		v.speaker.shut(v.seat.back < 0 || !l.loadAt.IsZero() && v.due >= l.measureAt.UnixNano())
	}
	if v.fd >= 0 {
		_ = unix.Close(int(v.fd))
		v.fd = -1
	}
}

// enter counts a viewer that is in, or with -1 one that is not any more.
func (l *loop) enter(v *viewer, n int) {
	l.open += n
	if !v.seat.slow {
		l.reading += n
	}
}

// broke counts a viewer that ended because of why; nil is by our will. A server may cut off
// who does not read, so those are counted apart.
func (l *loop) broke(v *viewer, why error) {
	switch {
	case why == nil:
	case v.seat.slow:
		l.totals.SlowEnded++
		l.second.slowEnded++
	default:
		l.totals.Broken++
		l.second.broken++
		l.totals.BrokenWhy = why.Error()
	}
}

// reportWave reports the first wave once it is over.
func (l *loop) reportWave() {
	if l.waveAt.IsZero() {
		return
	}
	if l.totals.Failed >= hopeless && l.totals.Made == 0 {
		l.queue, l.next = nil, 0
	}
	if l.next < len(l.queue) || l.pending > 0 {
		return
	}
	if l.totals.FirstMade > 0 {
		l.totals.FirstWave = l.lastIn.Sub(l.waveAt)
	}
	l.waveAt = time.Time{}
	l.report(report{Wave: &wave{In: l.totals.FirstMade, Failed: l.totals.Failed, FailedWhy: l.totals.FailedWhy}})
}
