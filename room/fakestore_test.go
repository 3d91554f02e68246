package room

import (
	"context"
	"fmt"

	"barrage/codec"
	"barrage/internal/chat"
)

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
	onPublish  func(b chat.Batch) // receives what the store is asked
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

// call is what all calls do; work is done with the lock held, and returns a room and the event to deliver of it.
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
