package gateway

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"barrage/codec"
	"barrage/gateway/admin"
	"barrage/internal/chat"
)

// describedAdmin is openapi.yaml of package admin, and whatever finds an operation in it.
var describedAdmin = sync.OnceValues(func() (*openapi3.T, routers.Router) {
	openapi3filter.RegisterBodyDecoder("application/x-ndjson", openapi3filter.PlainBodyDecoder)
	openapi3filter.RegisterBodyDecoder("text/html", openapi3filter.PlainBodyDecoder)
	doc, err := openapi3.NewLoader().LoadFromFile("admin/openapi.yaml")
	if err != nil {
		panic(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		panic(err)
	}
	return doc, router
})

func TestAdminOpenAPI_IsValid(t *testing.T) {
	doc, _ := describedAdmin()
	wantValid(t, doc, "")
}

func TestAdminOpenAPI_HasEveryRoute(t *testing.T) {
	var got []string
	for _, routes := range newServer(t, nil).admin.PeekOperations() {
		for _, route := range routes {
			if !strings.Contains(route, "/debug/pprof/") { // Go's own
				got = append(got, strings.TrimSuffix(route, "{$}"))
			}
		}
	}
	doc, _ := describedAdmin()
	wantSame(t, got, operationsOf(doc))
}

// adminCase is a call that does well, and what it can be refused for.
type adminCase struct {
	op, method, path, body string
	good                   int
	long                   string // the path with a name that is too long; empty: there is none, or it is none
	store                  string // the call of the store without which it is refused with 503
	beside                 string // that which is refused beside original nodes, with 501
}

const (
	get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	pathNode            = "/v1/admin/nodes/self"
	pathMod             = "/v1/admin/rooms/r/mod"
	pathAllMod          = "/v1/admin/everywhere/mod"
	pathList            = "/v1/admin/filter/lists/spam"
)

func adminCases() []adminCase {
	long := strings.Repeat("x", 129)
	const level, mute, ban = `{"level":"info"}`, `{"verb":"mute","user_id":"x"}`, `{"verb":"ban","user_id":"x"}`
	return []adminCase{
		{op: "index", method: get, path: "/", good: 200},
		{op: "console", method: get, path: "/console", good: 200},
		{op: "live", method: get, path: "/healthz", good: 200},
		{op: "ready", method: get, path: "/readyz", good: 200},
		{op: "describeAdmin", method: get, path: "/v1/admin/openapi.yaml", good: 200},
		{op: "metrics", method: get, path: "/metrics", good: 200},
		{op: "roomsHere", method: get, path: "/rooms", good: 200, long: "/rooms?limit=0"},
		{op: "listNodes", method: get, path: "/v1/admin/nodes", good: 200},
		{op: "getNode", method: get, path: pathNode, good: 200, long: "/v1/admin/nodes/" + long},
		{op: "drainNode", method: post, path: pathNode + "/drain?over=0s", good: 200, long: pathNode + "/drain?over=x"},
		{op: "undrainNode", method: post, path: pathNode + "/undrain", good: 200, long: "/v1/admin/nodes/" + long + "/undrain"},
		{op: "getLogLevel", method: get, path: pathNode + "/log-level", good: 200, long: "/v1/admin/nodes/" + long + "/log-level"},
		{op: "setLogLevel", method: put, path: pathNode + "/log-level", body: level, good: 200, long: "/v1/admin/nodes/" + long + "/log-level"},
		{op: "getConfig", method: get, path: pathNode + "/config", good: 200, long: "/v1/admin/nodes/" + long + "/config"},
		{op: "reload", method: post, path: pathNode + "/reload", good: 200, long: "/v1/admin/nodes/" + long + "/reload"},
		{op: "rebalance", method: post, path: "/v1/admin/nodes/rebalance?rate=5/s&over=1.5", good: 200, long: "/v1/admin/nodes/rebalance?over=0.5"},
		{op: "listRooms", method: get, path: "/v1/admin/rooms", good: 200, long: "/v1/admin/rooms?sort=beauty"},
		{op: "listRooms", method: get, path: "/v1/admin/rooms?sort=id", good: 200, long: "/v1/admin/rooms?after=x"},
		{op: "registerRoom", method: put, path: "/v1/admin/rooms/r", good: 204, long: "/v1/admin/rooms/" + long, store: "RegisterRoom"},
		{op: "publish", method: post, path: "/v1/admin/rooms/r/messages", body: `{"messages":[{"id":"1","body":"hi","user_id":"u"}]}`, good: 200, long: "/v1/admin/rooms/" + long + "/messages"},
		{op: "getRoom", method: get, path: "/v1/admin/rooms/r", good: 200, long: "/v1/admin/rooms/" + long, store: "Rules"},
		{op: "exportRoom", method: get, path: "/v1/admin/rooms/r/export", good: 200, long: "/v1/admin/rooms/r/export?after=x", store: "Page"},
		{op: "readMessages", method: get, path: "/v1/admin/rooms/r/messages", good: 200, long: "/v1/admin/rooms/r/messages?before=0", store: "Page"},
		{op: "readMessages", method: get, path: "/v1/admin/rooms/r/messages?user=u", good: 200, long: "/v1/admin/rooms/r/messages?user=u&limit=101", store: "Page"},
		{op: "moderate", method: post, path: pathMod, body: mute, good: 200, long: "/v1/admin/rooms/" + long + "/mod", store: "ChangeRules", beside: "ChangeRules"},
		{op: "getOrder", method: get, path: pathMod, good: 200, long: "/v1/admin/rooms/" + long + "/mod", store: "Rules"},
		{op: "getModLog", method: get, path: pathMod + "/log", good: 200, long: pathMod + "/log?limit=0", store: "ReadLog"},
		{op: "getHeld", method: get, path: pathMod + "/held", good: 200, long: "/v1/admin/rooms/" + long + "/mod/held", store: "Held", beside: "Held"},
		{op: "moderateEverywhere", method: post, path: pathAllMod, body: ban, good: 200, store: "ChangeRules", beside: "ChangeRules"},
		{op: "getOrderEverywhere", method: get, path: pathAllMod, good: 200, store: "Rules"},
		{op: "getModLogEverywhere", method: get, path: pathAllMod + "/log", good: 200, long: pathAllMod + "/log?limit=0", store: "ReadLog"},
		{op: "unregisterRoom", method: del, path: "/v1/admin/rooms/r", good: 204, long: "/v1/admin/rooms/" + long, store: "RegisterRoom"},
		{op: "getUser", method: get, path: "/v1/admin/users/x", good: 200, long: "/v1/admin/users/" + long, store: "Rooms"},
		{op: "revokeUser", method: post, path: "/v1/admin/users/x/revoke", good: 204, long: "/v1/admin/users/" + long + "/revoke", store: "RevokeUser"},
		{op: "revokeToken", method: post, path: "/v1/admin/tokens/x/revoke", good: 204, long: "/v1/admin/tokens/x/revoke?until=x", store: "RevokeToken"},
		{op: "getFilter", method: get, path: "/v1/admin/filter", good: 200},
		{op: "testFilter", method: post, path: "/v1/admin/filter/test", body: `{"text":"oh"}`, good: 200},
		{op: "putList", method: put, path: pathList, body: "darn mask #rude", good: 200, long: pathList + long, store: "WriteTerms", beside: "WriteTerms"},
		{op: "getList", method: get, path: pathList, good: 200, long: pathList + long, store: "ReadTerms"},
		{op: "deleteList", method: del, path: pathList, good: 204, long: pathList + long, store: "ChangeRules", beside: "ChangeRules"},
	}
}

// adminCaller makes calls of an admin port, and remembers what was answered.
type adminCaller struct {
	*testing.T
	seen map[string]map[int]bool
}

// call makes a call, which must be answered so and as the description says.
func (c *adminCaller) call(s *Server, op string, status int, method, path, key, body string, change ...func(*http.Request)) {
	c.Helper()
	req, err := http.NewRequestWithContext(c.Context(), method, "http://"+s.AdminAddr().String()+path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	if strings.HasPrefix(body, "{") {
		req.Header.Set("Content-Type", "application/json")
	} else if body != "" {
		req.Header.Set("Content-Type", "text/plain")
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	for _, f := range change {
		f(req)
	}
	a := roundTrip(c, req)
	doc, router := describedAdmin()
	a.wantDescribedBy(c, doc, router, req, body)
	if a.op != op || a.status != status {
		c.Errorf("%s %s = %s, %d %s; want %s, %d", method, path, a.op, a.status, a.body, op, status)
	}
	if c.seen[op] == nil {
		c.seen[op] = map[int]bool{}
	}
	c.seen[op][status] = true
}

// Every status of every operation that openapi.yaml names was answered, and no other.
func TestAdminOpenAPI_EveryStatusIsAnswered(t *testing.T) {
	s := newAdmin(t, nil)
	path, texts := keysFile(t)
	keyed := newAdmin(t, func(c *setup) { c.Admin.KeysFile = path })
	doc, _ := describedAdmin()
	c := &adminCaller{t, map[string]map[int]bool{}}
	big := `{"x":"` + strings.Repeat("x", 1<<20) + `"}`
	away := func(err error, call string, f func()) {
		storeOf(s).fail(err, call)
		f()
		storeOf(s).fail(nil, call)
	}
	tags := map[string]string{}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			tags[op.OperationID] = op.Tags[0]
		}
	}
	message := codec.NewNativeDraft("r", "3", &codec.Op{ID: "c-1", Body: "hi", Kind: "chat"}, 1)
	if _, err := s.store.Hold(t.Context(), "r", []chat.Held{{ID: "4e0740-91be", Why: chat.HeldByFilter, JSON: string(message.AppendJSON(nil, 1))}}); err != nil {
		t.Fatal(err)
	}
	for _, k := range adminCases() {
		if k.store != "" {
			away(errAway, k.store, func() { c.call(s, k.op, 503, k.method, k.path, "", k.body) })
		}
		if k.beside != "" {
			away(chat.ErrBeside, k.beside, func() { c.call(s, k.op, 501, k.method, k.path, "", k.body) })
		}
		c.call(s, k.op, k.good, k.method, k.path, "", k.body)
		if tags[k.op] != "health" {
			c.call(keyed, k.op, 401, k.method, k.path, "", k.body)
			for can, text := range texts {
				if has := can.Names()[0]; has != tags[k.op] {
					c.call(keyed, k.op, 403, k.method, k.path, text, k.body)
				} else if status, body := callAdminWith(t, keyed, k.method, k.path, text, k.body); status == 401 || status == 403 {
					t.Errorf("%s with a key for %s: %d %s; want it done", k.op, has, status, body)
				}
			}
		}
		if k.long != "" {
			c.call(s, k.op, 400, k.method, k.long, "", k.body)
		}
		if strings.HasPrefix(k.body, "{") {
			c.call(s, k.op, 413, k.method, k.path, "", big)
			c.call(s, k.op, 415, k.method, k.path, "", k.body, with("Content-Type", "text/plain"))
		}
	}
	c.refusedNodes(s)
	c.call(s, "getRoom", 404, get, "/v1/admin/rooms/nothing", "", "")
	c.call(s, "exportRoom", 404, get, "/v1/admin/rooms/nothing/export", "", "")
	c.call(s, "moderate", 404, post, pathMod, "", `{"verb":"delete","seq":99}`)
	c.call(s, "moderate", 409, post, pathMod, "", `{"verb":"delete","seq":99,"epoch":"0-other"}`)
	c.call(s, "moderateEverywhere", 400, post, pathAllMod, "", `{"verb":"clear"}`)
	c.call(s, "testFilter", 400, post, "/v1/admin/filter/test", "", `{}`)
	c.call(s, "putList", 413, put, pathList, "", strings.Repeat("x", 1<<20+1))
	for _, method := range []string{get, del} {
		c.call(s, map[string]string{get: "getList", del: "deleteList"}[method], 404, method, "/v1/admin/filter/lists/nothing", "", "")
	}
	away(failure("Read"), "Read", func() {
		c.call(s, "publish", 503, post, "/v1/admin/rooms/unread/messages", "", `{"messages":[{"id":"1","body":"hi","user_id":"u"}]}`)
	})
	c.call(s, "publish", 400, post, "/v1/admin/rooms/r/messages", "", `{"messages":[]}`)
	if holder, err := s.store.TakeLease(t.Context(), "other", time.Hour); err != nil || holder != "other" {
		t.Fatalf("who may send clients away is %q, %v; want other", holder, err)
	}
	c.call(s, "rebalance", 409, post, "/v1/admin/nodes/rebalance", "", "")
	refused := newAdmin(t, func(c *setup) {
		c.Running.Load = func() (Next, error) { return Next{}, &RestartError{[]string{"server.listen"}} }
	})
	c.call(refused, "reload", 409, post, pathNode+"/reload", "", "")
	s.edge.Exit.Leave()
	c.call(s, "ready", 503, get, "/readyz", "", "")
	still := newServer(t, func(c *setup) {
		manualCheck(c)
		c.Admin.Listen = "127.0.0.1:0"
	})
	still.edge.PeekStill(admin.DeadAfter)
	c.call(still, "live", 503, get, "/healthz", "", "")
	for _, op := range []string{"drain", "undrain"} {
		c.call(s, op+"Node", 409, post, pathNode+"/"+op, "", "")
	}
	wantEveryStatus(t, doc, c.seen)
}

// refusedNodes are calls about nodes that are not there, do not answer, or cannot do it.
func (c *adminCaller) refusedNodes(s *Server) {
	c.Helper()
	bare := newServer(c.T, func(c *setup) { c.Admin.Listen = "127.0.0.1:0" })
	s.fleet.PeekPatience(20 * time.Millisecond)
	if err := s.store.Beat(c.Context(), "dead", `{"node":"dead"}`); err != nil {
		c.Fatal(err)
	}
	for _, k := range adminCases() {
		rest, ok := strings.CutPrefix(k.path, pathNode)
		if !ok {
			continue
		}
		c.call(s, k.op, 404, k.method, "/v1/admin/nodes/nobody"+rest, "", k.body)
		c.call(s, k.op, 503, k.method, "/v1/admin/nodes/dead"+rest, "", k.body)
		if strings.HasSuffix(k.op, "LogLevel") || k.op == "getConfig" || k.op == "reload" {
			c.call(bare, k.op, 501, k.method, k.path, "", k.body)
		}
	}
	c.call(s, "setLogLevel", 400, put, pathNode+"/log-level", "", `{"level":"loud"}`)
}
