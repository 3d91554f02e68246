package redisx

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/rueidis"

	"barrage/internal/chat"
)

// Recall takes the message out of the history and notifies every node.
func (r *Redis) Recall(ctx context.Context, room, user string, ts int64) (chat.Event, error) {
	keys, args := r.recallKeys(room), needleArgs(room, user, ts)
	if r.keys.fastIM {
		args = append([]string{r.keys.quietChannel(room)}, args...)
	} else {
		args = append(r.recallArgs(room), args...)
	}
	msg, err := r.runRoom(ctx, r.scripts().recall, room, keys, args...)
	var ev chat.Event
	switch {
	case err != nil:
	case msg.IsNil():
		err = chat.ErrNoMessage
	default:
		ev, err = r.parseRecall(msg)
	}
	if err != nil {
		return chat.Event{}, fmt.Errorf("cannot recall message %d of %q in room %q (keys %q): %w", ts, user, room, keys, err)
	}
	return ev, nil
}

// The answers of recall_seq.lua where it published nothing.
const (
	recallNone = iota
	recallNotYours
	recallTooOld
	recallOtherEpoch
)

// RecallSeq takes the message out of the history and notifies every node.
func (r *Redis) RecallSeq(ctx context.Context, room, user string, known chat.Position, epoch string, seq uint64, notBefore int64) (chat.Event, error) {
	if r.keys.fastIM {
		return chat.Event{}, recallError(room, seq, fmt.Errorf("beside original FastIM nodes messages have no lasting numbers: %w", chat.ErrNoMessage))
	}
	head := headOf(room, user)
	args := roomArgs(recallName(head), r.keys.roomChannel(room), epoch, strconv.FormatUint(seq, 10), strconv.FormatInt(notBefore, 10), head, needle{head: head}.quoted().head)
	args = append(args, knownArgs(toStore(known))...)
	msg, err := r.runRoom(ctx, r.scripts().recallSeq, room, r.recallKeys(room), args...)
	if err != nil {
		return chat.Event{}, recallError(room, seq, err)
	}
	var ev chat.Event
	if answer, bad := msg.ToInt64(); bad != nil {
		ev, err = r.parseRecall(msg)
	} else {
		switch answer {
		case recallNone:
			err = chat.ErrNoMessage
		case recallNotYours:
			err = chat.ErrNotYours
		case recallTooOld:
			err = chat.ErrTooOld
		case recallOtherEpoch:
			err = chat.ErrOtherEpoch
		default:
			err = errBadAnswer
		}
	}
	return ev, recallError(room, seq, err)
}

// headOf is how the user's messages begin; empty for [chat.Anybody]: all begin so.
func headOf(room, user string) string {
	if user == chat.Anybody {
		return ""
	}
	return newNeedle(room, user, 0).head
}

// recallName is a name for the recall of a message that begins with head: it shows whether its sender took it back.
func recallName(head string) string {
	if head == "" {
		return moderatedName()
	}
	return randomName()
}

// recallKeys are the keys of the scripts that recall.
func (r *Redis) recallKeys(room string) []string {
	if r.keys.fastIM {
		return append(r.roomKeys(room), r.keys.lately(room))
	}
	return append(r.roomKeys(room), r.keys.recalls(room))
}

// recallArgs are the first arguments of the scripts that recall, with a name for the recall.
func (r *Redis) recallArgs(room string) []string {
	return roomArgs(randomName(), r.keys.roomChannel(room))
}

// parseRecall reads what a script published on the room's channel for recalls.
func (r *Redis) parseRecall(msg rueidis.RedisMessage) (chat.Event, error) {
	payload, err := msg.ToString()
	if err != nil {
		return chat.Event{}, errors.Join(errBadAnswer, err)
	}
	_, ev, err := r.keys.parseEvent(quietChannelPrefix, payload)
	if err != nil {
		return chat.Event{}, errors.Join(errBadAnswer, err)
	}
	return ev, nil
}

// recallError says which message could not be recalled, unless err is nil.
func recallError(room string, seq uint64, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("cannot recall message %d in room %q: %w", seq, room, err)
}
