package admin

import (
	"context"
	"math"
	"net/http"
	"slices"
	"sync/atomic"

	"barrage/codec"
	"barrage/gateway/edge"
	v1 "barrage/gateway/v1"
	"barrage/internal/chat"
	"barrage/room"
)

// This file is the messages of a room as moderators read them, whether they are in it or not.

// Bounds of a search for what a user sent.
const (
	// mostSent is how many messages of a user one answer has at most; a screen of the console shows some 20.
	mostSent = 100
	// searchMost is how many messages are looked at: those that a room in a storm of 1,000 a second publishes in five
	// seconds. They are read a page of 256 KiB at a time; Redis takes some 5 ms for four of these.
	searchMost = 5000
)

// longReads counts the requests of a kind under way that read a history page by page.
type longReads struct{ underWay atomic.Int32 }

// mostLongReads bounds them: each keeps the store for some 5 ms a MiB.
const mostLongReads = 2

// begin counts one more, or refuses it; then it must not end.
func (l *longReads) begin(kind string) *edge.Refusal {
	if l.underWay.Add(1) > mostLongReads {
		l.end()
		return edge.Refuse(http.StatusServiceUnavailable, "%d %s are under way already, try again", mostLongReads, kind).As(room.CodeBusy)
	}
	return nil
}

func (l *longReads) end() { l.underWay.Add(-1) }

// messages serves GET /v1/admin/rooms/{room}/messages: a page of the history, or with user what a user sent of late.
func (c *roomCalls) messages(ctx context.Context, w http.ResponseWriter, r *http.Request, id string) *edge.Refusal {
	q := r.URL.Query()
	if q.Has("user") {
		return c.sentBy(ctx, w, r, id)
	}
	page, bad := c.API.Page(ctx, q, id)
	if bad == nil {
		v1.WritePage(w, &page)
	}
	return bad
}

// sentBy answers with the newest messages of a user, the oldest first, of the newest searchMost of the room.
func (c *roomCalls) sentBy(ctx context.Context, w http.ResponseWriter, r *http.Request, id string) *edge.Refusal {
	q := r.URL.Query()
	user := q.Get("user")
	if bad := edge.CheckID("user", user); bad != nil {
		return bad
	}
	limit, bad := edge.Whole(q, "limit", mostSent, 1, mostSent)
	if bad != nil {
		return bad
	}
	if bad := c.searches.begin("searches for messages"); bad != nil {
		return bad
	}
	defer c.searches.end()
	found, bad := c.search(ctx, id, user, int(limit))
	if bad == nil {
		v1.WritePage(w, &found)
	}
	return bad
}

// search reads the history backwards.
func (c *roomCalls) search(ctx context.Context, id, user string, limit int) (found chat.History, bad *edge.Refusal) {
	sent := []chat.Entry{}
	for before, looked := uint64(math.MaxInt64), 0; looked < searchMost && len(sent) < limit; {
		page, err := c.Store.Page(ctx, id, before, 0, exportPage)
		if err != nil {
			return found, edge.Cannot(c.Log, "read the history", err)
		}
		if looked == 0 {
			found.Position = page.Position
		}
		if len(page.Entries) == 0 {
			break
		}
		for _, e := range slices.Backward(page.Entries) {
			if e.JSON != "" && len(sent) < limit && codec.Sender(e.JSON) == user {
				sent = append(sent, e)
			}
		}
		before, looked = page.Entries[0].Seq, looked+len(page.Entries)
	}
	slices.Reverse(sent)
	found.Entries = sent
	return found, nil
}
