package redisx

import (
	"context"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"barrage/internal/chat"
)

const (
	// memoryShards keeps rooms out of each other's way: two busy ones seldom share a lock.
	memoryShards = 256
	// expireEvery is how often a shard that is written to looks for what has expired.
	// So entries that nobody touches go too, without a goroutine; a shard that nobody writes
	// to does not grow.
	expireEvery = time.Minute
)

// Memory is the [Store] of a single node. It does no I/O: no method blocks, no ctx is
// looked at. The handler is called before SetToken, Publish, Report, Recall and Join return. Use
// [NewMemory].
type Memory struct {
	// Immutable after NewMemory.
	now  func() time.Time
	seed maphash.Seed

	limits atomic.Pointer[Limits] // see Reload

	// handler is set by Start, before anything can be subscribed; nil before that.
	handler Handler

	rooms [memoryShards]roomShard
	users [memoryShards]userShard

	termsMu sync.Mutex        // guards the field below; a leaf
	terms   map[string]string // texts by name; nil: none

	feedsMu sync.Mutex               // guards the field below, and what it holds; a leaf
	rosters map[string]*memoryRoster // by name; nil: none

	fleet memoryFleet

	// Atomic.
	calls, failed, events atomic.Uint64
	subscriptions         atomic.Int64
}

// roomShard holds the rooms whose id falls to it.
type roomShard struct {
	// publishing is held from before a change until the handler has it, so
	// that events are in order. Lock order: publishing -> mu. The handler is called
	// without mu, so it may wait for others that read or subscribe.
	publishing sync.Mutex

	mu         sync.Mutex // guards the fields below
	rooms      map[string]*memoryRoom
	registered map[string]struct{} // nil: none
	rules      map[string]*memoryRules
	news       map[string]*memoryNews
	subscribed map[string]struct{}
	expireAt   time.Time
}

// userShard holds the users whose id falls to it.
type userShard struct {
	mu         sync.Mutex // guards the fields below
	tokens     map[string]memoryTokens
	revoked    map[string]memoryRevoked
	joined     map[string]memoryJoined // by user
	subscribed map[string]struct{}
	expireAt   time.Time // of tokens and revoked
	// expireRoomsAt is when joined is looked through again.
	expireRoomsAt time.Time
}

// memoryJoined is the rooms of a user. A list, and a time.Time, would be 50 B more of each user.
type memoryJoined struct {
	rooms   string // sorted, with roomEnd between them; see splitRooms
	expires int64  // Unix ms; 0: never
}

// roomEnd stands in no room's id.
const roomEnd = "\x00"

// splitRooms is the rooms in memoryJoined.rooms.
func splitRooms(rooms string) []string {
	if rooms == "" {
		return nil
	}
	return strings.Split(rooms, roomEnd)
}

// isOver reports whether the life of the memberships is over.
func (j *memoryJoined) isOver(now time.Time) bool {
	return j.expires != 0 && now.UnixMilli() >= j.expires
}

var _ Store = (*Memory)(nil)

// Reload is [Store.Reload].
func (m *Memory) Reload(limits Limits) { m.limits.Store(&limits) }

// NewMemory makes an empty store. now is the clock that decides what has expired; nil is
// time.Now.
func NewMemory(limits Limits, now func() time.Time) *Memory {
	if now == nil {
		now = time.Now
	}
	m := &Memory{now: now, seed: maphash.MakeSeed()}
	m.Reload(limits)
	for i := range memoryShards {
		m.rooms[i].rooms = make(map[string]*memoryRoom)
		m.rooms[i].subscribed = make(map[string]struct{})
		m.users[i].tokens = make(map[string]memoryTokens)
		m.users[i].revoked = make(map[string]memoryRevoked)
		m.users[i].joined = make(map[string]memoryJoined)
		m.users[i].subscribed = make(map[string]struct{})
	}
	return m
}

// Start begins to deliver events to h.
func (m *Memory) Start(h Handler) { m.handler = h }

// Close does nothing: there is nothing to stop.
func (m *Memory) Close() {}

// State is always nil.
func (m *Memory) State() error { return nil }

// Stats returns the counters as they are now.
func (m *Memory) Stats() Stats {
	return Stats{
		Calls:         m.calls.Load(),
		Errors:        m.failed.Load(),
		Events:        m.events.Load(),
		Subscriptions: int(m.subscriptions.Load()),
		Connected:     true,
	}
}

// user locks and returns the user's shard. The caller must unlock it.
func (m *Memory) user(user string) *userShard {
	m.calls.Add(1)
	u := &m.users[maphash.String(m.seed, user)%memoryShards]
	u.mu.Lock()
	return u
}

// expireRoomsLocked drops the rooms of users that have expired, now and then. u.mu must be held.
func (u *userShard) expireRoomsLocked(now time.Time) {
	if now.Before(u.expireRoomsAt) {
		return
	}
	u.expireRoomsAt = now.Add(expireEvery)
	maps.DeleteFunc(u.joined, func(_ string, j memoryJoined) bool { return j.isOver(now) })
}

// Join adds room to the user's rooms and notifies the handler if it watches the user.
func (m *Memory) Join(_ context.Context, user, room string) (bool, error) {
	added, watched, err := m.join(user, room)
	if added && watched {
		m.events.Add(1)
		m.handler.UserEvent(user)
	}
	return added, err
}

// JoinAll is Join for many.
func (m *Memory) JoinAll(ctx context.Context, all []chat.Membership) (refused int, err error) {
	for _, x := range all {
		if _, err := m.Join(ctx, x.UserID, x.Room); err != nil { // there is no other
			refused++
		}
	}
	return refused, nil
}

func (m *Memory) join(user, room string) (added, watched bool, err error) {
	u := m.user(user)
	defer u.mu.Unlock()
	now := m.now()
	u.expireRoomsLocked(now)
	joined := u.joinedLocked(user, now)
	rooms := splitRooms(joined)
	at, ok := slices.BinarySearch(rooms, room)
	if ok = ok || room == ""; ok && len(rooms) == 0 {
		return false, false, nil
	}
	if most := m.limits.Load().RoomsPerUser; !ok && most > 0 && len(rooms) >= most {
		return false, false, m.limits.Load().tooMany(user, room)
	}
	if !ok {
		joined = strings.Join(slices.Insert(rooms, at, room), roomEnd)
	}
	m.useLocked(u, user, joined, now)
	_, watched = u.subscribed[user]
	return !ok, watched, nil
}

// joinedLocked returns the user's rooms as long as they live, see memoryJoined. u.mu must be held.
func (u *userShard) joinedLocked(user string, now time.Time) (rooms string) {
	j := u.joined[user]
	if j.isOver(now) {
		delete(u.joined, user)
		return ""
	}
	return j.rooms
}

// useLocked keeps rooms as the user's, whose life begins anew. u.mu must be held.
func (m *Memory) useLocked(u *userShard, user, rooms string, now time.Time) {
	j := memoryJoined{rooms: rooms}
	if life := m.limits.Load().MembershipTTL; life > 0 {
		j.expires = now.Add(life).UnixMilli()
	}
	u.joined[user] = j
}

// IsMember reports whether room is among the user's rooms.
func (m *Memory) IsMember(_ context.Context, user, room string) (bool, error) {
	u := m.user(user)
	defer u.mu.Unlock()
	now := m.now()
	rooms := u.joinedLocked(user, now)
	for one := range strings.SplitSeq(rooms, roomEnd) {
		if one == room {
			m.useLocked(u, user, rooms, now)
			return true, nil
		}
	}
	return false, nil
}

// Rooms returns the user's rooms, sorted.
func (m *Memory) Rooms(_ context.Context, user string) ([]string, error) {
	u := m.user(user)
	defer u.mu.Unlock()
	now := m.now()
	rooms := u.joinedLocked(user, now)
	if rooms != "" {
		m.useLocked(u, user, rooms, now)
	}
	return splitRooms(rooms), nil
}

// SubscribeUser begins the events of user.
func (m *Memory) SubscribeUser(_ context.Context, user string) error {
	u := m.user(user)
	defer u.mu.Unlock()
	m.setSubscribed(u.subscribed, user, true)
	return nil
}

// UnsubscribeUser ends the events of user.
func (m *Memory) UnsubscribeUser(user string) {
	u := m.user(user)
	defer u.mu.Unlock()
	m.setSubscribed(u.subscribed, user, false)
}

// setSubscribed adds id to the set or takes it out. The set's lock must be held.
func (m *Memory) setSubscribed(set map[string]struct{}, id string, want bool) {
	before := len(set)
	if want {
		set[id] = struct{}{}
	} else {
		delete(set, id)
	}
	m.subscriptions.Add(int64(len(set) - before))
}
