package gateway

import (
	"net/http"
	"strings"
	"testing"

	"barrage/gateway/admin"
	"barrage/gateway/keys"
)

// callPublic makes a call of the public port with a key; change may change it.
func callPublic(t *testing.T, s *Server, method, path, key string, change ...func(*http.Request)) answerV1 {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr().String()+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	for _, f := range change {
		f(req)
	}
	return roundTrip(t, req)
}

// With admin.public the public port serves what operators call, and nothing else of the admin port, also where there is
// no such port. Each call needs a key that may do it, and no page of another site may make one.
func TestAdminPublic_ServesOperatorsCallsForKeysAlone(t *testing.T) {
	path, texts := keysFile(t)
	s := newServer(t, func(c *setup) {
		c.Admin.Listen, c.Admin.KeysFile, c.Admin.Public = "off", path, true
		c.Server.TestPage = "none"
	})
	if s.AdminAddr() != nil {
		t.Fatalf("the admin port is on at %v", s.AdminAddr())
	}
	calls := 0
	for can, routes := range s.admin.PeekOperations() {
		for _, route := range routes {
			method, pattern, _ := strings.Cut(route, " ")
			address := strings.NewReplacer("{room}", "r", "{node}", "n", "{user}", "u", "{id}", "i", "{name}", "l").Replace(pattern)
			if !strings.HasPrefix(pattern, admin.Path) {
				if a := callPublic(t, s, method, address, texts[keys.Ops]); a.status != http.StatusNotFound {
					t.Errorf("%s = %d on the public port; want 404", route, a.status)
				}
				continue
			}
			calls++
			if a := callPublic(t, s, method, address, ""); a.status != http.StatusUnauthorized {
				t.Errorf("%s without a key = %d; want 401", route, a.status)
			}
			for other, text := range texts {
				if a := callPublic(t, s, method, address, text); (a.status == http.StatusForbidden) == other.Has(can) {
					t.Errorf("%s with %v = %d %s; it takes %v", route, other, a.status, a.body, can)
				}
			}
		}
	}
	if calls < 20 {
		t.Errorf("%d calls; want all under %s", calls, admin.Path)
	}
	if a := callPublic(t, s, http.MethodPut, "/v1/admin/rooms/shown", texts[keys.Rooms]); a.status != http.StatusNoContent {
		t.Errorf("registering a room = %d %s; want 204", a.status, a.body)
	}
	for header, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		a := callPublic(t, s, http.MethodPut, "/v1/admin/rooms/r", texts[keys.Rooms], func(r *http.Request) { r.Header.Set(header, value) })
		if a.status != http.StatusForbidden {
			t.Errorf("a page of another site, %s = %d; want 403", header, a.status)
		}
	}
}

// Without admin.public the public port knows none of it.
func TestAdminPublic_OffThePublicPortKnowsNothing(t *testing.T) {
	path, texts := keysFile(t)
	s := newServer(t, func(c *setup) { c.Admin.Listen, c.Admin.KeysFile = "127.0.0.1:0", path })
	if a := callPublic(t, s, http.MethodGet, "/v1/admin/nodes", texts[keys.Ops]); a.status != http.StatusNotFound {
		t.Errorf("GET /v1/admin/nodes = %d %s; want 404", a.status, a.body)
	}
}

// A caller without a key counts against limits.http_rate; one with a key does not.
func TestAdminPublic_StrangersCountAgainstTheHTTPRate(t *testing.T) {
	path, texts := keysFile(t)
	s := behindProxy(t, func(c *setup) {
		c.Admin.KeysFile, c.Admin.Public = path, true
		c.Limits.HTTPRate, c.Limits.HTTPBurst = 0.001, 2
	})
	from := with("X-Forwarded-For", "203.0.113.1")
	for range 5 {
		if a := callPublic(t, s, http.MethodGet, "/v1/admin/nodes", texts[keys.Ops], from); a.status != http.StatusOK {
			t.Errorf("with a key: %d %s; want 200", a.status, a.body)
		}
	}
	for i, want := range []int{401, 401, 429} {
		a := callPublic(t, s, http.MethodGet, "/v1/admin/nodes", "brg_wrong", from)
		if a.status != want || want == http.StatusTooManyRequests && a.header.Get("Retry-After") == "" {
			t.Errorf("try %d without a key: %d %s; want %d", i, a.status, a.body, want)
		}
	}
}
