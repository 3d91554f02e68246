package swarm

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"barrage/codec"
	"barrage/internal/rawio"
)

// stage is how far a viewer has got.
type stage uint8

const (
	away       stage = iota // no socket
	connecting              // its socket is not connected yet
	asking                  // the handshake has no answer yet
	greeting                // no welcome yet
	watching                // it is in
	leaving                 // it is cut off: its last words are on their way
)

// viewer is one connection. It is kept small: there are 20,000 of them in a process.
type viewer struct {
	scan scanner
	// matched and pinged are how much of the dialect's needles the payload so far ends with.
	matched, pinged uint8
	stage           stage
	exact           bool // before is known
	fd              int32
	before          uint64 // messages of its room before the first that it gets
	got             uint64 // copies
	due             int64  // Unix ns of when it was to connect
	began           int64  // Unix ns of when it did
	seat            *seat
	speaker         *speaker // nil: it does not speak
	sample          *sample  // nil: it only counts
}

// reads reports whether the viewer reads everything.
func (l *loop) reads(v *viewer) bool {
	return v.sample != nil || v.speaker != nil && l.manner.answers
}

// ready takes what is there for a viewer.
func (l *loop) ready(i int32, events uint32) {
	v := &l.viewers[i]
	switch v.stage {
	case away:
		return // an event from before it was closed
	case connecting:
		l.connected(i, v)
		return
	case watching:
		if v.seat.slow {
			l.drop(i, v, l.slowEnd(v, events))
			return
		}
	default:
	}
	n, errno := rawio.Read(int(v.fd), l.buf)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return
	case errno != 0:
		l.drop(i, v, fmt.Errorf("read: %w", errno))
		return
	case n == 0:
		l.drop(i, v, errClosed)
		return
	}
	l.ate(n)
	if err := l.take(i, v, l.buf[:n]); err != nil {
		l.drop(i, v, err)
	}
}

// slowEnd returns why a slow viewer ended: epoll reports nothing but its end.
func (l *loop) slowEnd(v *viewer, events uint32) error {
	if events&unix.EPOLLERR == 0 {
		return errClosed
	}
	if errno, err := unix.GetsockoptInt(int(v.fd), unix.SOL_SOCKET, unix.SO_ERROR); err == nil && errno != 0 {
		return unix.Errno(errno)
	}
	return errClosed
}

// take goes through what was read.
func (l *loop) take(i int32, v *viewer, b []byte) error {
	if v.stage == asking {
		var err error
		if b, err = l.answer(i, v, b); err != nil {
			return err
		}
	}
	counts := !l.reads(v)
	frames := counts && l.manner.needle == ""
	for len(b) > 0 {
		if frames && v.stage >= watching {
			n, rest := v.scan.skip(b)
			l.received(v, n)
			if b = rest; len(b) == 0 {
				return nil
			}
		}
		payload, whole, rest, err := v.scan.next(b)
		if err != nil {
			return err
		}
		b = rest
		switch {
		case v.scan.op > codec.OpBinary:
			err = l.control(i, v, payload, whole)
		case v.scan.deflated:
			err = l.deflated(i, v, payload, whole)
		case counts && v.stage >= watching:
			l.count(v, payload, whole)
		default:
			err = l.text(i, v, payload, whole)
		}
		if err != nil || v.stage == away {
			return err
		}
	}
	return nil
}

// received counts copies.
func (l *loop) received(v *viewer, copies int) {
	if copies == 0 {
		return
	}
	v.got += uint64(copies)
	l.copies += uint64(copies)
	if !v.seat.slow {
		l.quietSince = l.now
	}
}

// count takes a piece of a message frame in a viewer that only counts.
func (l *loop) count(v *viewer, payload []byte, whole bool) {
	if l.manner.needle == "" {
		if whole {
			l.received(v, 1)
		}
		return
	}
	l.received(v, l.manner.needle.count(&v.matched, payload))
	if l.manner.ping.count(&v.pinged, payload) > 0 {
		l.send(v, codec.OpText, []byte(l.manner.pong))
	}
	if whole {
		l.beginPayload(v)
	}
}

// deflated takes a piece of a deflated message frame.
func (l *loop) deflated(i int32, v *viewer, piece []byte, whole bool) error {
	payload, ok := l.gather(i, piece, whole, 0)
	if !ok {
		return nil
	}
	got, err := l.inflater.inflate(payload)
	if err != nil {
		return err
	}
	if v.stage >= watching && !l.reads(v) {
		l.received(v, got.messages)
		return nil
	}
	l.beginPayload(v)
	return l.dialect.read(got.text, ear{l, i, v})
}

// beginPayload has the needles begin anew: a payload begins a line.
func (l *loop) beginPayload(v *viewer) { v.matched, v.pinged = 0, 1 }

// text takes a piece of a message frame in a viewer that reads it.
func (l *loop) text(i int32, v *viewer, payload []byte, whole bool) error {
	most := 0
	if v.stage < watching && !l.reads(v) {
		most = l.manner.tail
	}
	text, ok := l.gather(i, payload, whole, most)
	if !ok {
		return nil
	}
	l.beginPayload(v)
	return l.dialect.read(text, ear{l, i, v})
}

// gather returns a text once it is whole. If most is not 0 its last most bytes will do.
func (l *loop) gather(i int32, piece []byte, whole bool, most int) ([]byte, bool) {
	carried, cut := l.carry[i]
	if !cut && whole {
		return piece, true
	}
	carried = append(carried, piece...)
	if most > 0 && len(carried) > most {
		carried = append(carried[:0], carried[len(carried)-most:]...)
	}
	if whole {
		delete(l.carry, i)
	} else {
		l.carry[i] = carried
	}
	return carried, whole
}

// control takes a piece of a control frame.
func (l *loop) control(i int32, v *viewer, payload []byte, whole bool) error {
	p, ok := l.gather(i, payload, whole, 0)
	if !ok {
		return nil
	}
	switch v.scan.op {
	case codec.OpPing:
		l.send(v, codec.OpPong, p)
	case codec.OpClose:
		if len(p) < 2 {
			return errors.New("the server closed without a code")
		}
		return fmt.Errorf("the server closed with %d %q", int(p[0])<<8|int(p[1]), p[2:])
	default: // a pong
	}
	return nil
}

// send sends an answer. An answer that a socket does not take is left out: a socket that is so full has other worries
// than a pong.
func (l *loop) send(v *viewer, op codec.Opcode, payload []byte) {
	l.frame = appendFrame(l.frame[:0], op, payload)
	if v.speaker != nil && v.stage == watching {
		v.speaker.control(l.frame)
		return
	}
	_, _ = write(int(v.fd), l.frame)
}

// ear receives what a viewer reads.
type ear struct {
	l *loop
	i int32
	v *viewer
}

func (e ear) welcomed() bool { return e.v.stage >= watching }

func (e ear) welcome(total uint64, known bool) { e.l.welcomed(e.i, e.v, total, known) }

func (e ear) reply(payload string) { e.l.send(e.v, codec.OpText, []byte(payload)) }

func (e ear) answered(number uint64, code string) { e.l.answered(e.v, number, code) }

// message counts a copy and, in a sampled viewer, checks it. A message that others send there is no copy.
func (e ear) message(text []byte) {
	s := e.v.sample
	if s == nil || e.v.stage != watching {
		e.l.received(e.v, 1)
		return
	}
	due, number, ok := parseBody(text, e.l.manner.mark)
	if !ok || !e.l.ours(text) {
		s.others++
		return
	}
	e.l.received(e.v, 1)
	if s.note(number) && !e.l.loadAt.IsZero() && due >= e.l.measureAt.UnixMicro() {
		e.l.latency(time.Duration(time.Now().UnixMicro()-due) * time.Microsecond)
	}
}

// ours reports whether one of our users has sent a message, which has a body as ours have. In a room that others know,
// they may measure it, too.
func (l *loop) ours(text []byte) bool {
	return l.plan.Room == "" || bytes.Contains(text, []byte(l.plan.Prefix))
}
