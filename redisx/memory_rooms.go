package redisx

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"time"

	"barrage/internal/chat"
)

// This file is the rooms of the memory store, each call under its shard's lock.

// shard locks and returns the room's shard. The caller must unlock it.
func (m *Memory) shard(room string) *roomShard {
	s := m.publishShard(room)
	s.mu.Lock()
	return s
}

// publishShard returns the room's shard, not locked.
func (m *Memory) publishShard(room string) *roomShard {
	m.calls.Add(1)
	return &m.rooms[maphash.String(m.seed, room)%memoryShards]
}

// liveLocked returns the room without what has expired by now, nil where that leaves
// nothing. s.mu must be held.
func (s *roomShard) liveLocked(room string, now time.Time) *memoryRoom {
	r := s.rooms[room]
	if r != nil && r.expire(now) {
		delete(s.rooms, room)
		return nil
	}
	return r
}

// expireLocked drops what has expired in all rooms, now and then. s.mu must be held.
func (s *roomShard) expireLocked(now time.Time) {
	if now.Before(s.expireAt) {
		return
	}
	s.expireAt = now.Add(expireEvery)
	for room := range s.rooms {
		s.liveLocked(room, now)
	}
	for room := range s.news {
		s.newsLocked(room, 0, now)
	}
}

// Publish appends the drafts to the history and notifies the handler if it subscribed.
func (m *Memory) Publish(_ context.Context, room string, b chat.Batch) (chat.Stored, error) {
	s := m.publishShard(room)
	s.publishing.Lock()
	defer s.publishing.Unlock()
	stored, approved, wanted, err := m.append(s, room, &b)
	if err != nil {
		m.failed.Add(1)
		return chat.Stored{}, err
	}
	m.notify(room, wanted, stored.Event)
	m.notify(room, len(approved) > 0, approved...)
	return stored, nil
}

// append is what Publish does under the shard's lock. The result wanted is false where the event is for nobody: the
// batch was there before, or all its drafts were, or nobody subscribed. The events in approved are of drafts that
// waited for a moderator, for whoever subscribed.
func (m *Memory) append(s *roomShard, room string, b *chat.Batch) (stored chat.Stored, approved []chat.Event, wanted bool, err error) {
	node, number, err := checkBatch(room, b)
	if err != nil {
		return chat.Stored{}, nil, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := m.now()
	s.expireLocked(now)
	r := s.liveLocked(room, now)
	if r == nil {
		r = new(memoryRoom)
		s.rooms[room] = r
	}
	r.look(toStore(b.Known))
	r.named(toStore(b.Known))
	last := r.lastBatch(node)
	published := last != nil
	switch {
	case published && last.number > number:
		return chat.Stored{}, nil, false, fmt.Errorf("cannot publish %d messages to room %q: %w", len(b.Drafts), room, overtaken(node, number, last.number))
	case published && last.number == number && last.stored.Event.Epoch == r.epoch:
		return last.stored, nil, false, nil
	}
	if b.Rules != s.rulesVersionLocked(room, now) {
		return chat.Stored{}, nil, false, chat.ErrStale
	}
	search := published && last.number == number || !published && b.Try > 0
	fresh, repeats := r.dedupe(b.Drafts, search, now)
	approved, gone := s.approveLocked(room, b.Drafts, now)
	fresh, stored.Refused = r.sift(m.limits.Load().Quota, b, fresh, repeats, gone, now)
	if len(fresh) > 0 {
		stored.Event = r.append(fresh, b.Tip(), m.limits.Load(), now)
		stored.Event.Storm = r.quota.storm()
		r.expires = now.Add(m.limits.Load().HistoryTTL)
		r.forget = r.expires.Add(metaGrace)
		r.sent.remember(fresh, stored.Event)
		_, wanted = s.subscribed[room]
	} else {
		pos := r.position()
		stored.Event = chat.Event{Kind: chat.EventMessages, Epoch: pos.Epoch, Total: pos.Total, Rev: pos.Rev, Tip: pos.Tip}
	}
	stored.Repeats = r.repeats(b.Drafts, repeats)
	if !published {
		last = &memoryBatch{node: node}
		r.batches = append(r.batches, last)
	}
	last.number, last.stored, last.expires = number, stored, now.Add(chat.BatchLife)
	return stored, approved, wanted, nil
}

// Report notifies the handler of what changed, where it subscribed.
func (m *Memory) Report(_ context.Context, node string, reports []chat.Report) ([]chat.Standing, error) {
	standings := make([]chat.Standing, len(reports))
	for i, p := range reports {
		s := m.publishShard(p.Room)
		s.publishing.Lock()
		var wanted bool
		if standings[i], wanted = m.report(s, node, p); wanted {
			m.events.Add(1)
			m.handler.RoomEvent(p.Room, chat.Event{Kind: chat.EventCounters, Counters: standings[i].Counters})
		}
		s.publishing.Unlock()
	}
	return standings, nil
}

// sift leaves out the fresh drafts that the room has no quota for, or that stumble over a mark. It also leaves out
// those that repeat one of them. The indexes in gone are those of drafts that are held no more.
func (r *memoryRoom) sift(q chat.Quota, b *chat.Batch, fresh []chat.Draft, repeats map[int]sentMessage, gone []int, now time.Time) ([]chat.Draft, []chat.RefusedDraft) {
	shed := r.quota.judge(q, b, func(i int) bool { _, repeated := repeats[i]; return !repeated && !slices.Contains(gone, i) }, now)
	if len(shed) == 0 && marks(b.Drafts) == 0 {
		return fresh, nil
	}
	ms := now.UnixMilli()
	r.marks.expire(ms)
	var in []chat.Draft
	var refused []chat.RefusedDraft
	again := map[string]chat.RefusedDraft{}
	for i := range b.Drafts {
		d, field := &b.Drafts[i], sentField(&b.Drafts[i])
		if slices.Contains(gone, i) {
			refused = append(refused, chat.RefusedDraft{Index: i, Wait: time.Millisecond, Mark: chat.MarkHeld})
			delete(repeats, i)
			continue
		}
		if sent, repeated := repeats[i]; repeated {
			if no, ok := again[field]; ok && sent == (sentMessage{}) {
				no.Index = i
				refused = append(refused, no)
				delete(repeats, i)
			}
			continue
		}
		no := chat.RefusedDraft{Index: i, Wait: shed[i], Mark: chat.MarkQuota}
		if no.Wait == 0 {
			if no.Mark, no.Wait = r.marks.stumbles(d, ms); no.Wait > 0 {
				r.quota.give(q, d.Class)
			}
		}
		if no.Wait == 0 {
			r.marks.leave(d, ms)
			in = append(in, *d)
			continue
		}
		refused = append(refused, no)
		if d.ID != "" {
			again[field] = no
		}
	}
	return in, refused
}

// report is what Report does for one room under its shard's lock.
func (m *Memory) report(s *roomShard, node string, p chat.Report) (standing chat.Standing, wanted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := m.now()
	s.expireLocked(now)
	r := s.liveLocked(p.Room, now)
	if r == nil {
		if p.Online == 0 && p.Likes == 0 {
			return chat.Standing{Rules: s.rulesVersionLocked(p.Room, now)}, false
		}
		r = new(memoryRoom)
		s.rooms[p.Room] = r
	}
	r.look(toStore(p.Known))
	changed := r.report(node, p, now)
	if p.Likes > 0 {
		r.forget = now.Add(m.limits.Load().HistoryTTL + metaGrace)
	}
	_, wanted = s.subscribed[p.Room]
	standing = chat.Standing{Position: r.position(), Counters: r.counters()}
	standing.Total, standing.Rules = 0, s.rulesVersionLocked(p.Room, now)
	return standing, wanted && changed
}

// Read returns what a node that knows a position lacks.
func (m *Memory) Read(_ context.Context, room string, known chat.Position, newest, most int) (chat.History, error) {
	known = toStore(known)
	s := m.shard(room)
	defer s.mu.Unlock()
	r := s.liveLocked(room, m.now())
	if r == nil {
		return chat.History{}, nil
	}
	r.look(known)
	h := chat.History{Position: r.position(), Begun: r.begun, Before: r.before, Cleared: r.cleared}
	had := 0    // of recalls, the oldest ones
	unread := 0 // How many of the newest entries known does not have.
	switch {
	case known.Epoch != r.epoch:
		if known.Epoch != "" {
			newest = most
		}
		h.Forgot = len(r.recalls) < r.taken && !slices.ContainsFunc(r.recalls, func(ev chat.Event) bool {
			return ev.Epoch == known.Epoch && ev.Rev <= known.Rev+1 || chat.Generation(ev.Epoch) < chat.Generation(known.Epoch)
		})
	default:
		unread = int(min(r.seq-min(known.Seq, r.seq), uint64(r.len())))
		for had < len(r.recalls) && (r.recalls[had].Epoch != r.epoch || r.recalls[had].Rev <= known.Rev) {
			had++
		}
		h.Forgot = had == 0 && len(r.recalls) < r.taken && r.recalls[0].Rev > known.Rev+1
	}
	h.Recalls = slices.Clone(r.recalls[had:])
	messages := 0
	for i := r.len() - 1; i >= 0 && messages < most && (r.len()-1-i < unread || messages < newest); i-- {
		e := chat.Entry{Seq: r.seqAt(i), JSON: r.at(i)}
		if e.JSON == tombstone {
			e.JSON = ""
		} else {
			messages++
		}
		h.Entries = append(h.Entries, e)
	}
	slices.Reverse(h.Entries)
	return h, nil
}

// Since returns the oldest limit messages with a number above seq and the position.
func (m *Memory) Since(_ context.Context, room string, seq uint64, limit int) (chat.History, error) {
	s := m.shard(room)
	defer s.mu.Unlock()
	r := s.liveLocked(room, m.now())
	if r == nil {
		return chat.History{}, nil
	}
	h := chat.History{Position: r.position()}
	first := r.len()
	if seq < r.seq {
		first = r.len() - int(min(r.seq-seq, uint64(r.len())))
	}
	fits := budget{left: answerBytes}
	for i := first; i < r.len() && len(h.Entries) < limit && !h.Cut; i++ {
		text := r.at(i)
		switch {
		case text == tombstone:
		case !fits.takes(text):
			h.Cut = true
		default:
			h.Entries = append(h.Entries, chat.Entry{Seq: r.seqAt(i), JSON: text})
		}
	}
	return h, nil
}

// Range returns the messages at the indexes start to stop.
func (m *Memory) Range(_ context.Context, room string, start, stop int64) ([]string, error) {
	s := m.shard(room)
	defer s.mu.Unlock()
	r := s.liveLocked(room, m.now())
	if r == nil {
		return nil, nil
	}
	first, last := max(r.rangeIndex(start), 0), min(r.rangeIndex(stop), r.len()-1)
	var msgs []string
	fits := budget{left: answerBytes}
	for i := first; i <= last; i++ {
		text := r.at(i)
		if text == tombstone {
			continue
		}
		if !fits.takes(text) {
			break
		}
		msgs = append(msgs, text)
	}
	return msgs, nil
}

// Before returns the newest count messages older than the one that user sent at ts.
func (m *Memory) Before(_ context.Context, room, user string, ts int64, count int) ([]string, bool, error) {
	n := newNeedle(room, user, ts)
	s := m.shard(room)
	defer s.mu.Unlock()
	r := s.liveLocked(room, m.now())
	if r == nil {
		return nil, false, nil
	}
	index := r.find(n)
	if index < 0 {
		return nil, false, nil
	}
	entries := r.newest(index, count)
	fits, from := budget{left: pageBytes}, len(entries)
	for from > 0 && fits.takes(entries[from-1].JSON) {
		from--
	}
	msgs := make([]string, 0, len(entries)-from)
	for _, e := range entries[from:] {
		msgs = append(msgs, e.JSON)
	}
	return msgs, true, nil
}

// SubscribeRoom begins the events of room.
func (m *Memory) SubscribeRoom(_ context.Context, room string) error {
	s := m.shard(room)
	defer s.mu.Unlock()
	m.setSubscribed(s.subscribed, room, true)
	return nil
}

// UnsubscribeRoom ends the events of room.
func (m *Memory) UnsubscribeRoom(room string) {
	s := m.shard(room)
	defer s.mu.Unlock()
	m.setSubscribed(s.subscribed, room, false)
}

// memoryRoom is a room's history and count. Guarded by its shard's mu.
type memoryRoom struct {
	epoch string
	// seq is the number of the newest message, base that of the last one of an earlier
	// life of the history. Invariant: len() <= seq - base.
	seq, base uint64
	// rev counts the changes in this epoch, tip is the name of the newest. The number begun is what the room had reached
	// when the epoch began, before is the epoch of before.
	rev, begun  uint64
	tip, before string
	// cleared is the number up to which it was cleared.
	cleared uint64
	// recalled is the number of the newest message that was recalled: no tombstone has a higher one. 0 before the first
	// recall.
	recalled uint64
	// recalls has the newest chat.RecallsKept recalls and purges, oldest first.
	recalls []chat.Event
	// taken is how many of these there ever were.
	taken int
	// likes is how many it was given.
	likes uint64
	// expires is when the history goes, forget when the position and the likes do.
	expires, forget time.Time
	// online has what each node reported last, batches what each published last. Expired
	// ones may stay until the next look.
	online  map[string]memoryShare
	batches []*memoryBatch
	// entries begin with the oldest; bytes is how large all of them are.
	entries []string
	bytes   int
	last    lastTS
	sent    sentIDs
	marks   markEnds
	quota   memoryQuota
}

// memoryShare is how many of a room's members a node has, until expires.
type memoryShare struct {
	online  uint64
	expires time.Time
}

// memoryBatch is a node's batch that must not be published again until expires.
type memoryBatch struct {
	node    string
	number  uint64
	stored  chat.Stored
	expires time.Time
}

// expire drops what has expired by now and reports whether nothing is left. Reports of nodes stay until report sees
// them.
func (r *memoryRoom) expire(now time.Time) bool {
	r.last.expire(now)
	r.sent.expire(now)
	r.batches = slices.DeleteFunc(r.batches, func(b *memoryBatch) bool { return !now.Before(b.expires) })
	if !now.Before(r.expires) {
		r.entries, r.bytes = nil, 0
	}
	if now.Before(r.forget) {
		return false
	}
	r.epoch, r.seq, r.base, r.recalled, r.likes = "", 0, 0, 0, 0
	r.rev, r.tip, r.begun, r.before, r.cleared, r.recalls, r.taken = 0, "", 0, "", 0, nil, 0
	for _, share := range r.online {
		if now.Before(share.expires) {
			return false
		}
	}
	return true
}

// lastBatch is what the node published last, nil where that has expired.
func (r *memoryRoom) lastBatch(node string) *memoryBatch {
	if i := slices.IndexFunc(r.batches, func(b *memoryBatch) bool { return b.node == node }); i >= 0 {
		return r.batches[i]
	}
	return nil
}

// report takes what node counts and reports whether that changes the counters.
func (r *memoryRoom) report(node string, p chat.Report, now time.Time) (changed bool) {
	was := r.counters()
	maps.DeleteFunc(r.online, func(_ string, s memoryShare) bool { return !now.Before(s.expires) })
	delete(r.online, node)
	if p.Online > 0 {
		if r.online == nil {
			r.online = make(map[string]memoryShare)
		}
		r.online[node] = memoryShare{p.Online, now.Add(chat.ReportLife)}
	}
	r.likes = max(r.likes, p.KnownLikes) + p.Likes
	return r.counters() != was
}

// counters are what was reported.
func (r *memoryRoom) counters() chat.Counters {
	c := chat.Counters{Likes: r.likes}
	for _, s := range r.online {
		c.Online += s.online
	}
	return c
}

func (r *memoryRoom) len() int { return len(r.entries) }

// at is the entry at index, 0 = the oldest.
func (r *memoryRoom) at(index int) string { return r.entries[index] }

// seqAt is the number of the entry at index.
func (r *memoryRoom) seqAt(index int) uint64 { return r.seq - uint64(r.len()-1-index) }

// rangeIndex is the index of the message that i means, as LRANGE has it in a history
// without tombstones. Where the history has too few, the index is outside it.
func (r *memoryRoom) rangeIndex(i int64) int {
	index, step := 0, 1
	if i < 0 {
		index, step, i = r.len()-1, -1, -1-i
	}
	i = min(i, int64(r.len()))
	if r.recalled <= r.seq-uint64(r.len()) { // There is no tombstone.
		return index + step*int(i)
	}
	for ; 0 <= index && index < r.len(); index += step {
		if r.at(index) == tombstone {
			continue
		}
		if i == 0 {
			break
		}
		i--
	}
	return index
}

// position returns how far the room is.
func (r *memoryRoom) position() chat.Position {
	pos := chat.Position{Epoch: r.epoch, Seq: r.seq, Rev: r.rev, Tip: r.tip}
	if r.len() > 0 {
		pos.Total = r.seq - r.base
	}
	return pos
}

// find is the index of the message, -1 where there is none. It looks at the newest
// first: those are what people recall.
func (r *memoryRoom) find(n needle) int {
	i := r.len() - 1
	for i >= 0 && !n.in(r.at(i)) {
		i--
	}
	return i
}

// newest returns the newest limit messages below index end, oldest first.
func (r *memoryRoom) newest(end, limit int) []chat.Entry {
	entries := make([]chat.Entry, 0, max(0, min(limit, end)))
	for i := end - 1; i >= 0 && len(entries) < limit; i-- {
		if text := r.at(i); text != tombstone {
			entries = append(entries, chat.Entry{Seq: r.seqAt(i), JSON: text})
		}
	}
	slices.Reverse(entries)
	return entries
}

// look begins a new epoch where the room has less than a node knows. A memory loses nothing, so
// that is a node that has known another store.
func (r *memoryRoom) look(known chat.Position) {
	if r.epoch != "" && goneBack(r.position(), known) {
		r.before, r.cleared = r.epoch, min(r.cleared, r.seq)
		r.epoch, r.rev, r.tip, r.begun = newEpoch(r.epoch, known.Epoch), 0, "", r.seq
	}
}

// named gives a room without an epoch its first one.
func (r *memoryRoom) named(known chat.Position) {
	if r.epoch == "" {
		r.epoch = newEpoch("", known.Epoch)
	}
}

// change counts a change with the given name and returns the event of it, without its body.
func (r *memoryRoom) change(kind chat.EventKind, name string) chat.Event {
	ev := chat.Event{Kind: kind, Epoch: r.epoch, Total: r.seq - r.base, Rev: r.rev + 1, Prev: r.tip, Tip: name}
	r.rev, r.tip = ev.Rev, ev.Tip
	return ev
}

// append adds the drafts, keeps what the limits allow, and returns the event.
func (r *memoryRoom) append(drafts []chat.Draft, batch string, limits *Limits, now time.Time) chat.Event {
	r.last.expire(now)
	if r.len() == 0 {
		r.base = r.seq // The history had expired: a new life, a new total.
	}
	msgs := make([]string, len(drafts))
	for i := range drafts {
		d := &drafts[i]
		msgs[i] = d.JSON(r.last.next(d.UserID, d.TS))
		r.bytes += len(msgs[i])
	}
	r.entries = append(r.entries, msgs...) // the room of entries taken out in front goes with the next growth
	for r.len() > limits.HistoryMessages || limits.HistoryBytes > 0 && r.bytes > limits.HistoryBytes && r.len() > len(msgs) {
		r.bytes -= len(r.entries[0])
		r.entries[0], r.entries = "", r.entries[1:]
	}
	first := r.seq + 1
	r.seq += uint64(len(drafts))
	ev := r.change(chat.EventMessages, batch)
	ev.Seq, ev.Messages = first, msgs
	return ev
}

// lastTS remembers the last ts given to each user for one to two times tsBucket, as the
// publish script does.
type lastTS struct {
	bucket       int64
	now, earlier map[string]int64
}

// expire drops the sets that are too old at now.
func (l *lastTS) expire(now time.Time) {
	bucket := now.UnixNano() / int64(tsBucket)
	switch bucket - l.bucket {
	case 0:
		return
	case 1:
		l.earlier, l.now = l.now, nil
	default:
		l.earlier, l.now = nil, nil
	}
	l.bucket = bucket
}

// next is the ts for a message of user: ts, or more where that is taken. The sets must
// not be too old, see expire.
func (l *lastTS) next(user string, ts int64) int64 {
	if last, ok := l.now[user]; ok {
		ts = max(ts, last+1)
	} else if last, ok := l.earlier[user]; ok {
		ts = max(ts, last+1)
	}
	l.note(user, ts)
	return ts
}

// note makes user's next message have a greater ts.
func (l *lastTS) note(user string, ts int64) {
	if l.now == nil {
		l.now = make(map[string]int64)
	}
	l.now[user] = ts
}
