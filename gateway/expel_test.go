package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"barrage/codec"
	"barrage/gateway/edge"
)

// newPrivate is a node whose rooms are private, with u and v in room r and others in it.
func newPrivate(t *testing.T, change func(*setup)) *Server {
	t.Helper()
	s := newServerV1(t, func(c *setup) {
		c.AutoJoin, c.SelfJoin, c.Auth.Mode = false, false, modeOf(true)
		if change != nil {
			change(c)
		}
	})
	for _, user := range []string{"u", "v"} {
		joinRooms(t, s, user, "r", "other")
	}
	return s
}

// TestExpel_RemovedMembersSayAndHearNothing: a user who is removed from a private room sends nothing more there, and
// receives nothing more for long. A user in another one stays.
func TestExpel_RemovedMembersSayAndHearNothing(t *testing.T) {
	s := newPrivate(t, nil)
	enter := func(user, id string) *client { // FastIM's chat
		t.Helper()
		c := dial(t, s, "/group/chat/"+id+"/"+user+"/t")
		c.wantText() // the welcome
		return c
	}
	closed := func(c *client) {
		t.Helper()
		for {
			f, err := c.next()
			if err != nil {
				t.Fatalf("next frame = %v; want a close", err)
			}
			if f.op == codec.OpClose {
				if code, _, err := codec.ParseClose([]byte(f.payload)); code != 4403 || err != nil {
					t.Errorf("closed with %d, %v; want 4403", code, err)
				}
				return
			}
		}
	}
	speaks, reads, elsewhere := enter("u", "r"), enter("v", "r"), enter("v", "other")
	list := dial(t, s, "/group/list/u/t")
	native, _ := dialV1(t, s, "r", "user_id=v&token=t", false)
	speaks.say("while a member")
	reads.wantInfo("while a member")
	if text := list.wantText(); !strings.Contains(text, "while a member") {
		t.Errorf("the list of a member: %s", text)
	}
	if err := s.expelOnce(t.Context()); err != nil || s.Sessions() != 5 {
		t.Fatalf("before anybody is removed: %v, %d sessions; want 5", err, s.Sessions())
	}
	wantClosedFor(t, s, edge.CloseForbidden, 0)
	storeOf(s).forget("r")
	speaks.say("when removed")
	closed(speaks)
	eventually(t, func() error {
		got := s.edge.Hall.Stats()
		return errors.Join(differ("messages refused", got.RefusedUnauthorized, 1), differ("messages accepted", got.Accepted, 1))
	})
	storeOf(s).fail(errAway, "IsMember")
	if err := s.expelOnce(t.Context()); err == nil {
		t.Error("with the store away nobody is looked for, and it says so")
	}
	storeOf(s).fail(nil, "IsMember")
	if err := s.expelOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	closed(reads)
	native.want("batch")
	native.wantClose(4403)
	for text := ""; text != `[{"newMessage":null,"total":0}]`; text = list.wantText() { // the other room alone
	}
	elsewhere.say("still here")
	elsewhere.wantInfo("still here")
	callV1(t, s, http.MethodPost, pathMessages, "u", `{"id":"1","body":"hi"}`).wantCode(t, 403, "forbidden")
}

// TestExpel_LostStoreSendsNobodyAway: a store that has lost its memberships sends nobody away who does not speak.
func TestExpel_LostStoreSendsNobodyAway(t *testing.T) {
	s := newPrivate(t, func(c *setup) { c.Limits.UserConnections = 0 })
	for i := range lostFrom {
		user := fmt.Sprint("m", i)
		if err := s.store.SetToken(t.Context(), user, "t"); err != nil {
			t.Fatal(err)
		}
		joinRooms(t, s, user, "r")
		dial(t, s, "/group/chat/r/"+user+"/t")
	}
	storeOf(s).forget("r")
	if err := s.expelOnce(t.Context()); err != nil || s.Sessions() != lostFrom {
		t.Errorf("%v, %d sessions; want all %d", err, s.Sessions(), lostFrom)
	}
	wantClosedFor(t, s, edge.CloseForbidden, 0)
}

// TestPrivate_WithoutTokensWarns: rooms that only look private are reported as open.
func TestPrivate_WithoutTokensWarns(t *testing.T) {
	for _, required := range []bool{false, true} {
		logged := &journal{}
		s := newStopped(t, func(c *setup) { c.AutoJoin, c.Auth.Mode = false, modeOf(required) })
		s.log = slog.New(slog.NewTextHandler(logged, nil))
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		if got := strings.Contains(logged.String(), "rooms are not private"); got == required {
			t.Errorf("tokens asked for: %v: warned %v", required, got)
		}
	}
}
