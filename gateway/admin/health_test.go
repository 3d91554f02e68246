package admin

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// TestAlive_EndsWhenNothingIsDelivered has a node be dead that has delivered nothing for 30 s.
func TestAlive_EndsWhenNothingIsDelivered(t *testing.T) {
	for since, dead := range map[time.Duration]bool{0: false, DeadAfter - 1: false, DeadAfter: true} {
		if err := alive(since); (err != nil) != dead {
			t.Errorf("%v without a delivery: %v; want that it is dead: %v", since, err, dead)
		}
	}
	unit, err := os.ReadFile("../../deploy/systemd/barrage.service")
	if want := "WatchdogSec=" + DeadAfter.String() + "\n"; err != nil || !strings.Contains(string(unit), want) {
		t.Errorf("%v; systemd's unit has to say %q, so that it and Kubernetes start a node again after the same time", err, want)
	}
}

// TestWriteHealth_NotesSendNobodyAway: a note on what the store's settings do not keep stands in the answer, and sends
// nobody away.
func TestWriteHealth_NotesSendNobodyAway(t *testing.T) {
	w := httptest.NewRecorder()
	writeHealth(w, nil, []string{"redis may evict"})
	if w.Code != http.StatusOK || w.Body.String() != "ok\nnote: redis may evict\n" {
		t.Errorf("answer = %d %q; want 200, and the note", w.Code, w.Body)
	}
}
