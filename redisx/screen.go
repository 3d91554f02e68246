package redisx

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"barrage/internal/chat"
)

// This file says what would become of drafts that somebody is to look at before they are stored.

// markTry is the first byte of the name under which a draft stands among the marks that it has left by Screen.
const markTry = "t"

// tryOf names a draft in a try: the same for each try of a batch.
func tryOf(batch string, d *chat.Draft) string {
	return batch + "\x00" + strings.ToValidUTF8(keyOf(d.JSON(d.TS)), "\ufffd")
}

// Screen asks the script about drafts.
func (r *Redis) Screen(ctx context.Context, room, batch string, drafts []chat.Draft) ([]chat.Screened, error) {
	err := r.besideOthers()
	var all []chat.Screened
	if err == nil {
		msg, bad := r.runRoom(ctx, r.scripts().screen, room, []string{r.keys.history(room), r.keys.meta(room), r.keys.sentPrefix(room), r.keys.marks(room)},
			screenArgs(batch, drafts)...)
		var answers []string
		if err = bad; err == nil {
			answers, err = msg.AsStrSlice()
		}
		if err == nil {
			all, err = parseScreened(answers, len(drafts))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot look at %d messages of room %q (keys %q, %q): %w", len(drafts), room, r.keys.sentPrefix(room), r.keys.marks(room), err)
	}
	return all, nil
}

// screenArgs are the arguments of screen.lua.
func screenArgs(batch string, drafts []chat.Draft) []string {
	args := make([]string, 1, 1+5*len(drafts))
	args[0] = strconv.Itoa(len(drafts))
	for i := range drafts {
		args = append(args, sentField(&drafts[i]))
	}
	for i := range drafts {
		args = append(args, tryOf(batch, &drafts[i]))
	}
	return appendMarks(args, drafts)
}

// parseScreened reads what screen.lua answered about n drafts.
func parseScreened(answers []string, n int) ([]chat.Screened, error) {
	if len(answers) != n {
		return nil, errBadAnswer
	}
	all := make([]chat.Screened, n)
	for i, answer := range answers {
		f := strings.Split(answer, " ")
		switch {
		case answer == "":
			continue
		case len(f) != 3 || f[1] == "":
			return nil, errBadAnswer
		}
		number, err := strconv.ParseInt(f[2], 10, 64)
		if f[0] == "!" {
			all[i] = chat.Screened{Mark: chat.MarkKind(f[1][0]), Wait: time.Duration(number) * time.Millisecond}
		} else {
			all[i] = chat.Screened{Epoch: f[0], TS: number}
			var bad error
			all[i].Seq, bad = strconv.ParseUint(f[1], 10, 64)
			err = errors.Join(err, bad)
		}
		if err != nil {
			return nil, errors.Join(errBadAnswer, err)
		}
	}
	return all, nil
}

// Screen looks at drafts as screen.lua does.
func (m *Memory) Screen(_ context.Context, room, batch string, drafts []chat.Draft) ([]chat.Screened, error) {
	s := m.shard(room)
	defer s.mu.Unlock()
	now := m.now()
	r := s.liveLocked(room, now)
	if r == nil {
		r = new(memoryRoom)
		s.rooms[room] = r
	}
	r.marks.expire(now.UnixMilli())
	r.sent.expire(now)
	all := make([]chat.Screened, len(drafts))
	for i := range drafts {
		all[i] = r.screen(&drafts[i], markTry+tryOf(batch, &drafts[i]), now)
	}
	return all, nil
}

// screen looks at one draft, whose name among the marks is try.
func (r *memoryRoom) screen(d *chat.Draft, try string, at time.Time) (said chat.Screened) {
	now := at.UnixMilli()
	if sent, ok := r.sent.find(sentField(d)); ok && d.ID != "" {
		said = chat.Screened{Epoch: r.epoch, TS: sent.ts}
		if sent.epoch == r.epoch {
			said.Seq = sent.seq
		}
		return said
	}
	if _, left := r.marks[try]; left {
		return said
	}
	if said.Mark, said.Wait = r.marks.stumbles(d, now); said.Wait > 0 {
		return said
	}
	r.marks.leave(d, now)
	longest := time.Duration(0)
	for _, m := range d.Marks() {
		longest = max(longest, m.Life)
	}
	if longest > 0 {
		r.marks[try] = now + longest.Milliseconds()
		if end := at.Add(longest); r.forget.Before(end) { // marks outlive a room that has no messages
			r.forget = end
		}
	}
	return said
}
