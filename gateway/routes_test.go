package gateway

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"barrage/gateway/edge"
)

// Pages of other origins may load the client's script, as they may call the API.
func TestRoutes_ScriptMayBeLoadedByAllowedOrigins(t *testing.T) {
	const page = "https://page.example"
	get := func(t *testing.T, s *Server, name, origin, tag string) answerV1 {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr().String()+name, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", origin)
		req.Header.Set("If-None-Match", tag)
		return roundTrip(t, req)
	}
	f := func(allowed, origin, allow, vary string) {
		t.Helper()
		s := newServer(t, func(c *setup) { c.CORS.AllowedOrigins = []string{allowed} })
		for name, mark := range map[string]string{"/barrage.js": "barrage.v1", "/barrage.mjs": "barrage.v1", "/barrage-room.mjs": `from"./barrage.mjs"`} {
			a := get(t, s, name, origin, "")
			if a.status != http.StatusOK || !strings.Contains(a.body, mark) {
				t.Errorf("%s = %d %.100s; want the client, with %s", name, a.status, a.body, mark)
			}
			for header, want := range map[string]string{
				"Access-Control-Allow-Origin": allow, "Vary": vary, "Content-Type": "text/javascript; charset=utf-8",
				"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff",
			} {
				if got := strings.Join(a.header.Values(header), ", "); got != want {
					t.Errorf("%s for %s: %s = %q; want %q", name, origin, header, got, want)
				}
			}
			if a := get(t, s, name, origin, a.header.Get("ETag")); a.status != http.StatusNotModified || a.header.Get("Access-Control-Allow-Origin") != allow {
				t.Errorf("%s with its ETag = %d %v; want 304 for %q", name, a.status, a.header, allow)
			}
		}
	}
	f("*", page, "*", "Accept-Encoding")
	f(page, page, page, "Origin, Accept-Encoding")
	f(page, "https://other.example", "", "Origin, Accept-Encoding")
	f(page, "", "", "Origin, Accept-Encoding")
}

// A room's id may be any text, an address too.
func TestRoutes_SlashesArePartOfRoomIDs(t *testing.T) {
	s := newServerV1(t, nil)
	for _, id := range []string{"https%3A%2F%2Fpage.example%2Flive%2F%2F7", "a%2F..%2Fb", "...", "a%2F.%2Fb"} {
		if a := callV1(t, s, http.MethodGet, "/v1/rooms/"+id+"/messages", "", ""); a.status != http.StatusOK {
			t.Errorf("messages of %s = %d %s; want 200", id, a.status, a.body)
		}
		if _, w := dialV1(t, s, id, "user_id=u&token=t", false); w.Room == "" {
			t.Errorf("welcome of %s = %+v", id, w)
		}
	}
}

func TestV1_CORSAllowsOnlyListedOrigins(t *testing.T) {
	const page = "https://page.example"
	s := newServerV1(t, func(c *setup) { c.CORS.AllowedOrigins = []string{page} })
	preflight := func(origin string) answerV1 {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, "http://"+s.Addr().String()+pathMessages+"/1", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", origin)
		req.Header.Set("Access-Control-Request-Method", http.MethodDelete)
		req.Header.Set("Access-Control-Request-Headers", "authorization,content-type")
		return roundTrip(t, req)
	}
	a := preflight(page)
	if a.status != http.StatusNoContent || a.header.Get("Access-Control-Allow-Origin") != page {
		t.Errorf("preflight = %d %v; want 204 for %s", a.status, a.header, page)
	}
	for header, wants := range map[string][]string{
		"Access-Control-Allow-Methods": {"GET", "POST", "DELETE"},
		"Access-Control-Allow-Headers": {"Authorization", "Content-Type"},
	} {
		got := strings.Split(a.header.Get(header), ", ")
		for _, want := range wants {
			if !slices.Contains(got, want) {
				t.Errorf("%s = %q; want %s in it", header, got, want)
			}
		}
	}
	if a := preflight("https://evil.example"); a.status == http.StatusNoContent || a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight of another origin = %d %v; want it refused", a.status, a.header)
	}
	// A page must be able to read refusals too.
	a = callV1(t, s, http.MethodGet, "/v1/nothing", "", "", with("Origin", page))
	if got := a.header.Get("Access-Control-Allow-Origin"); got != page || a.status != 404 {
		t.Errorf("a refusal: %d, Access-Control-Allow-Origin = %q; want 404, %q", a.status, got, page)
	}
}

// The room page and the overlay may be in no frame, or in those of cors.frame_ancestors; FastIM's page for trying is in
// none.
func TestRoutes_FrameAncestorsAreThoseThatAreSet(t *testing.T) {
	for want, origins := range map[string][]string{"'none'": nil, "https://a.example https://*.b.example": {"https://a.example", "https://*.b.example"}} {
		s := newServer(t, func(c *setup) { c.CORS.FrameAncestors, c.Server.TestPage = origins, edge.TestPageAll })
		for path, want := range map[string]string{"/": want, "/overlay?room=r": want, "/test/websocket": "'none'"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr().String()+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			policy := roundTrip(t, req).header.Get("Content-Security-Policy")
			if !strings.HasSuffix(policy, "; frame-ancestors "+want) {
				t.Errorf("%s with %q: the policy is %q; want frame-ancestors %s", path, origins, policy, want)
			}
		}
	}
}
