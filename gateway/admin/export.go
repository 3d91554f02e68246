package admin

import (
	"context"
	"net/http"
	"time"

	"barrage/gateway/edge"
	v1 "barrage/gateway/v1"
	"barrage/internal/chat"
)

// Bounds of exports.
const (
	// exportPage is how many messages are read at a time: 256 KiB at most.
	exportPage = 1000
	// exportPatience is how long a client may take for a page.
	exportPatience = 30 * time.Second
)

// export serves GET /v1/admin/rooms/{room}/export, of a room that is known: the history, the oldest message first, a
// line of JSON each or as format says. An answer that is cut off by an error breaks off without its end.
func (c *roomCalls) export(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("room")
	if bad := edge.CheckID("room", id); bad != nil {
		v1.WriteProblem(w, bad)
		return
	}
	after, form, t0, bad := exportAsked(r.URL.Query())
	if bad == nil {
		bad = c.exports.begin("exports")
	}
	if bad != nil {
		v1.WriteProblem(w, bad)
		return
	}
	defer c.exports.end()
	begun := false
	for {
		page, bad := c.exportPage(r.Context(), id, after)
		if bad == nil && !begun && len(page.Entries) == 0 { // without messages of a room that nobody knows it is a mistake
			bad = c.Edge.Guard.Known(r.Context(), id)
		}
		if bad != nil && begun {
			panic(http.ErrAbortHandler) // the client sees that the end is missing
		}
		if bad != nil {
			v1.WriteProblem(w, bad)
			return
		}
		if !begun {
			w.Header().Set("Content-Type", form.mime)
			w.Header().Set("Cache-Control", "no-store")
			begun = true
		}
		lines, err := form.append(nil, page.Entries, &t0)
		if err != nil {
			c.Log.Error("cannot export a room", "room", id, "err", err)
			panic(http.ErrAbortHandler)
		}
		if lines = append([]byte(form.head), lines...); len(page.Entries) == 0 {
			_, _ = w.Write(append(lines, form.tail...)) // an error: the client has gone
			return
		}
		form.head = ""
		after = page.Entries[len(page.Entries)-1].Seq
		patience, c := time.Now().Add(exportPatience), http.NewResponseController(w)
		// An error: the client has gone. The one for reading is there, too, since its end ends the request's context.
		_, _ = c.SetReadDeadline(patience), c.SetWriteDeadline(patience)
		if _, err := w.Write(lines); err != nil {
			return
		}
	}
}

// exportPage reads the messages behind a number.
func (c *roomCalls) exportPage(ctx context.Context, id string, after uint64) (page chat.History, bad *edge.Refusal) {
	ctx, cancel := context.WithTimeout(ctx, chat.CallTimeout)
	defer cancel()
	h, err := c.Store.Page(ctx, id, 0, after, exportPage)
	if err != nil {
		return h, edge.Cannot(c.Log, "read the history", err)
	}
	return h, nil
}
