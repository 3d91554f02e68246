package v1

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"barrage/codec"
	"barrage/gateway/edge"
	"barrage/internal/chat"
)

// recall takes a message back. Its sender calls the recall id, which may be empty; known is where the room stood when
// it was asked for. The epoch is that of seq, empty where the room never had a message. The recall runs as an errand.
func (m *member) recall(ctx context.Context, id string, known chat.Position, epoch string, seq uint64) {
	if !m.stillIn(ctx, m.Rights(), id) {
		return
	}
	switch bad := m.api().recallSeq(ctx, m.Here.Room().ID(), m.User(), known, epoch, seq); {
	// the number may be of another epoch than the socket's: then the frame to all does not name it
	case bad == nil && id != "":
		m.writeText(codec.AckText(id, epoch, seq, 0))
	case bad == nil:
	default:
		m.answer(id, bad)
	}
}

// recallSeq takes message seq of user back; every member gets it by the room's event.
func (n *API) recallSeq(ctx context.Context, id, user string, known chat.Position, epoch string, seq uint64) *edge.Refusal {
	ev, err := n.store.RecallSeq(ctx, id, user, known, epoch, seq, time.Now().Add(-n.edge.Config().RecallLimit).UnixMilli())
	switch {
	case err == nil:
		n.edge.Recalled(id, ev)
		return nil
	case (errors.Is(err, chat.ErrNoMessage) || errors.Is(err, chat.ErrOtherEpoch)) &&
		n.edge.RecallAgain(id, user, func(ev *chat.Event) bool { return ev.Seq == seq && ev.Epoch == cmp.Or(epoch, known.Epoch) }):
		return nil
	case errors.Is(err, chat.ErrNoMessage):
		return edge.Refuse(http.StatusNotFound, "there is no message %d", seq)
	case errors.Is(err, chat.ErrNotYours):
		return edge.Refuse(http.StatusForbidden, "message %d is not yours", seq)
	case errors.Is(err, chat.ErrTooOld):
		return edge.Refuse(http.StatusForbidden, "message %d is older than %v", seq, n.edge.Config().RecallLimit).As("too_old")
	case errors.Is(err, chat.ErrOtherEpoch):
		return edge.Refuse(http.StatusConflict, "the room counts anew: message %d of epoch %q has another number now, or none", seq, epoch).As("other_epoch")
	}
	return edge.Cannot(n.edge.Log, "take the message back", err, "room", id, "seq", seq)
}
