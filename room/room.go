package room

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// Room is one live room on this node. Get it from [Hall.Open] and give it back with
// [Room.Release]. Its methods may be called concurrently.
type Room struct {
	// Immutable.
	id   string
	hall *Hall
	home int // index of the lane that a small room lives on

	copies copies

	// loading serialises loads by Open, so that a burst of joins loads a room once.
	loading sync.Mutex

	mu sync.Mutex // guards the fields below

	had      // the messages that the members have received
	follower follower
	awaits   bool     // stats.awaiting has it
	outbox   outbox   // the messages on their way to the store
	promised promises // only where nobody gives numbers
	rules    rules
	storm    storm
	pulse    pulse
	// welcome is the first frame for a new member; nil after a change.
	welcome []byte

	queued    bool    // stands in hall.publishers, or somebody serves it
	inPlace   bool    // the goroutine that serves it visits its parts, see inplace.go
	woken     []*part // that wait for that
	failed    bool    // a call to the store failed; the next Tick tries again
	lastEvent int64   // hall.coarse when the last event came
	lingers   bool    // reviewLinger goes by before a publisher serves it
	// askedAt is when its flight went under review, as the hall counts time.
	askedAt time.Duration

	// While the store is away, see away.go.
	writing  writing
	locals   int    // times that the room was cut: names the local epoch
	localSeq uint64 // messages of the last time
	localTS  int64  // the newest timestamp of those

	// Fields for the counters of all nodes, see report.go.
	likes           uint64 // not reported yet
	reportedMembers uint64
	reportedAt      int64 // hall.coarse then
	open            bool  // it had members then, as the store took it
	// reportFrom is from when on, in Unix seconds, it is reported again after a failure.
	reportFrom int64
	counters   chat.Counters // as the store sent them last
	counted    uint64        // events of them

	streams [encodings]*stream // nil: no member has used that encoding yet
	members int                // of all streams
	watched int                // watchers, see Watch

	// Guarded by hallShard.mu.
	refs       int
	emptySince int64 // hall.coarse at the last Release
}

// ID is the room's id.
func (r *Room) ID() string { return r.id }

// Enter makes m, whose bytes go to s, a FastIM member from now on: m will get every
// message that is not in the welcome. The welcome is one complete frame, shared and
// read-only; the caller sends it, then calls [Room.Attach], so that nothing comes
// before it. Each Enter is followed by one [Room.Leave].
func (r *Room) Enter(m *Member, s Socket) (welcome []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.enterLocked(m, s, FastIM)
	return r.welcomeLocked()
}

// enterLocked makes m a member of the stream. r.mu must be held.
func (r *Room) enterLocked(m *Member, s Socket, f Encoding) {
	if r.streams[f] == nil {
		r.streams[f] = newStream(r, f)
	}
	st := r.streams[f]
	p := st.partForNewMember()
	p.size++
	st.members++
	r.members++
	r.hall.stats.members.Add(1)
	p.lane.pending.Add(1) // until it is attached, or has left
	m.socket, m.part, m.cursor = s, p, st.log.headNow()
}

// Attach hands m to its lane: from now on bytes come. A member that has left
// meanwhile stays out.
func (r *Room) Attach(m *Member) {
	p, mine := m.part, false
	p.mu.Lock()
	if !m.attached && !m.left {
		m.attached = true
		mine = p.mailLocked(mail{kind: mailJoin, member: m})
		p.lane.pending.Add(-1)
	}
	p.mu.Unlock()
	if mine {
		p.lane.readMail(p)
	}
}

// Drained notifies m's lane that its socket takes bytes again. It never blocks and may
// be called from any goroutine, also after Leave.
func (r *Room) Drained(m *Member) {
	p := m.part
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.attached && !m.left && p.mailLocked(mail{kind: mailDrained, member: m}) {
		p.pushLocked()
	}
}

// Leave takes m out. Its lane may still be in a Send. A second Leave does nothing.
func (r *Room) Leave(m *Member) {
	p := m.part
	p.mu.Lock()
	attached, again := m.attached, m.left
	m.left = true
	p.mu.Unlock()
	if again {
		return
	}

	r.mu.Lock()
	p.size--
	p.stream.members--
	r.members--
	r.hall.stats.members.Add(-1)
	head := p.stream.log.count() // messages from now on were not meant for m
	r.mu.Unlock()

	if !attached {
		p.lane.pending.Add(-1)
		r.countLeft(head - m.cursor.index)
		return
	}
	p.mu.Lock()
	mine := p.mailLocked(mail{kind: mailLeave, member: m, head: head})
	p.mu.Unlock()
	if mine {
		p.lane.readMail(p)
	}
}

func (r *Room) countLeft(n uint64) {
	r.copies.left.Add(n)
	r.hall.stats.left.Add(n)
}

// totalLocked is how many messages the room ever had, with those that the store does not
// have yet. r.mu must be held.
func (r *Room) totalLocked() uint64 { return r.follower.pos.Total + uint64(r.outbox.ahead) }

// fanOutLocked puts messages into the logs of the streams that have members, and wakes
// the lanes. r.mu must be held.
func (r *Room) fanOutLocked(messages []chat.Entry) {
	if messages[0].Seq == 0 {
		r.localSeq += uint64(len(messages))
	}
	for _, e := range messages {
		r.newest.push(e)
	}
	came := r.hall.cameAt(messages)
	for _, st := range r.streams {
		if st != nil && st.members > 0 {
			st.append(messages)
			st.wake(came)
		}
	}
	r.pulse.came += uint32(len(messages))
	offered := uint64(len(messages)) * uint64(r.members)
	r.copies.offered.Add(offered)
	r.hall.stats.offered.Add(offered)
	r.changedLocked()
}

// changedLocked forgets what was made of the old state. r.mu must be held.
func (r *Room) changedLocked() {
	r.welcome = nil
	if r.watched > 0 && r.hall.cfg().OnChange != nil {
		r.hall.cfg().OnChange(r)
	}
}

// welcomeLocked is the first frame of contract section 2, built once per state of
// the room. r.mu must be held.
func (r *Room) welcomeLocked() []byte {
	if r.welcome != nil {
		return r.welcome
	}
	r.hall.stats.welcomes.Add(1)
	list := r.newest.last(r.hall.cfg().OnJoin)
	var b strings.Builder
	b.WriteString(`{"list":[`)
	for i, e := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		head, tail := codec.FastIMParts(e.JSON)
		b.WriteString(head)
		b.WriteString(tail)
	}
	b.WriteString(`],"total":`)
	b.WriteString(strconv.FormatUint(r.totalLocked(), 10))
	b.WriteByte('}')
	r.welcome = codec.AppendFrame(make([]byte, 0, codec.FrameHeaderLen(b.Len())+b.Len()), codec.OpText, b.String())
	return r.welcome
}

// Newest is the room's newest message as plain JSON, "" where it has none, and how
// many messages it ever had.
func (r *Room) Newest() (json string, total uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.newest.last(1); len(l) > 0 {
		json = codec.FastIMText(l[0].JSON)
	}
	return json, r.totalLocked()
}

// Watch makes the room call Callbacks.OnChange at every change, until [Room.Unwatch].
func (r *Room) Watch() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watched++
}

// Unwatch takes one Watch back.
func (r *Room) Unwatch() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watched--
}

// newest holds the newest messages of a room in order, those that the store has and those that members received before
// it has them. Of each it holds at least most where there are so many, at most twice that. The rest is a reserve for
// recalls. Of large ones it has fewer: as many as a welcome takes, and at most some keptBytes.
type newest struct {
	entries []chat.Entry // that the store has
	ours    []chat.Entry // that it does not have
	most    int          // at least 1
}

func (n *newest) push(e chat.Entry) {
	if e.Seq == 0 {
		n.ours = append(n.trimmed(n.ours, len(e.JSON)), e)
	} else {
		n.entries = append(n.trimmed(n.entries, len(e.JSON)), e)
	}
}

// trimmed is list with room for one more of so many bytes. It moves each entry once on average.
func (n *newest) trimmed(list []chat.Entry, bytes int) []chat.Entry {
	keep := len(list)
	if keep >= 2*n.most {
		keep = n.most - 1
	}
	if bytes > welcomeBytes/n.most && bytes+bytesOf(list) > keptBytes { // small ones have room whatever they are
		keep = min(keep, len(fitting(list, welcomeBytes)))
	}
	if keep == len(list) {
		return list
	}
	list = append(list[:0], list[len(list)-keep:]...)
	clear(list[len(list):cap(list)])
	return list
}

// fitting are the newest of entries that fit into bytes, and one at least.
func fitting(entries []chat.Entry, bytes int) []chat.Entry {
	from, size := len(entries), 0
	for from > 0 {
		if size += len(entries[from-1].JSON); size > bytes && from < len(entries) {
			break
		}
		from--
	}
	return entries[from:]
}

// set replaces all that the store has by entries, without those that were taken back, and later behind them.
func (n *newest) set(entries, later []chat.Entry) {
	n.entries = n.entries[:0:0]
	for _, e := range slices.Concat(entries, later) {
		if e.JSON != "" {
			n.entries = append(n.entries, e)
		}
	}
	n.entries = slices.Clone(fitting(n.entries[max(0, len(n.entries)-n.most):], keptBytes))
}

// behind is what the store has behind message seq.
func (n *newest) behind(seq uint64) []chat.Entry {
	i := slices.IndexFunc(n.entries, func(e chat.Entry) bool { return e.Seq > seq })
	if i < 0 {
		return nil
	}
	return slices.Clone(n.entries[i:])
}

// stored moves a message that members had to those that the store has.
func (n *newest) stored(e chat.Entry, is func(chat.Entry) bool) {
	n.ours = slices.DeleteFunc(n.ours, is)
	n.push(e)
}

// covers reports whether the store's messages from seq on are at hand.
func (n *newest) covers(seq uint64) bool { return len(n.entries) > 0 && n.entries[0].Seq <= seq }

// at is message seq of those that the store has, if it is at hand.
func (n *newest) at(seq uint64) (e chat.Entry, ok bool) {
	i, ok := slices.BinarySearchFunc(n.entries, seq, func(e chat.Entry, seq uint64) int { return cmp.Compare(e.Seq, seq) })
	if ok {
		e = n.entries[i]
	}
	return e, ok
}

// Bounds in bytes of what a member is given first, as JSON. Without them a few hundred sockets that do not read their
// welcome take a node's memory. One message is always in it.
const (
	welcomeBytes = 256 << 10 // 50 messages of 5 KiB
	keptBytes    = 2 * welcomeBytes
	resumeBytes  = 768 << 10 // a minute of a busy room, for a member that comes back
	// recallBytes are of the recalls that a member that comes back receives, as husks: all that are kept, where ids are
	// usual. With the messages they stay below a MiB, which many clients take for the largest frame.
	recallBytes = 128 << 10
)

// last returns the newest k, oldest first, in welcomeBytes.
func (n *newest) last(k int) []chat.Entry {
	all := n.entries
	if len(n.ours) > 0 {
		all = slices.Concat(n.entries, n.ours)
	}
	return fitting(all[max(0, len(all)-k):], welcomeBytes)
}

// bytesOf is the size of entries as JSON.
func bytesOf(entries []chat.Entry) (n int) {
	for _, e := range entries {
		n += len(e.JSON)
	}
	return n
}

// remove takes the newest entry out that is the one, and reports whether there was one.
func (n *newest) remove(is func(chat.Entry) bool) bool {
	for _, list := range []*[]chat.Entry{&n.ours, &n.entries} {
		for i, e := range slices.Backward(*list) {
			if is(e) {
				*list = slices.Delete(*list, i, i+1)
				return true
			}
		}
	}
	return false
}

// removeAll takes the entries out that are meant, and reports whether there were any.
func (n *newest) removeAll(meant func(chat.Entry) bool) bool {
	had := len(n.entries) + len(n.ours)
	n.entries, n.ours = slices.DeleteFunc(n.entries, meant), slices.DeleteFunc(n.ours, meant)
	return len(n.entries)+len(n.ours) < had
}
