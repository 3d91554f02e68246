package room

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is messages that wait for a moderator: on their way to where they wait, and back into the room.

// The codes of outcomes of messages that are looked at.
const (
	// CodeBlocked says that something in it is not allowed here.
	CodeBlocked = "blocked"
	// CodeHeld says that it waits for a moderator.
	CodeHeld = "held"
	// CodeDecided is the answer to who approves a message: others have decided about it, or it has waited for too long.
	CodeDecided = "decided"
)

// Hold is PostNative for a message that is to wait for a moderator. The message is held against the same bounds and
// rules, and refused with CodeHeld once the store has it. No member gets it as a message before it is approved.
func (r *Room) Hold(from Author, user string, op *codec.Op, now time.Time) error {
	d := codec.NewNativeDraft(r.id, user, op, now.UnixMilli())
	d.Class = r.hall.classOf(op.Kind, voiceOf(from))
	return r.post(from, d, now, held)
}

// PostApproved posts a message that waits for a moderator, as its sender's. The author from, who approves it, receives
// its outcome, also where it has no id. That author is Voiced as [Voice.Approved]. The message is stored by one of all
// who do so at once.
func (r *Room) PostApproved(from Author, h *chat.Held, now time.Time) error {
	d, err := codec.HeldDraft(h, now.UnixMilli())
	if err != nil {
		return err
	}
	return r.post(from, d, now, posted)
}

// heldID is what a draft is held as, the same one on every node. It has a part that all of its user have, and one of
// its own.
func heldID(d *chat.Draft) string {
	name := d.ID
	if name == "" {
		_, name, _ = codec.SendKey(d.Head) // its made id
	}
	user, message := sha256.Sum256([]byte(d.UserID)), sha256.Sum256([]byte(d.UserID+"\x00"+name))
	return hex.EncodeToString(user[:(chat.HeldUser-1)/2]) + "-" + hex.EncodeToString(message[:8])
}

// toHold are the posts of the flight that are to wait for a moderator, and their places; nil of none.
func (o *outbox) toHold() (all []chat.Held, places []int) {
	if !slices.ContainsFunc(o.flight.posts, func(p post) bool { return p.hold != "" && p.end == notYet }) {
		return nil, nil
	}
	for i := range o.flight.posts {
		if p := &o.flight.posts[i]; p.hold != "" && p.end == notYet {
			all = append(all, chat.Held{ID: heldID(&p.draft), Why: p.hold, JSON: p.draft.JSON(p.draft.TS)})
			places = append(places, i)
		}
	}
	return all, places
}

// holdFlight is one try to have messages of the flight, those at places, wait in the store. A try whose answer was lost
// does no harm.
func (r *Room) holdFlight(ctx context.Context, all []chat.Held, places []int) {
	h := r.hall
	dropped, err := h.store.Hold(ctx, r.id, all)
	code := CodeHeld
	if errors.Is(err, chat.ErrBeside) { // nobody could approve them
		code, err = CodeBlocked, nil
	}
	if err != nil {
		r.sendFailed("cannot have messages wait for a moderator", err)
		return
	}
	if h.cfg().OnHold != nil && code == CodeHeld {
		h.cfg().OnHold(ctx, r.id, all)
	}
	r.mu.Lock()
	defer r.unlock()
	r.reachedLocked()
	h.stats.heldDropped.Add(uint64(dropped))
	if code == CodeHeld {
		h.stats.held.Add(uint64(len(all)))
	}
	for _, i := range places {
		r.outbox.refuse(i, Outcome{Code: code})
	}
	r.outbox.compact()
}
