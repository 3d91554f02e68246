package admin

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"barrage/gateway/edge"
)

// DeadAfter is after how long without a delivery a node is to be started again: 30 s, as WatchdogSec of systemd's unit.
const DeadAfter = 6 * edge.StuckAfter

// alive reports whether the process does its work, whatever its surroundings do: nil, or why not.
func alive(since time.Duration) error {
	if since >= DeadAfter {
		return fmt.Errorf("nothing was delivered for %v: a lane or the clock stands still", since.Round(time.Second))
	}
	return nil
}

// writeHealth answers a call about the node's health: err is why it is not well, notes are of one that is.
func writeHealth(w http.ResponseWriter, err error, notes []string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, err.Error()+"\n")
		return
	}
	_, _ = io.WriteString(w, "ok\n")
	for _, note := range notes {
		_, _ = io.WriteString(w, "note: "+note+"\n")
	}
}
