package fastim

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"barrage/codec"
	"barrage/gateway/edge"
	"barrage/internal/chat"
	"barrage/internal/errands"
	"barrage/internal/once"
	"barrage/room"
)

// reloadWorkers is how many goroutines read changed room sets from the store.
const reloadWorkers = 4

// Lists drives all room-list sockets (contract section 3). Rooms notify Lists when they change; at most once per
// list.update_interval a list that shows one is sent.
//
// A message in a busy room only notes the room; which lists show it is looked up
// once a round.
type Lists struct {
	// Immutable.
	edge    *edge.Edge
	store   Store
	every   time.Duration
	wake    once.Signal               // something changed
	reloads *errands.Queue[*contents] // full: the next round tries again

	mu sync.Mutex // guards the fields below and those of contents that say so
	// byUser are all lists by user.
	byUser map[string][]*contents
	// shown are the lists that show a room.
	shown   map[*room.Room][]*contents
	changed map[*room.Room]struct{}
	dirty   map[*contents]struct{} // must be sent, or reloaded, when due
}

// reloadQueue bounds the lists whose room set waits to be read.
const reloadQueue = 1024

// contents are one list socket's rooms.
type contents struct {
	user    string                // immutable
	sees    func(id string) bool  // immutable; whether the token lets the user read a room
	barred  func(*room.Room) bool // immutable; whether the room keeps the user out
	opens   func() bool           // immutable; whether the user's address may have one more room made live
	session *edge.Session         // set before attach
	sent    bool                  // a list was sent; owned by run

	// Guarded by lists.mu.
	rooms    map[string]*room.Room // each held open and watched for this list
	due      time.Time             // not sent before
	stale    bool                  // the set of rooms must be read again
	reading  bool                  // a reload is under way
	attached bool
	removed  bool
}

func newLists(e *edge.Edge, store Store, every time.Duration) *Lists {
	return &Lists{
		edge:    e,
		store:   store,
		every:   every,
		wake:    once.NewSignal(),
		reloads: errands.New[*contents](reloadQueue, 1),
		byUser:  map[string][]*contents{},
		shown:   map[*room.Room][]*contents{},
		changed: map[*room.Room]struct{}{},
		dirty:   map[*contents]struct{}{},
	}
}

// Run runs the rounds and the reloads until ctx ends.
func (l *Lists) Run(ctx context.Context, wg *sync.WaitGroup) {
	wg.Go(func() { l.run(ctx) })
	l.reloads.Run(ctx, wg, reloadWorkers, chat.CallTimeout)
}

// run makes a round when something changed, but not more often than twenty times an interval. A room with a thousand
// messages a second must not cost a thousand.
func (l *Lists) run(ctx context.Context) {
	rest := max(l.every/20, time.Millisecond)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var wait <-chan time.Time
		if next, waiting := l.round(time.Now()); waiting {
			timer.Reset(max(time.Until(next), rest))
			wait = timer.C
		}
		select {
		case <-ctx.Done():
			return
		case <-wait:
			continue
		case <-l.wake:
		}
		timer.Reset(rest)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}

// RoomChanged is the hall's call: a room that some list shows has changed.
func (l *Lists) RoomChanged(r *room.Room) {
	l.mu.Lock()
	l.changed[r] = struct{}{}
	l.mu.Unlock()
	l.wake.Set()
}

// UserChanged is the store's call: the set of the user's rooms has changed.
func (l *Lists) UserChanged(user string) {
	l.mu.Lock()
	for _, c := range l.byUser[user] {
		l.staleLocked(c)
	}
	l.mu.Unlock()
	l.wake.Set()
}

// UsersChanged is UserChanged of users whom rooms keep out now, or let in again.
func (l *Lists) UsersChanged(users []string) {
	some := false
	l.mu.Lock()
	for _, user := range users {
		for _, c := range l.byUser[user] {
			l.staleLocked(c)
			some = true
		}
	}
	l.mu.Unlock()
	if some {
		l.wake.Set()
	}
}

// Resumed is the store's call: any user's set may have changed without a notice.
func (l *Lists) Resumed() {
	l.mu.Lock()
	for _, lists := range l.byUser {
		for _, c := range lists {
			l.staleLocked(c)
		}
	}
	l.mu.Unlock()
	l.wake.Set()
}

// Expel has the lists read again that show a room whose member their user is no more.
func (l *Lists) Expel(ctx context.Context) error {
	type shown struct {
		of    *contents
		rooms []string
	}
	var all []shown
	l.mu.Lock()
	for _, lists := range l.byUser {
		for _, c := range lists {
			x := shown{of: c}
			for id := range c.rooms {
				x.rooms = append(x.rooms, id)
			}
			all = append(all, x)
		}
	}
	l.mu.Unlock()
	for _, x := range all {
		for _, id := range x.rooms {
			in, err := l.store.IsMember(ctx, x.of.user, id)
			if err != nil {
				return err
			}
			if !in {
				l.UserChanged(x.of.user)
				break
			}
		}
	}
	return nil
}

func (l *Lists) staleLocked(c *contents) {
	c.stale = true
	l.dirty[c] = struct{}{}
}

// round sends every list that has changed and is due, and returns when the next is.
func (l *Lists) round(now time.Time) (next time.Time, waiting bool) {
	var send []*contents
	l.mu.Lock()
	for r := range l.changed {
		for _, c := range l.shown[r] {
			l.dirty[c] = struct{}{}
		}
	}
	clear(l.changed)
	for c := range l.dirty {
		switch {
		case !c.attached || c.reading: // attach, or the reload, comes back to it
			delete(l.dirty, c)
			continue
		case now.Before(c.due):
		case c.stale && l.askReloadLocked(c):
			delete(l.dirty, c)
			continue
		case c.stale || c.session.Behind(): // a client that is behind gets only the newest list
			c.due = now.Add(l.every)
		default:
			delete(l.dirty, c)
			c.due = now.Add(l.every)
			send = append(send, c)
			continue
		}
		if !waiting || c.due.Before(next) {
			next, waiting = c.due, true
		}
	}
	l.mu.Unlock()
	for _, c := range send {
		l.send(c)
	}
	return next, waiting
}

// askReloadLocked has a worker read the list's set of rooms, if one has time.
func (l *Lists) askReloadLocked(c *contents) bool {
	if !l.reloads.Add(c, func(ctx context.Context) { l.reload(ctx, c) }) {
		return false
	}
	c.reading, c.stale = true, false
	return true
}

// send writes the list to its socket. Called by run only.
func (l *Lists) send(c *contents) {
	l.mu.Lock()
	rooms := slices.Collect(maps.Values(c.rooms))
	l.mu.Unlock()
	text, spoken := listText(rooms)
	if !spoken && !c.sent {
		return // contract section 3: the first list waits for the first message
	}
	c.sent = true
	if c.session.Unicast(codec.AppendFrame(nil, codec.OpText, text)) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !c.removed {
		l.dirty[c] = struct{}{}
	}
}

// listBytes bounds a list; rooms behind it are shown without their message. 500 rooms of usual ones take 150 KB.
const (
	listBytes = 1 << 20
	emptyLine = 60 // bytes of a line without its message, at most
)

// listText is the list of contract section 3: the room with the newest message first, those without one at the end. The
// result spoken reports whether one has a message.
func listText(rooms []*room.Room) (text []byte, spoken bool) {
	type line struct {
		id, json string
		ts       int64
		total    uint64
	}
	lines := make([]line, 0, len(rooms))
	for _, r := range rooms {
		x := line{id: r.ID()}
		x.json, x.total = r.Newest()
		x.ts = codec.Timestamp(x.json)
		spoken = spoken || x.json != ""
		lines = append(lines, x)
	}
	slices.SortFunc(lines, func(a, b line) int { return cmp.Or(cmp.Compare(b.ts, a.ts), cmp.Compare(a.id, b.id)) })
	text = append(text, '[')
	for i, x := range lines {
		if i > 0 {
			text = append(text, ',')
		}
		if len(text)+len(x.json)+emptyLine*(len(lines)-i) > listBytes {
			x.json = ""
		}
		text = append(text, `{"newMessage":`...)
		text = append(text, cmp.Or(x.json, "null")...)
		text = append(text, `,"total":`...)
		text = strconv.AppendUint(text, x.total, 10)
		text = append(text, '}')
	}
	return append(text, ']'), spoken
}

// open reads the user's rooms for a new list socket. It may block until ctx ends.
// attach, or remove, follows.
func (l *Lists) open(ctx context.Context, r *http.Request, v *edge.Visitor) (*contents, error) {
	user, who, from := v.User, *v, l.edge.From(r)
	c := &contents{
		user: user, rooms: map[string]*room.Room{},
		sees:   func(id string) bool { return l.edge.Guard.MaySee(&who, id) },
		barred: func(rm *room.Room) bool { return l.edge.Order.Bars(rm, &who, from) },
		opens:  func() bool { return l.edge.MayList(&who) },
	}
	l.mu.Lock()
	l.byUser[user] = append(l.byUser[user], c) // from now on changes are noticed
	l.mu.Unlock()
	err := l.store.SubscribeUser(ctx, user)
	if err == nil {
		err = l.read(ctx, c)
	}
	if err != nil {
		l.remove(c)
		return nil, err
	}
	return c, nil
}

// attach starts to send a list, whose session is set now.
func (l *Lists) attach(c *contents) {
	l.mu.Lock()
	c.attached = true
	if !c.removed {
		l.dirty[c] = struct{}{}
	}
	l.mu.Unlock()
	l.wake.Set()
}

// read brings the list's rooms in line with the store.
func (l *Lists) read(ctx context.Context, c *contents) error {
	ids, err := l.store.Rooms(ctx, c.user)
	if err != nil {
		return err
	}
	var errs []error
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		if !c.sees(id) {
			continue
		}
		if r := l.shows(c, id); r != nil {
			wanted[id] = !c.barred(r)
			continue
		}
		if !l.edge.Hall.Live(id) {
			if !c.opens() {
				l.edge.Log.Warn("cannot show a room on a list: lists of the user's address have made too many live", "user", c.user, "room", id)
				continue
			}
			switch no := l.edge.Guard.Exists(ctx, id); {
			case no == nil:
			case no.Status == http.StatusNotFound:
				continue
			default:
				errs = append(errs, errors.New(no.Why))
				continue
			}
		}
		r, err := l.edge.Hall.Open(ctx, id)
		// The list of the other rooms need not wait for what never comes, nor for a place.
		if errors.Is(err, chat.ErrRefused) || errors.Is(err, room.ErrTooManyRooms) {
			l.edge.Log.Warn("cannot show a room on a list", "user", c.user, "room", id, "err", err)
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if c.barred(r) {
			r.Release()
			continue
		}
		wanted[id] = true
		r.Watch()
		if !l.show(c, r) {
			r.Unwatch()
			r.Release()
		}
	}
	l.hide(c, func(id string) bool { return !wanted[id] })
	return errors.Join(errs...)
}

// shows is the room that the list shows under an id, nil where it does not.
func (l *Lists) shows(c *contents, id string) *room.Room {
	l.mu.Lock()
	defer l.mu.Unlock()
	return c.rooms[id]
}

// show puts an open room into the list; false where that is gone.
func (l *Lists) show(c *contents, r *room.Room) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.removed || c.rooms[r.ID()] != nil {
		return false
	}
	c.rooms[r.ID()] = r
	l.shown[r] = append(l.shown[r], c)
	return true
}

// hide takes the rooms that match out of the list.
func (l *Lists) hide(c *contents, match func(id string) bool) {
	var out []*room.Room
	l.mu.Lock()
	for id, r := range c.rooms {
		if !match(id) {
			continue
		}
		out = append(out, r)
		delete(c.rooms, id)
		l.shown[r] = slices.DeleteFunc(l.shown[r], func(x *contents) bool { return x == c })
		if len(l.shown[r]) == 0 {
			delete(l.shown, r)
		}
	}
	l.mu.Unlock()
	for _, r := range out { // without the lock: the hall's locks come before ours
		r.Unwatch()
		r.Release()
	}
}

// reload reads a list's set of rooms again; a failure is tried again at a later round.
func (l *Lists) reload(ctx context.Context, c *contents) {
	err := l.read(ctx, c)
	if err != nil {
		l.edge.Log.Warn("cannot read a user's rooms", "user", c.user, "err", err)
	}
	l.mu.Lock()
	c.reading = false
	if !c.removed {
		c.stale = c.stale || err != nil
		if err != nil {
			c.due = time.Now().Add(l.every)
		}
		l.dirty[c] = struct{}{}
	}
	l.mu.Unlock()
	l.wake.Set()
}

// remove forgets a list and lets its rooms go. A second call does nothing.
func (l *Lists) remove(c *contents) {
	l.mu.Lock()
	if c.removed {
		l.mu.Unlock()
		return
	}
	c.removed = true
	delete(l.dirty, c)
	l.byUser[c.user] = slices.DeleteFunc(l.byUser[c.user], func(x *contents) bool { return x == c })
	if len(l.byUser[c.user]) == 0 {
		delete(l.byUser, c.user)
		l.store.UnsubscribeUser(c.user)
	}
	l.mu.Unlock()
	l.hide(c, func(string) bool { return true })
}
