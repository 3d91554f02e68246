package room

import (
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"barrage/codec"
)

// Sizes of log segments in bytes. A room begins small, because most rooms are quiet,
// and doubles up to the size of one write, so that a sweep rarely needs two.
const (
	firstSegment = 4 << 10
	maxSegment   = 64 << 10
)

// cursor is a place in a log, always a frame boundary: the bytes and messages that came
// before it since the room went live.
type cursor struct {
	off   uint64 // bytes
	index uint64 // messages
}

// log is a room's outgoing bytes in one encoding: each message framed once, shared by all
// members of that encoding. It is append-only and bounded from the far end.
//
//	  oldest              head
//	    ↓                   ↓
//	....|seg 0|seg 1|seg 2..|      members' cursors lie anywhere up to head;
//	                               one below oldest has fallen out
//
// Bytes below a segment's length never change, so a view stays valid without the
// lock and after its segment was dropped.
//
// An encoding with batches gathers messages in open, and frames them when a lane comes for them. So there is one frame
// for all that came since the last sweep.
type log struct {
	budget *budget // of all logs together; immutable
	// most bounds the bytes of all segments; immutable.
	most int
	// deflates: batches are deflated. Immutable.
	deflates bool

	mu    sync.Mutex // guards the fields below
	segs  []*segment
	head  cursor
	bytes int // Invariant: sum of cap(buf) over segs.
	// open is the batch that gathers, without its end, and opened how many messages it has.
	open   []byte
	opened int
	now    int64 // of the last append
}

// budget bounds the bytes that all logs of a hall hold together.
type budget struct {
	most  int64        // immutable
	bytes atomic.Int64 // Invariant: sum of log.bytes.
}

// over reports whether the logs hold too much. A room that appends while they do
// keeps only its two newest segments: members that keep up stand in them, whatever
// the boundary. Rooms that do not append lose theirs by expire.
func (b *budget) over() bool { return b.bytes.Load() > b.most }

func (b *budget) add(n int) { b.bytes.Add(int64(n)) }

// segment is a run of whole frames.
type segment struct {
	start  cursor
	buf    []byte
	frames []frameEnd // where each frame ends
	used   int64      // hall.ran at the last append
}

// frameEnd is where a frame ends, counted from the start of its segment.
type frameEnd struct {
	end      uint32 // bytes
	messages uint32
}

// append frames one message, head and then tail, as a text frame. now is hall.ran, which expire compares with.
func (l *log) append(now int64, head, tail string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = now
	seg := l.textLocked(len(head) + len(tail))
	seg.buf = append(append(seg.buf, head...), tail...)
	l.appendedLocked(seg, 1)
}

// textLocked begins a text frame at the log's end. The caller appends its length bytes to the segment, and then calls
// appendedLocked. l.mu must be held.
func (l *log) textLocked(length int) *segment {
	seg := l.lastWithRoom(codec.FrameHeaderLen(length) + length)
	seg.buf = codec.AppendFrameHeader(seg.buf, codec.OpText, length)
	return seg
}

// appendedLocked notes that a frame with messages came to the end of seg, the last segment, and drops what is too much.
// The lock l.mu must be held.
func (l *log) appendedLocked(seg *segment, messages int) {
	l.head.off = seg.start.off + uint64(len(seg.buf))
	l.head.index += uint64(messages)
	seg.frames = append(seg.frames, frameEnd{uint32(len(seg.buf)), uint32(l.head.index - seg.start.index)})
	seg.used = l.now
	for len(l.segs) > 1 && l.bytes > l.most || len(l.segs) > 2 && l.budget.over() {
		l.dropOldest()
	}
}

// add puts one message into the open batch. begin opens one, add puts a message in: both
// append to what they are given.
func (l *log) add(now int64, begin, add func([]byte) []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = now
	if l.opened == 0 {
		l.open = begin(l.open[:0])
	}
	l.open = add(l.open)
	if l.opened++; len(l.open) >= maxBatchBytes {
		l.sealLocked()
	}
}

// control frames text that is no message, behind all messages so far.
func (l *log) control(text string, now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sealLocked()
	l.now = now
	seg := l.textLocked(len(text))
	seg.buf = append(seg.buf, text...)
	l.appendedLocked(seg, 0)
}

// maxBatchBytes ends a batch: a browser parses that much in about a millisecond, and it is
// half of what one write carries.
const maxBatchBytes = 32 << 10

// sealLocked frames the open batch, if there is one. l.mu must be held.
func (l *log) sealLocked() {
	if l.opened == 0 {
		return
	}
	l.open = append(l.open, codec.BatchEnd...)
	var seg *segment
	if l.deflates {
		framed := codec.AppendDeflatedFrame(nil, l.open)
		seg = l.lastWithRoom(len(framed))
		seg.buf = append(seg.buf, framed...)
	} else {
		seg = l.textLocked(len(l.open))
		seg.buf = append(seg.buf, l.open...)
	}
	l.appendedLocked(seg, l.opened)
	l.opened = 0
	if cap(l.open) > 2*maxBatchBytes {
		l.open = nil
	}
}

// lastWithRoom returns a segment with size free bytes, a new one where needed. No segment grows beyond a quarter of the
// log's most, unless for one large message. The oldest segment is dropped as a whole, and the log shall still reach
// back half of its bound.
func (l *log) lastWithRoom(size int) *segment {
	next := firstSegment
	if n := len(l.segs); n > 0 {
		last := l.segs[n-1]
		if cap(last.buf)-len(last.buf) >= size {
			return last
		}
		next = min(2*cap(last.buf), maxSegment, l.most/4)
	}
	seg := &segment{start: l.head, buf: make([]byte, 0, max(next, size))}
	l.segs = append(l.segs, seg)
	l.bytes += cap(seg.buf)
	l.budget.add(cap(seg.buf))
	return seg
}

func (l *log) dropOldest() {
	l.bytes -= cap(l.segs[0].buf)
	l.budget.add(-cap(l.segs[0].buf))
	l.segs[0] = nil
	l.segs = l.segs[1:]
}

// expire drops the segments last written before limit. A member whose cursor lies
// in one has taken nothing for that long.
func (l *log) expire(limit int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.segs) > 0 && l.segs[0].used < limit {
		l.dropOldest()
	}
	if len(l.segs) == 0 {
		l.segs = nil
	}
}

// release gives the budget back what the log of a room that goes holds.
func (l *log) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.segs) > 0 {
		l.dropOldest()
	}
}

// headNow is where a member that enters now begins: behind all messages so far.
func (l *log) headNow() cursor {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sealLocked()
	return l.head
}

// count is how many messages came so far. It leaves an open batch open.
func (l *log) count() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head.index + uint64(l.opened)
}

// grown reports whether there is anything behind off. It leaves an open batch open.
func (l *log) grown(off uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head.off != off || l.opened > 0
}

// view is a run of whole frames that one write can take.
type view struct {
	from cursor
	to   cursor
	b    []byte // read-only; shared by all members
	more bool   // the log went on behind to when the view was taken

	// The method after counts messages by these: the segment's start and frames.
	start  cursor
	frames []frameEnd
}

// at returns what follows c, at most most bytes unless a single frame is larger, and never across the end of a segment.
// The result ok is false where c has fallen out of the log; the view is empty where c is the head.
func (l *log) at(c cursor, most int) (v view, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v.from, v.to = c, c
	if c.off == l.head.off {
		return v, true
	}
	for _, seg := range slices.Backward(l.segs) { // nearly all cursors lie in the newest
		if c.off < seg.start.off {
			continue
		}
		lo := int(c.off - seg.start.off)
		hi := len(seg.buf)
		frames := len(seg.frames)
		if hi-lo > most {
			// At least one frame, however large, and as many as most allows.
			first := sort.Search(frames, func(k int) bool { return int(seg.frames[k].end) > lo })
			frames = max(sort.Search(frames, func(k int) bool { return int(seg.frames[k].end) > lo+most }), first+1)
			hi = int(seg.frames[frames-1].end)
		}
		v.b = seg.buf[lo:hi:hi]
		v.to = cursor{off: seg.start.off + uint64(hi), index: seg.start.index + uint64(seg.frames[frames-1].messages)}
		v.more = v.to.off < l.head.off
		v.start, v.frames = seg.start, seg.frames[:frames]
		return v, true
	}
	return v, false
}

// after returns the cursor n bytes into v; n is a frame boundary of it.
func (v *view) after(n int) cursor {
	switch n {
	case 0:
		return v.from
	case len(v.b):
		return v.to
	}
	off := v.from.off + uint64(n)
	rel := uint32(off - v.start.off)
	k := sort.Search(len(v.frames), func(k int) bool { return v.frames[k].end >= rel })
	return cursor{off: off, index: v.start.index + uint64(v.frames[k].messages)}
}
