package codec

import (
	"sync"
	"unicode/utf8"
)

// FrameHandler takes what a [Reader] has read.
type FrameHandler interface {
	// Frame is called for each complete message, with its fragments joined, and for each control frame, in the order in
	// which they ended. The argument op is OpText, OpBinary, OpClose, OpPing or OpPong, or OpContinuation in two cases.
	// The first one is a fragment of less than 16 bytes that ends nothing, since the largest message does not bound how
	// many these are. The other one comes in front of a message that took its client next to nothing to send: see cheap.
	// Then payload is what is beyond that. The payload is unmasked and checked; it belongs to the reader and is valid only
	// during the call. An error ends the reader.
	Frame(op Opcode, payload []byte) error
	// Deflates reports whether permessage-deflate was agreed on (RFC 7692). It is asked only
	// about a message that says it is compressed.
	Deflates() bool
}

// Reader parses what one client sends, piece by piece as it comes off the socket, and
// holds it against RFC 6455 section 5. The zero value is ready.
//
// One goroutine at a time may use it. It stands by value in every connection: 8
// bytes while nothing is under way.
type Reader struct {
	// work is what has arrived of the frame or the fragmented message under way, nil
	// between messages; or what ended the stream. Owned by the goroutine that calls Feed.
	work *pending
}

// Feed parses b, the next bytes of the stream, and calls h for everything that is
// complete now. It may change b in place and keeps no part of it.
//
// maxMessage bounds a message in bytes, fragments joined and inflated. A frame that would exceed it is refused by its
// header. The part that is kept of an incomplete message never takes much more memory than has arrived.
//
// The error is a [*ProtocolError], to be sent to the client in a close frame, or what
// h returned, as it is. After an error the reader is dead: each further call returns
// that error. After a close frame the caller is expected to stop; Feed goes on.
//
// A whole, unfragmented frame in b is handed out where it stands, without a copy and
// without an allocation. h must not call Feed.
func (r *Reader) Feed(b []byte, maxMessage int, h FrameHandler) error {
	if r.work != nil && r.work.err != nil {
		return r.work.err
	}
	err := r.feed(b, maxMessage, h)
	if err != nil {
		r.release()
		r.work = endedBy(err)
	}
	return err
}

// endedBy is what a reader has that err has ended.
func endedBy(err error) *pending {
	if e, ok := err.(*ProtocolError); ok { //nolint:errorlint // it comes bare
		return &e.ended
	}
	return &pending{err: err}
}

// feed is Feed on a reader that lives.
func (r *Reader) feed(b []byte, maxMessage int, h FrameHandler) (err error) {
	for len(b) > 0 && err == nil {
		if r.work == nil || r.work.headLen == 0 {
			b, err = r.begin(b, maxMessage, h)
		} else {
			b, err = r.resume(b, maxMessage, h)
		}
	}
	return err
}

// begin reads the frame that b starts with and returns what follows it.
func (r *Reader) begin(b []byte, maxMessage int, h FrameHandler) (rest []byte, err error) {
	f, size, err := r.work.parseHeader(b, maxMessage, h)
	if err != nil {
		return nil, err
	}
	if size > 0 && f.length <= len(b)-size && f.fin() && f.op() != OpContinuation {
		end := size + f.length
		payload := b[size:end:end]
		unmask(payload, f.key)
		if f.compressed() {
			return b[end:], deliverInflated(f.op(), payload, maxMessage, h)
		}
		return b[end:], deliver(f.op(), payload, h)
	}
	if r.work == nil {
		r.work = pendings.Get().(*pending)
	}
	return r.resume(b, maxMessage, h)
}

// resume takes from b what the frame under way still lacks and returns the rest. A
// frame that b does not end stays under way, and the rest is empty.
func (r *Reader) resume(b []byte, maxMessage int, h FrameHandler) (rest []byte, err error) {
	p := r.work
	if !p.inPayload {
		had := p.headLen
		p.headLen += copy(p.head[had:], b)
		f, size, err := p.parseHeader(p.head[:p.headLen], maxMessage, h)
		if err != nil || size == 0 {
			return nil, err
		}
		b = b[size-had:]
		p.frame, p.inPayload = f, true
		if f.op().message() {
			p.message, p.compressed = f.op(), f.compressed()
		}
	}
	lacks := p.start + p.frame.length - len(p.buf)
	n := min(lacks, len(b))
	p.frame.key = unmask(b[:n], p.frame.key)
	p.buf = append(p.buf, b[:n]...)
	if n < lacks {
		return nil, nil
	}
	return b[n:], r.finish(maxMessage, h)
}

// finish ends the frame under way, whose payload is complete.
func (r *Reader) finish(maxMessage int, h FrameHandler) error {
	p := r.work
	p.headLen, p.inPayload = 0, false
	op, payload, compressed := p.frame.op(), p.buf[p.start:], false
	if !op.control() {
		if !p.frame.fin() {
			if p.message == OpText && !p.compressed && !validGrowth(p.buf, p.start) {
				return errTextNotUTF8
			}
			small := len(p.buf)-p.start < smallFragment
			if p.start = len(p.buf); small {
				return h.Frame(OpContinuation, nil)
			}
			return nil
		}
		op, payload, compressed, p.message = p.message, p.buf, p.compressed, noMessage
	}
	var err error
	if compressed {
		err = deliverInflated(op, payload, maxMessage, h)
	} else {
		err = deliver(op, payload, h)
	}
	if p.message == noMessage {
		r.release()
	} else {
		p.buf = p.buf[:p.start] // a control frame inside a message
	}
	return err
}

// release gives back what is kept of the stream.
func (r *Reader) release() {
	p := r.work
	if p == nil {
		return
	}
	r.work = nil
	if cap(p.buf) > keepBytes {
		p.buf = nil
	}
	*p = pending{buf: p.buf[:0]}
	pendings.Put(p)
}

// cheap is how many times as long as what came a message may be when it is inflated, without its handler being
// notified. Text that people write comes out two to four times as long; 24 KiB of one letter come in 60 bytes.
const cheap = 8

// deliverInflated is deliver for a compressed message. A function of its own, for its
// closure would cost the others 15 ns.
func deliverInflated(op Opcode, payload []byte, maxMessage int, h FrameHandler) error {
	return Inflate(payload, maxMessage, func(plain []byte) error {
		if beyond := len(plain) - cheap*len(payload); beyond > 0 {
			if err := h.Frame(OpContinuation, plain[:beyond]); err != nil {
				return err
			}
		}
		return deliver(op, plain, h)
	})
}

// deliver checks the payload of a message or control frame and hands it out.
func deliver(op Opcode, payload []byte, h FrameHandler) error {
	switch op {
	case OpText:
		if !utf8.Valid(payload) {
			return errTextNotUTF8
		}
	case OpClose:
		if err := checkClose(payload); err != nil {
			return err
		}
	default: // binary, ping and pong carry any bytes
	}
	return h.Frame(op, payload)
}

// pending is what a [Reader] remembers of a frame that came in pieces, and of a
// message that came in fragments.
type pending struct {
	// head[:headLen] is what has arrived of the header of the frame under way.
	// headLen is 0 between the fragments of a message.
	head    [maxHeader]byte
	headLen int
	// inPayload says that the header is complete, and frame holds it. frame.key is
	// the key for the next byte to arrive.
	inPayload bool
	frame     header
	// message is the kind of the message that is open, noMessage without one; compressed
	// says that it is.
	message    Opcode
	compressed bool
	// buf[:start] is the open message without the frame under way, buf[start:] that
	// frame's payload so far, both unmasked. A control frame between fragments stands
	// behind the message and is cut off again.
	buf   []byte
	start int
	// err is what ended the stream: then nothing else is set, and it stays.
	err error
}

// noMessage is the message kind of a pending frame that belongs to none.
const noMessage = OpContinuation

// keepBytes is the largest buffer in bytes that is kept for reuse. That of a message of 24 KiB fits, the default of
// server.max_message_bytes. So split messages cost no allocation, yet nobody can make an idle frame hold a buffer that
// a large message left behind.
const keepBytes = 32 << 10

// smallFragment is how many bytes a fragment has at least of which no handler is notified: a message of 24 KiB has
// 1,536 of these. Clients that fragment at all do it by some KiB.
const smallFragment = 16

var pendings = sync.Pool{New: func() any { return new(pending) }}

// parseHeader parses the header that b begins with as the next of the stream. p is nil
// where nothing is under way.
func (p *pending) parseHeader(b []byte, maxMessage int, handler FrameHandler) (h header, size int, err error) {
	deflates := b[0]&rsvBits == rsv1Bit && handler.Deflates()
	if p == nil {
		return parseHeader(b, false, deflates, maxMessage)
	}
	return parseHeader(b, p.message != noMessage, deflates, maxMessage-p.start)
}
