package admin

import (
	"context"
	"encoding/json"
	"net/http"

	"barrage/codec"
	"barrage/gateway/desk"
	"barrage/gateway/edge"
	"barrage/gateway/fleet"
	v1 "barrage/gateway/v1"
	"barrage/internal/chat"
	"barrage/room"
)

// This file is rooms as operators see them, on all nodes.

// roomCalls are the calls about rooms.
type roomCalls struct {
	*Base
	exports  longReads
	searches longReads // for what a user sent
}

// Questions that nodes ask each other about rooms.
const (
	askRooms = "rooms"
	askRoom  = "room"
)

func (c *roomCalls) join() {
	fleet.On(c.Fleet, askRooms, c.answerList)
	fleet.On(c.Fleet, askRoom, c.answer)
}

// roomsDefault is how many rooms are listed where the request does not name how many.
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

// list serves GET /v1/admin/rooms.
func (c *roomCalls) list(ctx context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
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
	replies, reach := fleet.All[[]room.Account](ctx, c.Fleet, askRooms, which)
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

// answerList is what this node counts of its rooms.
func (c *roomCalls) answerList(_ context.Context, which whichRooms) ([]room.Account, error) {
	if !room.SortAccounts(nil, which.Sort) || which.Limit < 1 {
		return nil, &fleet.RefusedError{Status: http.StatusBadRequest, Why: "this node's version cannot list rooms so"}
	}
	return c.Edge.Hall.Largest(min(which.Limit, chat.MaxRoomsListed), which.Sort, which.After), nil
}

// answer is what this node counts of one room, nil where it is not live here.
func (c *roomCalls) answer(_ context.Context, id string) (*room.Account, error) {
	rm := c.Edge.Hall.Lookup(id)
	if rm == nil {
		return nil, nil //nolint:nilnil // null is an answer
	}
	return new(rm.Account()), nil
}

// nodeAccount is what one node counts of a room.
type nodeAccount struct {
	Node string `json:"node"`
	accountInfo
}

// show serves GET /v1/admin/rooms/{room}, of a room that is known.
func (c *roomCalls) show(ctx context.Context, w http.ResponseWriter, _ *http.Request, id string) *edge.Refusal {
	if bad := c.Edge.Guard.Known(ctx, id); bad != nil {
		return bad
	}
	pos, counters, bad := c.API.Standing(ctx, id)
	if bad != nil {
		return bad
	}
	rules, err := c.Store.Rules(ctx, id)
	if err != nil {
		return edge.Cannot(c.Log, "read the room's rules", err)
	}
	replies, reach := fleet.All[*room.Account](ctx, c.Fleet, askRoom, id)
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
		id, c.Edge.Hall.Live(id), pos.Epoch, pos.Seq, sum, json.RawMessage(codec.ModesObject(&rules, rules.Cleared.Seq)),
		len(rules.Measures(c.Edge.Times.Now().UnixMilli())), per, reach.Silent, reach.Note,
	})
	return nil
}

// largest lists the rooms with the most members, ?limit=50 of them, with their
// accounts.
func (c *roomCalls) largest(w http.ResponseWriter, r *http.Request) {
	limit, bad := edge.Whole(r.URL.Query(), "limit", 50, 1, 10_000)
	if bad != nil {
		http.Error(w, "cannot list rooms: "+bad.Why, bad.Status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// the client has gone: nobody is left to notify
	_ = json.NewEncoder(w).Encode(c.Edge.Hall.Largest(int(limit), "members", ""))
}

// register has a room known before its first message, or ends that: see room.open.
func (c *roomCalls) register(on bool) roomCall {
	return func(ctx context.Context, w http.ResponseWriter, _ *http.Request, id string) *edge.Refusal {
		if err := c.Store.RegisterRoom(ctx, id, on); err != nil {
			return edge.Cannot(c.Log, "register the room", err, "room", id)
		}
		verb := "register"
		if !on {
			verb = "unregister"
		}
		c.API.Desk.Note(ctx, operator(ctx), id, desk.LogEntry{Verb: verb})
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}
