package gateway

import (
	"strings"
	"testing"
)

// A mistake of a proxy in front is logged once, with the cure; requests of strangers are not logged at all.
func TestHints_ProxyMistakesAreSaidOnce(t *testing.T) {
	logged := &journal{}
	s := newLogged(t, logged, nil)
	ask := func(request string, status int) {
		t.Helper()
		c := dialTCP(t, s)
		c.mustWrite(request)
		if answer, err := c.response(); err != nil || answer.status != status {
			t.Fatalf("%.60q: %v, %v; want %d", request, answer, err, status)
		}
	}
	socket := requestV1("r", userAndToken, "")
	plain := "GET /v1/nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	ask(plain, 404)
	if text := logged.String(); strings.Contains(text, "proxy") {
		t.Errorf("a request that is none of ours has the node say %q", text)
	}
	for range 2 {
		ask(strings.Replace(strings.Replace(socket, "Upgrade: websocket\r\n", "", 1), "Connection: Upgrade", "Connection: close", 1), 400)
		ask(strings.Replace(socket, "/v1/rooms", "/rooms", 1), 404)
	}
	text := logged.String()
	for _, cure := range []string{"proxy_set_header Upgrade $http_upgrade", "proxy_pass http://up, without a slash"} {
		if strings.Count(text, cure) != 1 {
			t.Errorf("%q is said %d times; want once:\n%s", cure, strings.Count(text, cure), text)
		}
	}
	if !strings.Contains(text, "path=/rooms/r/ws") {
		t.Errorf("the log does not say at which address:\n%s", text)
	}
}
