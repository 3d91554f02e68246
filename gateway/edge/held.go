package edge

import (
	"barrage/codec"
	"barrage/internal/chat"
	"barrage/room"
)

// This file notifies sockets of messages that wait for a moderator.

// mostHeld bounds what Order has to notify sockets of, in messages of at most server.max_message_bytes each: those of
// five full rooms at once. Nobody is notified of the oldest; moderators find them when they ask what waits.
const mostHeld = 5 * chat.HeldKept

// heldChange is a message that waits for a moderator, or does no more.
type heldChange struct {
	room  *room.Room
	held  chat.Held
	state chat.HeldState
}

// native is a member of barrage.v1.
type native interface {
	inRoom
	// Notify sends a text frame. It does not block.
	Notify(frame string)
}

// heldChanged is room.Callbacks.OnHeld. It never blocks.
func (o *Order) heldChanged(r *room.Room, h *chat.Held, state chat.HeldState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.held) == mostHeld {
		o.held = append(o.held[:0], o.held[1:]...)
		o.edge.Stats.HeldMissed.Add(1)
	}
	o.held = append(o.held, heldChange{r, *h, state})
	o.due.Set()
}

// heldFrames are the frames about one message.
type heldFrames struct {
	author             string // the sender, who is notified; empty: it waits, which its sender knows by the refusal
	moderators, theirs string
}

// notifyHeld notifies moderators, and senders of what waits no more, while it looks at all sessions once.
func (o *Order) notifyHeld() {
	o.mu.Lock()
	changes := o.held
	o.held = nil
	o.mu.Unlock()
	if len(changes) == 0 {
		return
	}
	frames, appointed := map[*room.Room][]heldFrames{}, map[*room.Room]map[string]struct{}{}
	for i := range changes {
		n := &changes[i]
		info := codec.ShowHeld(&n.held, n.state)
		f := heldFrames{moderators: info.Text()}
		if n.state != chat.HeldWaiting {
			f.author, f.theirs = info.UserID, info.Decided().Text()
			f.moderators = f.theirs
		}
		if frames[n.room] == nil {
			appointed[n.room] = n.room.Appointed(chat.RoleModerator)
		}
		frames[n.room] = append(frames[n.room], f)
	}
	o.edge.Sessions.Each(func(s *Session) {
		m, ok := s.runs().(native)
		rights := s.Rights()
		if !ok || rights == nil {
			return
		}
		rm := m.member().Here.Room()
		if frames[rm] == nil {
			return
		}
		_, is := appointed[rm][s.user]
		is = is || rights.Rank() >= chat.RoleModerator
		for _, f := range frames[rm] {
			switch {
			case is:
				m.Notify(f.moderators)
			case f.author != "" && f.author == s.user:
				m.Notify(f.theirs)
			}
		}
	})
}
