package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"barrage/codec"
	"barrage/gateway/door"
	"barrage/gateway/edge"
	v1 "barrage/gateway/v1"
	"barrage/internal/chat"
)

// described is openapi.yaml as the node serves it, and whatever finds an operation in it.
var described = sync.OnceValues(func() (*openapi3.T, routers.Router) {
	doc, err := openapi3.NewLoader().LoadFromData(v1.PeekDescription())
	if err != nil {
		panic(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		panic(err)
	}
	return doc, router
})

// answerV1 is an answer under /v1.
type answerV1 struct {
	op     string // the operation's id, empty where there is none
	status int
	header http.Header
	body   string
}

// callV1 makes a call and holds the answer against openapi.yaml. Where the call was done, callV1 holds the call against
// it, too. The user "" calls without user and token. The token is "t".
func callV1(tb testing.TB, s *Server, method, path, user, body string, change ...func(*http.Request)) answerV1 {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, "http://"+s.Addr().String()+path, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if user != "" {
		q := req.URL.Query()
		q.Set("user_id", user)
		req.URL.RawQuery = q.Encode()
		req.Header.Set("Authorization", "Bearer t")
	}
	for _, f := range change {
		f(req)
	}
	a := roundTrip(tb, req)
	a.wantDescribed(tb, req, body)
	return a
}

// roundTrip makes a call.
func roundTrip(tb testing.TB, req *http.Request) answerV1 {
	tb.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	a := answerV1{status: resp.StatusCode, header: resp.Header}
	if a.status != http.StatusSwitchingProtocols {
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			tb.Fatal(err)
		}
		a.body = string(b)
	}
	return a
}

// wantDescribed holds the answer against the description; without an operation it must
// be a problem all the same.
func (a *answerV1) wantDescribed(tb testing.TB, req *http.Request, sent string) {
	tb.Helper()
	doc, router := described()
	a.wantDescribedBy(tb, doc, router, req, sent)
}

// wantDescribedBy is wantDescribed for any description.
func (a *answerV1) wantDescribedBy(tb testing.TB, doc *openapi3.T, router routers.Router, req *http.Request, sent string) {
	tb.Helper()
	seen := req.Clone(context.Background())
	seen.Body = io.NopCloser(strings.NewReader(sent))
	route, params, err := router.FindRoute(seen)
	if err != nil {
		var problem any
		if err := json.Unmarshal([]byte(a.body), &problem); err != nil {
			tb.Errorf("%s %s: the answer %d %q is no JSON", req.Method, req.URL, a.status, a.body)
			return
		}
		if err := doc.Components.Schemas["Problem"].Value.VisitJSON(problem, openapi3.EnableJSONSchema2020()); err != nil {
			tb.Errorf("%s %s: the answer %s is no Problem: %v", req.Method, req.URL, a.body, err)
		}
		return
	}
	a.op = route.Operation.OperationID
	asked := &openapi3filter.RequestValidationInput{
		Request: seen, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if a.status < 400 {
		if err := openapi3filter.ValidateRequest(context.Background(), asked); err != nil {
			tb.Errorf("%s %s was done, but is against openapi.yaml: %v", req.Method, req.URL, err)
		}
	}
	got := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: asked, Status: a.status, Header: a.header,
		Body: io.NopCloser(bytes.NewReader([]byte(a.body))), Options: asked.Options,
	}
	if err := openapi3filter.ValidateResponse(context.Background(), got); err != nil {
		tb.Errorf("%s %s: the answer %d %s is against openapi.yaml: %v", req.Method, req.URL, a.status, a.body, err)
	}
}

// wantCode wants a problem.
func (a answerV1) wantCode(tb testing.TB, status int, code string) {
	tb.Helper()
	if a.status != status || a.problem(tb).Code != code {
		tb.Errorf("answer = %d %s; want %d %s", a.status, a.body, status, code)
	}
}

// problemV1 is what a Problem says.
type problemV1 struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Retry   int    `json:"retry_after_ms"`
}

func (a answerV1) problem(tb testing.TB) problemV1 {
	tb.Helper()
	var in struct {
		Error problemV1 `json:"error"`
	}
	a.decode(tb, &in)
	return in.Error
}

func (a answerV1) decode(tb testing.TB, into any) {
	tb.Helper()
	if err := json.Unmarshal([]byte(a.body), into); err != nil {
		tb.Fatalf("cannot read the answer %d %q: %v", a.status, a.body, err)
	}
}

func TestOpenAPI_IsValid(t *testing.T) {
	doc, _ := described()
	wantValid(t, doc, "/v1/openapi.json")
}

// wantValid wants a description that is valid, and says what everything is, with examples of all answers but those of
// one path.
func wantValid(t *testing.T, doc *openapi3.T, without string) {
	t.Helper()
	if err := doc.Validate(t.Context(), openapi3.IsOpenAPI31OrLater(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaDefaultsValidation()); err != nil {
		t.Error(err)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.Summary == "" || op.OperationID == "" || len(op.Tags) != 1 || doc.Tags.Get(op.Tags[0]) == nil {
				t.Errorf("%s %s lacks a summary, an id or a known tag", method, path)
			}
			for _, p := range slices.Concat(item.Parameters, op.Parameters) {
				if p.Value.Description == "" || p.Value.Example == nil {
					t.Errorf("%s %s: parameter %s lacks a description or an example", method, path, p.Value.Name)
				}
			}
			for status, r := range op.Responses.Map() {
				for kind, media := range r.Value.Content {
					if len(media.Examples) == 0 && path != without {
						t.Errorf("%s %s: answer %s of %s lacks an example", method, path, status, kind)
					}
				}
			}
		}
	}
}

func TestOpenAPI_HasEveryRoute(t *testing.T) {
	doc, _ := described()
	wantSame(t, newServer(t, nil).v1.PeekOperations(), operationsOf(doc))
}

// operationsOf are the method and the path of each operation.
func operationsOf(doc *openapi3.T) (all []string) {
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			all = append(all, method+" "+path)
		}
	}
	return all
}

// wantSame holds the operations of a port against those of its description.
func wantSame(t *testing.T, got, want []string) {
	t.Helper()
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("operations = %q; the description has %q", got, want)
	}
}

// upgrading makes a request one for a socket.
func upgrading(r *http.Request) {
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Sec-WebSocket-Version", "13")
	r.Header.Set("Sec-WebSocket-Key", exampleKey)
	r.Header.Set("Sec-WebSocket-Protocol", subprotocol)
}

// with sets a header.
func with(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// newServerV1 has the users u and v, whose token is "t".
func newServerV1(t *testing.T, change func(*setup)) *Server {
	t.Helper()
	s := newServer(t, change)
	for _, user := range []string{"u", "v"} {
		if err := s.store.SetToken(t.Context(), user, "t"); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

const (
	pathRoom     = "/v1/rooms/r"
	pathMessages = "/v1/rooms/r/messages"
	pathSocket   = "/v1/rooms/r/ws"
)

// TestOpenAPI_EveryStatusIsAnswered has every status of every operation that openapi.yaml names, and
// no other.
func TestOpenAPI_EveryStatusIsAnswered(t *testing.T) {
	open := newServerV1(t, nil)
	strict := newServerV1(t, func(c *setup) {
		c.Auth.Mode = []string{edge.AuthRedis}
		c.AutoJoin = false
		c.CORS.AllowedOrigins = nil
	})
	seen := map[string]map[int]bool{}
	f := func(op string, status int, s *Server, method, path, user, body string, change ...func(*http.Request)) {
		t.Helper()
		a := callV1(t, s, method, path, user, body, change...)
		if a.op != op || a.status != status {
			t.Errorf("%s %s = %s, %d %s; want %s, %d", method, path, a.op, a.status, a.body, op, status)
		}
		if seen[op] == nil {
			seen[op] = map[int]bool{}
		}
		seen[op][status] = true
	}
	away := func(call string, f func()) {
		storeOf(open).fail(errAway, call)
		defer storeOf(open).fail(nil, call)
		f()
	}
	const get, post = http.MethodGet, http.MethodPost
	big := `{"id":"` + strings.Repeat("x", edge.MaxFormBytes) + `"}`
	text := with("Content-Type", "text/plain")
	wrong := with("Authorization", "Bearer wrong")

	f("describe", 200, open, get, "/v1/openapi.json", "", "")

	const login = `{"user_id":"w","password":"p"}`
	hooked := newServerV1(t, func(c *setup) { c.Auth.LoginURL = refusingHook(t) })
	f("login", 200, open, post, "/v1/login", "", login)
	f("login", 400, open, post, "/v1/login", "", `{`)
	f("login", 401, hooked, post, "/v1/login", "", login)
	elsewhere := newServerV1(t, signs)
	f("login", 403, elsewhere, post, "/v1/login", "", login)
	f("login", 413, open, post, "/v1/login", "", big)
	f("login", 415, open, post, "/v1/login", "", login, text)
	away("SetToken", func() { f("login", 503, open, post, "/v1/login", "", login) })

	f("getRoom", 200, open, get, pathRoom, "", "")
	f("getRoom", 400, open, get, "/v1/rooms/"+strings.Repeat("x", 129), "", "")
	f("getRoom", 401, strict, get, pathRoom, "u", "", wrong)
	f("getRoom", 403, strict, get, pathRoom, "u", "")
	known := newServerV1(t, func(c *setup) { c.KnownRooms = true })
	f("getRoom", 404, known, get, pathRoom+"?for=socket&user_id=u&token=t", "", "")
	f("sendMessage", 404, known, post, pathMessages, "u", `{"id":"1"}`)
	f("connect", 404, known, get, pathSocket, "u", "", upgrading)
	away("Report", func() { f("getRoom", 503, open, get, pathRoom, "", "") })

	f("sendMessage", 201, open, post, pathMessages, "u", `{"id":"1","body":"hi"}`)
	f("sendMessage", 400, open, post, pathMessages, "u", `{"id":""}`)
	f("sendMessage", 401, open, post, pathMessages, "u", `{"id":"1"}`, wrong)
	f("sendMessage", 403, strict, post, pathMessages, "u", `{"id":"1"}`)
	f("sendMessage", 413, open, post, pathMessages, "u", big)
	f("sendMessage", 415, open, post, pathMessages, "u", `{"id":"1"}`, text)
	away("CheckToken", func() { f("sendMessage", 503, open, post, pathMessages, "u", `{"id":"1"}`) })

	f("getMessages", 200, open, get, pathMessages, "", "")
	f("getMessages", 400, open, get, pathMessages+"?limit=0", "", "")
	f("getMessages", 401, strict, get, pathMessages, "u", "", wrong)
	f("getMessages", 403, strict, get, pathMessages, "u", "")
	away("Page", func() { f("getMessages", 503, open, get, pathMessages, "", "") })

	const one = pathMessages + "/1"
	away("RecallSeq", func() { f("recallMessage", 503, open, http.MethodDelete, one, "u", "") })
	f("recallMessage", 403, open, http.MethodDelete, one, "v", "")
	f("recallMessage", 401, open, http.MethodDelete, one, "u", "", wrong)
	f("recallMessage", 204, open, http.MethodDelete, one, "u", "")
	f("recallMessage", 204, open, http.MethodDelete, one, "u", "") // once more: somebody may have missed it
	f("recallMessage", 404, open, http.MethodDelete, pathMessages+"/99", "u", "")
	f("recallMessage", 400, open, http.MethodDelete, pathMessages+"/one", "u", "")
	f("recallMessage", 400, open, http.MethodDelete, one+"?epoch="+strings.Repeat("e", 129), "u", "")
	f("recallMessage", 409, open, http.MethodDelete, one+"?epoch=0-other", "u", "")

	f("connect", 101, open, get, pathSocket, "u", "", upgrading)
	f("connect", 400, open, get, pathSocket, "u", "")
	f("connect", 401, strict, get, pathSocket, "u", "", upgrading, wrong)
	f("connect", 403, strict, get, pathSocket, "u", "", upgrading)
	f("connect", 426, open, get, pathSocket, "u", "", upgrading, with("Sec-WebSocket-Version", "8"))
	// Behind a proxy that names its client, whose every call but the first is one too many.
	busy := newServerV1(t, func(c *setup) {
		c.Limits = door.Limits{Enabled: true, HTTPRate: 0.001, HTTPBurst: 1, IPHandshakes: 0.001, IPHandshakesBurst: 1, IP6Prefix: 64}
		c.Server.TrustedProxies = []string{"127.0.0.0/8"}
	})
	client := with("X-Forwarded-For", "203.0.113.7")
	f("getRoom", 200, busy, get, pathRoom, "", "", client)
	f("connect", 101, busy, get, pathSocket, "u", "", upgrading, client)
	for op, call := range map[string][3]string{
		"login": {post, "/v1/login", login}, "getRoom": {get, pathRoom}, "getMessages": {get, pathMessages},
		"sendMessage": {post, pathMessages, `{"id":"1"}`}, "recallMessage": {http.MethodDelete, one},
		"moderate": {post, "/v1/rooms/r/mod", `{"verb":"clear"}`}, "getOrder": {get, "/v1/rooms/r/mod"}, "getModLog": {get, "/v1/rooms/r/mod/log"},
		"getHeld": {get, "/v1/rooms/r/mod/held"},
	} {
		f(op, 429, busy, call[0], call[1], "u", call[2], client)
	}
	f("connect", 429, busy, get, pathSocket, "u", "", upgrading, client)
	f("getRoom", 200, busy, get, pathRoom, "", "", with("X-Forwarded-For", "203.0.113.8")) // another client

	const mod, modLog, waits = "/v1/rooms/r/mod", "/v1/rooms/r/mod/log", "/v1/rooms/r/mod/held"
	moderate(t, open, `{"verb":"role","user_id":"u","role":"moderator"}`)
	f("moderate", 200, open, post, mod, "u", `{"verb":"mute","user_id":"x"}`)
	f("moderate", 400, open, post, mod, "u", `{"verb":"dance"}`)
	f("moderate", 401, open, post, mod, "u", `{"verb":"clear"}`, wrong)
	f("moderate", 403, open, post, mod, "v", `{"verb":"clear"}`)
	f("moderate", 404, open, post, mod, "u", `{"verb":"delete","seq":99}`)
	f("moderate", 409, open, post, mod, "u", `{"verb":"delete","seq":99,"epoch":"0-other"}`)
	f("moderate", 413, open, post, mod, "u", big)
	f("moderate", 415, open, post, mod, "u", `{"verb":"clear"}`, text)
	away("ChangeRules", func() { f("moderate", 503, open, post, mod, "u", `{"verb":"clear"}`) })
	storeOf(open).fail(chat.ErrBeside, "ChangeRules")
	f("moderate", 501, open, post, mod, "u", `{"verb":"clear"}`)
	storeOf(open).fail(nil, "ChangeRules")
	message := codec.NewNativeDraft("r", "3", &codec.Op{ID: "c-1", Body: "hi", Kind: "chat"}, 1)
	if _, err := open.store.Hold(t.Context(), "r", []chat.Held{{ID: "4e0740-91be", Why: chat.HeldByFilter, JSON: string(message.AppendJSON(nil, 1))}}); err != nil {
		t.Fatal(err)
	}
	storeOf(open).fail(chat.ErrBeside, "Held")
	f("getHeld", 501, open, get, waits, "u", "")
	storeOf(open).fail(nil, "Held")
	for op, path := range map[string]string{"getOrder": mod, "getModLog": modLog, "getHeld": waits} {
		f(op, 200, open, get, path, "u", "")
		f(op, 400, open, get, strings.Replace(path, "/r/", "/"+strings.Repeat("x", 129)+"/", 1), "u", "")
		f(op, 401, open, get, path, "u", "", wrong)
		f(op, 403, open, get, path, "v", "")
		away("CheckToken", func() { f(op, 503, open, get, path, "u", "") })
	}

	open.edge.PeekDraining(true)
	f("connect", 503, open, get, pathSocket, "u", "", upgrading)
	open.edge.PeekDraining(false)

	doc, _ := described()
	wantEveryStatus(t, doc, seen)
}

// wantEveryStatus wants each status of each operation that a description names, and no other.
func wantEveryStatus(t *testing.T, doc *openapi3.T, seen map[string]map[int]bool) {
	t.Helper()
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			var got []string
			for status := range seen[op.OperationID] {
				got = append(got, fmt.Sprint(status))
			}
			slices.Sort(got)
			if want := slices.Sorted(maps.Keys(op.Responses.Map())); !slices.Equal(got, want) {
				t.Errorf("%s answered with %q; the description has %q", op.OperationID, got, want)
			}
		}
	}
}

func TestOpenAPI_NamesEveryCode(t *testing.T) {
	doc, _ := described()
	problem := doc.Components.Schemas["Problem"].Value.Properties["error"].Value
	var named []string
	for _, code := range problem.Properties["code"].Value.Enum {
		named = append(named, code.(string))
	}
	for _, code := range v1.PeekCodes() {
		if !slices.Contains(named, code) {
			t.Errorf("openapi.yaml does not name the code %q", code)
		}
	}
}

// The bounds in the description are those in the code.
func TestOpenAPI_BoundsAreThoseOfTheCode(t *testing.T) {
	doc, _ := described()
	f := func(what string, got *uint64, want int) {
		t.Helper()
		if got == nil || *got != uint64(want) {
			t.Errorf("%s = %v in openapi.yaml; want %d", what, got, want)
		}
	}
	schemas := doc.Components.Schemas
	f("id of a send", schemas["Send"].Value.Properties["id"].Value.MaxLength, codec.MaxSendID)
	if got, want := schemas["Send"].Value.Properties["ext"].Value.Description, fmt.Sprintf("at most 4 KiB, nested at most %d deep", codec.MaxExtDepth); codec.MaxExt != 4<<10 || !strings.Contains(got, want) {
		t.Errorf("ext of a send is described as %q; want %q in it", got, want)
	}
	f("kind of a send", schemas["Send"].Value.Properties["kind"].Value.MaxLength, codec.MaxKind)
	f("messages of a page", schemas["History"].Value.Properties["messages"].Value.MaxItems, pageMost)
	f("user_id", schemas["Login"].Value.Properties["user_id"].Value.MaxLength, chat.MaxID)
	f("password", schemas["Login"].Value.Properties["password"].Value.MaxLength, edge.MaxPasswordBytes)
	f("room", doc.Components.Parameters["Room"].Value.Schema.Value.MaxLength, chat.MaxID)
}
