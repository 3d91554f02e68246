package fastim

import (
	"time"

	"barrage/gateway/edge"
	"barrage/room"
)

// This file is what tests of package gateway, which go over the wire, see and do of what the wire does not show.
// Nothing else uses it: lint forbids the names.

// ProbeRejected is how many sockets are open only to be told why they do not come in.
func (f *FastIM) ProbeRejected() int64 { return f.rejected.Load() }

// ProbeMember makes a member of the room that nobody is behind.
func (f *FastIM) ProbeMember(v *edge.Visitor, r *room.Room) edge.Probe {
	m := new(member)
	m.fastIM = f
	m.Init(f.edge, v, m)
	r.Enter(&m.Place, m)
	return edge.Probe{Session: &m.Session}
}

// ProbeKick has the lists make a pass, and waits until that is known to them.
func (l *Lists) ProbeKick() { l.kick <- struct{}{} }

// ProbePass is one pass at a time.
func (l *Lists) ProbePass(now time.Time) (next time.Time, waiting bool) { return l.pass(now) }

// ProbeList is one list of a user.
type ProbeList struct {
	Attached, Reading bool
	Rooms             int
}

// ProbeLists are the lists of a user.
func (l *Lists) ProbeLists(user string) (all []ProbeList) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.byUser[user] {
		all = append(all, ProbeList{Attached: c.attached, Reading: c.reading, Rooms: len(c.rooms)})
	}
	return all
}

// ProbeHeld is how many lists there are, rooms that they show, and lists that are to be sent.
func (l *Lists) ProbeHeld() (lists, shown, dirty int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.byUser), len(l.shown), len(l.dirty)
}

// ProbeText is the list of the rooms; spoken: one of them has a message.
func ProbeText(rooms []*room.Room) (text []byte, spoken bool) { return listText(rooms) }
