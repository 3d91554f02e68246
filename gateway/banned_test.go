package gateway

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"barrage/gateway/edge"
	"barrage/internal/chat"
)

// TestMod_BannedSeeNothingOverFastIM: a user who is banned from a room neither reads nor joins it by FastIM's calls,
// and sees it on no list. A user who is let in again does.
func TestMod_BannedSeeNothingOverFastIM(t *testing.T) {
	s := newServer(t, func(c *setup) {
		manualCheck(c)
		c.Auth.Mode, c.List.UpdateInterval = []string{edge.AuthRedis}, 10*time.Millisecond
	})
	if err := s.store.SetToken(t.Context(), "u", "t"); err != nil {
		t.Fatal(err)
	}
	joinRooms(t, s, "u", "r", "other")
	publish(t, s, "r", "secret", 1)
	publish(t, s, "other", "open", 2)
	l := dial(t, s, "/group/list/u/t")
	shows := func(what string, want bool) {
		t.Helper()
		for strings.Contains(l.wantText(), "secret") != want { // until the list is a newer one
		}
		for path, form := range map[string]url.Values{
			"/group/listMessage":    {"groupId": {"r"}, "startPage": {"0"}, "endPage": {"-1"}},
			"/group/listOldMessage": {"groupId": {"r"}, "userId": {"u"}, "ts": {"1"}, "count": {"9"}},
		} {
			_, body, _ := callAPI(t, s, path, form)
			if refused := strings.Contains(body, `"code":100`); refused == want {
				t.Errorf("%s: %s is answered %s", what, path, body)
			}
		}
	}
	shows("before", true)
	moderate(t, s, `{"verb":"ban","user_id":"u"}`)
	shows("banned", false)
	moderate(t, s, `{"verb":"unban","user_id":"u"}`)
	shows("let in again", true)
	moderateIn(t, s, "closed", `{"verb":"ban","user_id":"u"}`)
	for room, want := range map[string]bool{"closed": false, "public": true} {
		_, body, _ := callAPI(t, s, "/user/joinGroup", url.Values{"groupId": {room}})
		if in, err := s.store.IsMember(t.Context(), "u", room); err != nil || in != want {
			t.Errorf("joinGroup of %s is answered %s; a member is %v, %v; want %v", room, body, in, err, want)
		}
	}
	moderateIn(t, s, chat.Everywhere, `{"verb":"ban","user_id":"u"}`)
	if _, body, _ := callAPI(t, s, "/group/listMessage", url.Values{"groupId": {"r"}, "startPage": {"0"}, "endPage": {"-1"}}); strings.Contains(body, "secret") {
		t.Errorf("who is banned everywhere reads %s", body)
	}
}

// TestMod_BannedModeratorKeepsOrderNowhere: a moderator who is banned everywhere keeps order nowhere, by a call either.
func TestMod_BannedModeratorKeepsOrderNowhere(t *testing.T) {
	s := newServerV1(t, moderators)
	roomOf(t, s, chat.Everywhere)
	token := signedToken(t, "m", grants("r", "read", "send", "moderate", "recall"))
	call := func(method, path, body string) answerV1 {
		t.Helper()
		return callV1(t, s, method, path, "", body, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) })
	}
	moderateIn(t, s, chat.Everywhere, `{"verb":"ban","user_id":"m"}`)
	call(http.MethodPost, "/v1/rooms/r/mod", `{"verb":"mute","user_id":"u"}`).wantCode(t, 403, "banned")
	for _, path := range []string{"", "/log", "/held"} {
		call(http.MethodGet, "/v1/rooms/r/mod"+path, "").wantCode(t, 403, "banned")
	}
}
