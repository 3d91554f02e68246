package gateway

import (
	"errors"
	"net/http"
	"testing"

	"barrage/gateway/edge"
)

// TestRejected_TakeFewSlots: sockets that are open only for the answer that their token is wrong have a twentieth of
// the slots. Sockets with a right token come in meanwhile.
func TestRejected_TakeFewSlots(t *testing.T) {
	const slots, share = 400, 20
	s := newServer(t, func(c *setup) {
		manualCheck(c)
		c.Server.MaxConnections, c.Auth.Mode = slots, []string{edge.AuthRedis}
	})
	if err := storeOf(s).SetToken(t.Context(), "good", "t"); err != nil {
		t.Fatal(err)
	}
	told, refused := 0, 0
	for range slots + 50 {
		w, err := connect(s, "/group/chat/r/bad/wrong") // it does not read the answer, nor close
		no, ok := errors.AsType[*refusedError](err)
		switch {
		case err == nil:
			t.Cleanup(func() { _ = w.conn.Close() })
			told++
		case ok && no.status == http.StatusUnauthorized:
			refused++
		default:
			t.Fatalf("want 440 on a socket, or 401; got %v", err)
		}
	}
	if told > slots/share || refused == 0 {
		t.Errorf("%d were told on a socket, %d by a refusal; want at most %d on sockets", told, refused, slots/share)
	}
	w, err := connect(s, "/group/chat/r/good/t")
	if err != nil {
		t.Fatalf("with a right token: %v", err)
	}
	_ = w.conn.Close()
	s.checkAt(60)
	eventually(t, func() error {
		return differ("slots held by them when their time is over", s.fastIM.PeekRejected(), 0)
	})
}
