package main

import (
	"context"
	"encoding/binary"
	"hash/maphash"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"barrage/gateway"
	"barrage/internal/cli"
	"barrage/internal/config"
	"barrage/redisx"
)

// watchEvery is how often a node looks for another file with config.watch. A ConfigMap takes a minute to come, and a
// look costs some microseconds.
const watchEvery = 5 * time.Second

// setup is what a node was started with, and how that is read anew.
type setup struct {
	mu sync.Mutex // guards loaded: an operator's call applies another one, while the watch looks at its files
	loaded

	read  func() (loaded, error)
	level *slog.LevelVar
	store redisx.Store // nil before serve has made it
}

// running is what the node reports to operators about itself.
func (s *setup) running() gateway.Running {
	return gateway.Running{Version: shortVersion(version, cli.BuildInfo()), Settings: config.Shown(s.cfg, s.locations), Level: s.level, Load: s.next}
}

// next is the configuration as it is now, see [gateway.Running].Load. One call runs at a time, with its Apply.
func (s *setup) next() (gateway.Next, error) {
	l, err := s.read()
	if err != nil {
		return gateway.Next{}, err
	}
	changed, restart := config.Changed(s.cfg, l.cfg)
	if len(restart) > 0 {
		return gateway.Next{}, &gateway.RestartError{Keys: restart}
	}
	next := gateway.Next{Config: l.cfg.Gateway(), Rooms: l.cfg.Rooms(), Changed: changed}
	next.Config.Running.Settings = config.Shown(l.cfg, l.locations)
	next.Apply = func() {
		if s.cfg.Log.Level != l.cfg.Log.Level { // else what an operator has set by hand stays
			_ = s.level.UnmarshalText([]byte(l.cfg.Log.Level)) // Load has seen it
		}
		s.store.Reload(l.cfg.StoreLimits())
		s.mu.Lock()
		defer s.mu.Unlock()
		s.loaded = l
	}
	return next, nil
}

// reloads has the node read its configuration anew at each signal, and where that is to be watched, until ctx ends. It
// ends, too, where the signal says that the node's terminal has gone.
func (s *setup) reloads(ctx context.Context, node *gateway.Server, signals <-chan os.Signal) {
	var look <-chan time.Time
	if s.cfg.Reload.Watch {
		t := time.NewTicker(watchEvery)
		defer t.Stop()
		look = t.C
	}
	onTerminal := term.IsTerminal(int(os.Stderr.Fd()))
	files := newWatched(s.fingerprint())
	for {
		by := "SIGHUP"
		select {
		case <-ctx.Done():
			return
		case <-signals:
			if onTerminal && !term.IsTerminal(int(os.Stderr.Fd())) {
				return
			}
		case <-look:
			if !files.changed(s.fingerprint()) {
				continue
			}
			by = "config.watch"
		}
		files = s.afresh(func() { _, _ = node.Reload(ctx, by) }) // it is logged, and counted
	}
}

// afresh has read read the files. One that is written meanwhile is another than was read.
func (s *setup) afresh(read func()) *watched {
	before := s.fingerprint()
	read()
	return newWatched(before)
}

// watched knows which files were read, by their fingerprints.
type watched struct{ read, last uint64 }

func newWatched(read uint64) *watched { return &watched{read, read} }

// changed reports whether other files are there than were read, which nobody writes any more: they were the same at the
// last look.
func (w *watched) changed(now uint64) bool {
	same := now == w.last
	w.last = now
	return same && now != w.read
}

// seed makes fingerprints of this process.
var seed = maphash.MakeSeed()

// fingerprint distinguishes the files of the configuration from others. Links are followed, so that a ConfigMap that
// was swapped is another.
func (s *setup) fingerprint() uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	s.mu.Lock()
	paths := append([]string{s.file}, s.cfg.Files()...)
	s.mu.Unlock()
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			info = noFile{}
		}
		_ = binary.Write(&h, binary.LittleEndian, [2]int64{info.Size(), info.ModTime().UnixNano()}) // it never fails
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			_ = binary.Write(&h, binary.LittleEndian, stat.Ino)
		}
	}
	return h.Sum64()
}

// noFile is what stands for a file that is not there.
type noFile struct{ fs.FileInfo }

func (noFile) Size() int64        { return -1 }
func (noFile) ModTime() time.Time { return time.Time{} }
func (noFile) Sys() any           { return nil }
