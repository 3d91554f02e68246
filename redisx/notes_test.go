package redisx_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"barrage/internal/redistest"
	"barrage/redisx"
)

// logBuffer is a log that tests read while it is written.
type logBuffer struct {
	mu  sync.Mutex // guards the field below
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// TestRedis_NotesWhatItsSettingsBreak: a policy that evicts keys, and a master that does not ask for its replicas.
func TestRedis_NotesWhatItsSettingsBreak(t *testing.T) {
	const evicts, alone = "maxmemory-policy is allkeys-lru", "min-replicas-to-write is 0"
	for _, c := range []struct {
		name    string
		args    []string
		replica bool
		want    []string
	}{
		{"as it should be", nil, false, nil},
		{"evicts", []string{"--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"}, false, []string{evicts}},
		{"a replica that nobody waits for", nil, true, []string{alone}},
		{"a replica that the master needs", []string{"--min-replicas-to-write", "1"}, true, nil},
		{"both", []string{"--maxmemory-policy", "allkeys-lru"}, true, []string{evicts, alone}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := redistest.Start(t, c.args...)
			if c.replica {
				redistest.StartReplica(t, server)
			}
			cfg := redisx.DefaultConfig()
			cfg.Addrs = []string{server.Addr}
			var logs logBuffer
			s := redisx.NewRedis(cfg, redisx.Limits{}, slog.New(slog.NewTextHandler(&logs, nil)))
			s.Start(deaf{})
			defer s.Close()
			eventually(t, "the settings are known", func() (bool, string) {
				notes := s.Notes()
				ok := s.State() == nil && len(notes) == len(c.want)
				for i, want := range c.want {
					ok = ok && strings.Contains(notes[i], want) && strings.Contains(logs.String(), want)
				}
				return ok, fmt.Sprintf("%q; %v", notes, s.State())
			})
		})
	}
}
