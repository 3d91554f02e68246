package sparse_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"barrage/internal/sparse"
)

func TestHandler_LeavesOutWhatIsSaidTooOften(t *testing.T) {
	var out strings.Builder
	now := time.UnixMilli(0)
	log := slog.New(sparse.New(slog.NewTextHandler(&out, nil), func() time.Time { return now }))
	lines := func() []string {
		t.Helper()
		text := strings.TrimSpace(out.String())
		out.Reset()
		if text == "" {
			return nil
		}
		return strings.Split(text, "\n")
	}
	for i := range 1000 {
		log.Warn("cannot check a token", "user", i)
		log.With("node", 1).Warn("cannot check a token", "user", i) // the same message
	}
	if got := lines(); len(got) != 5 {
		t.Errorf("2,000 warnings wrote %d lines; want 5", len(got))
	}
	log.Warn("something else")
	if got := lines(); len(got) != 1 {
		t.Errorf("another warning wrote %d lines; want 1", len(got))
	}
	for i := range 20 {
		log.Error("BUG", "i", i)
		log.Info("listening", "i", i)
	}
	if got := lines(); len(got) != 40 {
		t.Errorf("errors and news wrote %d lines; want all 40", len(got))
	}
	now = now.Add(10 * time.Second)
	log.Warn("cannot check a token", "user", "later")
	if got := lines(); len(got) != 1 || !strings.Contains(got[0], "user=later left_out_before=1995") {
		t.Errorf("after a while: %q; want the line, and that 1995 were left out", got)
	}
	log.Warn("cannot check a token")
	if got := lines(); len(got) != 1 || strings.Contains(got[0], "left_out") {
		t.Errorf("the next: %q; want it alone", got)
	}
	for i := range 5000 { // little is remembered, whatever is logged
		log.Warn(fmt.Sprint("message ", i))
	}
	if got := lines(); len(got) != 5000 {
		t.Errorf("5,000 different warnings wrote %d lines", len(got))
	}
}
