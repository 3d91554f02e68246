package room

import (
	"cmp"
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
	screened   []string       // drafts that Screen was asked about
	quota      int            // of drafts of a batch; 0: any number
	storm      chat.Storm     // that events report
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
	// rulesLost is the version of rules that were lost just now: only a node that goes by these publishes.
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

// publish is what the script does. fresh reports whether a message was stored.
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
