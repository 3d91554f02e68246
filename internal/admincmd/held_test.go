package admincmd

import (
	"net/http"
	"testing"
)

// TestHeld_IsATable shows what waits, and that nothing does.
func TestHeld_IsATable(t *testing.T) {
	p := newPort(t, http.StatusOK, `{"held":[{"held":"4e0740-91","state":"waiting","user_id":"bob","id":"c-1","why":"filter","until":1795729496300,
"messages":[{"seq":0,"kind":"chat","user_id":"bob","body":"buy\nnow","ts":1,"id":"c-1"}]},
{"held":"4e0740-92","state":"waiting","user_id":"eve","id":"c-2","why":"filter","until":1795729496300,
"messages":[{"seq":0,"kind":"gift","user_id":"eve","body":"","ts":1,"id":"c-2","ext":{"gift":"rats"}}]}]}`)
	want := "HELD       USER  WHY     UNTIL                 MESSAGE\n" +
		"4e0740-91  bob   filter  2026-11-26T21:44:56Z  \"buy\\nnow\"\n" +
		"4e0740-92  eve   filter  2026-11-26T21:44:56Z  {\"gift\":\"rats\"}\n"
	if got := before(p).run("held", "r"); got != (outcome{0, want, ""}) || p.said() != "GET /v1/admin/rooms/r/mod/held" {
		t.Errorf("%+v\nwant %s\nand asked %s", got, want, p.said())
	}
	empty := newPort(t, http.StatusOK, `{"held":[]}`)
	if got := before(empty).run("held", "r"); got != (outcome{0, "no message waits for a moderator\n", ""}) {
		t.Errorf("%+v", got)
	}
}

// TestDecide_SaysWhatBecameOfTheMessage sends the verbs approve and deny.
func TestDecide_SaysWhatBecameOfTheMessage(t *testing.T) {
	for answer, is := range map[string]string{
		`{"verb":"approve","n":0,"v":""}`:                         "is sent",
		`{"verb":"approve","n":0,"v":"","seq":7}`:                 "is sent, as message 7",
		`{"verb":"approve","n":0,"v":"","seq":7,"before":true}`:   "is in the room already, as message 7",
		`{"verb":"approve","n":0,"v":"","before":true,"new":"x"}`: "is in the room already",
	} {
		p := newPort(t, http.StatusOK, answer)
		if got := before(p).run("approve", "r", "4e0740-91"); got != (outcome{0, "4e0740-91 of r " + is + "\n", ""}) || p.said() != `POST /v1/admin/rooms/r/mod {"verb":"approve","held":"4e0740-91"}` {
			t.Errorf("%s: %+v, asked %s", answer, got, p.said())
		}
	}
	p := newPort(t, http.StatusOK, `{"verb":"deny","n":0,"v":""}`)
	if got := before(p).run("deny", "r", "4e0740-91", "--reason", "spam"); got != (outcome{0, "4e0740-91 of r is denied\n", ""}) || p.said() != `POST /v1/admin/rooms/r/mod {"verb":"deny","reason":"spam","held":"4e0740-91"}` {
		t.Errorf("%+v, asked %s", got, p.said())
	}
}
