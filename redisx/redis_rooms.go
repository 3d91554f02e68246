package redisx

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"barrage/codec"
)

// This file holds what Redis keeps of rooms: histories and their counts.

// newEpoch names a count. It has 60 random bits and no space.
func newEpoch() string { return rand.Text()[:12] }

// millis is d as the scripts want it.
func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// runRoom runs one script about a room, see run.
func (r *Redis) runRoom(ctx context.Context, script *rueidis.Lua, room string, keys []string, args ...string) (rueidis.RedisMessage, error) {
	if err := r.keys.check(room); err != nil {
		return rueidis.RedisMessage{}, err
	}
	return r.run(ctx, script, keys, args...)
}

// roomKeys are the keys of every script that reads a history.
func (r *Redis) roomKeys(room string) []string {
	return []string{r.keys.history(room), r.keys.meta(room)}
}

// roomArgs are the first two arguments of every script that reads a history, and more.
func (r *Redis) roomArgs(more ...string) []string {
	return append([]string{newEpoch(), millis(r.limits.HistoryTTL + metaGrace)}, more...)
}

// Publish appends the drafts to the history and tells every node, in one script.
func (r *Redis) Publish(ctx context.Context, room, batch string, drafts []codec.Draft) (codec.Stored, error) {
	node, number, err := checkBatch(room, batch, drafts)
	if err != nil {
		return codec.Stored{}, err
	}
	const first = 9 // The drafts' first argument.
	n := len(drafts)
	args := make([]string, first+3*n)
	copy(args, []string{
		strconv.Itoa(r.limits.HistoryMessages),
		millis(r.limits.HistoryTTL),
		millis(r.limits.HistoryTTL + metaGrace),
		r.publishCommand(),
		r.keys.roomChannel(room),
		newEpoch(),
		strconv.Itoa(int(tsBucket / time.Second)),
		strconv.FormatUint(number, 10),
		"\xff" + node, // No user's: those are valid UTF-8.
	})
	for i := range drafts {
		d := &drafts[i]
		args[first+i] = strings.ToValidUTF8(d.UserID, "\ufffd")
		args[first+n+i] = strconv.FormatInt(d.TS, 10)
		args[first+2*n+i] = r.head(d)
	}
	keys := []string{r.keys.history(room), r.keys.meta(room), r.keys.lastTSPrefix(room)}
	script := r.scripts().publish
	if fields, ids := sentFields(drafts); ids {
		script = r.scripts().publishOnce
		keys, args = append(keys, r.keys.sentPrefix(room)), append(args, fields...)
	}
	msg, err := r.runRoom(ctx, script, room, keys, args...)
	var stored codec.Stored
	var last uint64
	if err == nil {
		last, stored, err = parseAnswer(msg)
	}
	if err == nil && last != number {
		err = overtaken(node, number, last)
	}
	if err != nil {
		return codec.Stored{}, fmt.Errorf("cannot publish %d messages to room %q (keys %q): %w", n, room, keys, err)
	}
	return stored, nil
}

// parseAnswer reads what answerScript returned: the number of the node's last batch, and
// what became of that.
func parseAnswer(msg rueidis.RedisMessage) (last uint64, stored codec.Stored, err error) {
	answer, err := msg.ToString()
	fields := strings.Split(answer, " ")
	if err != nil || len(fields) < 4 {
		return 0, codec.Stored{}, errors.Join(errBadAnswer, err)
	}
	last, err0 := strconv.ParseUint(fields[0], 10, 64)
	seq, err1 := strconv.ParseUint(fields[2], 10, 64)
	total, err2 := strconv.ParseUint(fields[3], 10, 64)
	repeats, err3 := parseRepeats(fields[4:])
	if err := errors.Join(err0, err1, err2, err3); err != nil {
		return 0, codec.Stored{}, errors.Join(errBadAnswer, err)
	}
	return last, codec.Stored{Position: codec.Position{Epoch: fields[1], Seq: seq, Total: total}, Repeats: repeats}, nil
}

// parsePosition reads an epoch, a newest number and a total.
func parsePosition(msg rueidis.RedisMessage) (codec.Position, error) {
	fields, err := msg.ToArray()
	if err != nil || len(fields) < 3 {
		return codec.Position{}, errors.Join(errBadAnswer, err)
	}
	epoch, err1 := fields[0].ToString()
	seq, err2 := fields[1].AsUint64()
	total, err3 := fields[2].AsUint64()
	if err := errors.Join(err1, err2, err3); err != nil {
		return codec.Position{}, errors.Join(errBadAnswer, err)
	}
	return codec.Position{Epoch: epoch, Seq: seq, Total: total}, nil
}

// Newest returns the newest limit messages and the position.
func (r *Redis) Newest(ctx context.Context, room string, limit int) (codec.History, error) {
	page, err := r.runRoom(ctx, r.scripts().newest, room, r.roomKeys(room), r.roomArgs(strconv.Itoa(limit))...)
	h, err := r.readPage(room, page, err)
	slices.Reverse(h.Entries)
	return h, err
}

// Since returns the oldest limit messages with a number above seq and the position.
func (r *Redis) Since(ctx context.Context, room string, seq uint64, limit int) (codec.History, error) {
	page, err := r.runRoom(ctx, r.scripts().since, room, r.roomKeys(room), r.roomArgs(strconv.FormatUint(seq, 10), strconv.Itoa(limit))...)
	return r.readPage(room, page, err)
}

// Range returns the messages at the indexes start to stop.
func (r *Redis) Range(ctx context.Context, room string, start, stop int64) ([]string, error) {
	args := r.roomArgs(strconv.FormatInt(start, 10), strconv.FormatInt(stop, 10))
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
	args := append(r.roomArgs(strconv.Itoa(count)), needleArgs(room, user, ts)...)
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

// Recall puts a tombstone in the message's place and tells every node.
func (r *Redis) Recall(ctx context.Context, room, user string, ts int64) (bool, error) {
	keys := r.roomKeys(room)
	args := append(r.roomArgs(r.publishCommand()), needleArgs(room, user, ts)...)
	args = append(args, r.keys.quietChannel(room))
	msg, err := r.runRoom(ctx, r.scripts().recall, room, keys, args...)
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

// errBadAnswer is a bug in a script, or somebody else's data in our keys.
var errBadAnswer = errors.New("the answer makes no sense")

// readPage reads what pageScript returned, unless err says why it did not. The entries
// stay in the order of the page.
func (r *Redis) readPage(room string, page rueidis.RedisMessage, err error) (codec.History, error) {
	var h codec.History
	if err == nil {
		h, err = r.parsePage(page)
	}
	if err != nil {
		return codec.History{}, r.historyError(room, err)
	}
	return h, nil
}

// historyError says which history could not be read.
func (r *Redis) historyError(room string, err error) error {
	return fmt.Errorf("cannot read history of room %q (keys %q): %w", room, r.roomKeys(room), err)
}

func (r *Redis) parsePage(page rueidis.RedisMessage) (codec.History, error) {
	pos, err := parsePosition(page)
	if err != nil {
		return codec.History{}, err
	}
	fields, err := page.ToArray()
	if err != nil {
		return codec.History{}, errors.Join(errBadAnswer, err)
	}
	h := codec.History{Position: pos}
	h.Entries = make([]codec.Entry, 0, (len(fields)-3)/2)
	for f := fields[3:]; len(f) >= 2; f = f[2:] {
		seq, err1 := f[0].AsUint64()
		text, err2 := f[1].ToString()
		if err := errors.Join(err1, err2); err != nil {
			return codec.History{}, errors.Join(errBadAnswer, err)
		}
		json, ok := "", text == tombstone
		if !ok {
			json, ok = r.plainEntry(text)
		}
		if ok {
			h.Entries = append(h.Entries, codec.Entry{Seq: seq, JSON: json})
		}
	}
	return h, nil
}
