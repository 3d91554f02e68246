package contract

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"barrage/internal/await"
	"barrage/internal/redistest"
)

// filterCall makes a call about the word filter.
func (n *node) filterCall(tb testing.TB, method, path, body string) response {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, "http://"+n.admin+"/v1/admin/filter"+path, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	return send(tb, req)
}

// wantAction waits until the node's filter reports this action for a text.
func (n *node) wantAction(tb testing.TB, text, want string) {
	tb.Helper()
	eventually(tb, func() error {
		if got := n.filterCall(tb, http.MethodPost, "/test", `{"text":"`+text+`"}`); !strings.HasPrefix(got.body, `{"action":"`+want+`"`) {
			return fmt.Errorf("%q: %s; want %s", text, got.body, want)
		}
		return nil
	})
}

// TestFilter_ListsHoldOnAllNodes: a list that is written on one node holds on all of them within a second. It holds on
// those that start later as well, and no longer when it is taken away.
func TestFilter_ListsHoldOnAllNodes(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	nodes := twoNodes(t, server)
	for _, c := range []struct{ method, body, text, want string }{
		{http.MethodPut, "darn\n", "darn", "block"},
		{http.MethodPut, "heck =mask\n", "heck", "mask"},
	} {
		began := await.Start()
		if got := nodes[0].filterCall(t, c.method, "/lists/spam", c.body); got.status != http.StatusOK {
			t.Fatalf("%s: %d %s", c.body, got.status, got.body)
		}
		for _, n := range nodes {
			n.wantAction(t, c.text, c.want)
		}
		began.WantWithin(t, "the list "+c.body, revocation)
	}
	nodes[1].wantAction(t, "darn", "none")
	later := startNode(t, onRedis(server)...)
	later.wantAction(t, "heck", "mask")

	for i, n := range append(nodes, later) {
		room := string(rune('a' + i))
		c := n.member(t, room, "u")
		c.say("what the heck")
		c.wantMessage(room, "u", "what the ****")
	}
	if got := later.filterCall(t, http.MethodDelete, "/lists/spam", ""); got.status != http.StatusNoContent {
		t.Fatalf("DELETE: %d %s", got.status, got.body)
	}
	for _, n := range nodes {
		n.wantAction(t, "heck", "none")
	}
}
