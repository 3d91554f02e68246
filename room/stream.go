package room

import (
	"slices"
	"sync"

	"barrage/codec"
	"barrage/internal/chat"
)

// Encoding is how a room's stream is written.
type Encoding uint8

// The encodings.
const (
	// FastIM is a text frame a message, as FastIM clients know them.
	FastIM Encoding = iota
	// Native is a text frame a batch, as docs/protocol.md has it.
	Native
	// Deflated is Native, deflated once for all.
	Deflated

	encodings
)

// splitSize is the number of members up to which a room stays on one lane. Below it a sweep takes less than 2 ms (256
// writes of about 7 µs). So a second lane would save less than waking it costs.
const splitSize = 256

// stream is a room in one encoding: its log, and the members that read it. A message is
// encoded only for streams that have members.
type stream struct {
	// Immutable.
	room     *Room
	encoding Encoding
	log      log

	seqs seqMap

	// Guarded by room.mu.
	parts   []*part // by lane; nil where no member stands
	members int
	// Of a native stream: the number that its members expect next, and the room's counters that they received last.
	epoch    string
	next     uint64
	jump     bool // they do not know it yet, see sendJump
	counters chat.Counters
}

func newStream(r *Room, f Encoding) *stream {
	s := &stream{room: r, encoding: f, parts: make([]*part, len(r.hall.lanes))}
	s.log = log{budget: &r.hall.budget, most: int(r.hall.cfg().Fanout.LogBytes), deflates: f == Deflated}
	return s
}

// partForNewMember is the home part of a small stream, else the smallest one. room.mu
// must be held.
func (s *stream) partForNewMember() *part {
	best := s.room.home
	if s.members >= splitSize {
		for i, p := range s.parts {
			if p == nil || p.size < s.parts[best].size {
				best = i
			}
			if p == nil {
				break
			}
		}
	}
	if s.parts[best] == nil {
		s.parts[best] = &part{stream: s, lane: s.room.hall.lanes[best]}
		// A new part starts where the log stands: its first member comes now.
		s.parts[best].swept = s.log.headNow().off
	}
	return s.parts[best]
}

// append encodes messages into the log. room.mu must be held.
func (s *stream) append(messages []chat.Entry) {
	now := s.room.hall.ran.Load()
	if s.encoding == FastIM {
		for _, e := range messages {
			head, tail := codec.FastIMParts(e.JSON)
			s.log.append(now, head, tail)
		}
		return
	}
	local := s.room.localSeq - uint64(len(messages)) // all of them are, or none
	for i, e := range messages {
		epoch, seq := s.room.follower.pos.Epoch, e.Seq
		if seq == 0 {
			epoch, seq = s.room.localEpoch(), local+uint64(i)+1
		}
		s.move(epoch, seq)
		s.next = seq + 1
		s.seqs.note(epoch, s.log.count(), seq)
		s.log.add(now,
			func(dst []byte) []byte { return codec.AppendBatchBegin(dst, epoch, seq) },
			func(dst []byte) []byte {
				if dst[len(dst)-1] != '[' {
					dst = append(dst, ',')
				}
				return codec.AppendNativeMessage(dst, seq, e.JSON)
			})
	}
}

// move sends native members where the stream goes on, unless they expect it: with message
// seq of epoch. room.mu must be held.
func (s *stream) move(epoch string, seq uint64) {
	if s.epoch == "" && s.next == seq { // a room without messages has none
		s.epoch = epoch
	}
	if s.epoch != epoch || s.next > seq {
		s.epoch, s.next, s.jump = epoch, seq, true
	}
	s.sendJump()
	if s.next < seq {
		s.gap(seq - 1)
	}
}

// goBehind goes on behind message seq of epoch without sending it: members have received it under another number,
// or it was taken back. The method sendJump sends the place. room.mu must be held.
func (s *stream) goBehind(epoch string, seq uint64) {
	switch {
	case s.epoch != epoch:
		s.epoch = epoch
	case seq < s.next:
		return
	case seq > s.next:
		s.sendJump()
		s.gap(seq - 1)
	}
	s.next, s.jump = seq+1, true
}

// lose names messages from to to of epoch as not to be had. room.mu must be held.
func (s *stream) lose(epoch string, from, to uint64) {
	if s.epoch != epoch || s.next > from {
		s.epoch, s.next, s.jump = epoch, from, true
	}
	s.sendJump()
	s.gap(to)
}

// gap names what lies between as lost, up to message to. room.mu must be held.
func (s *stream) gap(to uint64) {
	s.control(codec.GapText(s.next, to, codec.GapLost))
	s.next = to + 1
	s.seqs.note(s.epoch, s.log.count(), s.next) // a member that skips before a message comes would not know
}

// place is move for a room in which nothing comes. Its newest message is seq of epoch, and members have all that they
// can have. room.mu must be held.
func (s *stream) place(epoch string, seq uint64) {
	if s.epoch != epoch || s.next != seq+1 {
		s.epoch, s.next, s.jump = epoch, seq+1, true
	}
	s.sendJump()
}

// sendJump sends native members the place to which the stream has jumped. room.mu must be held.
func (s *stream) sendJump() {
	if s.jump {
		s.jump = false
		s.seqs.note(s.epoch, s.log.count(), s.next)
		s.control(codec.EpochText(s.epoch, s.next-1, s.room.stampLocked(s.epoch, s.next-1)))
	}
}

// control puts text that is no message into the log, for native members. room.mu must be
// held.
func (s *stream) control(text string) {
	s.log.control(text, s.room.hall.ran.Load())
	s.wake(0)
}

// wake has the lanes look at the log, see Room.wakeLocked. room.mu must be held.
func (s *stream) wake(came int64) {
	for _, p := range s.parts {
		if p != nil && p.size > 0 {
			s.room.wakeLocked(p, came)
		}
	}
}

// recalled notifies native members of what was taken away. room.mu must be held.
func (s *stream) recalled(ev *chat.Event) {
	if ev.Kind == chat.EventPurge {
		s.taken(codec.PurgedText(ev.Purge))
		return
	}
	seq := ev.Seq
	if ev.Epoch != s.epoch { // they know it under another number: its key names it
		seq = 0
	}
	s.taken(codec.RecalledText(seq, ev.Messages[0], ev.Tip))
}

// taken gives native members a frame that names what was taken away; a member that skips gets it again. room.mu must be
// held.
func (s *stream) taken(text string) {
	s.seqs.noteRecall(takeBack{s.log.count(), text, false})
	s.control(text)
}

// cleared has native members show nothing of up to a place. room.mu must be held.
func (s *stream) cleared(at chat.Place) {
	text := codec.ClearedText(at)
	s.seqs.noteRecall(takeBack{s.log.count(), text, true})
	s.control(text)
}

// skipNote is what a member receives that skips from message index from to to of the stream. It is nil where the
// encoding has no frame for that. Recalls between the two come first: only the content of the last frame may not come
// twice.
func (s *stream) skipNote(from, to uint64) (note []byte) {
	if s.encoding == FastIM {
		return nil
	}
	for _, text := range s.seqs.recalledBetween(from, to) {
		note = codec.AppendFrame(note, codec.OpText, text)
	}
	for _, text := range s.seqs.skipped(from, to) {
		note = codec.AppendFrame(note, codec.OpText, text)
	}
	return note
}

// seqMap maps the messages of a native stream, counted from 0, to their sequence numbers.
// The zero value is ready.
type seqMap struct {
	mu      sync.Mutex       // guards the fields below; a leaf
	runs    []run            // bounded by maxRuns
	recalls latest[takeBack] // bounded by chat.RecallsKept
	dropped uint64           // the index of the newest one that recalls has no more, and one; 0: it has all
}

// takeBack is what was sent of what was taken away, before the message at index.
type takeBack struct {
	index uint64
	text  string
	all   bool // that was before
}

// begin notes that nobody is there who has received anything before the message at index, which has seq.
func (n *seqMap) begin(epoch string, index, seq uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.runs, n.recalls, n.dropped = append(n.runs[:0], run{epoch, index, seq}), latest[takeBack]{}, 0
}

// noteRecall remembers what was taken away.
func (n *seqMap) noteRecall(t takeBack) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if old, full := n.recalls.put(t, chat.RecallsKept); full {
		n.dropped = old.index + 1
	}
}

// recalledBetween are the texts that were sent of what was taken away, between the messages at index from and to. Where
// all was taken away, or that was too much, the member is asked to show nothing of its earlier messages, by its own
// place.
func (n *seqMap) recalledBetween(from, to uint64) (all []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	clears := from < n.dropped
	for _, t := range n.recalls.inOrder() {
		if from <= t.index && t.index <= to {
			all, clears = append(all, t.text), clears || t.all
		}
	}
	if clears && len(n.runs) > 0 {
		had := n.runs[0] // or what its welcome had, which lies in front of that
		if k := n.findLocked(from - 1); from > 0 && k >= 0 {
			had = n.runs[k]
		}
		all = slices.Insert(all, 0, codec.ClearedText(chat.Place{Epoch: had.epoch, Seq: had.at(max(from, had.index)) - 1}))
	}
	return all
}

// run is messages whose numbers follow each other: message index has seq, and so on.
type run struct {
	epoch string
	index uint64
	seq   uint64
}

// maxRuns bounds a stream's runs. There is a new one for each hole; a member that skips so many receives a longer gap
// than it missed.
const maxRuns = 64

// note notes that the message at index has seq.
func (n *seqMap) note(epoch string, index, seq uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if k := len(n.runs); k > 0 {
		if last := n.runs[k-1]; last.epoch == epoch && seq-last.seq == index-last.index {
			return
		}
		if n.runs[k-1].index == index { // no message came there
			n.runs = n.runs[:k-1]
		}
	}
	if len(n.runs) == maxRuns {
		n.runs = slices.Delete(n.runs, 0, 1)
	}
	n.runs = append(n.runs, run{epoch, index, seq})
}

// skipped is the frames for a member that has received the messages before index from and goes on with index to. These
// are the epochs that lie between, and in each the numbers that it did not get. Numbers that nobody got are among
// those.
func (n *seqMap) skipped(from, to uint64) (texts []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.runs) == 0 {
		return nil
	}
	told, next := "", uint64(1) // where the member believes to stand
	if k := n.findLocked(from - 1); from > 0 && k >= 0 {
		told, next = n.runs[k].epoch, n.runs[k].at(from-1)+1
	}
	known, place := told != "", codec.EpochText(told, next-1, 0)
	k := n.findLocked(from)
	elsewhere := k >= 0 && n.runs[k].index == from // it may have received that place already
	// the first number of the gap that is not sent yet, which ends before next
	lost := next
	goTo := func(epoch string, seq uint64) {
		if epoch == told && seq >= next {
			next = seq
			return
		}
		if lost < next {
			texts = append(texts, codec.GapText(lost, next-1, codec.GapSlow))
		}
		texts = append(texts, codec.EpochText(epoch, seq-1, 0))
		told, next, lost = epoch, seq, seq
	}
	for i := max(0, n.findLocked(from)); i < len(n.runs) && n.runs[i].index < to; i++ {
		r, end := n.runs[i], to
		if i+1 < len(n.runs) {
			end = min(end, n.runs[i+1].index)
		}
		goTo(r.epoch, r.at(max(from, r.index)))
		goTo(r.epoch, r.at(end))
	}
	if k := n.findLocked(to); k >= 0 {
		goTo(n.runs[k].epoch, n.runs[k].at(to))
	}
	if lost < next {
		texts = append(texts, codec.GapText(lost, next-1, codec.GapSlow))
	}
	if known && (elsewhere || len(texts) > 1) { // of several it may take some, and receive all again
		texts = slices.Insert(texts, 0, place)
	}
	return texts
}

// findLocked is the newest run that begins at index or before; -1: none is known. n.mu must be held.
func (n *seqMap) findLocked(index uint64) int {
	for i, r := range slices.Backward(n.runs) {
		if r.index <= index {
			return i
		}
	}
	return -1
}

// at is the number of the message at index.
func (r run) at(index uint64) uint64 { return r.seq + index - r.index }
