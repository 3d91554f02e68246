package edge

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

// Clients that are sent away faster than 2,000 a second are warned of, with the time that they need; few are not.
func TestWarnOfPace_NamesTheTimeThatIsNeeded(t *testing.T) {
	for _, c := range []struct {
		connections int
		over        time.Duration
		want        string
	}{
		{2000, 0, ""},
		{50_000, 25 * time.Second, ""},
		{50_000, 2 * time.Second, "want=25s"},
		{2001, 0, "want=1s"},
	} {
		var logs strings.Builder
		e := New(DefaultConfig(), nil, slog.New(slog.NewTextHandler(&logs, nil)))
		e.Sessions.list = make([]*Session, c.connections)
		e.Exit.WarnOfPace(c.over, "take longer")
		if text := logs.String(); (text == "") != (c.want == "") || !strings.Contains(text, c.want) {
			t.Errorf("%d clients over %v: %q; want %q", c.connections, c.over, text, c.want)
		}
	}
}
