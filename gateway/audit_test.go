package gateway

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"barrage/gateway/desk"
	"barrage/internal/chat"
)

// TestAudit_HasEveryActInFileAndLog: acts of moderators and operators are in the file, a JSON line each, and in the log
// of the room. A file that was moved away begins anew.
func TestAudit_HasEveryActInFileAndLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	s := newServer(t, func(c *setup) { moderators(c); c.Admin.Listen, c.Admin.AuditFile = "127.0.0.1:0", file })
	m, _ := dialMod(t, s, "mo")
	m.send(`{"t":"mod","id":"1","verb":"mute","user_id":"u","for_ms":60000,"reason":"spam"}`)
	m.wantAll("done")
	m.send(`{"t":"mod","id":"2","verb":"role","user_id":"u","role":"vip"}`) // refused: no line
	m.wantAll("refused")
	for _, call := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/v1/admin/rooms/r/mod", `{"verb":"role","user_id":"u","role":"vip"}`, 200},
		{"POST", "/v1/admin/everywhere/mod", `{"verb":"ban","address":"192.0.2.0/24"}`, 200},
		{"POST", "/v1/admin/users/u/revoke", "", 204},
		{"POST", "/v1/admin/tokens/j/revoke", "", 204},
		{"PUT", "/v1/admin/rooms/new", "", 204},
		{"DELETE", "/v1/admin/rooms/new", "", 204},
		{"PUT", "/v1/admin/filter/lists/mine", "darn\n", 200},
		{"DELETE", "/v1/admin/filter/lists/mine", "", 204},
	} {
		if status, answer := callAdminWith(t, s, call.method, call.path, "", call.body); status != call.status {
			t.Fatalf("%s %s: %d %s; want %d", call.method, call.path, status, answer, call.status)
		}
	}
	want := []struct{ room, verb, target, by, via, role, gives string }{
		{"r", "mute", "u", "mo", "socket", "moderator", ""},
		{"r", "role", "u", "this machine", "admin", "server", "vip"},
		{"", "ban", "192.0.2.0/24", "this machine", "admin", "server", ""},
		{"", "revoke", "u", "this machine", "admin", "server", ""},
		{"", "revoke_token", "j", "this machine", "admin", "server", ""},
		{"new", "register", "", "this machine", "admin", "server", ""},
		{"new", "unregister", "", "this machine", "admin", "server", ""},
		{"", "put_terms", "mine", "this machine", "admin", "server", ""},
		{"", "delete_terms", "mine", "this machine", "admin", "server", ""},
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(lines) != len(want) {
		t.Fatalf("the file has %d lines; want %d:\n%s", len(lines), len(want), text)
	}
	for i, w := range want {
		var got audited
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatalf("line %d: %v: %s", i, err, lines[i])
		}
		if got.Room != w.room || got.Verb != w.verb || got.Target != w.target || got.By != w.by || got.Via != w.via || got.Role != w.role || got.Gives != w.gives ||
			got.ID == "" || got.At == 0 {
			t.Errorf("line %d is %s; want %+v", i, lines[i], w)
		}
		room := w.room
		if room == "" {
			room = chat.Everywhere
		}
		kept, err := s.store.ReadLog(t.Context(), room, "", 100)
		if err != nil || !strings.Contains(strings.Join(kept, "\n"), `"id":"`+got.ID+`"`) {
			t.Errorf("the log of %q has no %s, %v:\n%q", room, got.ID, err, kept)
		}
	}
	if e := lines[0]; !strings.Contains(e, `"reason":"spam"`) || !strings.Contains(e, `"until":`) || !strings.Contains(e, `"v":`) {
		t.Errorf("the mute is %s; want why, until when and the version", e)
	}

	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	s.v1.Desk.Note(t.Context(), desk.Actor{Name: "op"}, "r", desk.LogEntry{Verb: "x"})
	if text, err := os.ReadFile(file); err != nil || strings.Count(string(text), "\n") != 1 {
		t.Errorf("after it was moved the file has %q, %v; want one line", text, err)
	}
}

// TestAudit_UnwritableFileStopsTheStart: a node does not start that could not keep its audit.
func TestAudit_UnwritableFileStopsTheStart(t *testing.T) {
	s := newStopped(t, func(c *setup) { c.Admin.AuditFile = t.TempDir() })
	if err := s.Start(); err == nil || !strings.Contains(err.Error(), "cannot write admin.audit_file: ") {
		t.Errorf("Start = %v; want that it cannot write admin.audit_file", err)
	}
}
