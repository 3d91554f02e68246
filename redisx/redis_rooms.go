package redisx

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file holds what Redis keeps of rooms: histories and their counts.

// millis is d as the scripts want it.
func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// runRoom runs one script about a room, see run.
func (r *Redis) runRoom(ctx context.Context, script *script, room string, keys []string, args ...string) (rueidis.RedisMessage, error) {
	if err := r.keys.check(room); err != nil {
		return rueidis.RedisMessage{}, err
	}
	return r.run(ctx, script, keys, args...)
}

// roomKeys are the keys of every script that reads a history.
func (r *Redis) roomKeys(room string) []string {
	return []string{r.keys.history(room), r.keys.meta(room)}
}

// roomArgs are the first argument of every script that reads a history, and more.
func roomArgs(more ...string) []string { return append([]string{randomName()}, more...) }

// parsePosition reads epoch, newest number, total, rev and tip.
func parsePosition(fields []rueidis.RedisMessage) (chat.Position, error) {
	if len(fields) < positionFields {
		return chat.Position{}, errBadAnswer
	}
	epoch, err1 := fields[0].ToString()
	seq, err2 := fields[1].AsUint64()
	total, err3 := fields[2].AsUint64()
	rev, err4 := fields[3].AsUint64()
	tip, err5 := fields[4].ToString()
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return chat.Position{}, errors.Join(errBadAnswer, err)
	}
	return chat.Position{Epoch: epoch, Seq: seq, Total: total, Rev: rev, Tip: tip}, nil
}

// positionFields is how many parsePosition reads.
const positionFields = 5

// Read returns what a node that knows a position lacks.
func (r *Redis) Read(ctx context.Context, room string, known chat.Position, newest, most int) (chat.History, error) {
	known = toStore(known)
	seq, wanted, limit := strconv.FormatUint(known.Seq, 10), strconv.Itoa(newest), strconv.Itoa(most)
	if r.keys.fastIM {
		answer, err := r.runRoom(ctx, r.scripts().read, room, r.roomKeys(room), seq, wanted, limit)
		p, err := r.readPage(room, answer, err)
		p.Entries = slices.DeleteFunc(p.Entries, func(e chat.Entry) bool { return e.JSON == "" }) // of a time without them
		return p.History, err
	}
	args := append(roomArgs(knownArgs(known)...), seq, wanted, limit)
	answer, err := r.runRoom(ctx, r.scripts().read, room, append(r.roomKeys(room), r.keys.recalls(room)), args...)
	var h chat.History
	if err == nil {
		h, err = r.parseHistory(answer)
	}
	if err != nil {
		return chat.History{}, r.historyError(room, err)
	}
	return h, nil
}

// knownArgs are a node's position as the scripts take it.
func knownArgs(known chat.Position) []string {
	return []string{known.Epoch, strconv.FormatUint(known.Rev, 10), known.Tip}
}

// parseHistory reads what read.lua returned.
func (r *Redis) parseHistory(answer rueidis.RedisMessage) (chat.History, error) {
	fields, err := answer.ToArray()
	if err != nil || len(fields) != positionFields+6 {
		return chat.History{}, errors.Join(errBadAnswer, err)
	}
	pos, err1 := parsePosition(fields)
	f := fields[positionFields:]
	begun, err2 := f[0].AsUint64()
	before, err3 := f[1].ToString()
	cleared, err4 := f[2].AsUint64()
	forgot, err5 := f[3].AsInt64()
	recalls, err6 := f[4].AsStrSlice()
	texts, err7 := f[5].AsStrSlice()
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7); err != nil {
		return chat.History{}, errors.Join(errBadAnswer, err)
	}
	h := chat.History{Position: pos, Begun: begun, Before: before, Cleared: cleared, Forgot: forgot == 1}
	for _, payload := range recalls {
		ev, err := codec.ParseEvent(payload)
		if err != nil {
			return chat.History{}, errors.Join(errBadAnswer, err)
		}
		h.Recalls = append(h.Recalls, ev)
	}
	h.Entries = make([]chat.Entry, 0, len(texts))
	for i, text := range texts {
		h.Entries = r.appendEntry(h.Entries, pos.Seq-uint64(len(texts)-1-i), text)
	}
	return h, nil
}

// appendEntry appends a list entry: a tombstone without JSON, a message, or nothing for what
// is neither.
func (r *Redis) appendEntry(entries []chat.Entry, seq uint64, text string) []chat.Entry {
	json, ok := "", text == tombstone
	if !ok {
		json, ok = r.plainEntry(text)
	}
	if ok {
		entries = append(entries, chat.Entry{Seq: seq, JSON: json})
	}
	return entries
}

// Since returns the oldest limit messages with a number above seq and the position.
func (r *Redis) Since(ctx context.Context, room string, seq uint64, limit int) (chat.History, error) {
	p, err := r.page(ctx, room, 0, seq, r.firstStep(limit))
	if err != nil {
		return chat.History{}, err
	}
	return r.readOn(ctx, room, p, p.Seq, limit)
}

// Page returns at most limit messages and the position.
func (r *Redis) Page(ctx context.Context, room string, before, after uint64, limit int) (chat.History, error) {
	p, err := r.page(ctx, room, before, after, limit)
	return p.History, err
}

// Range returns the messages at the indexes start to stop.
func (r *Redis) Range(ctx context.Context, room string, start, stop int64) ([]string, error) {
	args := roomArgs(strconv.FormatInt(start, 10), strconv.FormatInt(stop, 10), strconv.Itoa(r.firstStep(math.MaxInt32)))
	answer, err := r.runRoom(ctx, r.scripts().rangeOf, room, r.roomKeys(room), args...)
	if err != nil {
		return nil, r.historyError(room, err)
	}
	p, rest, err := r.parsePage(answer)
	if err == nil && len(rest) != 1 {
		err = errBadAnswer
	}
	if err != nil {
		return nil, r.historyError(room, err)
	}
	last, err := rest[0].AsInt64()
	if err != nil {
		return nil, r.historyError(room, errors.Join(errBadAnswer, err))
	}
	h, err := r.readOn(ctx, room, p, uint64(max(last, 0)), math.MaxInt)
	if err != nil {
		return nil, err
	}
	msgs := make([]string, len(h.Entries))
	for i, e := range h.Entries {
		msgs[i] = e.JSON
	}
	return msgs, nil
}

// stepEntries is the most entries of a step: 256 KiB would be 15,000 tombstones, for which Redis takes some 8 ms. It is
// the largest page that a client may ask for.
const stepEntries = 1000

// firstStep is how many entries the first step of an answer of limit messages has at most, see readOn.
func (r *Redis) firstStep(limit int) int {
	if r.keys.fastIM {
		return limit // nothing is read on
	}
	return min(limit, stepEntries)
}

// readOn is the first limit messages of page p and of those behind it, up to message last. They are answerBytes at
// most, but one at least. Cut says that there are more: they do not fit, or the history lost them between two pages, or
// its epoch. Beside original FastIM nodes it is p alone: a number means another message there once the list was
// trimmed.
//
// Each page is a step of its own in Redis. A MiB in one step kept everybody else waiting for 3 to 8 ms, a page does for
// one or two. And of this node one call at a time reads on from one Redis, or from one of a cluster's slotRanges.
func (r *Redis) readOn(ctx context.Context, room string, p page, last uint64, limit int) (chat.History, error) {
	h := chat.History{Position: p.Position}
	fits := budget{left: answerBytes}
	for turn := false; ; turn = true {
		for _, e := range p.Entries {
			switch {
			case e.JSON == "":
			case len(h.Entries) == limit:
				return h, nil
			case !fits.takes(e.JSON):
				h.Cut = true
				return h, nil
			default:
				h.Entries = append(h.Entries, e)
			}
		}
		if p.last >= last || p.last == 0 || len(h.Entries) == limit {
			return h, nil
		}
		if r.keys.fastIM {
			h.Cut = true
			return h, nil
		}
		if !turn {
			leave, err := r.enterReadingOn(ctx, room)
			if err != nil {
				return chat.History{}, r.historyError(room, err)
			}
			defer leave()
		}
		next, err := r.page(ctx, room, 0, p.last, int(min(last-p.last, stepEntries)))
		if err != nil {
			return chat.History{}, err
		}
		if next.Epoch != p.Epoch || next.first != p.last+1 {
			h.Cut = true
			return h, nil
		}
		p = next
	}
}

// enterReadingOn waits for the turn of a long answer, and reports to OnCall how long. The caller must leave.
func (r *Redis) enterReadingOn(ctx context.Context, room string) (leave func(), err error) {
	if r.OnCall != nil {
		defer func(began time.Time) { r.OnCall(ctx, "reading_on", began, err) }(time.Now())
	}
	reading := r.limiters.at(r.slotOf(r.keys.history(room))).readingOn
	select {
	case reading <- struct{}{}:
		return func() { <-reading }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("another long answer is being read: %w", ctx.Err())
	}
}

// Before returns the newest count messages older than the one that user sent at ts.
func (r *Redis) Before(ctx context.Context, room, user string, ts int64, count int) ([]string, bool, error) {
	args := append(roomArgs(strconv.Itoa(count)), needleArgs(room, user, ts)...)
	answer, err := r.runRoom(ctx, r.scripts().before, room, r.roomKeys(room), args...)
	if err == nil && answer.IsNil() {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, r.historyError(room, err)
	}
	texts, err := answer.AsStrSlice()
	if err != nil {
		return nil, false, r.historyError(room, errors.Join(errBadAnswer, err))
	}
	msgs := make([]string, 0, len(texts))
	for _, text := range slices.Backward(texts) {
		if json, ok := r.plainEntry(text); ok {
			msgs = append(msgs, json)
		}
	}
	return msgs, true, nil
}

// needleArgs are the needles of the message in both forms, the plain one first.
func needleArgs(room, user string, ts int64) []string {
	n := newNeedle(room, user, ts)
	q := n.quoted()
	return []string{n.head, n.tail, q.head, q.tail}
}

// plainEntry is the message in a list entry; it counts those that hold none.
func (r *Redis) plainEntry(entry string) (string, bool) {
	json, ok := plainEntry(entry)
	if !ok {
		r.unreadable.Add(1)
	}
	return json, ok
}

// errBadAnswer is a bug in a script, or somebody else's data in our keys.
var errBadAnswer = errors.New("the answer makes no sense")

// page is what one script read of a history.
type page struct {
	chat.History
	first, last uint64 // the numbers of its first and last entry, readable or not; 0: it has none
}

// page is the page that Store.Page returns.
func (r *Redis) page(ctx context.Context, room string, before, after uint64, limit int) (page, error) {
	args := roomArgs(strconv.FormatUint(before, 10), strconv.FormatUint(after, 10), strconv.Itoa(limit))
	answer, err := r.runRoom(ctx, r.scripts().page, room, r.roomKeys(room), args...)
	return r.readPage(room, answer, err)
}

// readPage reads the page that a script returned, unless err says why it did not.
func (r *Redis) readPage(room string, answer rueidis.RedisMessage, err error) (p page, _ error) {
	if err == nil {
		p, _, err = r.parsePage(answer)
	}
	if err != nil {
		return page{}, r.historyError(room, err)
	}
	return p, nil
}

// historyError says which history could not be read.
func (r *Redis) historyError(room string, err error) error {
	return fmt.Errorf("cannot read history of room %q (keys %q): %w", room, r.roomKeys(room), err)
}

// parsePage reads a position, the number of the first entry and the entries; rest are the fields behind them.
func (r *Redis) parsePage(answer rueidis.RedisMessage) (p page, rest []rueidis.RedisMessage, err error) {
	const first, texts = positionFields, positionFields + 1
	fields, err := answer.ToArray()
	if err != nil || len(fields) <= texts {
		return page{}, nil, errors.Join(errBadAnswer, err)
	}
	pos, err := parsePosition(fields)
	if err != nil {
		return page{}, nil, err
	}
	seq, err1 := fields[first].AsInt64()
	entries, err2 := fields[texts].AsStrSlice()
	if err := errors.Join(err1, err2); err != nil {
		return page{}, nil, errors.Join(errBadAnswer, err)
	}
	p = page{History: chat.History{Position: pos}}
	if len(entries) > 0 {
		p.first, p.last = uint64(seq), uint64(seq)+uint64(len(entries)-1)
		p.Entries = make([]chat.Entry, 0, len(entries))
	}
	for i, text := range entries {
		p.Entries = r.appendEntry(p.Entries, p.first+uint64(i), text)
	}
	return p, fields[texts+1:], nil
}
