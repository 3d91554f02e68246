package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"barrage/codec"
	"barrage/gateway/edge"
	"barrage/gateway/fleet"
	v1 "barrage/gateway/v1"
	"barrage/internal/chat"
	"barrage/room"
)

// This file is rooms as operators see them, on all nodes.

// roomsDefault is how many rooms are listed where nobody says how many.
const roomsDefault = 50

// whichRooms is which rooms are wanted.
type whichRooms struct {
	Sort  string `json:"sort"`
	After string `json:"after"` // with sort=id: those behind this one
	Limit int    `json:"limit"`
}

// roomInfo is a room over all nodes that answered. Its counters are the room's; members and copies are summed up.
type roomInfo struct {
	Room string `json:"room"`
	accountInfo
	Nodes []string `json:"nodes"` // on which it is live
	Modes []string `json:"modes"` // that are on, see chat.Modes.On
}

// accountInfo is what one node, or all together, count of a room.
type accountInfo struct {
	Online  uint64  `json:"online"`
	Members int     `json:"members"`
	Likes   uint64  `json:"likes"`
	Total   uint64  `json:"total"`
	Rate    float64 `json:"rate"`
	Level   uint16  `json:"level"`
	Wanted  uint64  `json:"wanted"`
	Shown   uint64  `json:"shown"`
	Offered uint64  `json:"offered"`
	Sent    uint64  `json:"sent"`
	Skipped uint64  `json:"skipped"`
	Left    uint64  `json:"left"`
	Local   bool    `json:"local"`
}

// add adds what one node counts.
func (i *accountInfo) add(a *room.Account) {
	i.Online, i.Likes, i.Total = max(i.Online, a.Online), max(i.Likes, a.Likes), max(i.Total, a.Total)
	i.Rate, i.Level = max(i.Rate, a.Rate), max(i.Level, a.Level)
	i.Wanted, i.Shown = max(i.Wanted, a.Wanted), max(i.Shown, a.Shown)
	i.Members += a.Members
	i.Offered, i.Sent, i.Skipped, i.Left = i.Offered+a.Offered, i.Sent+a.Sent, i.Skipped+a.Skipped, i.Left+a.Left
	i.Local = i.Local || a.Local
}

// account is as room.SortAccounts wants it.
func (i *roomInfo) account() room.Account {
	return room.Account{ID: i.Room, Members: i.Members, Online: i.Online, Rate: i.Rate, Level: i.Level, Sent: i.Sent}
}

// roomsEverywhere serves GET /v1/admin/rooms.
func (s adminPort) roomsEverywhere(ctx context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
	q := r.URL.Query()
	limit, bad := edge.Whole(q, "limit", roomsDefault, 1, chat.MaxRoomsListed)
	if bad != nil {
		return bad
	}
	which := whichRooms{q.Get("sort"), q.Get("after"), int(limit)}
	if which.Sort == "" {
		which.Sort = "online"
	}
	if !room.SortAccounts(nil, which.Sort) {
		return edge.Refuse(http.StatusBadRequest, "sort is %.64q, want online, members, rate, level, sent or id", which.Sort)
	}
	if which.After != "" && which.Sort != "id" {
		return edge.Refuse(http.StatusBadRequest, "after goes with sort=id alone")
	}
	replies, reach := fleet.All[[]room.Account](ctx, s.fleet, askRooms, which)
	all := merged(replies, which)
	answer := struct {
		Rooms []roomInfo `json:"rooms"`
		Next  string     `json:"next,omitempty"` // with sort=id: the after of the next page
		fleet.Reach
	}{Rooms: all, Reach: reach}
	if which.Sort == "id" && len(all) == which.Limit {
		answer.Next = all[len(all)-1].Room
	}
	v1.WriteJSON(w, http.StatusOK, answer)
	return nil
}

// merged puts together what nodes count of rooms.
func merged(replies []fleet.Reply[[]room.Account], which whichRooms) []roomInfo {
	by := map[string]*roomInfo{}
	for _, reply := range replies {
		for i := range reply.Body {
			a := &reply.Body[i]
			if by[a.ID] == nil {
				by[a.ID] = &roomInfo{Room: a.ID, Nodes: []string{}, Modes: orEmpty(a.Modes)}
			}
			by[a.ID].add(a)
			by[a.ID].Nodes = append(by[a.ID].Nodes, reply.Node)
		}
	}
	accounts := make([]room.Account, 0, len(by))
	for _, info := range by {
		accounts = append(accounts, info.account())
	}
	room.SortAccounts(accounts, which.Sort)
	all := make([]roomInfo, 0, min(len(accounts), which.Limit))
	for _, a := range accounts[:min(len(accounts), which.Limit)] {
		all = append(all, *by[a.ID])
	}
	return all
}

// answerRooms is what this node counts of its rooms.
func (s adminPort) answerRooms(_ context.Context, args json.RawMessage) (any, error) {
	var which whichRooms
	if err := json.Unmarshal(args, &which); err != nil || !room.SortAccounts(nil, which.Sort) || which.Limit < 1 {
		return nil, &fleet.RefusedError{Status: http.StatusBadRequest, Why: "this node's version cannot list rooms so"}
	}
	return s.edge.Hall.Largest(min(which.Limit, chat.MaxRoomsListed), which.Sort, which.After), nil
}

// answerRoom is what this node counts of one room, nil where it is not live here.
func (s adminPort) answerRoom(_ context.Context, args json.RawMessage) (any, error) {
	var id string
	if err := json.Unmarshal(args, &id); err != nil {
		return nil, &fleet.RefusedError{Status: http.StatusBadRequest, Why: err.Error()}
	}
	if rm := s.edge.Hall.Lookup(id); rm != nil {
		return rm.Account(), nil
	}
	return nil, nil //nolint:nilnil // null is an answer
}

// nodeAccount is what one node counts of a room.
type nodeAccount struct {
	Node string `json:"node"`
	accountInfo
}

// roomEverywhere serves GET /v1/admin/rooms/{room}, of a room that is known.
func (s adminPort) roomEverywhere(ctx context.Context, w http.ResponseWriter, _ *http.Request, id string) *edge.Refusal {
	if bad := s.edge.Guard.Known(ctx, id); bad != nil {
		return bad
	}
	pos, counters, bad := s.v1.Standing(ctx, id)
	if bad != nil {
		return bad
	}
	rules, err := s.store.Rules(ctx, id)
	if err != nil {
		return edge.Cannot(s.log, "read the room's rules", err)
	}
	replies, reach := fleet.All[*room.Account](ctx, s.fleet, askRoom, id)
	var sum accountInfo
	per := []nodeAccount{}
	for _, reply := range replies {
		if a := reply.Body; a != nil {
			sum.add(a)
			n := nodeAccount{Node: reply.Node}
			n.add(a)
			per = append(per, n)
		}
	}
	sum.Online, sum.Likes, sum.Total = max(sum.Online, counters.Online), max(sum.Likes, counters.Likes), max(sum.Total, pos.Total)
	v1.WriteJSON(w, http.StatusOK, struct {
		Room  string `json:"room"`
		Live  bool   `json:"live"` // on this node
		Epoch string `json:"epoch"`
		Seq   uint64 `json:"seq"`
		accountInfo
		Modes    json.RawMessage `json:"modes"`
		Measures int             `json:"measures"` // mutes, bans, roles and the like that are in force
		Accounts []nodeAccount   `json:"accounts"`
		Silent   []string        `json:"silent"`
		Note     string          `json:"note,omitempty"`
	}{
		id, s.edge.Hall.Live(id), pos.Epoch, pos.Seq, sum, json.RawMessage(codec.ModesObject(&rules, rules.Cleared.Seq)),
		len(rules.Measures(s.edge.Times.Now().UnixMilli())), per, reach.Silent, reach.Note,
	})
	return nil
}

// Bounds of exports.
const (
	// exportPage is how many messages are read at a time: 256 KiB at most.
	exportPage = 1000
	// exportPatience is how long a client may take for a page.
	exportPatience = 30 * time.Second
)

// export serves GET /v1/admin/rooms/{room}/export, of a room that is known: the history, the oldest message first, a
// line of JSON each or as format says. An answer that is cut off by an error breaks off without its end.
func (s adminPort) export(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("room")
	if bad := edge.CheckID("room", id); bad != nil {
		v1.WriteProblem(w, bad)
		return
	}
	after, form, t0, bad := exportAsked(r.URL.Query())
	if bad == nil {
		bad = s.exports.begin("exports")
	}
	if bad != nil {
		v1.WriteProblem(w, bad)
		return
	}
	defer s.exports.end()
	begun := false
	for {
		page, bad := s.exportPage(r.Context(), id, after)
		if bad == nil && !begun && len(page.Entries) == 0 { // without messages of a room that nobody knows it is a mistake
			bad = s.edge.Guard.Known(r.Context(), id)
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
			s.log.Error("cannot export a room", "room", id, "err", err)
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
func (s adminPort) exportPage(ctx context.Context, id string, after uint64) (page chat.History, bad *edge.Refusal) {
	ctx, cancel := context.WithTimeout(ctx, chat.CallTimeout)
	defer cancel()
	h, err := s.store.Page(ctx, id, 0, after, exportPage)
	if err != nil {
		return h, edge.Cannot(s.log, "read the history", err)
	}
	return h, nil
}
