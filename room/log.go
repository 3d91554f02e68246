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

// cursor is a place in a log, always a frame boundary: the bytes and frames that
// came before it since the room went live.
type cursor struct {
	off   uint64 // bytes
	index uint64 // frames
}

// log is a room's outgoing bytes: each message framed once, shared by all members.
// It is append-only and bounded from the far end.
//
//	  oldest              head
//	    ↓                   ↓
//	....|seg 0|seg 1|seg 2..|      members' cursors lie anywhere up to head;
//	                               one below oldest has fallen out
//
// Bytes below a segment's length never change, so a view stays valid without the
// lock and after its segment was dropped.
type log struct {
	budget *budget // of all logs together; immutable

	mu   sync.Mutex // guards the fields below
	segs []*segment
	head cursor
	held int // Invariant: sum of cap(buf) over segs.
}

// budget bounds the bytes that all logs of a hall hold together.
type budget struct {
	most int64        // immutable
	held atomic.Int64 // Invariant: sum of log.held.
}

// over reports whether the logs hold too much. A room that appends while they do
// keeps only its two newest segments: members that keep up stand in them, whatever
// the boundary. Rooms that do not append lose theirs by expire.
func (b *budget) over() bool { return b.held.Load() > b.most }

func (b *budget) add(n int) { b.held.Add(int64(n)) }

// segment is a run of whole frames.
type segment struct {
	start cursor
	buf   []byte
	ends  []uint32 // ends[i] is where frame i of the segment ends in buf
	used  int64    // time of the last append, in the units of Hall.Tick
}

// append frames one text message and returns nothing: the new head is log.head.
// now is the coarse time that expire compares with; most bounds the bytes held.
func (l *log) append(text string, now int64, most int) {
	size := codec.FrameHeaderLen(len(text)) + len(text)
	l.mu.Lock()
	defer l.mu.Unlock()
	seg := l.lastWithRoom(size, most)
	seg.buf = codec.AppendFrame(seg.buf, codec.OpText, text)
	seg.ends = append(seg.ends, uint32(len(seg.buf)))
	seg.used = now
	l.head.off += uint64(size)
	l.head.index++
	for len(l.segs) > 1 && l.held > most || len(l.segs) > 2 && l.budget.over() {
		l.dropOldest()
	}
}

// lastWithRoom returns a segment with size free bytes, a new one where needed. No
// segment grows beyond a quarter of most, unless for one large message: the oldest is
// dropped as a whole, and the log shall still reach back half of its bound.
func (l *log) lastWithRoom(size, most int) *segment {
	next := firstSegment
	if n := len(l.segs); n > 0 {
		last := l.segs[n-1]
		if cap(last.buf)-len(last.buf) >= size {
			return last
		}
		next = min(2*cap(last.buf), maxSegment, most/4)
	}
	seg := &segment{start: l.head, buf: make([]byte, 0, max(next, size))}
	l.segs = append(l.segs, seg)
	l.held += cap(seg.buf)
	l.budget.add(cap(seg.buf))
	return seg
}

func (l *log) dropOldest() {
	l.held -= cap(l.segs[0].buf)
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

func (l *log) headNow() cursor {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head
}

// view is a run of whole frames that one write can take.
type view struct {
	from cursor
	to   cursor
	b    []byte // read-only; shared by all members
	more bool   // the log went on behind to when the view was taken

	// What after needs to count frames: the segment's start and frame ends.
	start cursor
	ends  []uint32
}

// at returns what follows c, at most most bytes unless a single frame is larger,
// and never across the end of a segment. ok is false where c has fallen out of the
// log; the view is empty where c is the head.
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
		frames := len(seg.ends)
		if hi-lo > most {
			first := int(c.index - seg.start.index)
			frames = max(sort.Search(len(seg.ends), func(k int) bool { return int(seg.ends[k]) > lo+most }), first+1)
			hi = int(seg.ends[frames-1])
		}
		v.b = seg.buf[lo:hi:hi]
		v.to = cursor{off: seg.start.off + uint64(hi), index: seg.start.index + uint64(frames)}
		v.more = v.to.off < l.head.off
		v.start, v.ends = seg.start, seg.ends[:frames]
		return v, true
	}
	return v, false
}

// after returns the cursor n bytes into v; n is a frame boundary of it.
func (v *view) after(n int) cursor {
	if n == len(v.b) {
		return v.to
	}
	off := v.from.off + uint64(n)
	rel := off - v.start.off
	frames := sort.Search(len(v.ends), func(k int) bool { return uint64(v.ends[k]) > rel })
	return cursor{off: off, index: v.start.index + uint64(frames)}
}
