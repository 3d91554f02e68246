//nolint:thelper // its functions are no helpers but cases, each a subtest of its own
package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is messages that wait for a moderator, as clients see them.

// heldAnswer is what the call for them answers.
type heldAnswer struct {
	Held []codec.HeldInfo `json:"held"`
}

// heldOver reads what waits in room r over HTTP, as a moderator.
func heldOver(t *testing.T, s *Server) (got heldAnswer) {
	t.Helper()
	token := signedToken(t, "m", grants("r", "read", "moderate"))
	a := callV1(t, s, http.MethodGet, "/v1/rooms/r/mod/held", "", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) })
	if a.status != http.StatusOK {
		t.Fatalf("what waits: %d %s", a.status, a.body)
	}
	a.decode(t, &got)
	return got
}

// frameHeld has a message wait, be approved and denied: moderators and its sender are notified, and nobody else.
func frameHeld(t *testing.T) {
	s := newServerV1(t, func(c *setup) { moderators(c); filters(t)(c) })
	m, _ := dialMod(t, s, "m")
	u, _ := dialUser(t, s)
	other, _ := dialAs(t, s, signedToken(t, "v", grants("r", "read", "send")))
	waits := func(id string) frameV1 {
		t.Helper()
		u.send(fmt.Sprintf(`{"t":"send","id":%q,"body":"oh rats","kind":"note","ext":{"a":1}}`, id))
		u.wantRefused(id, "held", "waits for a moderator", false)
		f := m.want("held")
		if got := f.messages(t); f.State != "waiting" || f.UserID != "u" || f.ID != id || f.Why != "filter" || len(got) != 1 || got[0].Body != "oh rats" || f.Until-got[0].TS < 3_500_000 {
			t.Errorf("moderators are told %+v, %+v; want message %s, for an hour", f, got, id)
		}
		return f
	}
	decided := func(n *native, f frameV1, state string) {
		t.Helper()
		if got := n.want("held"); got.Held != f.Held || got.State != state || got.ID != f.ID || got.UserID != "u" || got.Until != 0 || len(got.Messages) != 0 {
			t.Errorf("told %+v; want that %s is %s", got, f.Held, state)
		}
	}
	one, two := waits("1"), waits("2")
	if got := heldOver(t, s).Held; len(got) != 2 || got[0].Held != one.Held || got[1].Held != two.Held || got[0].Until != one.Until {
		t.Errorf("over HTTP %+v wait; want both", got)
	}

	u.send(`{"t":"mod","id":"x","verb":"approve","held":"` + two.Held + `"}`)
	u.wantRefused("x", "forbidden", "only moderators", false)
	m.send(`{"t":"mod","id":"a","verb":"approve","held":"` + two.Held + `"}`)
	approved := m.wantAll("held", "batch", "done")
	if got := approved["held"]; got.Held != two.Held || got.State != "approved" || got.Until != 0 || len(got.Messages) != 0 {
		t.Errorf("moderators are told %+v; want that %s is approved", got, two.Held)
	}
	if got := approved["batch"].messages(t)[0]; got.Seq != 1 || got.UserID != "u" || got.ID != "2" || got.Kind != "note" || string(got.Ext) != `{"a":1}` || got.Body != "oh rats" {
		t.Errorf("approved %+v; want it as it was sent, with the number 1", got)
	}
	if got := u.wantAll("held", "batch"); got["held"].State != "approved" || got["held"].Held != two.Held || len(got["held"].Messages) != 0 {
		t.Errorf("the sender is told %+v; want that %s is approved", got["held"], two.Held)
	}
	if got := approved["done"]; got.Seq != 1 || got.Before {
		t.Errorf("approving is answered %+v; want message 1", got)
	}
	other.want("batch")
	m.send(`{"t":"mod","id":"d","verb":"deny","held":"` + one.Held + `"}`)
	if got := m.wantAll("held", "done"); got["held"].State != "denied" || got["done"].Verb != "deny" {
		t.Errorf("denying: %+v", got)
	}
	decided(u, one, "denied")
	for _, verb := range []string{"approve", "deny"} {
		m.send(`{"t":"mod","id":"n","verb":"` + verb + `","held":"` + one.Held + `"}`)
		m.wantRefused("n", "not_found", "others have decided", false)
	}
	if got := heldOver(t, s).Held; len(got) != 0 {
		t.Errorf("over HTTP %+v wait; want nothing", got)
	}
	other.send(`{"t":"ping","ts":1}`)
	other.want("pong") // and nothing else
	wantKept(t, s, "oh rats")
}

// TestHeld_OfTheMutedCannotBeApproved: a message of a muted user cannot be approved. A moderator who was appointed here
// decides, too.
func TestHeld_OfTheMutedCannotBeApproved(t *testing.T) {
	s := newServerV1(t, func(c *setup) { moderators(c); filters(t)(c) })
	m, _ := dialUser(t, s) // u, whom the room appoints
	moderate(t, s, `{"verb":"role","user_id":"u","role":"moderator"}`)
	m.want("you")
	v, _ := dialAs(t, s, signedToken(t, "v", grants("r", "read", "send")))
	v.send(`{"t":"send","id":"1","body":"rats"}`)
	v.want("refused")
	held := m.want("held").Held
	moderate(t, s, `{"verb":"mute","user_id":"v"}`)
	v.want("you")
	m.send(`{"t":"mod","id":"a","verb":"approve","held":"` + held + `"}`)
	m.wantRefused("a", "muted", "end that first", false)
	moderate(t, s, `{"verb":"unmute","user_id":"v"}`)
	v.want("you")
	m.send(`{"t":"mod","id":"a","verb":"approve","held":"` + held + `"}`)
	m.wantAll("held", "batch", "done")
	v.wantAll("held", "batch")
}

// TestHeld_GoWithTheRest: a purge of the messages of a user, or of all, takes those that wait with it.
func TestHeld_GoWithTheRest(t *testing.T) {
	for verb, left := range map[string]int{
		`{"verb":"purge","user_id":"u"}`: 1, `{"verb":"ban","user_id":"u","purge":true}`: 1, `{"verb":"ban","user_id":"u"}`: 2, `{"verb":"clear"}`: 0,
	} {
		s := newServerV1(t, func(c *setup) { moderators(c); filters(t)(c) })
		for _, user := range []string{"u", "v"} {
			n, _ := dialAs(t, s, signedToken(t, user, grants("r", "read", "send")))
			n.send(`{"t":"send","id":"1","body":"rats"}`)
			n.wantRefused("1", "held", "waits for a moderator", false)
		}
		moderate(t, s, verb)
		if all, err := s.store.Held(t.Context(), "r"); err != nil || len(all) != left {
			t.Errorf("after %s %d messages wait, %v; want %d", verb, len(all), err, left)
		}
	}
}

// TestHeld_FastIMMessagesComeWhenApproved: messages of FastIM's clients wait as well. The clients are notified of
// nothing, and receive a message when it is approved.
func TestHeld_FastIMMessagesComeWhenApproved(t *testing.T) {
	s := newServer(t, func(c *setup) { filters(t)(c); c.Admin.Listen = "127.0.0.1:0" })
	c := join(t, s, "r", "a")
	c.say("rats")
	c.say("fine")
	c.wantInfo("fine")
	_, body := callAdmin(t, s, http.MethodGet, "/v1/admin/rooms/r/mod/held", "")
	var got heldAnswer
	if err := json.Unmarshal([]byte(body), &got); err != nil || len(got.Held) != 1 || got.Held[0].UserID != "a" || !strings.HasPrefix(got.Held[0].ID, "~") {
		t.Fatalf("%s waits (%v); want what a has sent", body, err)
	}
	status, body := callAdminWith(t, s, http.MethodPost, "/v1/admin/rooms/r/mod", "", `{"verb":"approve","held":"`+got.Held[0].Held+`"}`)
	if status != http.StatusOK {
		t.Fatalf("approve: %d %s", status, body)
	}
	c.wantInfo("rats")
	status, body = callAdminWith(t, s, http.MethodPost, "/v1/admin/rooms/r/mod", "", `{"verb":"approve","held":"`+got.Held[0].Held+`"}`)
	if status != http.StatusNotFound || !strings.Contains(body, `"not_found"`) {
		t.Errorf("approving once more: %d %s; want not_found", status, body)
	}
	wantKept(t, s, "fine", "rats")
}

// TestHeld_SentOtherwiseIsStoredOnce: a sender has sent a held message again since, when nobody held it. A moderator
// who approves the held one learns which message that is. It is stored once, and waits no more.
func TestHeld_SentOtherwiseIsStoredOnce(t *testing.T) {
	s := newServerV1(t, func(c *setup) { moderators(c); filters(t)(c) })
	u, _ := dialUser(t, s)
	m, _ := dialMod(t, s, "m") // moderators who come later may be notified of what waits, or not
	u.send(`{"t":"send","id":"1","body":"rats"}`)
	u.wantRefused("1", "held", "waits for a moderator", false)
	m.want("held")
	u.send(`{"t":"send","id":"0","body":"hello"}`)
	u.wantAll("ack", "batch")
	u.send(`{"t":"send","id":"1","body":"fine"}`)
	m.want("batch")
	if got := u.wantAll("ack", "batch")["ack"]; got.Seq != 2 {
		t.Errorf("sent again, as something nobody holds: %+v; want message 2", got)
	}
	held := heldOver(t, s).Held
	if len(held) != 1 {
		t.Fatalf("%+v wait; want one", held)
	}
	m.want("batch")
	m.send(`{"t":"mod","id":"a","verb":"approve","held":"` + held[0].Held + `"}`)
	if got := m.wantAll("held", "done"); got["done"].Seq != 2 || !got["done"].Before || got["held"].State != "approved" {
		t.Errorf("approving is answered %+v; want that it is message 2 already", got)
	}
	wantKept(t, s, "hello", "fine")
	if got := heldOver(t, s).Held; len(got) != 0 {
		t.Errorf("%+v wait; want nothing", got)
	}
	entries, err := s.store.ReadLog(t.Context(), "r", "", 1)
	if err != nil || !strings.Contains(entries[0], `"verb":"approve"`) || !strings.Contains(entries[0], `"seq":2`) {
		t.Errorf("the log has %q, %v; want that message 2 was approved", entries, err)
	}
}

// TestHeld_BesideFastIMIsRefusedForGood: beside original FastIM nodes there are no moderators: messages that they would
// look at are refused for good.
func TestHeld_BesideFastIMIsRefusedForGood(t *testing.T) {
	s := newServerV1(t, func(c *setup) { moderators(c); filters(t)(c) })
	storeOf(s).fail(chat.ErrBeside, "Screen", "Hold", "Held")
	u, _ := dialUser(t, s)
	u.send(`{"t":"send","id":"1","body":"rats"}`)
	u.wantRefused("1", "blocked", "not allowed here", false)
	m, _ := dialMod(t, s, "n")
	m.send(`{"t":"mod","id":"a","verb":"approve","held":"h"}`)
	m.wantRefused("a", "not_supported", "nobody keeps order", false)
}

// TestHeld_ManySendsCloseTheSocket: a client whose every message the filter holds is closed as one that is refused too
// often.
func TestHeld_ManySendsCloseTheSocket(t *testing.T) {
	s := newServerV1(t, func(c *setup) {
		filters(t)(c)
		c.Limits.Enabled, c.Limits.MessageRate, c.Limits.MessageBurst, c.Limits.UserRate, c.Limits.UserBurst = true, 1000, 1000, 1000, 1000
	})
	n := joinV1(t, s, "a")
	for i := range 60 { // 20 are too many at once, and each half second forgives one
		n.try(fmt.Sprintf(`{"t":"send","id":"%d","body":"rats"}`, i))
	}
	n.wantFlooded()
	eventually(t, func() error { return differ("messages waiting for the store", s.edge.Hall.Stats().Waiting, 0) })
	if waiting, err := s.store.Held(t.Context(), "r"); err != nil || len(waiting) > chat.HeldOfUser {
		t.Errorf("%d wait, %v; want at most %d of one user", len(waiting), err, chat.HeldOfUser)
	}
}
