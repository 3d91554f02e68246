package redisx

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"barrage/internal/chat"
	"barrage/internal/pace"
)

// Config is the config section `redis`: where the shared state lives.
type Config struct {
	// Addrs are host:port of the Redis to use, of its sentinels, or of some nodes of the
	// cluster; see Mode. Empty: the memory store, for one node.
	Addrs []string `mapstructure:"addrs"`
	// Mode is what Redis is: standalone, sentinel, cluster, or auto, which decides by the
	// other settings, see [Config.Topology].
	Mode string `mapstructure:"mode"`
	// Username is the ACL user; empty = the default user.
	Username string `mapstructure:"username"`
	// Password is a secret: never printed.
	Password string `mapstructure:"password"`
	// DB is the number of the database, 0 to 1023.
	DB int `mapstructure:"db"`
	// Timeout bounds one call. Too low: a busy Redis looks dead. Too high: callers
	// wait for a dead one.
	Timeout time.Duration `mapstructure:"timeout"`
	// MinReplicas is how many replicas must have a message before it is acknowledged, 0 to 8; 0 = nobody waits for them.
	MinReplicas int `mapstructure:"min_replicas"`
	// SentinelMaster is the name that the sentinels at Addrs know the master by.
	SentinelMaster string `mapstructure:"sentinel_master"`
	// SentinelUsername is the ACL user of the sentinels themselves; empty = the default
	// user.
	SentinelUsername string `mapstructure:"sentinel_username"`
	// SentinelPassword is a secret as Password is.
	SentinelPassword string `mapstructure:"sentinel_password"`
	// ShardedPubSub has rooms' events stay on their own master of a cluster instead of
	// going to all its nodes. All Barrage nodes must have the same.
	ShardedPubSub bool `mapstructure:"sharded_pubsub"`
	// TLS encrypts all connections, also those to sentinels.
	TLS bool `mapstructure:"tls"`
	// TLSCAFile has the certificates to trust; empty = those of the system.
	TLSCAFile string `mapstructure:"tls_ca_file"`
	// TLSCertFile and TLSKeyFile are what this node shows; empty = nothing.
	TLSCertFile string `mapstructure:"tls_cert_file"`
	// TLSKeyFile belongs to TLSCertFile.
	TLSKeyFile string `mapstructure:"tls_key_file"`
	// TLSServerName must be in the certificate of every Redis; empty = its host's name.
	TLSServerName string `mapstructure:"tls_server_name"`
	// TLSInsecureSkipVerify trusts every certificate. For tests.
	TLSInsecureSkipVerify bool `mapstructure:"tls_insecure_skip_verify"`
	// FastIMInterop has this node read and write rooms, tokens and memberships in the
	// form of original FastIM nodes. So both serve the same rooms during a migration (contract section 5). All Barrage
	// nodes must have it while an original one is there, see docs/fastim.md. The rooms have no sequence numbers then.
	FastIMInterop bool `mapstructure:"fastim_interop"`
}

// DefaultConfig is what config.yaml says in section `redis`.
func DefaultConfig() Config { return Config{Mode: modeAuto, Timeout: 2 * time.Second} }

// The values of Config.Mode.
const (
	modeAuto       = "auto"
	modeStandalone = "standalone"
	modeSentinel   = "sentinel"
	modeCluster    = "cluster"
)

// Topology is Mode, where auto is decided without asking anybody: sentinel where
// SentinelMaster is set, else cluster where Addrs are more than one, else standalone.
func (c Config) Topology() string {
	switch {
	case c.Mode != modeAuto:
		return c.Mode
	case c.SentinelMaster != "":
		return modeSentinel
	case len(c.Addrs) > 1:
		return modeCluster
	}
	return modeStandalone
}

// Validate reports every value out of range, each with its key within the section.
func (c Config) Validate() error {
	var errs []error
	for i, a := range c.Addrs {
		if _, _, err := net.SplitHostPort(a); err != nil {
			errs = append(errs, fmt.Errorf("addrs[%d]: %q is not host:port", i, a))
		}
	}
	modes := []string{modeAuto, modeStandalone, modeSentinel, modeCluster}
	if !slices.Contains(modes, c.Mode) {
		errs = append(errs, fmt.Errorf("mode: %q is none of %s", c.Mode, strings.Join(modes, ", ")))
	} else {
		errs = append(errs, c.validateTopology()...)
	}
	if c.DB < 0 || c.DB > 1023 {
		errs = append(errs, fmt.Errorf("db: %d is not within 0 and 1023", c.DB))
	}
	if c.Timeout < 50*time.Millisecond || c.Timeout > time.Minute {
		errs = append(errs, fmt.Errorf("timeout: %v is not within 50ms and 1m", c.Timeout))
	}
	if c.MinReplicas < 0 || c.MinReplicas > 8 {
		errs = append(errs, fmt.Errorf("min_replicas: %d is not within 0 and 8", c.MinReplicas))
	} else if c.MinReplicas > 0 && len(c.Addrs) == 0 {
		errs = append(errs, fmt.Errorf("min_replicas: %d, but there is no redis: addrs is empty", c.MinReplicas))
	}
	if (c.TLSCertFile == "") != (c.TLSKeyFile == "") {
		errs = append(errs, fmt.Errorf("tls_key_file: %q and tls_cert_file: %q belong together; give both or none", c.TLSKeyFile, c.TLSCertFile))
	}
	if other := c.TLSCAFile + c.TLSCertFile + c.TLSServerName; !c.TLS && (other != "" || c.TLSInsecureSkipVerify) {
		errs = append(errs, errors.New("tls: false, but other settings of tls are given"))
	}
	return errors.Join(errs...)
}

// validateTopology reports what does not go with the topology.
func (c Config) validateTopology() (errs []error) {
	mode := c.Topology()
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if mode != modeStandalone && len(c.Addrs) == 0 {
		wrong("addrs: empty, but redis is a %s", mode)
	}
	if mode == modeStandalone && len(c.Addrs) > 1 {
		wrong("addrs: %d addresses given, but mode standalone has one", len(c.Addrs))
	}
	if (mode == modeSentinel) != (c.SentinelMaster != "") {
		wrong("sentinel_master: %q does not go with mode %s", c.SentinelMaster, mode)
	}
	if mode == modeCluster && c.DB != 0 {
		wrong("db: %d given, but a cluster has 0 only", c.DB)
	}
	if mode != modeCluster && c.ShardedPubSub {
		wrong("sharded_pubsub: true, but only a cluster has it, and mode is %s", mode)
	}
	if mode == modeCluster && c.FastIMInterop {
		wrong("fastim_interop: true, but original nodes know no cluster")
	}
	return errs
}

// Limits bound what a store keeps.
type Limits struct {
	// HistoryMessages is how many messages a room's history holds, 1 or more; the
	// oldest go first.
	HistoryMessages int
	// HistoryBytes is how many bytes a room's history holds, 0 = any number; the oldest messages go first, the newest
	// batch stays. Memory counts their JSON. Redis counts its own memory, looks once in 16 messages, and takes a
	// sixteenth out at least. Beside original FastIM nodes nothing goes.
	HistoryBytes int
	// HistoryTTL is how long a room's history lives after its last message, 1 ms or more.
	HistoryTTL time.Duration
	// UserRate is how many messages a user may send in a room, over all nodes; those above it are among Stored.Refused.
	// Only Redis holds it, and not beside original FastIM nodes: a node's rooms hold it for themselves.
	UserRate pace.Rate
	// Quota is how much a room takes, over all nodes; messages above it are among Stored.Refused. Not beside original
	// FastIM nodes.
	Quota chat.Quota
	// TokensPerUser is how many tokens a user may have at once, 1 or more; 0 is 1. More than that replace the oldest.
	TokensPerUser int
	// RoomsPerUser is how many rooms a user may join; 0 = any number.
	RoomsPerUser int
	// MembershipTTL is how long a user's rooms are kept after the last use, see [Store.Join]. It is two days or more,
	// since a node that remembers a membership for a day does not prolong it meanwhile; 0 = for ever. Beside original
	// FastIM nodes, which would not prolong it, it is for ever.
	MembershipTTL time.Duration
}

// prolongRooms is how little of their life a user's rooms may have left before it begins anew.
func (l Limits) prolongRooms() time.Duration { return l.MembershipTTL - l.MembershipTTL/24 }
