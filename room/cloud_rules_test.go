package room

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is what moderators do in the cloud, and recalls.

// copyOf is the same rules once more.
func copyOf(r *chat.Rules) (rules chat.Rules) {
	if r.Version == "" {
		return rules
	}
	all := codec.AllRules(r)
	codec.ApplyRules(&rules, &all)
	return rules
}

func (s *fakeStore) Rules(_ context.Context, room string) (rules chat.Rules, err error) {
	err = s.call("Rules", func() (string, *chat.Event, error) {
		r := s.room(room)
		if r.rulesLost != "" {
			return room, &chat.Event{Kind: chat.EventRules, Rules: &chat.RulesChange{Version: "0-lost"}}, chat.ErrRulesLost
		}
		rules = copyOf(&r.rules)
		return "", nil, nil
	})
	return rules, err
}

func (s *fakeStore) ChangeRules(_ context.Context, room string, c chat.RulesChange) (ev chat.Event, err error) {
	err = s.call("ChangeRules", func() (string, *chat.Event, error) {
		r := s.room(room)
		c.Prev = r.rules.Version
		switch {
		case c.Version == "":
			s.names++
			n, _, _ := strings.Cut(c.Prev, "-")
			number, _ := strconv.Atoi(n)
			c.Version = fmt.Sprintf("%d-%d", number+1, s.names)
		case !chat.Conflict(c.Version, c.Prev):
			return room, nil, chat.ErrStale
		default: // restored
			s.names++
			number, _, _ := strings.Cut(c.Version, "-")
			n, _ := strconv.Atoi(number)
			c.Version = fmt.Sprintf("%d-%d", n+1, s.names)
		}
		r.rulesLost = ""
		codec.ApplyRules(&r.rules, &c)
		ev = chat.Event{Kind: chat.EventRules, Rules: &c}
		return room, &ev, nil
	})
	return ev, err
}

// moderate changes the rules of room 1, over this node.
func (s *fakeStore) moderate(c chat.RulesChange) {
	if ev, err := s.ChangeRules(context.Background(), "1", c); err == nil {
		s.hall.RulesChanged("1", ev) // as the gateway does before it answers
	}
}

func (s *fakeStore) Screen(_ context.Context, room, batch string, drafts []chat.Draft) (all []chat.Screened, err error) {
	err = s.call("Screen", func() (string, *chat.Event, error) {
		r := s.room(room)
		all = make([]chat.Screened, len(drafts))
		for i := range drafts {
			d := &drafts[i]
			s.screened = append(s.screened, string(d.AppendJSON(nil, 0)))
			as, known := r.sent[d.UserID+" "+d.ID]
			try := chat.Mark{Kind: 't', Name: batch + d.UserID + d.ID}
			at := slices.IndexFunc(d.Marks(), func(m chat.Mark) bool { return r.marks[m] })
			switch {
			case d.ID != "" && known:
				all[i] = chat.Screened{Epoch: as.epoch, Seq: as.Seq, TS: as.TS}
			case r.marks[try]:
			case at >= 0:
				all[i] = chat.Screened{Mark: d.Marks()[at].Kind, Wait: d.Marks()[at].Life}
			default:
				r.mark(append(d.Marks(), try)...)
			}
		}
		return "", nil, nil
	})
	return all, err
}

// mark leaves marks, which last for ever here.
func (r *cloudRoom) mark(marks ...chat.Mark) {
	for _, m := range marks {
		if r.marks == nil {
			r.marks = map[chat.Mark]bool{}
		}
		r.marks[m] = true
	}
}

func (s *fakeStore) Hold(_ context.Context, room string, all []chat.Held) (dropped int, err error) {
	err = s.call("Hold", func() (string, *chat.Event, error) {
		r := s.room(room)
		for _, h := range all {
			if !slices.ContainsFunc(r.held, func(other chat.Held) bool { return other.ID == h.ID }) {
				r.held = append(r.held, h)
			}
		}
		return "", nil, nil
	})
	return 0, err
}

// held are the messages that wait in room 1.
func (s *fakeStore) held() (all []chat.Held) {
	s.set(func(s *fakeStore) { all = slices.Clone(s.room("1").held) })
	return all
}

// recall takes message seq back, over this node.
func (s *fakeStore) recall(room string, seq uint64) {
	if ev, err := s.recallThat(room, func(e chat.Entry) bool { return e.Seq == seq }); err == nil {
		s.hall.Recalled(room, ev) // as the gateway does before it answers
	}
}

// recall is Store.Recall.
func (c *cloud) recall(id string, is func(chat.Entry) bool) (chat.Event, error) {
	r := c.room(id)
	c.look(r, chat.Position{})
	for i, e := range r.entries {
		if e.JSON == "" || !is(e) {
			continue
		}
		husk, _ := codec.Husk(e.JSON)
		c.names++
		r.entries[i].JSON = ""
		ev := chat.Event{
			Kind: chat.EventRecall, Epoch: r.Epoch, Seq: e.Seq, Total: r.position().Total,
			Rev: r.Rev + 1, Prev: r.Tip, Tip: fmt.Sprint("recall", c.names), Messages: []string{husk},
		}
		r.log(ev)
		return ev, nil
	}
	for _, ev := range slices.Backward(r.recalls) {
		if ev.Kind == chat.EventRecall && is(chat.Entry{Seq: ev.Seq, JSON: ev.Messages[0]}) {
			ev.Rev, ev.Prev = 0, ""
			return ev, nil
		}
	}
	return chat.Event{}, chat.ErrNoMessage
}

// log is what the script does with a recall or a purge.
func (r *cloudRoom) log(ev chat.Event) {
	r.Rev, r.Tip = ev.Rev, ev.Tip
	r.recalls = append(r.recalls, ev)
	r.recalls = r.recalls[max(0, len(r.recalls)-chat.RecallsKept):]
	r.newestTaking = ev
	r.taken++
	r.remember()
}

func (s *fakeStore) Purge(_ context.Context, room string, known chat.Position, p chat.Purge) (ev chat.Event, n int, err error) {
	err = s.call("Purge", func() (string, *chat.Event, error) {
		var err error
		if ev, n, err = s.purge(room, known, p); err != nil {
			return room, nil, err
		}
		return room, &ev, nil
	})
	return ev, n, err
}

// purge is Store.Purge.
func (c *cloud) purge(id string, known chat.Position, p chat.Purge) (ev chat.Event, n int, err error) {
	r := c.room(id)
	c.look(r, known)
	if r.Epoch == "" || p.UpTo != (chat.Place{}) && p.UpTo.Epoch != r.Epoch {
		return ev, 0, chat.ErrNoMessage
	}
	upTo := r.Seq
	if p.UpTo != (chat.Place{}) {
		upTo = min(upTo, p.UpTo.Seq)
	}
	c.names++
	name := fmt.Sprint(codec.ModeratedPrefix, "purge", c.names)
	again := chat.Event{Kind: chat.EventPurge, Epoch: r.Epoch, Seq: r.cleared, Total: r.position().Total, Tip: name}
	if p.User == "" && upTo <= r.cleared && r.cleared > 0 {
		again.Purge = &chat.Purge{Until: c.clock, UpTo: chat.Place{Epoch: r.Epoch, Seq: r.cleared}}
		return again, 0, nil
	}
	asked, newest := p.Until, max(r.lastTS[p.User], c.clock)
	if asked != 0 {
		newest = asked
	}
	p.Until, p.UpTo = newest, chat.Place{Epoch: r.Epoch, Seq: upTo}
	if p.User == "" {
		if p.Until = asked; asked == 0 {
			p.Until = c.clock
		}
		before := len(r.entries)
		r.entries = slices.DeleteFunc(slices.Clone(r.entries), func(e chat.Entry) bool { return e.Seq <= upTo })
		n, r.base, r.cleared = before-len(r.entries), max(r.base, upTo), upTo
	} else {
		for i, e := range r.entries {
			if e.JSON != "" && p.Takes(codec.Sender(e.JSON), codec.Timestamp(e.JSON), r.Epoch, e.Seq) {
				r.entries[i].JSON = ""
				n++
			}
		}
		if asked == 0 {
			r.lastTS[p.User] = p.Until
		}
		for _, was := range r.recalls {
			if n == 0 && asked != 0 && was.Kind == chat.EventPurge && was.Purge.User == p.User && was.Purge.Since == p.Since && was.Purge.Until == asked {
				was.Rev, was.Prev = 0, ""
				return was, 0, nil
			}
		}
	}
	ev = chat.Event{
		Kind: chat.EventPurge, Epoch: r.Epoch, Seq: upTo, Total: r.Seq - r.base, Rev: r.Rev + 1, Prev: r.Tip, Tip: name, Purge: &p,
	}
	r.log(ev)
	return ev, n, nil
}
