package contract

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// preflight asks as a browser does before a page of origin calls the API.
func (n *node) preflight(tb testing.TB, origin string) response {
	tb.Helper()
	req := n.request(tb, "query", "/user/listGroup", nobody, nil)
	req.Method = http.MethodOptions
	req.Header.Set("Origin", origin)
	req.Header.Set("Access-Control-Request-Method", "POST")
	req.Header.Set("Access-Control-Request-Headers", "token,userid")
	return send(tb, req)
}

// callFrom calls the API as a page of origin does.
func (n *node) callFrom(tb testing.TB, origin string, as account) response {
	tb.Helper()
	req := n.request(tb, "urlencoded", "/user/listGroup", as, nil)
	req.Header.Set("Origin", origin)
	return send(tb, req)
}

// wantAllowed wants the answer to let a page of the origin read it.
func wantAllowed(tb testing.TB, got response, origin string) {
	tb.Helper()
	if allowed := got.header.Get("Access-Control-Allow-Origin"); allowed != origin {
		tb.Errorf("Access-Control-Allow-Origin = %q; want %q", allowed, origin)
	}
	if varies := strings.Contains(got.header.Get("Vary"), "Origin"); varies != (origin != "*") {
		tb.Errorf("Vary = %q for origin %q", got.header.Get("Vary"), origin)
	}
}

// wantPreflight wants the answer to allow the call that will follow.
func wantPreflight(tb testing.TB, got response, origin string) {
	tb.Helper()
	wantAllowed(tb, got, origin)
	if got.status/100 != 2 {
		tb.Errorf("preflight = %d; want 2xx", got.status)
	}
	headers := strings.Split(strings.ToLower(strings.ReplaceAll(got.header.Get("Access-Control-Allow-Headers"), " ", "")), ",")
	for _, name := range []string{"userid", "token"} {
		if !slices.Contains(headers, name) {
			tb.Errorf("Access-Control-Allow-Headers = %q; want %s in it", headers, name)
		}
	}
	if methods := got.header.Get("Access-Control-Allow-Methods"); !strings.Contains(methods, "POST") {
		tb.Errorf("Access-Control-Allow-Methods = %q; want POST in it", methods)
	}
}

// upgradeFrom is the handshake of a page of origin.
func upgradeFrom(origin string) string {
	return strings.Replace(handshake("g", "page"), "Host: x\r\n", "Host: x\r\nOrigin: "+origin+"\r\n", 1)
}

func TestCORS_EveryOriginByDefault(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	const origin = "https://anywhere.example"
	wantPreflight(t, n.preflight(t, origin), "*")
	got := n.callFrom(t, origin, n.login(t, "u"))
	wantAllowed(t, got, "*")
	wantBody(t, got, listed())
	got = n.callFrom(t, origin, nobody) // a page must be able to read refusals too
	wantAllowed(t, got, "*")
	wantBody(t, got, notLoggedIn)
	dialRaw(t, n.addr).send(upgradeFrom(origin)).wantStatus(http.StatusSwitchingProtocols)
}

func TestCORS_RestrictedOriginsAloneComeIn(t *testing.T) {
	t.Parallel()
	n := startNode(t, "cors.allowed_origins=https://good.example,http://other.example:8080")
	a := n.login(t, "u")
	for _, good := range []string{"https://good.example", "http://other.example:8080"} {
		wantPreflight(t, n.preflight(t, good), good)
		got := n.callFrom(t, good, a)
		wantAllowed(t, got, good)
		wantBody(t, got, listed())
		dialRaw(t, n.addr).send(upgradeFrom(good)).wantStatus(http.StatusSwitchingProtocols)
	}
	for _, bad := range []string{"https://bad.example", "http://good.example", "https://good.example.bad.example", "https://other.example:8080", "null"} {
		for _, got := range []response{n.preflight(t, bad), n.callFrom(t, bad, a)} {
			for name := range got.header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("origin %s is given %s: %s", bad, name, got.header.Get(name))
				}
			}
		}
		if why := dialRaw(t, n.addr).send(upgradeFrom(bad)).wantStatus(http.StatusForbidden); !strings.Contains(why, bad) {
			t.Errorf("refusal of %s = %q; want the origin in it", bad, why)
		}
	}
	t.Run("no origin is no page", func(t *testing.T) {
		n.member(t, "g", "u")
	})
	t.Run("our own pages", func(t *testing.T) {
		dialRaw(t, n.addr).send(upgradeFrom("http://x")).wantStatus(http.StatusSwitchingProtocols)
	})
}
