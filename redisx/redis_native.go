package redisx

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"barrage/codec"
)

// parseRepeats reads the repeats in publish's answer, three fields each.
func parseRepeats(fields []string) ([]codec.Repeat, error) {
	if len(fields)%3 != 0 {
		return nil, errBadAnswer
	}
	var repeats []codec.Repeat
	for f := fields; len(f) > 0; f = f[3:] {
		index, err1 := strconv.Atoi(f[0])
		seq, err2 := strconv.ParseUint(f[1], 10, 64)
		ts, err3 := strconv.ParseInt(f[2], 10, 64)
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, err
		}
		repeats = append(repeats, codec.Repeat{Index: index, Seq: seq, TS: ts})
	}
	return repeats, nil
}

// Page returns at most limit messages and the position.
func (r *Redis) Page(ctx context.Context, room string, before, after uint64, limit int) (codec.History, error) {
	args := r.roomArgs(strconv.FormatUint(before, 10), strconv.FormatUint(after, 10), strconv.Itoa(limit))
	page, err := r.runRoom(ctx, r.scripts().page, room, r.roomKeys(room), args...)
	return r.readPage(room, page, err)
}

// RecallSeq puts a tombstone in the message's place and tells every node.
func (r *Redis) RecallSeq(ctx context.Context, room, user string, seq uint64, notBefore int64) error {
	if r.keys.fastIM {
		return recallError(room, seq, fmt.Errorf("beside original FastIM nodes messages have no lasting numbers: %w", codec.ErrNoMessage))
	}
	n := newNeedle(room, user, 0)
	args := r.roomArgs(r.publishCommand(), n.head, n.quoted().head,
		strconv.FormatUint(seq, 10), strconv.FormatInt(notBefore, 10), r.keys.quietChannel(room))
	msg, err := r.runRoom(ctx, r.scripts().recallSeq, room, r.roomKeys(room), args...)
	var answer int64
	if err == nil {
		answer, err = msg.AsInt64()
	}
	switch {
	case err != nil:
	case answer == recallNone:
		err = codec.ErrNoMessage
	case answer == recallNotYours:
		err = codec.ErrNotYours
	case answer == recallTooOld:
		err = codec.ErrTooOld
	}
	return recallError(room, seq, err)
}

// recallError says which message could not be recalled, unless err is nil.
func recallError(room string, seq uint64, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("cannot recall message %d in room %q: %w", seq, room, err)
}
