//nolint:thelper // its functions are no helpers but cases, each a subtest of its own
package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/gateway/desk"
	"barrage/gateway/edge"
	"barrage/gateway/pass"
	"barrage/internal/chat"
)

// This file is order in rooms as native clients and moderators see it.

var (
	modOps      = map[string]func(*testing.T){"mod": opMod}
	modRefusals = map[string]func(*testing.T){
		"403 banned": func(t *testing.T) { refusedBarred(t, `{"verb":"ban","user_id":"b","reason":"spam"}`, "banned") },
		"403 kicked": func(t *testing.T) { refusedBarred(t, `{"verb":"kick","user_id":"b","reason":"spam"}`, "kicked") },
	}
	modRefused = map[string]func(*testing.T){
		"muted":         refusedMuted,
		"frozen":        func(t *testing.T) { refusedByModes(t, `{"frozen":true}`, "frozen", "x", false) },
		"restricted":    func(t *testing.T) { refusedByModes(t, `{"who":"tagged","tags":["sub"]}`, "restricted", "x", false) },
		"too_early":     func(t *testing.T) { refusedByModes(t, `{"first_delay_ms":60000}`, "too_early", "x", true) },
		"slow_mode":     func(t *testing.T) { refusedByModes(t, `{"slow_ms":60000}`, "slow_mode", "x", true) },
		"duplicate":     func(t *testing.T) { refusedByModes(t, `{"dup_s":60}`, "duplicate", "x", true) },
		"links":         func(t *testing.T) { refusedByModes(t, `{"links":"deny"}`, "links", "see http://x.example", false) },
		"emote_only":    func(t *testing.T) { refusedByModes(t, `{"emote_only":true}`, "emote_only", "x", false) },
		"caps":          func(t *testing.T) { refusedByModes(t, `{"max_caps":50}`, "caps", "LOUD AND LOUDER", false) },
		"shed":          refusedShed,
		"not_supported": func(t *testing.T) { refusedVerb(t, chat.ErrBeside, "not_supported", "beside original FastIM nodes") },
		"full":          func(t *testing.T) { refusedVerb(t, chat.ErrFull, "full", "lift some") },
	}
	modFrames = map[string]func(*testing.T){
		"room": frameRoom, "you": frameYou, "purged": framePurged, "cleared": frameCleared, "storm": frameStorm, "done": opMod, "held": frameHeld,
	}
	modCloses = map[string]func(*testing.T){"4403": func(t *testing.T) { t.Run("room", closedForbiddenRoom); t.Run("barred", closedBarred) }}
)

// moderate has the operator carry out a verb in room r.
func moderate(tb testing.TB, s *Server, text string) desk.Done {
	tb.Helper()
	return moderateIn(tb, s, "r", text)
}

func moderateIn(tb testing.TB, s *Server, id, text string) desk.Done {
	tb.Helper()
	verb, no := desk.Parse([]byte(text))
	var done desk.Done
	if no == nil {
		done, no = s.v1.Desk.Do(tb.Context(), desk.Actor{Name: "op", Via: desk.ViaAdmin}, id, &verb)
	}
	if no != nil {
		tb.Fatalf("%s: %+v", text, no)
	}
	return done
}

// moderators have tokens of theirs, see dialMod.
func moderators(c *setup) { signs(c); manualCheck(c) }

// dialMod opens a native socket of room r for a moderator, dialUser for u, who is none.
func dialMod(tb testing.TB, s *Server, user string) (*native, frameV1) {
	tb.Helper()
	return dialAs(tb, s, signedToken(tb, user, grants("r", "read", "send", "like", "moderate")))
}

func dialUser(tb testing.TB, s *Server) (*native, frameV1) {
	tb.Helper()
	return dialAs(tb, s, signedToken(tb, "u", grants("r", "read", "send", "like")))
}

// opMod has every verb over a socket: it is done and members are notified, or it is refused.
func opMod(t *testing.T) {
	s := newServerV1(t, moderators)
	m, w := dialMod(t, s, "m")
	if fmt.Sprint(w.Can) != "[read send like moderate]" || w.You.MutedUntil != 0 || w.You.Can != nil || !strings.Contains(string(w.Modes), `"slow_ms":0`) {
		t.Errorf("welcome: can %v, you %+v, modes %s; want a moderator, and no modes", w.Can, w.You, w.Modes)
	}
	u, _ := dialUser(t, s)
	u.send(`{"t":"send","id":"1","body":"first"}`)
	u.wantAll("ack", "batch")
	m.want("batch")
	read := storeOf(s).called("Rules")
	u.send(`{"t":"mod","id":"x","verb":"clear"}`)
	u.wantRefused("x", "forbidden", "only moderators clear", false)
	if storeOf(s).called("Rules") != read {
		t.Error("the rules of a room are read for somebody who is no moderator")
	}
	m.send(`{"t":"mod","id":"x","verb":"mute","user_id":"u","for_ms":-1}`)
	m.wantRefused("x", badRequest, "for_ms is -1", false)
	m.send("{\"t\":\"mod\",\"id\":\"x\",\"verb\":\"mute\",\"user_id\":\"u\u200b\"}")
	m.wantRefused("x", badRequest, "has invisible or unassigned characters", false) // it would be done, and to nobody
	m.send(`{"t":"mod","id":"x","verb":"dance"}`)
	m.wantRefused("x", badRequest, "not one of announce, approve, ban", false)
	m.send(`{"t":"mod","id":"x","verb":"delete","seq":9}`)
	m.wantRefused("x", "not_found", "no such message", false)
	m.send(`{"t":"mod","id":"x","verb":"delete","seq":1,"epoch":"0-other"}`)
	m.wantRefused("x", "other_epoch", "counts anew", false)

	m.send(`{"t":"mod","id":"p","verb":"pin","seq":1}`)
	if got := m.wantAll("done", "room"); got["done"].Verb != "pin" || !strings.Contains(string(got["room"].Modes), `"body":"first"`) {
		t.Errorf("pin: %+v; want the message pinned", got)
	}
	u.want("room")
	m.send(`{"t":"mod","id":"a","verb":"announce","body":"hello","ext":{"a":1}}`)
	if b := m.wantAll("done", "batch")["batch"].messages(t)[0]; b.Kind != "system" || b.Body != "hello" || b.UserID != "m" {
		t.Errorf("the announcement is %+v", b)
	}
	u.want("batch")
	m.send(`{"t":"mod","id":"p","verb":"unpin"}`)
	m.wantAll("done", "room")
	u.want("room")
	m.send(`{"t":"mod","id":"d","verb":"delete","seq":1}`)
	if got := m.wantAll("done", "recalled"); got["done"].N != 1 || got["recalled"].Seq != 1 || got["recalled"].By != "" || got["recalled"].UserID != "u" {
		t.Errorf("delete: %+v; want message 1 of u taken away, by nobody who is named", got)
	}
	u.want("recalled")
	m.send(`{"t":"mod","id":"mu","verb":"mute","user_id":"u","for_ms":60000,"reason":"spam"}`)
	m.want("done")
	if you := u.want("you"); you.MutedUntil < time.Now().UnixMilli() || you.Reason != "spam" || fmt.Sprint(you.Can) != "[read send like]" {
		t.Errorf("you = %+v; want to be muted for a minute", you)
	}
	m.send(`{"t":"mod","id":"um","verb":"unmute","user_id":"u"}`)
	m.want("done")
	if you := u.want("you"); you.MutedUntil != 0 {
		t.Errorf("you = %+v; want to be muted no more", you)
	}
	log, no := s.v1.Desk.Log(t.Context(), desk.Actor{Via: desk.ViaAdmin}, "r", desk.LogPage{Limit: 10})
	if no != nil || len(log.Entries) != 6 || !strings.Contains(string(log.Entries[1]), `"via":"socket"`) {
		t.Errorf("the log is %s, %v; want six entries, over the socket", log.Entries, no)
	}
}

// refusedBarred keeps b out of room r, by a verb; a request that asks why has the same answer.
func refusedBarred(t *testing.T, verb, code string) {
	s := newServerV1(t, nil)
	roomOf(t, s, "r")
	const query = "user_id=b&token=t"
	dialV1(t, s, "r", query, false)
	moderate(t, s, verb)
	a := askV1(t, s, query, offerV1)
	var got struct {
		Error struct {
			Code   string `json:"code"`
			Until  int64  `json:"until"`
			Retry  int64  `json:"retry_after_ms"`
			Reason string `json:"reason"`
		} `json:"error"`
	}
	if err := json.Unmarshal([]byte(a.answer.body), &got); err != nil || a.answer.status != 403 || got.Error.Code != code {
		t.Fatalf("answer = %d %s; want 403 %s", a.answer.status, a.answer.body, code)
	}
	if got.Error.Reason != "spam" {
		t.Errorf("answer = %s; want the moderator's reason", a.answer.body)
	}
	for_ := got.Error.Until - time.Now().UnixMilli()
	if good := code == "banned" && got.Error.Until == chat.ForGood && got.Error.Retry == 0 || code == "kicked" && for_ > 50_000 && got.Error.Retry > 50_000; !good {
		t.Errorf("answer = %s; want until when", a.answer.body)
	}
	a.sameWhenAsked(s, query, "")
	late := firstFrame(t, s, "&user_id=b")
	late.send(`{"t":"auth","id":"a","token":"t"}`)
	late.wantRefused("a", code, "", code == "kicked")
	late.wantClose(4403)
	if b := callV1(t, s, http.MethodPost, pathMessages, "b", `{"id":"1","body":"x"}`); b.status != 401 && b.status != 403 {
		t.Errorf("a send of theirs: %d %s", b.status, b.body)
	}
	moderate(t, s, `{"verb":"unban","user_id":"b"}`)
	dialV1(t, s, "r", query, false)
}

// TestMod_MinLevelLetsOnlyThatLevelWrite: in a room of a level those write whose token says that they have it, and
// moderators.
func TestMod_MinLevelLetsOnlyThatLevelWrite(t *testing.T) {
	s := newServerV1(t, moderators)
	moderate(t, s, `{"verb":"modes","modes":{"min_level":5}}`)
	for user, level := range map[string]int{"none": 0, "low": 4, "high": 5} {
		n, w := dialAs(t, s, signedToken(t, user, func(c *pass.Claims) {
			grants("r", "send")(c)
			c.Info = json.RawMessage(fmt.Sprintf(`{"name":"x","level":%d}`, level))
		}))
		if !strings.Contains(string(w.Modes), `"min_level":5`) {
			t.Errorf("%s is welcomed with %s; want the level", user, w.Modes)
		}
		n.send(`{"t":"send","id":"1","body":"hi"}`)
		if level < 5 {
			n.wantRefused("1", "restricted", "not among those", false)
		} else {
			n.wantAll("ack", "batch")
		}
		a := callV1(t, s, http.MethodPost, pathMessages, "", `{"id":"2","body":"hi"}`, func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+signedToken(t, user, func(c *pass.Claims) {
				grants("r", "send", "read")(c)
				c.Info = json.RawMessage(fmt.Sprintf(`{"level":%d}`, level))
			}))
		})
		if want := map[bool]int{true: 201, false: 403}[level >= 5]; a.status != want {
			t.Errorf("by HTTP %s is answered %d %s; want %d", user, a.status, a.body, want)
		}
	}
	m, _ := dialMod(t, s, "m")
	m.send(`{"t":"send","id":"1","body":"hi"}`)
	m.wantAll("ack", "batch")
}

// TestMod_BanEverywhereKeepsUserAndAddressOut: no room lets them in, by user and by address; a moderator of the room
// comes in all the same.
func TestMod_BanEverywhereKeepsUserAndAddressOut(t *testing.T) {
	s := newServerV1(t, func(c *setup) { moderators(c); c.Server.TrustedProxies = []string{"127.0.0.0/8"} })
	from := func(user, address string) int {
		t.Helper()
		token := signedToken(t, user, func(c *pass.Claims) { grants("other", "read")(c); grants("r", "read")(c) })
		return askV1(t, s, "token="+token, offerV1+"X-Forwarded-For: "+address+"\r\n").answer.status
	}
	eventually(t, func() error {
		if s.edge.Hall.Lookup(chat.Everywhere) == nil {
			return fmt.Errorf("the room whose rules hold everywhere is not open")
		}
		return nil
	})
	u, _ := dialUser(t, s)
	moderateIn(t, s, chat.Everywhere, `{"verb":"ban","user_id":"u"}`)
	moderateIn(t, s, chat.Everywhere, `{"verb":"ban","address":"198.51.100.0/24"}`)
	u.wantClose(4403)
	for _, c := range []struct {
		user, address string
		want          int
	}{{"u", "192.0.2.1", 403}, {"v", "198.51.100.7", 403}, {"v", "198.51.101.7", 101}} {
		if got := from(c.user, c.address); got != c.want {
			t.Errorf("%s from %s is answered %d; want %d", c.user, c.address, got, c.want)
		}
	}
	moderateIn(t, s, chat.Everywhere, `{"verb":"unban","user_id":"u"}`)
	if got := from("u", "192.0.2.1"); got != 101 {
		t.Errorf("who is banned no more is answered %d", got)
	}
}

func refusedMuted(t *testing.T) {
	s := newServerV1(t, moderators)
	u, _ := dialUser(t, s)
	moderate(t, s, `{"verb":"mute","user_id":"u","for_ms":60000}`)
	u.want("you")
	u.send(`{"t":"send","id":"1","body":"x"}`)
	u.wantRefused("1", "muted", "you are muted", true)
	u.send(`{"t":"like","n":1}`)
	u.wantRefused("", "muted", "you are muted", true)
	moderate(t, s, `{"verb":"mute","user_id":"u"}`)
	u.want("you")
	u.send(`{"t":"send","id":"1","body":"x"}`)
	u.wantRefused("1", "muted", "you are muted", false)
	token := signedToken(t, "u", grants("r", "read", "send"))
	a := callV1(t, s, http.MethodPost, pathMessages, "", `{"id":"1","body":"x"}`, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) })
	a.wantCode(t, 403, "muted")
	if got := s.edge.Hall.Stats().RefusedRules; got != 3 {
		t.Errorf("%d messages are counted as refused by rules; want 3", got)
	}
}

// refusedByModes has modes refuse the second message of a user; with an exact time where there is one.
func refusedByModes(t *testing.T, modes, code, body string, timed bool) {
	s := newServerV1(t, moderators)
	u, _ := dialUser(t, s)
	if code == "slow_mode" || code == "duplicate" {
		moderate(t, s, `{"verb":"modes","modes":`+modes+`}`)
		u.want("room")
		u.send(`{"t":"send","id":"0","body":"` + body + `"}`)
		u.wantAll("ack", "batch")
	} else {
		moderate(t, s, `{"verb":"modes","modes":`+modes+`}`)
		u.want("room")
	}
	u.send(`{"t":"send","id":"1","body":"` + body + `"}`)
	f := u.want("refused")
	if f.ID != "1" || f.Code != code || f.Message == "" || timed != (f.Retry > 50_000 && f.Retry <= 60_000) {
		t.Errorf("refused = %+v; want %s, with a time: %v", f, code, timed)
	}
	m, _ := dialMod(t, s, "m")
	m.send(`{"t":"send","id":"1","body":"` + body + `"}`)
	m.wantAll("ack", "batch") // modes do not hold for moderators
}

// storm has the store report that room r is offered more than it takes.
func storm(tb testing.TB, s *Server, level uint16) {
	tb.Helper()
	d := codec.NewDraft("r", "w", "x", time.Now().UnixMilli())
	stored, err := s.store.Publish(tb.Context(), "r", chat.Batch{ID: fmt.Sprint("test.", published.Add(1)), Drafts: []chat.Draft{d}})
	if err != nil {
		tb.Fatal(err)
	}
	stored.Event.Storm = chat.Storm{Level: level, Offered: 900, Shown: 100}
	s.RoomEvent("r", stored.Event)
}

func refusedShed(t *testing.T) {
	s := newServerV1(t, manualCheck)
	n := joinV1(t, s, "u")
	storm(t, s, chat.StormMost)
	n.want("batch")
	n.send(`{"t":"send","id":"1","body":"x"}`)
	f := n.want("refused")
	if f.ID != "1" || f.Code != "shed" || f.Retry < 1 || f.Retry > 10_000 {
		t.Errorf("refused = %+v; want shed, until the next turn", f)
	}
	if got := s.edge.Hall.Stats().Shed[0][chat.ClassNormal]; got != 1 {
		t.Errorf("%d messages are counted as left out by the level; want 1", got)
	}
}

func frameStorm(t *testing.T) {
	s := newServerV1(t, manualCheck)
	n := joinV1(t, s, "u")
	storm(t, s, 200)
	n.want("batch")
	s.edge.Hall.Tick(time.Now(), 0)
	if f := n.want("storm"); f.Level != 200 || f.Offered != 900 || f.Shown != 100 || f.MS != 1000 {
		t.Errorf("storm = %+v; want what the store told", f)
	}
}

func refusedVerb(t *testing.T, err error, code, message string) {
	s := newServerV1(t, moderators)
	m, _ := dialMod(t, s, "m")
	storeOf(s).fail(err, "ChangeRules")
	m.send(`{"t":"mod","id":"1","verb":"clear"}`)
	m.wantRefused("1", code, message, false)
}

func frameRoom(t *testing.T) {
	s := newServerV1(t, nil)
	n := joinV1(t, s, "u")
	moderate(t, s, `{"verb":"modes","modes":{"slow_ms":5000,"links":"mods"}}`)
	f := n.want("room")
	if !strings.Contains(string(f.Modes), `"slow_ms":5000`) || !strings.Contains(string(f.Modes), `"links":"mods"`) {
		t.Errorf("modes = %s; want those that were set", f.Modes)
	}
	_, w := dialV1(t, s, "r", userAndToken, false)
	if string(w.Modes) != string(f.Modes) {
		t.Errorf("a newcomer is told %s; want %s", w.Modes, f.Modes)
	}
}

func frameYou(t *testing.T) {
	s := newServerV1(t, nil)
	n := joinV1(t, s, "u")
	moderate(t, s, `{"verb":"role","user_id":"u","role":"moderator"}`)
	if you := n.want("you"); you.Role != "moderator" || !strings.Contains(fmt.Sprint(you.Can), "moderate") {
		t.Errorf("you = %+v; want a moderator, who may moderate", you)
	}
	if _, w := dialV1(t, s, "r", userAndToken, false); w.You.Role != "moderator" || !strings.Contains(fmt.Sprint(w.Can), "moderate") {
		t.Errorf("when they come back: %+v, %v", w.You, w.Can)
	}
	n.send(`{"t":"mod","id":"1","verb":"mute","user_id":"v"}`)
	n.want("done")
	if _, w := dialV1(t, s, "r", "user_id=v&token=t", false); w.You.MutedUntil != chat.ForGood {
		t.Errorf("who is muted for good is told %+v", w.You)
	}
}

func framePurged(t *testing.T) {
	s := newServerV1(t, nil)
	n := joinV1(t, s, "w")
	publishAll(t, s, "one", "two")
	n.want("batch")
	if done := moderate(t, s, `{"verb":"purge","user_id":"u"}`); done.N != 2 {
		t.Errorf("purged %d; want 2", done.N)
	}
	if f := n.want("purged"); f.UserID != "u" || f.Since != 0 || f.Until < time.Now().UnixMilli()-60_000 {
		t.Errorf("purged = %+v; want all of u's up to now", f)
	}
	if a := callV1(t, s, http.MethodGet, pathMessages, "", ""); strings.Contains(a.body, "one") || strings.Contains(a.body, "two") {
		t.Errorf("the history has %s", a.body)
	}
}

func frameCleared(t *testing.T) {
	s := newServerV1(t, nil)
	n := joinV1(t, s, "w")
	pos := publishAll(t, s, "one", "two")
	n.want("batch")
	moderate(t, s, `{"verb":"clear"}`)
	got := n.wantAll("cleared", "room")
	if f := got["cleared"]; f.Seq != 2 || f.Epoch != pos.Epoch {
		t.Errorf("cleared = %+v; want up to message 2 of %s", f, pos.Epoch)
	}
	if a := callV1(t, s, http.MethodGet, pathMessages, "", ""); !strings.Contains(a.body, `"messages":[]`) {
		t.Errorf("the history has %s", a.body)
	}
}

// isClosed reports whether an error is that of a socket that was closed so.
func isClosed(err error, code codec.CloseCode, text string) bool {
	closed, ok := err.(closedError) //nolint:errorlint // text returns it bare
	return ok && closed.code() == code && strings.Contains(closed.Error(), text)
}

func closedBarred(t *testing.T) {
	s := newServerV1(t, nil)
	for _, c := range []struct{ verb, text string }{{`{"verb":"kick","user_id":"b"}`, "kicked"}, {`{"verb":"ban","user_id":"b"}`, "banned"}} {
		w := wireV1(t, s, "user_id=b&token=t", "", 0)
		f := join(t, s, "r", "b") // FastIM's
		moderate(t, s, c.verb)
		text, err := w.text()
		// before the measure
		for err == nil && (strings.HasPrefix(text, `{"t":"you"`) || strings.HasPrefix(text, `{"t":"counters"`)) {
			text, err = w.text()
		}
		if !isClosed(err, 4403, c.text) {
			t.Errorf("frame %q, closed with %v; want 4403 %s", text, err, c.text)
		}
		if _, err := f.text(); !isClosed(err, 4403, edge.CloseForbidden.Text()) {
			t.Errorf("FastIM's client is closed with %v; want 4403", err)
		}
		moderate(t, s, `{"verb":"unban","user_id":"b"}`)
	}
	undisturbed := joinV1(t, s, "v")
	undisturbed.send(`{"t":"ping","ts":1}`)
	undisturbed.want("pong")
}

// TestMod_WhoIsToldWhat: a shadow is reported to nobody, and a ban of an address to no other room. A user who is banned
// reads no history, and over HTTP nobody has been in a room for long.
func TestMod_WhoIsToldWhat(t *testing.T) {
	s := newServerV1(t, moderators)
	u, _ := dialUser(t, s)
	moderate(t, s, `{"verb":"shadow","user_id":"u"}`)
	moderateIn(t, s, "elsewhere", `{"verb":"ban","address":"203.0.113.0/24"}`)
	roomOf(t, s, "elsewhere")
	moderateIn(t, s, "elsewhere", `{"verb":"ban","address":"203.0.114.0/24"}`)
	moderate(t, s, `{"verb":"unshadow","user_id":"u"}`)
	moderate(t, s, `{"verb":"mute","user_id":"u"}`)
	if you := u.want("you"); you.MutedUntil != chat.ForGood { // their first notification
		t.Errorf("you = %+v; want the mute", you)
	}
	moderate(t, s, `{"verb":"unmute","user_id":"u"}`)
	u.want("you")
	token := signedToken(t, "u", grants("r", "read", "send", "recall"))
	call := func(method, path, body string) answerV1 {
		t.Helper()
		return callV1(t, s, method, path, "", body, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) })
	}
	for i := range 20 { // the room has rules, and none about them
		if a := call(http.MethodPost, pathMessages, fmt.Sprintf(`{"id":"early-%d","body":"x"}`, i)); a.status != 201 {
			t.Fatalf("POST: %d %s; want it stored", a.status, a.body)
		}
	}
	moderate(t, s, `{"verb":"modes","modes":{"first_delay_ms":3600000}}`)
	call(http.MethodPost, pathMessages, `{"id":"1","body":"x"}`).wantCode(t, 429, "too_early")
	if a := call(http.MethodGet, pathMessages, ""); a.status != 200 {
		t.Errorf("the history: %d %s", a.status, a.body)
	}
	moderate(t, s, `{"verb":"ban","user_id":"u"}`)
	call(http.MethodGet, pathMessages, "").wantCode(t, 403, "banned")
	call(http.MethodGet, pathRoom, "").wantCode(t, 403, "banned")
	call(http.MethodDelete, pathMessages+"/1", "").wantCode(t, 403, "banned")
}

// TestMod_OverHTTPHasTheSameVerbs: moderators have the same verbs as calls, and read what is in force and who did it.
func TestMod_OverHTTPHasTheSameVerbs(t *testing.T) {
	s := newServerV1(t, moderators)
	token := signedToken(t, "m", grants("r", "read", "moderate"))
	call := func(method, path, body string) answerV1 {
		t.Helper()
		return callV1(t, s, method, path, "", body, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) })
	}
	if a := call(http.MethodPost, "/v1/rooms/r/mod", `{"verb":"mute","user_id":"u","reason":"spam"}`); a.status != 200 || !strings.Contains(a.body, `"verb":"mute"`) {
		t.Errorf("mute: %d %s", a.status, a.body)
	}
	if a := call(http.MethodGet, "/v1/rooms/r/mod", ""); a.status != 200 || !strings.Contains(a.body, `"what":"mute"`) || !strings.Contains(a.body, `"user_id":"u"`) {
		t.Errorf("what is in force: %d %s", a.status, a.body)
	}
	if a := call(http.MethodGet, "/v1/rooms/r/mod/log?limit=5", ""); a.status != 200 || !strings.Contains(a.body, `"via":"http"`) {
		t.Errorf("the log: %d %s", a.status, a.body)
	}
	first := call(http.MethodGet, "/v1/rooms/r/mod/log?limit=1", "")
	var page desk.Log
	if err := json.Unmarshal([]byte(first.body), &page); err != nil || page.Next == "" {
		t.Fatalf("one entry of the log: %d %s; want where the next page begins", first.status, first.body)
	}
	if a := call(http.MethodGet, "/v1/rooms/r/mod/log?before="+page.Next, ""); a.status != 200 || !strings.Contains(a.body, `"entries":[]`) {
		t.Errorf("older ones: %d %s; want none", a.status, a.body)
	}
	for _, query := range []string{"limit=0", "before=%22", "before=" + strings.Repeat("a", 65)} {
		call(http.MethodGet, "/v1/rooms/r/mod/log?"+query, "").wantCode(t, 400, "bad_request")
	}
	call(http.MethodPost, "/v1/rooms/r/mod", `{"verb":"dance"}`).wantCode(t, 400, "bad_request")
	call(http.MethodPost, "/v1/rooms/r/mod", `{"verb":"delete","seq":7}`).wantCode(t, 404, "not_found")
	// no epoch yet
	call(http.MethodPost, "/v1/rooms/r/mod", `{"verb":"delete","seq":7,"epoch":"0-x"}`).wantCode(t, 404, "not_found")
	storeOf(s).fail(chat.ErrBeside, "ChangeRules")
	call(http.MethodPost, "/v1/rooms/r/mod", `{"verb":"clear"}`).wantCode(t, 501, "not_supported")
	storeOf(s).fail(errAway, "ChangeRules")
	call(http.MethodPost, "/v1/rooms/r/mod", `{"verb":"clear"}`).wantCode(t, 503, "unavailable")
	token = signedToken(t, "v", grants("r", "read", "send"))
	for _, path := range []string{"/v1/rooms/r/mod", "/v1/rooms/r/mod/log"} {
		call(http.MethodGet, path, "").wantCode(t, 403, "forbidden")
	}
	call(http.MethodPost, "/v1/rooms/r/mod", `{"verb":"clear"}`).wantCode(t, 403, "forbidden")
	token = "wrong"
	call(http.MethodPost, "/v1/rooms/r/mod", `{"verb":"clear"}`).wantCode(t, 401, "unauthenticated")
}
