package redisx

import (
	"context"
	"errors"
	"fmt"
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
		page, err := r.runRoom(ctx, r.scripts().read, room, r.roomKeys(room), seq, wanted, limit)
		h, err := r.readPage(room, page, err)
		slices.Reverse(h.Entries)
		return h, err
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
	page, err := r.runRoom(ctx, r.scripts().since, room, r.roomKeys(room), roomArgs(strconv.FormatUint(seq, 10), strconv.Itoa(limit))...)
	return r.readPage(room, page, err)
}

// Range returns the messages at the indexes start to stop.
func (r *Redis) Range(ctx context.Context, room string, start, stop int64) ([]string, error) {
	args := roomArgs(strconv.FormatInt(start, 10), strconv.FormatInt(stop, 10))
	page, err := r.runRoom(ctx, r.scripts().rangeOf, room, r.roomKeys(room), args...)
	if err != nil {
		return nil, r.historyError(room, err)
	}
	entries, err := page.AsStrSlice()
	if err != nil {
		return nil, r.historyError(room, errors.Join(errBadAnswer, err))
	}
	msgs := entries[:0]
	for _, e := range entries {
		if e == tombstone {
			continue
		}
		if json, ok := r.plainEntry(e); ok {
			msgs = append(msgs, json)
		}
	}
	return msgs, nil
}

// Before returns the newest count messages older than the one that user sent at ts.
func (r *Redis) Before(ctx context.Context, room, user string, ts int64, count int) ([]string, bool, error) {
	args := append(roomArgs(strconv.Itoa(count)), needleArgs(room, user, ts)...)
	page, err := r.runRoom(ctx, r.scripts().before, room, r.roomKeys(room), args...)
	if err == nil && page.IsNil() {
		return nil, false, nil
	}
	h, err := r.readPage(room, page, err)
	if err != nil {
		return nil, false, err
	}
	msgs := make([]string, len(h.Entries))
	for i, e := range h.Entries {
		msgs[len(msgs)-1-i] = e.JSON
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

// readPage reads the page that a script returned, unless err says why it did not. The entries
// stay in the order of the page.
func (r *Redis) readPage(room string, page rueidis.RedisMessage, err error) (chat.History, error) {
	var h chat.History
	if err == nil {
		h, err = r.parsePage(page)
	}
	if err != nil {
		return chat.History{}, r.historyError(room, err)
	}
	return h, nil
}

// historyError says which history could not be read.
func (r *Redis) historyError(room string, err error) error {
	return fmt.Errorf("cannot read history of room %q (keys %q): %w", room, r.roomKeys(room), err)
}

func (r *Redis) parsePage(page rueidis.RedisMessage) (chat.History, error) {
	fields, err := page.ToArray()
	if err != nil {
		return chat.History{}, errors.Join(errBadAnswer, err)
	}
	pos, err := parsePosition(fields)
	if err != nil {
		return chat.History{}, err
	}
	h := chat.History{Position: pos}
	h.Entries = make([]chat.Entry, 0, (len(fields)-positionFields)/2)
	f := fields[positionFields:]
	h.Cut = len(f)%2 == 1
	for ; len(f) >= 2; f = f[2:] {
		seq, err1 := f[0].AsUint64()
		text, err2 := f[1].ToString()
		if err := errors.Join(err1, err2); err != nil {
			return chat.History{}, errors.Join(errBadAnswer, err)
		}
		h.Entries = r.appendEntry(h.Entries, seq, text)
	}
	return h, nil
}
