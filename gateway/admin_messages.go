package gateway

import (
	"context"
	"math"
	"net/http"
	"slices"
	"strconv"

	"barrage/codec"
	"barrage/gateway/edge"
	v1 "barrage/gateway/v1"
	"barrage/internal/chat"
)

// This file is the messages of a room as moderators read them, whether they are in it or not.

// Bounds of a search for what a user said.
const (
	// saidMost is how many messages of a user one answer has at most; a screen of the console shows some 20.
	saidMost = 100
	// searchMost is how many messages are looked at: what a room in a storm of 1,000 a second says in five seconds. They
	// are read a page at a time, and Redis takes some 5 ms for a full one (see mostExports).
	searchMost = 5000
	// mostSearches bounds searches at a time.
	mostSearches = 2
)

// messages serves GET /v1/admin/rooms/{room}/messages: a page of the history, or with user what a user said of late.
func (s adminPort) messages(ctx context.Context, w http.ResponseWriter, r *http.Request, id string) *edge.Refusal {
	q := r.URL.Query()
	if q.Has("user") {
		return s.saidBy(ctx, w, r, id)
	}
	page, bad := s.v1.Page(ctx, q, id)
	if bad == nil {
		v1.WritePage(w, &page)
	}
	return bad
}

// saidBy answers with the newest messages of a user, the oldest first, of the newest searchMost of the room.
func (s adminPort) saidBy(ctx context.Context, w http.ResponseWriter, r *http.Request, id string) *edge.Refusal {
	user, limit := r.URL.Query().Get("user"), saidMost
	if bad := edge.CheckID("user", user); bad != nil {
		return bad
	}
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > saidMost {
			return edge.Refuse(http.StatusBadRequest, "limit is %.64q, want a whole number from 1 to %d beside user", text, saidMost)
		}
		limit = n
	}
	defer s.searches.Add(-1)
	if s.searches.Add(1) > mostSearches {
		return edge.Refuse(http.StatusServiceUnavailable, "%d searches for messages are under way already, try again", mostSearches).As("busy")
	}
	found, bad := s.search(ctx, id, user, limit)
	if bad == nil {
		v1.WritePage(w, &found)
	}
	return bad
}

// search reads the history backwards.
func (s adminPort) search(ctx context.Context, id, user string, limit int) (found chat.History, bad *edge.Refusal) {
	said := []chat.Entry{}
	for before, looked := uint64(math.MaxInt64), 0; looked < searchMost && len(said) < limit; {
		page, err := s.store.Page(ctx, id, before, 0, exportPage)
		if err != nil {
			return found, edge.Cannot(s.log, "read the history", err)
		}
		if looked == 0 {
			found.Position = page.Position
		}
		if len(page.Entries) == 0 {
			break
		}
		for _, e := range slices.Backward(page.Entries) {
			if e.JSON != "" && len(said) < limit && codec.Sender(e.JSON) == user {
				said = append(said, e)
			}
		}
		before, looked = page.Entries[0].Seq, looked+len(page.Entries)
	}
	slices.Reverse(said)
	found.Entries = said
	return found, nil
}
