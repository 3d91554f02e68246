package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	v1 "barrage/gateway/v1"
	"barrage/room"
)

// TestPublish_PassesRulesAndStoresOnce: servers put messages of any user and kind into a room, past its rules and
// storms, once each.
func TestPublish_PassesRulesAndStoresOnce(t *testing.T) {
	s := newServerV1(t, func(c *setup) { manualCheck(c); c.Admin.Listen = "127.0.0.1:0" })
	n := joinV1(t, s, "w")
	moderate(t, s, `{"verb":"modes","modes":{"frozen":true,"slow_ms":60000}}`)
	n.want("room")
	publish := func(messages string) []v1.Published {
		t.Helper()
		status, body := callAdminWith(t, s, http.MethodPost, "/v1/admin/rooms/r/messages", "", `{"messages":[`+messages+`]}`)
		var got struct {
			Messages []v1.Published `json:"messages"`
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 {
			t.Fatalf("publish: %d %s, %v", status, body, err)
		}
		return got.Messages
	}
	const gift = `{"id":"g1","user_id":"ann","kind":"gift","body":"a rose","ext":{"price":99},"user":{"name":"Ann",` + "\n" + `"level":7}}`
	got := publish(gift + `,{"id":"s1","user_id":"shop","kind":"system","body":"The shop is open."}`)
	if len(got) != 2 || got[0].ID != "g1" || got[0].Seq != 1 || got[1].Seq != 2 || got[0].Code+got[1].Code != "" {
		t.Errorf("published: %+v; want messages 1 and 2", got)
	}
	var heard []messageV1
	for len(heard) < 2 {
		heard = append(heard, n.want("batch").messages(t)...)
	}
	if m := heard[0]; m.UserID != "ann" || m.Kind != "gift" || sameJSON(string(m.User), `{"name":"Ann","level":7}`) != nil || sameJSON(string(m.Ext), `{"price":99}`) != nil {
		t.Errorf("the gift is %+v", m)
	}
	if m := heard[1]; m.UserID != "shop" || m.Kind != "system" {
		t.Errorf("what the site says is %+v", m)
	}
	if again := publish(gift); again[0] != got[0] {
		t.Errorf("the same again: %+v; want %+v", again[0], got[0])
	}
	many := strings.Repeat(`{"id":"m%d","user_id":"u","body":"x"},`, room.BatchMessages)
	args := make([]any, room.BatchMessages)
	for i := range args {
		args[i] = i
	}
	for i, m := range publish(strings.TrimSuffix(fmt.Sprintf(many, args...), ",")) {
		if m.ID != fmt.Sprint("m", i) || m.Seq == 0 || m.Code != "" {
			t.Errorf("message %d of many: %+v; want it stored", i, m)
		}
	}
	for body, why := range map[string]string{
		`{"messages":[]}`: "want 1 to 100",
		`{"messages":[` + strings.TrimSuffix(strings.Repeat(`{},`, room.BatchMessages+1), ",") + `]}`: "want 1 to 100",
		`{"messages":[{"user_id":"u","body":"x"}]}`:                                                   "id has 0 bytes",
		`{"messages":[{"id":"1","body":"x"}]}`:                                                        "user_id is missing",
		`{"messages":[{"id":"1","user_id":"u"},{"id":"1","user_id":"v"}]}`:                            "as of another message",
		`{"messages":[{"id":"1","user_id":"u","kind":"System"}]}`:                                     "kind",
		`{"messages":[{"id":"1","user_id":"u","user":[1]}]}`:                                          "user is no object",
		`{"messages":[{"id":"1","user_id":"u","user":{"a":"` + strings.Repeat("x", 1100) + `"}}]}`:    "user is no object",
		`{`: "no JSON",
	} {
		if status, answer := callAdminWith(t, s, http.MethodPost, "/v1/admin/rooms/r/messages", "", body); status != 400 || !strings.Contains(answer, why) {
			t.Errorf("%.80s: %d %s; want 400 with %q", body, status, answer, why)
		}
	}
}

// TestAdmin_ModTakesVerbsForOneOrAllRooms: the admin port has the verbs, for a room and for all of them.
func TestAdmin_ModTakesVerbsForOneOrAllRooms(t *testing.T) {
	s := newServerV1(t, func(c *setup) { c.Admin.Listen = "127.0.0.1:0" })
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"/v1/admin/rooms/r/mod", `{"verb":"mute","user_id":"u"}`, 200, `"verb":"mute"`},
		{"/v1/admin/rooms/r/mod", `{"verb":"role","user_id":"o","role":"owner"}`, 200, `"v":"2-`},
		{"/v1/admin/rooms/r/mod", `{"verb":"mute","user_id":"o"}`, 200, `"verb":"mute"`}, // a server is above owners
		{"/v1/admin/rooms/r/mod", `{"verb":"dance"}`, 400, "not one of"},
		{"/v1/admin/rooms/%00/mod", `{"verb":"clear"}`, 400, "control characters"},
		{"/v1/admin/everywhere/mod", `{"verb":"ban","user_id":"u"}`, 200, `"verb":"ban"`},
		{"/v1/admin/everywhere/mod", `{"verb":"mute","user_id":"u"}`, 400, "for one room"},
	} {
		if status, body := callAdminWith(t, s, http.MethodPost, c.path, "", c.body); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("POST %s %s: %d %s; want %d with %s", c.path, c.body, status, body, c.status, c.want)
		}
	}
	for path, want := range map[string]string{
		"/v1/admin/rooms/r/mod": `"what":"mute"`, "/v1/admin/rooms/r/mod/log": `"via":"admin"`, "/v1/admin/rooms/r/mod/held": `"held":[]`,
		"/v1/admin/everywhere/mod": `"what":"ban"`, "/v1/admin/everywhere/mod/log": `"target":"u"`,
	} {
		if status, body := callAdmin(t, s, http.MethodGet, path, ""); status != 200 || !strings.Contains(body, want) {
			t.Errorf("GET %s: %d %s; want %s", path, status, body, want)
		}
	}
}
