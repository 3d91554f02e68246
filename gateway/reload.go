package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"barrage/gateway/admin"
	"barrage/gateway/fleet"
	"barrage/room"
)

// This file has a node read its configuration anew. The owner of a setting takes another one while it runs: edge.Edge,
// which asks its Guard, Words and Door, room.Hall, and the store by Next.Apply. Steps that can fail come first, so that
// a reload changes all or nothing.

// Next is a configuration that was read, is valid, and may hold without a new start.
type Next struct {
	Config Config // with Running.Settings; the rest of Running stays as it was
	Rooms  room.Config
	// Changed are the keys whose values differ from what holds.
	Changed []string
	// Apply has what this package does not know hold, too. It neither fails nor blocks.
	Apply func()
}

// RestartError says that a configuration cannot be taken without a new start.
type RestartError struct{ Keys []string }

func (e *RestartError) Error() string {
	return fmt.Sprintf("only a new start changes %s; nothing was changed", strings.Join(e.Keys, ", "))
}

// reloads are what a Server knows of them.
type reloads struct {
	mu   sync.Mutex // held while one is under way; guards the field below. It is taken before all others
	over bool       // the node has ended

	settings       atomic.Pointer[[]admin.Setting]
	taken, refused atomic.Uint64
	hash           configHash
}

func (r *reloads) show(settings []admin.Setting) {
	r.settings.Store(&settings)
	r.hash.of.Store(new(admin.Hash(settings)))
}

// Reload reads the configuration anew and has it hold from now on, or says why not and changes nothing. The name by is
// that of who wants that, for the log. The files that it names are read again, also where nothing else has changed. It
// returns the keys that have. Sockets stay, and so do messages that wait for the store or for members.
func (s *Server) Reload(ctx context.Context, by string) (changed []string, err error) {
	s.reload.mu.Lock()
	defer s.reload.mu.Unlock()
	changed, err = s.reloadLocked()
	if err != nil {
		s.reload.refused.Add(1)
		s.log.Error("the configuration was not taken: the one of before holds", "by", by, "err", err)
		return nil, err
	}
	s.reload.taken.Add(1)
	s.log.Info("the configuration was read anew", "by", by, "changed", strings.Join(changed, " "), "hash", admin.Hash(s.Settings()))
	for _, warning := range s.edgeConfig().Warnings() {
		s.log.Warn(warning)
	}
	s.v1.Desk.NoteNode(ctx, by, s.edge.Hall.Node(), "reload")
	_ = s.fleet.Beat(ctx) // else with the next beat
	return changed, nil
}

func (s *Server) reloadLocked() ([]string, error) {
	switch {
	case s.cfg.Running.Load == nil:
		return nil, &fleet.RefusedError{Status: http.StatusNotImplemented, Why: "this node cannot read its settings again"}
	case s.reload.over:
		return nil, &fleet.RefusedError{Status: http.StatusConflict, Why: "the node is leaving for good"}
	}
	next, err := s.cfg.Running.Load()
	if err != nil {
		return nil, err
	}
	adopt, err := s.admin.ReloadKeys()
	if err != nil {
		return nil, err
	}
	if err := s.edge.Reload(next.Config.Config); err != nil {
		return nil, err
	}
	// From here on nothing fails.
	adopt()
	s.edge.Hall.Reload(next.Rooms, s.edge.Reviewer(), next.Config.Hook.ReviewNewFor)
	s.traces.Reload(next.Config.Traces)
	next.Apply()
	s.reload.show(next.Config.Running.Settings)
	return next.Changed, nil
}

// edgeConfig is the configuration with what the edge goes by now.
func (s *Server) edgeConfig() *Config {
	c := s.cfg
	c.Config = *s.edge.Config()
	return &c
}

// configHash is the metric of the configuration that holds: 1, with its hash.
type configHash struct{ of atomic.Pointer[string] }

var configHashDesc = prometheus.NewDesc("barrage_config_info", "1, with the hash of the configuration that holds, as \"barrage admin nodes\" has it.",
	[]string{"hash"}, nil)

// Describe is [prometheus.Collector]'s.
func (*configHash) Describe(to chan<- *prometheus.Desc) { to <- configHashDesc }

// Collect is [prometheus.Collector]'s.
func (c *configHash) Collect(to chan<- prometheus.Metric) {
	to <- prometheus.MustNewConstMetric(configHashDesc, prometheus.GaugeValue, 1, *c.of.Load())
}
