package gateway

import (
	"errors"
	"log/slog"
	"math"
	"net"
	"os"
	"sync"
	"time"

	"barrage/gateway/admin"
	"barrage/gateway/fleet"
)

// This file is what a node reports of itself to operators and to the other nodes.

// Running is what a node knows of its own process. The zero value is that of one whose settings nobody may see.
type Running struct {
	// Version is of the program, as "barrage version" has it.
	Version string
	// Settings are all settings in the order of config.yaml, without their secrets.
	Settings []admin.Setting
	// Level is the least level that is logged; nil: nobody can change it.
	Level *slog.LevelVar
	// Load reads the configuration anew, see [Server.Reload]; nil: it cannot be read.
	Load func() (Next, error)
	// Listener is the public port where systemd has opened it; nil: server.listen is opened.
	Listener net.Listener
}

// speeds are what the node does a second, of late.
type speeds struct {
	mu             sync.Mutex // guards the fields below; a leaf
	at             time.Time
	received, sent uint64  // at that time
	in, out        float64 // a second
}

// note counts on. Traffic of two seconds ago counts half.
func (s *speeds) note(now time.Time, received, sent uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	took := now.Sub(s.at).Seconds()
	if !s.at.IsZero() && took > 0 {
		const keep = 0.7
		s.in = s.in*keep + float64(received-s.received)/took*(1-keep)
		s.out = s.out*keep + float64(sent-s.sent)/took*(1-keep)
	}
	s.at, s.received, s.sent = now, received, sent
}

// of is what was counted, in tenths a second.
func (s *speeds) of() (in, out float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return math.Round(10*s.in) / 10, math.Round(10*s.out) / 10
}

// Settings are those that hold, without their secrets; nil: nobody may see them.
func (s *Server) Settings() []admin.Setting { return *s.reload.settings.Load() }

var errDraining = errors.New("the node is leaving")

// Ready reports whether new clients should be sent here: nil, or why not.
func (s *Server) Ready() error {
	if s.edge.Exit.Draining() || s.edge.Exit.Lame() {
		return errDraining
	}
	return s.store.State()
}

// tick notes what the node has done.
func (s *Server) tick() {
	s.speeds.note(time.Now(), s.edge.Stats.MessagesIn.Load(), s.edge.Hall.Stats().Sent)
}

// self is what the node reports of itself.
func (s *Server) self() fleet.Node {
	h := s.edge.Hall.Stats()
	n := fleet.Node{
		Address: s.addr.String(), Version: s.cfg.Running.Version, Config: admin.Hash(s.Settings()), Started: s.started.UnixMilli(),
		State: fleet.Ready, Connections: s.Sessions(), MaxConnections: s.edge.Sessions.Most(), Rooms: h.Rooms, Members: h.Members,
		LogLevel: admin.LevelName(s.cfg.Running.Level),
	}
	n.Host, _ = os.Hostname() // empty: nobody knows it
	if s.adminAt != nil {
		n.Admin = s.adminAt.String()
	}
	n.Received, n.Sent = s.speeds.of()
	switch err := s.Ready(); {
	case s.edge.Exit.Draining(), s.edge.Exit.Lame():
		n.State = fleet.Draining
	case err != nil:
		n.State, n.Why = fleet.Unready, err.Error()
	}
	return n
}
