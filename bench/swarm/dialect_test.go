package swarm

import (
	"strings"
	"testing"
)

// TestDialect_TokenStandsWhereTheProtocolHasIt: it is where each protocol has it. Servers that do not look at it get a
// placeholder, or none.
func TestDialect_TokenStandsWhereTheProtocolHasIt(t *testing.T) {
	f := func(name, token, path, hello string) {
		t.Helper()
		d, err := newDialect(&Plan{Dialect: name, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		if got := d.path("r", "u"); got != path {
			t.Errorf("%s: path %s; want %s", name, got, path)
		}
		// Frames of a client are masked; those here have the key 0.
		if got := string(d.hello(nil, "r")); !strings.Contains(got, hello) || hello == "" && got != "" {
			t.Errorf("%s: hello %q; want %q", name, got, hello)
		}
	}
	f("fastim", "", "/group/chat/r/u/t", "")
	f("fastim", "a/b c", "/group/chat/r/u/a%2Fb%20c", "")
	f("native", "", "/v1/rooms/r/ws?token=t&user_id=u", "")
	f("native", "a&b", "/v1/rooms/r/ws?token=a%26b&user_id=u", "")
	f("centrifugo", "", "/connection/websocket", `{"id":1,"connect":{}}`)
	f("centrifugo", "e.y.J", "/connection/websocket", `{"id":1,"connect":{"token":"e.y.J"}}`)
}
