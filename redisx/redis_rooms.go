package redisx

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"barrage/codec"
)

// This file holds what Redis keeps of rooms: histories and their counts.

// newEpoch names a count. It has 60 random bits and no space.
func newEpoch() string { return rand.Text()[:12] }

// millis is d as the scripts want it.
func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// roomKeys are the keys of every script that reads a history.
func roomKeys(room string) []string { return []string{historyKey(room), metaKey(room)} }

// roomArgs are the first two arguments of every script that reads a history, and more.
func (r *Redis) roomArgs(more ...string) []string {
	return append([]string{newEpoch(), millis(r.limits.HistoryTTL + metaGrace)}, more...)
}

// Publish appends the drafts to the history and tells every node, in one script.
func (r *Redis) Publish(ctx context.Context, room string, drafts []codec.Draft) error {
	if err := checkBatch(room, drafts); err != nil || len(drafts) == 0 {
		return err
	}
	n := len(drafts)
	args := make([]string, 6+3*n)
	args[0] = strconv.Itoa(r.limits.HistoryMessages)
	args[1] = millis(r.limits.HistoryTTL)
	args[2] = millis(r.limits.HistoryTTL + metaGrace)
	args[3] = roomChannel(room)
	args[4] = newEpoch()
	args[5] = strconv.Itoa(int(tsBucket / time.Second))
	for i, d := range drafts {
		args[6+i] = d.UserID
		args[6+n+i] = strconv.FormatInt(d.TS, 10)
		args[6+2*n+i] = d.Head
	}
	keys := []string{historyKey(room), metaKey(room), lastTSPrefix(room)}
	if _, err := r.run(ctx, publishScript, keys, args...); err != nil {
		return fmt.Errorf("cannot publish %d messages to room %q (keys %q): %w", n, room, keys, err)
	}
	return nil
}

// Newest returns the newest limit messages and the position.
func (r *Redis) Newest(ctx context.Context, room string, limit int) (codec.History, error) {
	page, err := r.run(ctx, newestScript, roomKeys(room), r.roomArgs(strconv.Itoa(limit))...)
	h, err := r.readPage(room, page, err)
	slices.Reverse(h.Entries)
	return h, err
}

// Since returns the oldest limit messages with a number above seq and the position.
func (r *Redis) Since(ctx context.Context, room string, seq uint64, limit int) (codec.History, error) {
	page, err := r.run(ctx, sinceScript, roomKeys(room), r.roomArgs(strconv.FormatUint(seq, 10), strconv.Itoa(limit))...)
	return r.readPage(room, page, err)
}

// Range returns the messages at the indexes start to stop.
func (r *Redis) Range(ctx context.Context, room string, start, stop int64) ([]string, error) {
	args := r.roomArgs(strconv.FormatInt(start, 10), strconv.FormatInt(stop, 10))
	page, err := r.run(ctx, rangeScript, roomKeys(room), args...)
	if err != nil {
		return nil, historyError(room, err)
	}
	entries, err := page.AsStrSlice()
	if err != nil {
		return nil, historyError(room, errors.Join(errBadPage, err))
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
	args := append(r.roomArgs(strconv.Itoa(count)), needleArgs(room, user, ts)...)
	page, err := r.run(ctx, beforeScript, roomKeys(room), args...)
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

// Recall puts a tombstone in the message's place and tells every node.
func (r *Redis) Recall(ctx context.Context, room, user string, ts int64) (bool, error) {
	keys := roomKeys(room)
	args := append(r.roomArgs(roomChannel(room)), needleArgs(room, user, ts)...)
	msg, err := r.run(ctx, recallScript, keys, args...)
	if err != nil {
		return false, fmt.Errorf("cannot recall message %d of %q in room %q (keys %q): %w", ts, user, room, keys, err)
	}
	return msg.AsBool()
}

// needleArgs are the needles of the message in both forms, as findScript wants them.
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

// errBadPage is a bug in a script, or somebody else's data in our keys.
var errBadPage = errors.New("the answer is no page of a history")

// readPage reads what pageScript returned, unless err says why it did not. The entries
// stay in the order of the page.
func (r *Redis) readPage(room string, page rueidis.RedisMessage, err error) (codec.History, error) {
	var h codec.History
	if err == nil {
		h, err = r.parsePage(page)
	}
	if err != nil {
		return codec.History{}, historyError(room, err)
	}
	return h, nil
}

// historyError says which history could not be read.
func historyError(room string, err error) error {
	return fmt.Errorf("cannot read history of room %q (keys %q): %w", room, roomKeys(room), err)
}

func (r *Redis) parsePage(page rueidis.RedisMessage) (codec.History, error) {
	fields, err := page.ToArray()
	if err != nil || len(fields) < 3 {
		return codec.History{}, errors.Join(errBadPage, err)
	}
	epoch, err1 := fields[0].ToString()
	seq, err2 := fields[1].AsUint64()
	total, err3 := fields[2].AsUint64()
	if err := errors.Join(err1, err2, err3); err != nil {
		return codec.History{}, errors.Join(errBadPage, err)
	}
	h := codec.History{Position: codec.Position{Epoch: epoch, Seq: seq, Total: total}}
	h.Entries = make([]codec.Entry, 0, (len(fields)-3)/2)
	for f := fields[3:]; len(f) >= 2; f = f[2:] {
		seq, err1 := f[0].AsUint64()
		text, err2 := f[1].ToString()
		if err := errors.Join(err1, err2); err != nil {
			return codec.History{}, errors.Join(errBadPage, err)
		}
		if json, ok := r.plainEntry(text); ok {
			h.Entries = append(h.Entries, codec.Entry{Seq: seq, JSON: json})
		}
	}
	return h, nil
}
