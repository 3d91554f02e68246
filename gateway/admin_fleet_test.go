package gateway

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"barrage/gateway/admin"
	"barrage/gateway/desk"
	"barrage/gateway/edge"
	"barrage/gateway/fleet"
)

// newAdmin has an admin port and settings that can be shown.
func newAdmin(t *testing.T, change func(*setup)) *Server {
	t.Helper()
	return newServer(t, func(c *setup) {
		c.Admin.Listen = "127.0.0.1:0"
		c.Running = Running{Version: "v1", Level: new(slog.LevelVar), Settings: []admin.Setting{
			{Key: "server.listen", Value: `":9000"`, From: "file"}, {Key: "redis.password", Value: "***", From: "environment"},
		}}
		c.Running.Load = func() (Next, error) { // c as the test has changed it meanwhile
			return Next{Config: c.Config, Rooms: c.rooms, Changed: []string{"a.key"}, Apply: func() {}}, nil
		}
		if change != nil {
			change(c)
		}
	})
}

// getAdmin decodes the answer of a call that must go well.
func getAdmin[T any](t *testing.T, s *Server, method, path, body string) (answer T) {
	t.Helper()
	status, text := callAdminWith(t, s, method, path, "", body)
	if status != http.StatusOK {
		t.Fatalf("%s %s: %d %s; want 200", method, path, status, text)
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("%s %s: %s: %v", method, path, text, err)
	}
	return answer
}

// A drained node is not ready, takes nobody, and sends all away who are there, who may speak until then. Undrained it
// takes clients again, and keeps those it still has.
func TestAdmin_DrainedTakesNobodyUntilUndrained(t *testing.T) {
	s := newAdmin(t, nil)
	a, b := join(t, s, "r", "a"), join(t, s, "r", "b")
	// one that ends later is sent away at once
	eventually(t, func() error { return differ("handshakes under way", s.front.underWay.Load(), 0) })
	n := getAdmin[fleet.Node](t, s, http.MethodPost, "/v1/admin/nodes/self/drain?over=1h", "")
	if n.State != fleet.Draining || n.Connections != 2 || n.Node != s.edge.Hall.Node() {
		t.Errorf("the node is %+v; want it draining, with 2 connections", n)
	}
	wantNotReady(t, s)
	if _, err := connect(s, chatPath("r", "late")); err == nil {
		t.Error("a new client came in")
	}
	a.wantLeave() // one at once, the other one within the hour
	b.say("still here")
	b.wantInfo("still here")
	n = getAdmin[fleet.Node](t, s, http.MethodPost, "/v1/admin/nodes/"+n.Node+"/drain?over=0s", "") // it drains already
	if n.State != fleet.Draining {
		t.Errorf("the node is %+v; want it draining", n)
	}
	n = getAdmin[fleet.Node](t, s, http.MethodPost, "/v1/admin/nodes/self/undrain", "")
	if n.State != fleet.Ready {
		t.Errorf("the node is %+v; want it ready", n)
	}
	if err := s.Ready(); err != nil {
		t.Errorf("ready = %v; want nil", err)
	}
	if holder, err := s.store.TakeLease(t.Context(), "", 0); holder != "" || err != nil {
		t.Errorf("who may send clients away is %q, %v; want nobody, at once", holder, err)
	}
	join(t, s, "r", "c").say("back")
	b.wantInfo("back")
	getAdmin[fleet.Node](t, s, http.MethodPost, "/v1/admin/nodes/self/undrain", "") // it is already
	getAdmin[fleet.Node](t, s, http.MethodPost, "/v1/admin/nodes/self/drain?over=0s", "")
	b.wantLeave()
	s.edge.Exit.Leave()
	if status, body := callAdmin(t, s, http.MethodPost, "/v1/admin/nodes/self/undrain", ""); status != http.StatusConflict {
		t.Errorf("undrain of a node that leaves: %d %s; want 409", status, body)
	}
}

type logLevel struct{ Level string }

// The level of the log can be changed while the node runs.
func TestAdmin_LogLevelChangesWhileTheNodeRuns(t *testing.T) {
	s := newAdmin(t, nil)
	const path = "/v1/admin/nodes/self/log-level"
	for _, level := range []string{"debug", "error", "info"} {
		if got := getAdmin[logLevel](t, s, http.MethodPut, path, `{"level":"`+level+`"}`); got.Level != level {
			t.Errorf("PUT = %+v; want %s", got, level)
		}
		if got := getAdmin[logLevel](t, s, http.MethodGet, path, ""); got.Level != level || s.cfg.Running.Level.Level().String() != strings.ToUpper(level) {
			t.Errorf("GET = %+v, it is %v; want %s", got, s.cfg.Running.Level, level)
		}
	}
	if got := getAdmin[fleet.Node](t, s, http.MethodGet, "/v1/admin/nodes/self", ""); got.LogLevel != "info" || got.Version != "v1" {
		t.Errorf("the node is %+v; want the level it logs", got)
	}
}

// Settings are shown as they are given, with the hash that the node reports of itself.
func TestAdmin_ConfigIsShownWithItsHash(t *testing.T) {
	s := newAdmin(t, nil)
	got := getAdmin[struct {
		Hash     string
		Settings []admin.Setting
	}](t, s, http.MethodGet, "/v1/admin/nodes/self/config", "")
	if len(got.Settings) != 2 || got.Settings[1].Value != "***" || got.Hash != s.self().Config || len(got.Hash) != 12 {
		t.Errorf("config = %+v; want the settings and their hash", got)
	}
}

// The list of rooms is sorted, bounded, and can be paged through.
func TestAdmin_RoomsAreSortedAndPaged(t *testing.T) {
	s := newAdmin(t, nil)
	for i, id := range []string{"b", "a", "c"} {
		for j := range i + 1 {
			join(t, s, id, fmt.Sprint("u", j))
		}
	}
	c := join(t, s, "c", "u9")
	c.say("hi")
	c.wantInfo("hi") // the room is known
	type list struct {
		Rooms []struct {
			Room   string
			Online int
		}
		Next string
		fleet.Reach
	}
	for query, want := range map[string]string{
		"": "c4 a2 b1", "?sort=online&limit=1": "c4", "?sort=id&limit=2": "a2 b1 next b", "?sort=id&after=b": "c4", "?sort=members": "c4 a2 b1",
	} {
		var rooms []string
		got := getAdmin[list](t, s, http.MethodGet, "/v1/admin/rooms"+query, "")
		for _, r := range got.Rooms {
			rooms = append(rooms, fmt.Sprint(r.Room, r.Online))
		}
		if got.Next != "" {
			rooms = append(rooms, "next", got.Next)
		}
		if text := strings.Join(rooms, " "); text != want || len(got.Nodes) != 1 || len(got.Silent) != 0 {
			t.Errorf("rooms%s = %s of %+v; want %s of one node", query, text, got.Reach, want)
		}
	}
	eventually(t, func() error {
		got := getAdmin[struct {
			Seq, Total, Online, Sent int
			Live                     bool
			Accounts                 []struct{ Members int }
		}](t, s, http.MethodGet, "/v1/admin/rooms/c", "")
		if got.Seq != 1 || got.Total != 1 || got.Online != 4 || !got.Live || len(got.Accounts) != 1 || got.Sent != 4 || got.Accounts[0].Members != 4 {
			return errorf("room c is %+v; want one message sent to four", got)
		}
		return nil
	})
}

// An export has every message, the recalled ones as stubs, in order, and goes on behind any.
func TestAdmin_ExportHasEveryMessageInOrder(t *testing.T) {
	s := newAdmin(t, func(c *setup) { c.history = 5000 })
	const n = 2500
	for from := 0; from < n; from += 100 {
		var all []string
		for i := range 100 {
			all = append(all, fmt.Sprintf(`{"id":"m-%d","body":"%d","user_id":"u"}`, from+i, from+i))
		}
		if status, body := callAdminWith(t, s, http.MethodPost, "/v1/admin/rooms/r/messages", "", `{"messages":[`+strings.Join(all, ",")+`]}`); status != 200 {
			t.Fatalf("publish: %d %s", status, body)
		}
	}
	moderate(t, s, `{"verb":"delete","seq":7}`)
	status, text := callAdmin(t, s, http.MethodGet, "/v1/admin/rooms/r/export", "")
	lines := bufio.NewScanner(strings.NewReader(text))
	seq := uint64(0)
	for lines.Scan() {
		var m struct {
			Seq      uint64 `json:"seq"`
			Recalled bool   `json:"recalled"`
			Body     string `json:"body"`
		}
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Fatalf("line %q: %v", lines.Text(), err)
		}
		if seq++; m.Seq != seq || m.Recalled != (seq == 7) || m.Recalled == (m.Body == fmt.Sprint(seq-1)) {
			t.Fatalf("line %q; want message %d", lines.Text(), seq)
		}
	}
	if status != 200 || seq != n {
		t.Errorf("export = %d with %d messages; want 200 with %d", status, seq, n)
	}
	if status, text = callAdmin(t, s, http.MethodGet, "/v1/admin/rooms/r/export?after=2499", ""); status != 200 || strings.Count(text, "\n") != 1 {
		t.Errorf("export behind 2499 = %d %q; want one message", status, text)
	}
	if status, text = callAdmin(t, s, http.MethodGet, "/v1/admin/rooms/nothing/export", ""); status != 404 || !strings.Contains(text, "no_such_room") {
		t.Errorf("export of a room that nobody knows = %d %q; want 404", status, text)
	}
	callAdmin(t, s, http.MethodPut, "/v1/admin/rooms/nothing", "")
	if status, text = callAdmin(t, s, http.MethodGet, "/v1/admin/rooms/nothing/export", ""); status != 200 || text != "" {
		t.Errorf("export of a room without messages = %d %q; want nothing", status, text)
	}
	s.admin.PeekBusy()
	if status, text = callAdmin(t, s, http.MethodGet, "/v1/admin/rooms/r/export", ""); status != 503 {
		t.Errorf("one export too many = %d %q; want 503", status, text)
	}
}

// A user is shown with their sockets, their rooms, and what is in force about them everywhere and where they are.
func TestAdmin_UserIsShownWithSocketsAndMeasures(t *testing.T) {
	s := newAdmin(t, nil)
	join(t, s, "r", "u")
	join(t, s, "q", "u")
	join(t, s, "r", "other")
	moderate(t, s, `{"verb":"mute","user_id":"u","reason":"calm down"}`)
	if status, body := callAdminWith(t, s, http.MethodPost, "/v1/admin/everywhere/mod", "", `{"verb":"ban","user_id":"other"}`); status != 200 {
		t.Fatalf("ban: %d %s", status, body)
	}
	type measure struct {
		Room string
		desk.InForce
	}
	type user struct {
		Nodes []struct {
			N       int
			Sockets []edge.Socket
		}
		Rooms    []string
		Measures []measure
	}
	eventually(t, func() error {
		got := getAdmin[user](t, s, http.MethodGet, "/v1/admin/users/u", "")
		if len(got.Nodes) != 1 || got.Nodes[0].N != 2 || len(got.Nodes[0].Sockets) != 2 || fmt.Sprint(got.Rooms) != "[q r]" {
			return errorf("u is %+v; want two sockets, and the rooms q and r", got)
		}
		if len(got.Measures) != 1 || got.Measures[0].Room != "r" || got.Measures[0].What != "mute" || got.Measures[0].Reason != "calm down" {
			return errorf("measures = %+v; want the mute in r", got.Measures)
		}
		if k := got.Nodes[0].Sockets[0]; time.Since(time.UnixMilli(k.Since)) > time.Minute || k.Role != "viewer" || k.Guest {
			return errorf("socket = %+v; want a viewer's of now", k)
		}
		return nil
	})
	if got := getAdmin[user](t, s, http.MethodGet, "/v1/admin/users/other", ""); len(got.Measures) != 1 || got.Measures[0].Room != "" || got.Measures[0].What != "ban" {
		t.Errorf("other is %+v; want the ban everywhere", got)
	}
	moderate(t, s, `{"verb":"ban","user_id":"u"}`) // their socket in r is closed then
	eventually(t, func() error {
		got := getAdmin[user](t, s, http.MethodGet, "/v1/admin/users/u", "")
		if !slices.ContainsFunc(got.Measures, func(m measure) bool { return m.Room == "r" && m.What == "ban" }) || len(got.Nodes) != 1 || got.Nodes[0].N != 1 {
			return errorf("u is %+v; want the ban in r, and one socket", got)
		}
		return nil
	})
	join(t, s, "r2", "u")
	if some, n := s.edge.SocketsOf("u", 1); len(some) != 1 || n != 2 {
		t.Errorf("SocketsOf = %+v, %d; want one of two", some, n)
	}
}

// A node that has left is not among the others any more.
func TestAdmin_LeftNodeIsGone(t *testing.T) {
	s := newStopped(t, nil)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		beats, err := s.store.Beats(t.Context())
		return firstOf(err, differ("nodes that live", len(beats), 1))
	})
	s.Close()
	if beats, err := s.store.Beats(t.Context()); len(beats) != 0 || err != nil {
		t.Errorf("nodes that live: %q, %v; want none", beats, err)
	}
}
