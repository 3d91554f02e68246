package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/gateway/edge"
	"barrage/internal/chat"
	"barrage/internal/port"
)

func (f *faultyStore) Report(ctx context.Context, node string, reports []chat.Report) ([]chat.Standing, error) {
	if err := f.enter(ctx, "Report"); err != nil {
		return nil, err
	}
	return f.Memory.Report(ctx, node, reports)
}

// refusingHook lets nobody log in.
func refusingHook(t *testing.T) string {
	t.Helper()
	hook := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(hook.Close)
	return hook.URL
}

// sendV1 sends a message of user to room r, which must be taken.
func sendV1(t *testing.T, s *Server, user, body string) (ack frameV1) {
	t.Helper()
	in, err := json.Marshal(map[string]string{"id": "a", "body": body})
	if err != nil {
		t.Fatal(err)
	}
	a := callV1(t, s, http.MethodPost, pathMessages, user, string(in))
	if a.status != http.StatusCreated {
		t.Fatalf("send = %d %s; want 201", a.status, a.body)
	}
	a.decode(t, &ack)
	if ack.ID != "a" || ack.Seq == 0 || time.Since(time.UnixMilli(ack.TS)).Abs() > time.Minute {
		t.Fatalf("ack of \"a\" = %s", a.body)
	}
	return ack
}

// historyV1 is a page of room r.
func historyV1(t *testing.T, s *Server, query string) (h frameV1, seqs []uint64) {
	t.Helper()
	a := callV1(t, s, http.MethodGet, pathMessages+"?"+query, "", "")
	if a.status != http.StatusOK {
		t.Fatalf("messages?%s = %d %s; want 200", query, a.status, a.body)
	}
	a.decode(t, &h)
	for _, m := range h.messages(t) {
		seqs = append(seqs, m.Seq)
	}
	return h, seqs
}

func TestV1_LoginReplacesTheTokenOfBefore(t *testing.T) {
	s := newServer(t, nil)
	login := func() string {
		t.Helper()
		var in struct {
			Token   string `json:"token"`
			Expires int64  `json:"expires_in_ms"`
		}
		callV1(t, s, http.MethodPost, "/v1/login", "", `{"user_id":"ü 弹","password":"p","more":1}`).decode(t, &in)
		if in.Expires != chat.TokenLife.Milliseconds() {
			t.Errorf("expires_in_ms = %d; want %d", in.Expires, chat.TokenLife.Milliseconds())
		}
		return in.Token
	}
	send := func(token string) int {
		t.Helper()
		return callV1(t, s, http.MethodPost, pathMessages, "ü 弹", `{"id":"1"}`, with("Authorization", "Bearer "+token)).status
	}
	first := login()
	if got := send(first); got != http.StatusCreated {
		t.Errorf("with the token: %d; want 201", got)
	}
	second := login()
	if old, now := send(first), send(second); old != http.StatusUnauthorized || now != http.StatusCreated {
		t.Errorf("with the first token %d, with the second %d; want 401 and 201", old, now)
	}
}

func TestV1_LoginHookAwayIsA503(t *testing.T) {
	s := newServer(t, func(c *setup) { c.Auth.LoginURL = "http://" + port.Dead })
	callV1(t, s, http.MethodPost, "/v1/login", "", `{"user_id":"u","password":"p"}`).wantCode(t, 503, "unavailable")
}

// A message sent by HTTP comes to members of both kinds, and stands in history.
func TestV1_SendIsHeardAndKept(t *testing.T) {
	s := newServerV1(t, nil)
	fast := join(t, s, "r", "f")
	native, _ := dialV1(t, s, "r", "user_id=n&token=t", false)
	const body = `{"id":"c-1","body":"<b>\u0001\ud83d\ude00","kind":"gift","ext":{ "a" : [1, "\n"] },"t":"like"}`
	var ack frameV1
	callV1(t, s, http.MethodPost, pathMessages, "u", body).decode(t, &ack)
	want := fmt.Sprintf(`{"seq":1,"kind":"gift","user_id":"u","body":"<b>\u0001😀","ts":%d,"id":"c-1","ext":{"a":[1,"\n"]}}`, ack.TS)
	fast.wantInfo("<b>\x01😀")
	h, _ := historyV1(t, s, "")
	for where, m := range map[string]json.RawMessage{"batch": native.want("batch").Messages[0], "history": h.Messages[0]} {
		if err := sameJSON(string(m), want); err != nil {
			t.Errorf("in %s: %v", where, err)
		}
	}
	if h.Seq != 1 || h.Total != 1 || h.Epoch == "" {
		t.Errorf("history stands at %+v; want seq 1, total 1", h)
	}
	rooms, err := s.store.Rooms(t.Context(), "u")
	if err != nil || !slices.Equal(rooms, []string{"r"}) {
		eventually(t, func() error {
			rooms, err := s.store.Rooms(t.Context(), "u")
			return firstOf(err, differ("rooms of the sender", fmt.Sprint(rooms), "[r]"))
		})
	}
}

// sameJSON compares two texts by what they mean.
func sameJSON(got, want string) error {
	var a, b any
	if err := firstOf(json.Unmarshal([]byte(got), &a), json.Unmarshal([]byte(want), &b)); err != nil {
		return err
	}
	return differ("JSON", fmt.Sprint(a), fmt.Sprint(b))
}

// The same id is stored once, whether it comes by HTTP or by socket.
func TestV1_SameIDIsStoredOnce(t *testing.T) {
	s := newServerV1(t, nil)
	first := sendV1(t, s, "u", "hi")
	native, _ := dialV1(t, s, "r", "user_id=u&token=t", false)
	native.send(`{"t":"send","id":"a","body":"again"}`)
	again := []frameV1{sendV1(t, s, "u", "again"), native.want("ack")}
	for _, ack := range again {
		if ack.Seq != first.Seq || ack.TS != first.TS || ack.ID != "a" {
			t.Errorf("sent again: %+v; want %+v", ack, first)
		}
	}
	if other := sendV1(t, s, "v", "hi"); other.Seq != 2 {
		t.Errorf("another user's id has number %d; want 2", other.Seq)
	}
	if h, _ := historyV1(t, s, ""); h.Total != 2 {
		t.Errorf("the room has %d messages; want 2", h.Total)
	}
}

func TestV1_PagesKeepWithinTheirBounds(t *testing.T) {
	s := newServerV1(t, nil)
	if h, seqs := historyV1(t, s, ""); h.Epoch != "" || h.Seq != 0 || h.Messages == nil || len(seqs) != 0 {
		t.Errorf("history of a new room = %+v; want none, as []", h)
	}
	for i := range 60 {
		publish(t, s, "r", fmt.Sprint("m", i), int64(i+1))
	}
	f := func(query string, from, to uint64) {
		t.Helper()
		_, seqs := historyV1(t, s, query)
		if n := len(seqs); n != int(to-from+1) || seqs[0] != from || seqs[n-1] != to {
			t.Errorf("messages?%s = %d; want %d to %d", query, seqs, from, to)
		}
	}
	f("", 11, 60)
	f("limit=3", 58, 60)
	f("limit=1000", 1, 60)
	f("after=0", 1, 50)
	f("after=57", 58, 60)
	f("before=11&limit=5", 6, 10)
	f("before=9223372036854775807&limit=1", 60, 60)
	f("after=20&before=30", 21, 29)
	f("after=20&before=30&limit=2", 28, 29)
	for _, query := range []string{"after=30&before=20", "after=30&before=31", "after=60", "before=1"} {
		if h, seqs := historyV1(t, s, query); len(seqs) != 0 || h.Messages == nil || h.Seq != 60 {
			t.Errorf("messages?%s = %d; want none, as []", query, seqs)
		}
	}
	for _, query := range []string{"limit=0", "limit=1001", "limit=", "limit=-1", "limit=x", "before=0", "before=-1", "before=1.5", "after=-1", "after=9223372036854775808", "after=1e3"} {
		name, value, _ := strings.Cut(query, "=")
		a := callV1(t, s, http.MethodGet, pathMessages+"?"+query, "", "")
		a.wantCode(t, 400, "bad_request")
		if text := a.problem(t).Message; !strings.HasPrefix(text, fmt.Sprintf("%s is %q, want a whole number from ", name, value)) {
			t.Errorf("messages?%s: %s", query, text)
		}
	}
}

func TestV1_RecallTakesBackOnlyOnesOwn(t *testing.T) {
	s := newServerV1(t, func(c *setup) { c.RecallLimit = time.Minute })
	native, _ := dialV1(t, s, "r", "user_id=n&token=t", false)
	old := codec.NewDraft("r", "u", "old", time.Now().Add(-time.Hour).UnixMilli())
	if _, err := s.store.Publish(t.Context(), "r", chat.Batch{ID: "test.1", Drafts: []chat.Draft{old}}); err != nil {
		t.Fatal(err)
	}
	seq := sendV1(t, s, "u", "hi").Seq
	for !slices.Contains(native.want("batch").seqs(t), seq) { // one batch may have both
	}
	recall := func(user string, seq any) answerV1 {
		t.Helper()
		return callV1(t, s, http.MethodDelete, fmt.Sprint(pathMessages, "/", seq), user, "")
	}
	recall("v", seq).wantCode(t, 403, "forbidden")
	recall("u", 1).wantCode(t, 403, "too_old")
	recall("u", 7).wantCode(t, 404, "not_found")
	if a := recall("u", seq); a.status != http.StatusNoContent || a.body != "" {
		t.Errorf("recall = %d %q; want 204", a.status, a.body)
	}
	if got := native.want("recalled"); got.Seq != seq || got.By != "u" {
		t.Errorf("recalled = %+v; want seq %d by u", got, seq)
	}
	if a := recall("u", seq); a.status != http.StatusNoContent { // once more: somebody may have missed it
		t.Errorf("recalled again = %d %q; want 204", a.status, a.body)
	}
	native.want("recalled")
	for _, seq := range []string{"0", "-1", "x", "9223372036854775808", "1.5"} {
		recall("u", seq).wantCode(t, 400, "bad_request")
	}
	h, _ := historyV1(t, s, "")
	if got, want := string(h.Messages[1]), fmt.Sprintf(`{"seq":%d,"recalled":true}`, seq); got != want {
		t.Errorf("in history: %s; want %s", got, want)
	}
}

func TestV1_RoomIsCountedOverAllNodes(t *testing.T) {
	s := newServerV1(t, nil)
	room := func(id string) (st struct {
		Room                      string
		Online, Likes, Seq, Total uint64
		Epoch                     string
	},
	) {
		t.Helper()
		callV1(t, s, http.MethodGet, "/v1/rooms/"+id, "", "").decode(t, &st)
		return st
	}
	if st := room("%E5%BC%B9%2F%3F"); st.Room != "弹/?" || st.Online+st.Likes+st.Seq+st.Total != 0 || st.Epoch != "" {
		t.Errorf("a new room = %+v; want none of it", st)
	}
	// Members and likes of another node, without any here.
	if _, err := s.store.Report(t.Context(), "other", []chat.Report{{Room: "r", Online: 5, Likes: 7}}); err != nil {
		t.Fatal(err)
	}
	publish(t, s, "r", "hi", 1)
	if st := room("r"); st.Online != 5 || st.Likes != 7 || st.Seq != 1 || st.Total != 1 || st.Epoch == "" {
		t.Errorf("the room = %+v; want 5 online, 7 likes, seq 1, total 1", st)
	}
	// With one here.
	native, _ := dialV1(t, s, "r", "user_id=n&token=t", false)
	native.send(`{"t":"like","n":3}`)
	eventually(t, func() error {
		st := room("r")
		return firstOf(differ("online", st.Online, 6), differ("likes", st.Likes, 10))
	})
	// The room is given back: nobody is in it but n.
	if got := s.Sessions(); got != 1 {
		t.Errorf("sessions = %d; want 1", got)
	}
}

// The rights of callers, see openapi.yaml.
func TestV1_CallersDoOnlyWhatTheyMay(t *testing.T) {
	change := func(required, autoJoin bool) *Server {
		s := newServerV1(t, func(c *setup) { c.Auth.Mode, c.AutoJoin = modeOf(required), autoJoin })
		if _, err := s.store.Join(t.Context(), "v", "r"); err != nil {
			t.Fatal(err)
		}
		return s
	}
	open, strict, closed := change(false, true), change(true, true), change(false, false)
	f := func(what string, s *Server, user, token string, read, send int) {
		t.Helper()
		auth := with("Authorization", "Bearer "+token)
		if token == "" {
			auth = func(r *http.Request) { r.Header.Del("Authorization") }
		}
		for _, c := range []struct {
			method, path, body string
			want               int
		}{
			{http.MethodGet, pathRoom, "", read},
			{http.MethodGet, pathMessages, "", read},
			{http.MethodPost, pathMessages, `{"id":"1"}`, send},
		} {
			if a := callV1(t, s, c.method, c.path, user, c.body, auth); a.status != c.want {
				t.Errorf("%s: %s %s of %q with token %q = %d %s; want %d", what, c.method, c.path, user, token, a.status, a.body, c.want)
			}
		}
	}
	f("open", open, "", "", 200, 403) // a guest reads
	f("open", open, "u", "", 200, 401)
	f("open", open, "u", "wrong", 200, 401)
	f("open", open, "u", "t", 200, 201)
	f("open", open, "\x01", "t", 200, 400)
	f("auth.mode redis", strict, "", "", 200, 403)
	f("auth.mode redis", strict, "u", "", 401, 401)
	f("auth.mode redis", strict, "u", "wrong", 401, 401)
	f("auth.mode redis", strict, "u", "t", 200, 201)
	f("no auto_join", closed, "", "", 403, 403)
	f("no auto_join", closed, "u", "t", 403, 403)
	f("no auto_join", closed, "v", "wrong", 200, 401)
	f("no auto_join", closed, "v", "t", 200, 201)

	// The token may stand in the query; the header wins.
	if a := callV1(t, strict, http.MethodGet, pathRoom+"?user_id=u&token=t", "", ""); a.status != 200 {
		t.Errorf("with a token in the query: %d %s; want 200", a.status, a.body)
	}
	callV1(t, strict, http.MethodGet, pathRoom+"?token=t", "u", "", with("Authorization", "Bearer x")).wantCode(t, 401, "unauthenticated")
	// A user who only reads is no member.
	if rooms, err := strict.store.Rooms(t.Context(), "u"); err != nil || len(rooms) > 1 {
		t.Errorf("rooms = %q, %v", rooms, err)
	}
	written := func() error { return differ("joins waiting", strict.edge.Joins.Waiting(), 0) }
	eventually(t, written)
	before := storeOf(strict).called("JoinAll")
	callV1(t, strict, http.MethodGet, "/v1/rooms/other", "u", "")
	eventually(t, written)
	if ok, err := strict.store.IsMember(t.Context(), "u", "other"); ok || err != nil || storeOf(strict).called("JoinAll") != before {
		t.Errorf("who read a room is its member: %v, %v", ok, err)
	}
}

func TestV1_BadBodiesAreRefusedWithTheReason(t *testing.T) {
	s := newServerV1(t, nil)
	f := func(body string, status int, code, want string, change ...func(*http.Request)) {
		t.Helper()
		a := callV1(t, s, http.MethodPost, pathMessages, "u", body, change...)
		a.wantCode(t, status, code)
		if text := a.problem(t).Message; !strings.Contains(text, want) {
			t.Errorf("%.100s: %s; want %q in it", body, text, want)
		}
	}
	bad := func(body, want string) {
		t.Helper()
		f(body, 400, "bad_request", want)
	}
	bad("{}", "id has 0 bytes, 1 to 64 are allowed")
	bad("null", "id has 0 bytes")
	bad(`{"id":"`+strings.Repeat("x", 65)+`"}`, "id has 65 bytes")
	bad(`{"id":"1","body":"`+strings.Repeat("x", s.v1.PeekMaxBody()+1)+`"}`, fmt.Sprintf("body has %d bytes, at most %d", s.v1.PeekMaxBody()+1, s.v1.PeekMaxBody()))
	bad(`{"id":"1","kind":"`+strings.Repeat("x", 33)+`"}`, "kind has 33 bytes")
	bad(`{"id":"1","kind":"system"}`, `kind "system" is reserved for the server`)
	bad(`{"id":"1","kind":"a\u0007"}`, "has characters other than")
	bad(`{"id":"1","ext":"`+strings.Repeat("x", codec.MaxExt)+`"}`, "ext has 4098 bytes")
	bad(`{"id":"1","ext":`+strings.Repeat("[", 33)+strings.Repeat("]", 33)+`}`, "ext is nested 33 deep")
	bad(`{"id":"1","ext":1e999}`, "ext has a number that is too large")
	bad(strings.Repeat("[", 30_000)+strings.Repeat("]", 30_000), "exceeded max depth")
	bad(`{"id":"1",}`, "no JSON from byte 11 on: invalid character '}'")
	bad(`{"id":"1"`, "no JSON from byte 9 on: unexpected end")
	bad(`{"id":"1"} x`, "no JSON from byte 12 on")
	bad("{\"id\":\"1\x02\"}", "no JSON from byte 9 on")
	bad("{\"id\":\"\xff\"}", "not UTF-8")
	bad(`[]`, "the body is a JSON array up to byte 1, want an object")
	bad(`{"id":7}`, "id is a JSON number up to byte 7, want a string")
	bad(`{"id":"1","body":{}}`, "body is a JSON object")
	f(strings.Repeat("x", 1<<20), 413, "too_large", "more than 65536 bytes")
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application", ";"} {
		f(`{"id":"1"}`, 415, "unsupported_media_type", fmt.Sprintf("Content-Type is %q", kind), with("Content-Type", kind))
	}
	for _, body := range []string{`{"password":"p"}`, `{"user_id":"u"}`, `{"user_id":"` + strings.Repeat("x", 129) + `","password":"p"}`, `{"user_id":"a\nb","password":"p"}`, `{"user_id":1}`} {
		callV1(t, s, http.MethodPost, "/v1/login", "", body).wantCode(t, 400, "bad_request")
	}
	if a := callV1(t, s, http.MethodPost, pathMessages, "u", `{"id":"1","ext":null,"kind":""}`, with("Content-Type", "Application/JSON; charset=utf-8")); a.status != 201 {
		t.Errorf("with a charset: %d %s; want 201", a.status, a.body)
	}
	if h, _ := historyV1(t, s, ""); h.Total != 1 {
		t.Errorf("the room has %d messages; want the last one alone", h.Total)
	}
}

func TestV1_UnknownPathsAreRefusedNotRedirected(t *testing.T) {
	s := newServerV1(t, nil)
	for _, path := range []string{
		"/v1", "/v1/", "/v1/nothing", "/v1/rooms", "/v1/rooms/", "/v1/rooms/r/", "/v1/rooms/r/messages/", "/v1/rooms/r/messages/1/2", "/v1/login/",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			callV1(t, s, method, path, "", "").wantCode(t, 404, "not_found")
		}
	}
	// They are not redirected to other rooms.
	for _, path := range []string{"/v1/rooms//messages", "/v1/rooms/../messages", "/v1/rooms/%2e%2e/messages", "/v1//login", "/v1/rooms/./ws", "/v1/rooms/%2E"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			callV1(t, s, method, path, "", "").wantCode(t, 400, "bad_request")
		}
	}
	for path, allow := range map[string]string{
		"/v1/login": "POST", pathRoom: "GET", pathSocket: "GET", pathMessages: "GET, POST", pathMessages + "/1": "DELETE", "/v1/openapi.json": "GET",
	} {
		for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodOptions} {
			a := callV1(t, s, method, path, "", "")
			a.wantCode(t, 405, "method_not_allowed")
			if got := a.header.Get("Allow"); got != allow {
				t.Errorf("%s %s: Allow = %q; want %q", method, path, got, allow)
			}
		}
	}
}

// A store that fails is our fault and passes: 503, and when to come back, twice.
func TestV1_StoreAwayIsA503WithRetryAfter(t *testing.T) {
	s := newServerV1(t, func(c *setup) { c.Auth.Mode = []string{edge.AuthRedis} })
	f := func(broken, method, path, body, want string) {
		t.Helper()
		storeOf(s).fail(failure(broken), broken)
		defer storeOf(s).fail(nil, broken)
		a := callV1(t, s, method, path, "u", body)
		a.wantCode(t, 503, "unavailable")
		p := a.problem(t)
		after, err := strconv.Atoi(a.header.Get("Retry-After"))
		if p.Message != want || err != nil || after < 1 || after > 5 || p.Retry != 1000*after {
			t.Errorf("%s %s with a broken %s: %s, Retry-After %q; want %q, both the same", method, path, broken, a.body, a.header.Get("Retry-After"), want)
		}
	}
	f("SetToken", http.MethodPost, "/v1/login", `{"user_id":"w","password":"p"}`, "cannot log in now, try again")
	f("CheckToken", http.MethodPost, pathMessages, `{"id":"1"}`, "cannot check the token now, try again")
	f("CheckToken", http.MethodGet, pathMessages, "", "cannot check the token now, try again")
	f("Page", http.MethodGet, pathMessages, "", "cannot read the history now, try again")
	f("Page", http.MethodGet, "/v1/rooms/never", "", "cannot open the room now, try again")
	f("Report", http.MethodGet, pathRoom, "", "cannot read the room's counters now, try again")
	f("Read", http.MethodPost, "/v1/rooms/never2/messages", `{"id":"1"}`, "cannot open the room now, try again")
	f("RecallSeq", http.MethodDelete, pathMessages+"/1", "", "cannot take the message back now, try again")
}

// A message whose answer does not come in time may be sent again.
func TestV1_SendUnconfirmedMayBeSentAgain(t *testing.T) {
	s := newServerV1(t, manualCheck)
	goOn := storeOf(s).hold("Publish")
	defer goOn()
	send := func(ctx context.Context) (int, any, *edge.Refusal) {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, pathMessages+"?user_id=u&token=t", strings.NewReader(`{"id":"1"}`))
		r.Header.Set("Content-Type", "application/json")
		r.SetPathValue("room", "r")
		return s.v1.PeekSend(ctx, r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan *edge.Refusal, 1)
	go func() { // ends when ctx does; the test waits for the result
		_, _, bad := send(ctx)
		result <- bad
	}()
	eventually(t, func() error { return differ("batches on their way", storeOf(s).called("Publish"), 1) })
	cancel()
	if bad := <-result; bad == nil || bad.Status != 503 || bad.Code != "unconfirmed" || !strings.Contains(bad.Why, "send it again with the same id") {
		t.Errorf("without an answer: %+v; want 503 unconfirmed", bad)
	}
	goOn()
	status, _, bad := send(t.Context())
	if bad != nil || status != http.StatusCreated {
		t.Errorf("sent again: %d, %+v; want 201", status, bad)
	}
	if h, _ := historyV1(t, s, ""); h.Total != 1 {
		t.Errorf("the room has %d messages; want 1", h.Total)
	}
}

// A token that is revoked between the call and the batch counts no more.
func TestV1_SendOfARevokedTokenIsRefused(t *testing.T) {
	s := newServerV1(t, func(c *setup) { manualCheck(c); c.Auth.Mode = []string{edge.AuthRedis} })
	goOn := storeOf(s).hold("CheckTokens")
	defer goOn()
	got := make(chan answerV1, 1)
	// ends with the answer, which the test waits for
	go func() { got <- callV1(t, s, http.MethodPost, pathMessages, "u", `{"id":"1"}`) }()
	eventually(t, func() error { return differ("batches whose senders are checked", storeOf(s).called("CheckTokens"), 1) })
	if err := s.store.SetToken(t.Context(), "u", "other"); err != nil {
		t.Fatal(err)
	}
	goOn()
	(<-got).wantCode(t, 401, "unauthenticated")
	// It counts when the author has the outcome.
	eventually(t, func() error { return differ("messages refused", s.edge.Hall.Stats().RefusedUnauthorized, 1) })
	if h := s.edge.Hall.Stats(); h.Accepted != 0 {
		t.Errorf("stats %+v; want none accepted", h)
	}
}

func TestV1_SendSaysBusyOrRefusedByTheStore(t *testing.T) {
	s := newServerV1(t, func(c *setup) { manualCheck(c); c.rooms.QueueMessages = 1 })
	goOn := storeOf(s).hold("Publish")
	defer goOn()
	first := make(chan answerV1, 1)
	// ends with the answer, which the test waits for
	go func() { first <- callV1(t, s, http.MethodPost, pathMessages, "u", `{"id":"1"}`) }()
	eventually(t, func() error { return differ("batches on their way", storeOf(s).called("Publish"), 1) })
	callV1(t, s, http.MethodPost, pathMessages, "u", `{"id":"2"}`).wantCode(t, 503, "busy")
	goOn()
	if a := <-first; a.status != http.StatusCreated {
		t.Errorf("the first one = %d %s; want 201", a.status, a.body)
	}
	storeOf(s).fail(fmt.Errorf("no memory left: %w", chat.ErrRefused), "Publish")
	a := callV1(t, s, http.MethodPost, pathMessages, "u", `{"id":"3"}`)
	a.wantCode(t, 503, "store_refused")
}

func TestV1_DrainingNodeRefusesEachCall(t *testing.T) {
	s := newServerV1(t, nil)
	s.edge.PeekDraining(true)
	for _, c := range [][3]string{
		{http.MethodPost, "/v1/login", "{}"},
		{http.MethodGet, pathRoom, ""},
		{http.MethodGet, pathMessages, ""},
		{http.MethodPost, pathMessages, "{}"},
		{http.MethodDelete, pathMessages + "/1", ""},
	} {
		callV1(t, s, c[0], c[1], "u", c[2]).wantCode(t, 503, "draining")
	}
}
