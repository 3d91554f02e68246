package desk

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is messages that wait for a moderator: their list, and the verbs approve and deny.

// Approve stores a held message in its room, as its sender's, and returns where it is when that is done; by then others
// have not. The error has chat.ErrNoMessage in its chain where it waits no more, and [ErrSilenced] where nothing of its
// sender may be published.
type Approve func(ctx context.Context, room string, h *chat.Held) (Placed, error)

// Placed is where a message is.
type Placed struct {
	Place chat.Place // Seq is 0 where it has no number any more
	// Before: it was there already, under the same id: its sender had sent it again and nobody held it then, or it was
	// announced before.
	Before bool
}

// ErrSilenced says that the sender of a held message is muted, shadowed, thrown out or banned.
var ErrSilenced = errors.New("desk: its sender may not be heard")

// maxHeld bounds the id of a held message, in bytes; ours have 23.
const maxHeld = 64

// Held are the messages of a room that wait for a moderator, the oldest first, for whoever may moderate it.
func (d *Desk) Held(ctx context.Context, a Actor, room string) ([]codec.HeldInfo, *Refused) {
	if _, no := d.Rules(ctx, a, room); no != nil {
		return nil, no
	}
	all, err := d.store.Held(ctx, room)
	if err != nil {
		return nil, d.cannot(&Verb{Verb: reads + "the held messages"}, err)
	}
	infos := make([]codec.HeldInfo, len(all))
	for i := range all {
		infos[i] = codec.ShowHeld(&all[i], chat.HeldWaiting)
	}
	return infos, nil
}

// release stores the held message that the verb names.
func (d *Desk) release(ctx context.Context, room string, v *Verb, e *LogEntry) (Done, *Refused) {
	all, err := d.store.Held(ctx, room)
	if err != nil {
		return Done{}, d.cannot(v, err)
	}
	i := slices.IndexFunc(all, func(h chat.Held) bool { return h.ID == v.Held })
	if i < 0 {
		return Done{}, d.cannot(v, chat.ErrNoMessage)
	}
	e.about(&all[i])
	everywhere, err := d.store.Rules(ctx, chat.Everywhere) // the room judges by its own
	if err == nil {
		if _, banned := everywhere.Against(chat.Ban, e.Target, d.tokenRole(room, e.Target), e.At); banned {
			err = ErrSilenced
		}
	}
	var now Placed
	if err == nil {
		now, err = d.approve(ctx, room, &all[i])
	}
	if err != nil {
		return Done{}, d.cannot(v, err)
	}
	e.Seq, e.Epoch = now.Place.Seq, now.Place.Epoch
	return Done{Verb: v.Verb, Seq: now.Place.Seq, Before: now.Before}, nil
}

// deny takes the held message away that the verb names.
func (d *Desk) deny(ctx context.Context, room string, v *Verb, e *LogEntry) (Done, *Refused) {
	held, err := d.store.Deny(ctx, room, v.Held)
	if err != nil {
		return Done{}, d.cannot(v, err)
	}
	e.about(&held)
	return Done{Verb: v.Verb}, nil
}

// denyAll denies what waits for a moderator and goes with what the verb takes away. The function which decides what
// goes; at is when it was held, in Unix ms.
func (d *Desk) denyAll(ctx context.Context, room string, v *Verb, which func(info codec.HeldInfo, at int64) bool) *Refused {
	all, err := d.store.Held(ctx, room)
	if errors.Is(err, chat.ErrBeside) { // nothing can wait there
		return nil
	}
	for i := range all {
		if err == nil && which(codec.ShowHeld(&all[i], chat.HeldWaiting), all[i].At) {
			if _, err = d.store.Deny(ctx, room, all[i].ID); errors.Is(err, chat.ErrNoMessage) { // others have decided
				err = nil
			}
		}
	}
	if err != nil {
		return d.cannot(v, err)
	}
	return nil
}

// about notes which held message it is, and its text: where it was denied nobody else knows that any more.
func (e *LogEntry) about(h *chat.Held) {
	e.Held = h.ID
	if m, err := codec.ParseMessage(h.JSON); err == nil {
		text := []rune(m.Info)
		e.Target, e.Body = m.UserID, string(text[:min(len(text), chat.MaxReason)])
	}
}

// Why a held message is not approved or denied.
var (
	notWaiting = &Refused{http.StatusNotFound, "not_found", "no such message waits for a moderator: others have decided about it, or it has waited for too long"}
	silenced   = &Refused{http.StatusConflict, "muted", "its sender is muted, shadowed, thrown out or banned: end that first, or deny the message"}
)
