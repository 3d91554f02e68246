package room

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"barrage/codec"
	"barrage/internal/chat"
)

// cloud is the obvious store that all nodes of a test share: one slice a room. Verbs break it.
type cloud struct {
	mu    sync.Mutex // guards the fields below, and those of all fakeStores
	rooms map[string]*cloudRoom
	nodes []*fakeStore
	names int             // epochs named
	used  map[string]bool // names of epochs
	// unnumbered: original FastIM nodes write to the rooms as well.
	unnumbered bool
	drafts     [][]chat.Draft // of each batch that was stored
	screened   []string       // what Screen was asked about
	quota      int            // of drafts of a batch; 0: any number
	storm      chat.Storm     // that events tell of
	clock      int64          // Unix ms: a purge takes what is as old
}

// cloudRoom is what the store has of one room.
type cloudRoom struct {
	chat.Position
	begun   uint64
	before  string // epoch
	cleared uint64
	base    uint64
	// newestTaking is the last one of recalls, whatever became of those.
	newestTaking chat.Event
	taken        int          // how many of recalls there ever were
	entries      []chat.Entry // without JSON: taken back
	recalls      []chat.Event
	sent         map[string]sentAs    // by user and id
	last         map[string]lastBatch // by node
	lastTS       map[string]int64     // by user
	likes        uint64
	rules        chat.Rules
	// rulesLost is the version of rules that were lost just now: none but who goes by these publishes.
	rulesLost string
	marks     map[chat.Mark]bool
	held      []chat.Held
	past      []*cloudRoom // as it was after each change, for going back
}

type sentAs struct {
	epoch string
	chat.Repeat
}

type lastBatch struct {
	number int
	stored chat.Stored
}

func newCloud() *cloud { return &cloud{rooms: map[string]*cloudRoom{}, used: map[string]bool{}} }

func (c *cloud) room(id string) *cloudRoom {
	r := c.rooms[id]
	if r == nil {
		r = &cloudRoom{sent: map[string]sentAs{}, last: map[string]lastBatch{}, lastTS: map[string]int64{}}
		c.rooms[id] = r
	}
	return r
}

func (r *cloudRoom) clone() *cloudRoom {
	k := *r
	k.rules, k.marks, k.held = copyOf(&r.rules), maps.Clone(r.marks), slices.Clone(r.held)
	k.entries, k.recalls = slices.Clone(r.entries), slices.Clone(r.recalls)
	k.sent, k.last, k.lastTS, k.past = maps.Clone(r.sent), maps.Clone(r.last), maps.Clone(r.lastTS), nil
	return &k
}

// remember keeps what the room is now, to go back to.
func (r *cloudRoom) remember() {
	if n := len(r.past); n < 600 && (n == 0 || r.Rev < 600) {
		r.past = append(r.past, r.clone())
	}
}

func genOf(epoch string) int {
	gen, _, _ := strings.Cut(epoch, "-")
	n, _ := strconv.Atoi(strings.TrimPrefix(gen, "e"))
	return n
}

// look begins a new epoch where the store has gone back behind known.
func (c *cloud) look(r *cloudRoom, known chat.Position) {
	back := known.Epoch != "" && known.Epoch == r.Epoch && (known.Rev > r.Rev || known.Rev == r.Rev && known.Tip != r.Tip) ||
		known.Epoch != "" && known.Epoch != r.Epoch && genOf(known.Epoch) >= genOf(r.Epoch)
	switch {
	case r.Epoch == "" && len(r.entries) > 0: // the count was lost, the list was not
		r.Seq, r.base, r.before, r.cleared = uint64(len(r.entries)), 0, "", 0
		for i := range r.entries {
			r.entries[i].Seq = uint64(i + 1)
		}
		c.begin(r, known)
	case r.Epoch != "" && back, r.Epoch == "" && known.Epoch != "":
		c.begin(r, known)
	}
}

// begin names a new epoch.
func (c *cloud) begin(r *cloudRoom, known chat.Position) {
	gen := max(genOf(known.Epoch), genOf(r.Epoch)) + 1
	r.before, r.cleared = r.Epoch, min(r.cleared, r.Seq)
	r.Epoch = fmt.Sprintf("e%d", gen)
	if c.used[r.Epoch] { // by a count that was left
		c.names++
		r.Epoch += fmt.Sprint("-", c.names)
	}
	c.used[r.Epoch] = true
	r.begun, r.Rev, r.Tip = r.Seq, 0, ""
}

func (r *cloudRoom) position() chat.Position {
	p := r.Position
	if p.Total = r.Seq - r.base; len(r.entries) == 0 {
		p.Total = 0
	}
	return p
}

// find is the number and ts of the message with the draft's key; 0 where it is not there.
func (r *cloudRoom) find(d *chat.Draft) (seq uint64, ts int64) {
	user, id, ok := codec.SendKey(d.Head)
	for _, e := range slices.Backward(r.entries) {
		if u, i, named := codec.SendKey(e.JSON); ok && named && u == user && i == id {
			return e.Seq, codec.Timestamp(e.JSON)
		}
	}
	return 0, 0
}

// publish is what the script does. hear has the nodes that are to be told.
func (c *cloud) publish(id string, b chat.Batch) (stored chat.Stored, fresh bool, err error) {
	r := c.room(id)
	node, text, _ := strings.Cut(b.ID, ".")
	number, bad := strconv.Atoi(text)
	last, again := r.last[node]
	c.look(r, b.Known)
	if bad == nil && again && last.number > number {
		return stored, false, fmt.Errorf("batch %d is older than %d: %w", number, last.number, chat.ErrRefused)
	}
	if bad == nil && again && last.number == number && last.stored.Event.Epoch == r.Epoch {
		return last.stored, false, nil
	}
	if !c.unnumbered && b.Rules != cmp.Or(r.rulesLost, r.rules.Version) {
		return stored, false, chat.ErrStale
	}
	search := b.Try > 0 || again && bad == nil && last.number == number
	if r.Epoch == "" {
		r.Seq, r.base = 0, 0
		c.begin(r, b.Known)
	}
	if len(r.entries) == 0 {
		r.base = r.Seq
	}
	var drafts []chat.Draft
	for i, d := range b.Drafts {
		waits := len(r.held)
		r.held = slices.DeleteFunc(r.held, func(h chat.Held) bool { return h.ID == d.Held() })
		if d.Held() != "" && len(r.held) == waits {
			stored.Refused = append(stored.Refused, chat.RefusedDraft{Index: i, Wait: 1, Mark: chat.MarkHeld})
			continue
		}
		as, known := r.sent[d.UserID+" "+d.ID]
		known = known && d.ID != ""
		if !known && search || known && as.epoch != r.Epoch {
			as.Seq, as.TS = 0, max(as.TS, d.TS)
			if seq, ts := r.find(&d); seq > 0 {
				as.Seq, as.TS, known = seq, ts, true
			}
		}
		if known {
			stored.Repeats = append(stored.Repeats, chat.Repeat{Index: i, Seq: as.Seq, TS: as.TS})
			continue
		}
		if c.quota > 0 && len(drafts) == c.quota {
			stored.Refused = append(stored.Refused, chat.RefusedDraft{Index: i, Wait: 1, Mark: chat.MarkQuota})
			continue
		}
		if at := slices.IndexFunc(d.Marks(), func(m chat.Mark) bool { return r.marks[m] }); at >= 0 {
			stored.Refused = append(stored.Refused, chat.RefusedDraft{Index: i, Wait: d.Marks()[at].Life, Mark: d.Marks()[at].Kind})
			continue
		}
		r.mark(d.Marks()...)
		drafts = append(drafts, d)
		if d.ID != "" {
			r.sent[d.UserID+" "+d.ID] = sentAs{r.Epoch, chat.Repeat{Seq: r.Seq + uint64(len(drafts)), TS: d.TS}}
		}
	}
	ev := chat.Event{Kind: chat.EventMessages, Storm: c.storm, Epoch: r.Epoch, Rev: r.Rev, Prev: r.Tip, Tip: r.Tip}
	if len(drafts) > 0 {
		c.drafts = append(c.drafts, drafts)
		ev.Seq, ev.Rev, ev.Tip = r.Seq+1, r.Rev+1, b.Tip()
		r.Rev, r.Tip = ev.Rev, ev.Tip
	}
	for i := range drafts {
		d := &drafts[i]
		r.Seq++
		r.lastTS[d.UserID] = max(d.TS, r.lastTS[d.UserID]+1)
		json := string(d.AppendJSON(nil, r.lastTS[d.UserID]))
		r.entries = append(r.entries, chat.Entry{Seq: r.Seq, JSON: json})
		ev.Messages = append(ev.Messages, json)
	}
	if ev.Total = r.position().Total; c.unnumbered {
		ev.Epoch, ev.Rev = chat.Unnumbered, 0
	}
	stored.Event = ev
	if bad == nil {
		r.last[node] = lastBatch{number, stored}
	}
	r.remember()
	return stored, len(drafts) > 0, nil
}

// read is Store.Read.
func (c *cloud) read(id string, known chat.Position, newest, most int) chat.History {
	r := c.room(id)
	if c.unnumbered {
		n := uint64(len(r.entries))
		h := chat.History{Position: chat.Position{Epoch: chat.Unnumbered, Seq: n, Total: n}}
		h.Entries = slices.Clone(r.entries[max(0, len(r.entries)-most):])
		return h
	}
	c.look(r, known)
	h := chat.History{Position: r.position(), Begun: r.begun, Before: r.before, Cleared: r.cleared}
	live := 0
	for i, e := range slices.Backward(r.entries) {
		want := newest
		switch {
		case known.Epoch == r.Epoch && e.Seq > known.Seq, known.Epoch != "" && known.Epoch != r.Epoch:
			want = most
		}
		if live >= want {
			break
		}
		if h.Entries = append(h.Entries, r.entries[i]); e.JSON != "" {
			live++
		}
	}
	slices.Reverse(h.Entries)
	met := false
	for _, ev := range r.recalls {
		had := ev.Epoch == known.Epoch && ev.Rev <= known.Rev || genOf(ev.Epoch) < genOf(known.Epoch)
		met = met || had || ev.Epoch == known.Epoch && ev.Rev == known.Rev+1
		if known.Epoch != r.Epoch || !had {
			h.Recalls = append(h.Recalls, ev)
		}
	}
	lacks := known.Epoch != r.Epoch || r.newestTaking.Epoch == r.Epoch && r.newestTaking.Rev > known.Rev
	h.Forgot = lacks && !met && len(r.recalls) < r.taken
	return h
}

// Verbs. The caller holds c.mu, see fakeStore.set.

// wipe: all data is lost.
func (c *cloud) wipe() {
	for _, r := range c.rooms {
		*r = cloudRoom{sent: map[string]sentAs{}, last: map[string]lastBatch{}, lastTS: map[string]int64{}, past: r.past}
	}
}

// goBack is the store as it was when the room had come to message seq: a replica that lagged, or an old snapshot.
func (c *cloud) goBack(id string, seq uint64) {
	r := c.room(id)
	for _, p := range slices.Backward(r.past) {
		if p.Seq == seq {
			past := r.past
			*r = *p.clone()
			r.past = past
			return
		}
	}
	panic(fmt.Sprintf("BUG: room %s was never at %d", id, seq))
}

// goBackAny has room 1 go back to some change before.
func (c *cloud) goBackAny(pick func(n int) int) {
	r := c.room("1")
	if len(r.past) == 0 {
		return
	}
	past := r.past
	*r = *past[pick(len(past))].clone()
	r.past = past
}

// Keys of a room, each of which can be lost alone.
const (
	keyList = iota
	keyMeta
	keyIDs
	keyTimes
	keyRecalls
	keyCount
)

// loseKey is what eviction of one key does.
func (c *cloud) loseKey(id string, key int) {
	r := c.room(id)
	switch key {
	case keyList:
		r.entries = nil
	case keyMeta:
		r.Position, r.begun, r.base, r.before, r.cleared, r.newestTaking, r.taken = chat.Position{}, 0, 0, "", 0, chat.Event{}, len(r.recalls)
	case keyIDs: // the script looks into the history instead
		for _, d := range r.entries {
			_ = d
		}
		restored := map[string]sentAs{}
		for k, as := range r.sent {
			user, id, _ := strings.Cut(k, " ")
			d := codec.NewNativeDraft("1", user, &codec.Op{ID: id}, 0)
			if seq, ts := r.find(&d); seq > 0 {
				as.Seq, as.TS, as.epoch = seq, ts, r.Epoch
				restored[k] = as
			}
		}
		r.sent = restored
	case keyTimes:
		r.last = map[string]lastBatch{}
	case keyRecalls:
		r.recalls = nil
	}
}

// fakeStore is the cloud as one node reaches it.
type fakeStore struct {
	*cloud
	hall       *Hall
	fail       error // returned by every call
	deaf       bool  // events do not come
	slow       bool  // events come when deliver is called
	coming     []coming
	loseAnswer bool // calls do their work and fail all the same
	fewKeep    bool // too few replicas have what is published
	hung       bool // Publish fails, and does its work when unhang is called
	jam        []func()
	calls      map[string]int
	subscribed map[string]bool
	between    func() // called once, when a call has done its work, before it answers
	reported   map[string]uint64
	onPublish  func(b chat.Batch) // hears what the store is asked
}

// coming is an event on its way.
type coming struct {
	room string
	ev   chat.Event
}

func newFakeStore() *fakeStore { return newCloud().node() }

// node is one more way to the cloud.
func (c *cloud) node() *fakeStore {
	s := &fakeStore{cloud: c, calls: map[string]int{}, subscribed: map[string]bool{}, reported: map[string]uint64{}}
	c.nodes = append(c.nodes, s)
	return s
}

// set changes the store under its lock.
func (s *fakeStore) set(change func(*fakeStore)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *fakeStore) away()        { s.set(func(s *fakeStore) { s.fail = errAway }) }
func (s *fakeStore) back()        { s.set(func(s *fakeStore) { s.fail = nil }) }
func (s *fakeStore) deafen()      { s.set(func(s *fakeStore) { s.deaf, s.coming = true, nil }) }
func (s *fakeStore) hear()        { s.set(func(s *fakeStore) { s.deaf = false }) }
func (s *fakeStore) loseAnswers() { s.set(func(s *fakeStore) { s.loseAnswer = true }) }
func (s *fakeStore) answers()     { s.set(func(s *fakeStore) { s.loseAnswer = false }) }
func (s *fakeStore) flipAnswers() { s.set(func(s *fakeStore) { s.loseAnswer = !s.loseAnswer }) }
func (s *fakeStore) dawdle()      { s.set(func(s *fakeStore) { s.slow = true }) }
func (s *fakeStore) hang()        { s.set(func(s *fakeStore) { s.hung = true }) }
func (s *fakeStore) wipe()        { s.set(func(s *fakeStore) { s.cloud.wipe() }) }
func (s *fakeStore) refuse(why string) {
	s.set(func(s *fakeStore) { s.fail = fmt.Errorf("%s: %w", why, chat.ErrRefused) })
}

func (s *fakeStore) goBack(seq uint64) {
	s.set(func(s *fakeStore) { s.cloud.goBack("1", seq) })
}

func (s *fakeStore) goBackAny(pick func(n int) int) {
	s.set(func(s *fakeStore) { s.cloud.goBackAny(pick) })
}

// restore has room 1 be as it was.
func (s *fakeStore) restore(was *cloudRoom) {
	s.set(func(s *fakeStore) { *s.room("1") = *was.clone() })
}

func (s *fakeStore) lose(key int) { s.set(func(s *fakeStore) { s.loseKey("1", key) }) }

func (s *fakeStore) setClock(ms int64) { s.set(func(s *fakeStore) { s.clock = ms }) }

// meanwhile has do called once, when the next call has done its work, before it answers.
func (s *fakeStore) meanwhile(do func()) { s.set(func(s *fakeStore) { s.between = do }) }

// deliver brings the oldest n events of those on their way.
func (s *fakeStore) deliver(n int) {
	var due []coming
	s.set(func(s *fakeStore) {
		n = min(n, len(s.coming))
		due, s.coming = s.coming[:n:n], s.coming[n:]
	})
	for _, c := range due {
		s.hall.RoomEvent(c.room, c.ev)
	}
}

// hurry brings all events that are on their way, and those to come at once.
func (s *fakeStore) hurry() {
	s.set(func(s *fakeStore) { s.slow = false })
	s.deliver(len(s.coming))
}

// unhang does what was asked of a store that hung.
func (s *fakeStore) unhang() {
	s.mu.Lock()
	jam := s.jam
	s.hung, s.jam = false, nil
	s.mu.Unlock()
	for _, f := range jam {
		f()
	}
}

// stored are the messages that the store has of room 1.
func (s *fakeStore) stored() (live []chat.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.room("1").entries {
		if e.JSON != "" {
			live = append(live, e)
		}
	}
	return live
}

func (s *fakeStore) callsOf(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[name]
}

// call is what all calls do; work is done with the lock held, and returns what is to be told of which room.
func (s *fakeStore) call(name string, work func() (room string, ev *chat.Event, err error)) error {
	s.mu.Lock()
	s.calls[name]++
	if s.fail != nil {
		defer s.mu.Unlock()
		return s.fail
	}
	room, ev, err := work()
	lost, between := s.loseAnswer, s.between
	s.between = nil
	var hear []*Hall
	for _, n := range s.nodes {
		switch {
		case ev == nil || n.hall == nil || n.deaf || !n.subscribed[room]:
		case n.slow:
			n.coming = append(n.coming, coming{room, *ev})
		default:
			hear = append(hear, n.hall)
		}
	}
	s.mu.Unlock()
	for _, h := range hear {
		if !s.unnumbered {
			h.RoomEvent(room, *ev)
			continue
		}
		for _, m := range ev.Messages {
			h.RoomEvent(room, chat.Event{Kind: chat.EventMessages, Messages: []string{m}})
		}
	}
	if between != nil {
		between()
	}
	if lost {
		return errAway
	}
	return err
}

func (s *fakeStore) Publish(ctx context.Context, room string, b chat.Batch) (stored chat.Stored, err error) {
	s.mu.Lock()
	if s.hung {
		defer s.mu.Unlock()
		s.calls["Publish"]++
		s.jam = append(s.jam, func() { // nobody waits for the answer any more
			fail := error(nil)
			s.set(func(s *fakeStore) { fail, s.fail = s.fail, nil })
			_, _ = s.Publish(ctx, room, b)
			s.set(func(s *fakeStore) { s.fail = fail })
		})
		return stored, errAway
	}
	s.mu.Unlock()
	err = s.call("Publish", func() (string, *chat.Event, error) {
		var fresh bool
		var err error
		if s.onPublish != nil {
			s.onPublish(b)
		}
		if stored, fresh, err = s.publish(room, b); !fresh {
			return room, nil, err
		}
		ev := stored.Event
		return room, &ev, err
	})
	if err != nil {
		return chat.Stored{}, err
	}
	stored.Doubtful = s.fewKeep
	return stored, nil
}

func (s *fakeStore) Report(_ context.Context, _ string, reports []chat.Report) (out []chat.Standing, err error) {
	err = s.call("Report", func() (string, *chat.Event, error) {
		for _, rep := range reports {
			r := s.room(rep.Room)
			s.look(r, rep.Known)
			s.reported[rep.Room] = rep.Online
			r.likes = max(r.likes, rep.KnownLikes) + rep.Likes
			pos := r.position()
			if s.unnumbered {
				pos = s.read(rep.Room, rep.Known, 0, 0).Position
			}
			out = append(out, chat.Standing{Position: pos, Counters: chat.Counters{Online: rep.Online, Likes: r.likes}, Rules: r.rules.Version})
		}
		return "", nil, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *fakeStore) Read(_ context.Context, room string, known chat.Position, newest, most int) (h chat.History, err error) {
	err = s.call("Read", func() (string, *chat.Event, error) {
		h = s.read(room, known, newest, most)
		return "", nil, nil
	})
	return h, err
}

// Since is what the gateway reads for a member that comes back.
func (s *fakeStore) Since(_ context.Context, room string, seq uint64, limit int) (h chat.History, err error) {
	err = s.call("Since", func() (string, *chat.Event, error) {
		h.Position = s.room(room).position()
		for _, e := range s.room(room).entries {
			if e.Seq > seq && len(h.Entries) < limit && e.JSON != "" {
				h.Entries = append(h.Entries, e)
			}
		}
		return "", nil, nil
	})
	return h, err
}

func (s *fakeStore) Recall(_ context.Context, room, user string, ts int64) (ev chat.Event, err error) {
	return s.recallThat(room, func(e chat.Entry) bool { return codec.Sender(e.JSON) == user && codec.Timestamp(e.JSON) == ts })
}

func (s *fakeStore) recallThat(room string, is func(chat.Entry) bool) (ev chat.Event, err error) {
	err = s.call("Recall", func() (string, *chat.Event, error) {
		var err error
		if ev, err = s.cloud.recall(room, is); err != nil {
			return room, nil, err
		}
		return room, &ev, nil
	})
	return ev, err
}

func (s *fakeStore) SubscribeRoom(_ context.Context, room string) error {
	s.set(func(s *fakeStore) { s.subscribed[room] = true })
	return s.call("SubscribeRoom", func() (string, *chat.Event, error) { return "", nil, nil })
}

func (s *fakeStore) UnsubscribeRoom(room string) {
	s.set(func(s *fakeStore) { s.calls["UnsubscribeRoom"]++; delete(s.subscribed, room) })
}
