package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"barrage/gateway/edge"
	"barrage/gateway/fleet"
	"barrage/gateway/keys"
	"barrage/room"
)

// This file has a node read its configuration anew. The owner of a setting takes another one while it runs: edge.Edge,
// which asks its Guard, Words and Door, room.Hall, and the store by Next.Apply. What can fail comes first, so that a
// reload changes all or nothing.

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

	settings       atomic.Pointer[[]Setting]
	taken, refused atomic.Uint64
	hash           configHash
}

// now are the settings that hold, as operators see them.
func (r *reloads) now() []Setting { return *r.settings.Load() }

func (r *reloads) show(settings []Setting) {
	r.settings.Store(&settings)
	r.hash.of.Store(new(hash(settings)))
}

// Reload reads the configuration anew and has it hold from now on, or says why not and changes nothing. The name by is
// that of who wants that, for the log. The files that it names are read again, also where nothing else has changed. It
// returns the keys that have. Sockets stay, and what waits for the store or for members does.
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
	s.log.Info("the configuration was read anew", "by", by, "changed", strings.Join(changed, " "), "hash", hash(s.reload.now()))
	for _, warning := range s.edgeConfig().Warnings() {
		s.log.Warn(warning)
	}
	adminPort{s}.noteNode(ctx, by, "reload")
	_ = s.fleet.Tell(ctx) // else with the next beat
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
	var fresh *keys.Keys
	if s.keys != nil {
		if fresh, err = s.loadKeys(); err != nil {
			return nil, fmt.Errorf("cannot read admin.keys_file: %w", err)
		}
	}
	if err := s.edge.Reload(next.Config.Config); err != nil {
		return nil, err
	}
	// From here on nothing fails.
	if fresh != nil {
		s.keys.Adopt(fresh)
	}
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

// reloaded is what a node answers that has read its configuration anew.
type reloaded struct {
	Node    string   `json:"node"`
	Hash    string   `json:"hash"`
	Changed []string `json:"changed"` // keys
}

// reloadOrder has a node read its configuration anew.
type reloadOrder struct {
	By string `json:"by"`
}

// reloadNode serves POST /v1/admin/nodes/{node}/reload.
func (s adminPort) reloadNode(ctx context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
	return askOne[reloaded](s, w, r, askReload, reloadOrder{operator(ctx).Name})
}

// maxWhy bounds the text of a refused reload, in bytes: a file may have a thousand mistakes.
const maxWhy = 4 << 10

// oneLine has the problems of a configuration, which stand in lines of their own, follow each other.
var oneLine = strings.NewReplacer(":\n  ", ": ", "\n  ", "; ", "\n", "; ")

// answerReload reads the configuration anew.
func (s adminPort) answerReload(ctx context.Context, args json.RawMessage) (any, error) {
	var order reloadOrder
	if err := json.Unmarshal(args, &order); err != nil {
		return nil, &fleet.RefusedError{Status: http.StatusBadRequest, Why: err.Error()}
	}
	changed, err := s.Reload(ctx, order.By)
	if refused, ok := err.(*fleet.RefusedError); ok { //nolint:errorlint // it is returned bare
		return nil, refused
	}
	if err != nil {
		why := oneLine.Replace("cannot reload: " + err.Error())
		return nil, &fleet.RefusedError{Status: http.StatusConflict, Why: strings.ToValidUTF8(why[:min(len(why), maxWhy)], "")}
	}
	if changed == nil {
		changed = []string{}
	}
	return reloaded{s.edge.Hall.Node(), hash(s.reload.now()), changed}, nil
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
