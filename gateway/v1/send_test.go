package v1

import (
	"testing"
	"testing/synctest"

	"barrage/internal/chat"
	"barrage/room"
)

// TestWaitingSend_BlocksNobody reports to the author of an HTTP call more often than it listens. A publisher whose
// batch is authorized again and again does that. The test reports a revoked token each time, and then the end of the
// message.
func TestWaitingSend_BlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which ends with a failure where all wait for ever
		w := &waitingSend{done: make(chan room.Outcome, 1)}
		for range 3 {
			w.Checked(chat.TokenWrong)
		}
		w.Settled(room.Outcome{Code: room.CodeExpired})
		if got := <-w.done; got.Code != codeInvalid {
			t.Errorf("the call ends with %q; want the first outcome, %q", got.Code, codeInvalid)
		}
	})
}
