package fastim

import (
	"time"

	"barrage/gateway/edge"
	"barrage/room"
)

// This file is what tests of package gateway, which go over the wire, see and do of what the wire does not show.
// Nothing else uses it: lint forbids the names.

// PeekRejected is how many sockets are open only to receive why they do not come in.
func (f *FastIM) PeekRejected() int64 { return f.rejected.Load() }

// PeekMember makes a member of the room that nobody is behind.
func (f *FastIM) PeekMember(v *edge.Visitor, r *room.Room) edge.Peek {
	m := new(member)
	m.Init(f.edge, v, m)
	r.Enter(&m.Here, m)
	return edge.Peek{Session: &m.Session}
}

// PeekWake has the lists make a round, and waits until that is known to them.
func (l *Lists) PeekWake() { l.wake <- struct{}{} }

// PeekRound is one round at a time.
func (l *Lists) PeekRound(now time.Time) (next time.Time, waiting bool) { return l.round(now) }

// PeekList is one list of a user.
type PeekList struct {
	Attached, Reading bool
	Rooms             int
}

// PeekLists are the lists of a user.
func (l *Lists) PeekLists(user string) (all []PeekList) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.byUser[user] {
		all = append(all, PeekList{Attached: c.attached, Reading: c.reading, Rooms: len(c.rooms)})
	}
	return all
}

// PeekCounts is how many lists there are, rooms that they show, and lists that are to be sent.
func (l *Lists) PeekCounts() (lists, shown, dirty int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.byUser), len(l.shown), len(l.dirty)
}

// PeekText is the list of the rooms; spoken: one of them has a message.
func PeekText(rooms []*room.Room) (text []byte, spoken bool) { return listText(rooms) }
