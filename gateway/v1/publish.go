package v1

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"barrage/codec"
	"barrage/gateway/edge"
	"barrage/gateway/pass"
	"barrage/room"
)

// This file is messages that servers put into rooms, over the admin port.

// MaxPublishBytes bounds the body of such a call.
const MaxPublishBytes = 1 << 20

// Published is what became of one message of a call.
type Published struct {
	ID    string `json:"id"`
	Epoch string `json:"epoch,omitempty"`
	Seq   uint64 `json:"seq,omitempty"` // 0, left out, where it is stored and its number is not known any more
	TS    int64  `json:"ts,omitempty"`
	Code  string `json:"code,omitempty"` // why it was not stored, as of a send
}

// Publish serves a call that puts messages into a room, as a server. No rules hold, nothing is left out in a storm, any
// user may be named, and the kind may be system. A message with an id that its user has used within two minutes is
// answered with the first one's number.
func (n *API) Publish(ctx context.Context, w http.ResponseWriter, r *http.Request, id string) *edge.Refusal {
	r.Body = http.MaxBytesReader(w, r.Body, MaxPublishBytes)
	ops, users, bad := n.readPublish(r)
	if bad != nil {
		return bad
	}
	rm, bad := n.edge.LoadRoom(ctx, id)
	if bad != nil {
		return bad
	}
	defer rm.Release()
	from := &herald{called: called{ctx}, done: make(chan room.Outcome, len(ops))}
	answers := make([]Published, len(ops))
	at := make(map[string]int, len(ops)) // by the id under which the room knows it
	for i := range ops {
		answers[i].ID = ops[i].ID
		if err := rm.PostNative(from, users[i], &ops[i], time.Now()); err != nil {
			answers[i].Code = room.CodeBusy
			continue
		}
		at[ops[i].ID] = i
	}
	for len(at) > 0 {
		select {
		case a := <-from.done:
			if i, ok := at[a.ID]; ok {
				answers[i] = Published{a.ID, a.Epoch, a.Seq, a.TS, a.Code}
				delete(at, a.ID)
			}
		case <-ctx.Done():
			for id, i := range at {
				answers[i].Code = room.CodeUnconfirmed
				delete(at, id)
			}
		}
	}
	WriteJSON(w, http.StatusOK, map[string][]Published{"messages": answers})
	return nil
}

// readPublish reads the messages of a call and their users.
func (n *API) readPublish(r *http.Request) (ops []codec.Op, users []string, bad *edge.Refusal) {
	var in struct {
		Messages []struct {
			UserID string          `json:"user_id"`
			ID     string          `json:"id"`
			Kind   string          `json:"kind"`
			Body   string          `json:"body"`
			Ext    json.RawMessage `json:"ext"`
			User   json.RawMessage `json:"user"`
		} `json:"messages"`
	}
	if bad := readJSON(r, &in); bad != nil {
		return nil, nil, bad
	}
	if len(in.Messages) == 0 || len(in.Messages) > room.BatchMessages {
		return nil, nil, edge.Refuse(http.StatusBadRequest, "messages has %d elements, want 1 to %d", len(in.Messages), room.BatchMessages)
	}
	seen := map[string]bool{}
	for i, m := range in.Messages {
		op := codec.Op{T: codec.OpSend, ID: m.ID, Kind: m.Kind, Body: m.Body, Ext: m.Ext}
		system := m.Kind == codec.KindSystem
		if system {
			op.Kind = "" // which clients may not send
		}
		where := "messages[" + strconv.Itoa(i) + "]"
		if bad := edge.CheckUser(where+".user_id", m.UserID); bad != nil {
			return nil, nil, bad
		}
		if err := op.CheckSend(n.maxBody()); err != nil {
			return nil, nil, edge.Refuse(http.StatusBadRequest, "%s: %v", where, err)
		}
		if seen[m.ID] {
			return nil, nil, edge.Refuse(http.StatusBadRequest, "%s.id is %q, as of another message of the call", where, m.ID)
		}
		seen[m.ID] = true
		var user bytes.Buffer
		if err := json.Compact(&user, m.User); err == nil && user.String() != "null" {
			if user.Len() > pass.MaxInfo || user.Bytes()[0] != '{' {
				return nil, nil, edge.Refuse(http.StatusBadRequest, "%s.user is no object of at most %d bytes", where, pass.MaxInfo)
			}
			op.User = user.Bytes()
		}
		if system {
			op.Kind = codec.KindSystem
		}
		ops, users = append(ops, op), append(users, m.UserID)
	}
	return ops, users, nil
}
