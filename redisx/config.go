package redisx

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// Config is the config section `redis`: where the shared state lives.
type Config struct {
	// Addrs are host:port of the Redis to use. Empty: the memory store, for one node.
	Addrs []string `mapstructure:"addrs"`
	// Username is the ACL user; empty = the default user.
	Username string `mapstructure:"username"`
	// Password is a secret: never printed.
	Password string `mapstructure:"password"`
	// DB is the number of the database, 0 to 1023.
	DB int `mapstructure:"db"`
	// Timeout bounds one call. Too low: a busy Redis looks dead. Too high: callers
	// wait for a dead one.
	Timeout time.Duration `mapstructure:"timeout"`
}

// DefaultConfig is what config.yaml says in section `redis`.
func DefaultConfig() Config { return Config{Timeout: 2 * time.Second} }

// Validate reports every value out of range, each with its key within the section.
func (c Config) Validate() error {
	var errs []error
	for i, a := range c.Addrs {
		if _, _, err := net.SplitHostPort(a); err != nil {
			errs = append(errs, fmt.Errorf("addrs[%d]: %q is not host:port", i, a))
		}
	}
	if len(c.Addrs) > 1 {
		errs = append(errs, fmt.Errorf("addrs: %d addresses given; this version talks to one Redis", len(c.Addrs)))
	}
	if c.DB < 0 || c.DB > 1023 {
		errs = append(errs, fmt.Errorf("db: %d is not within 0 and 1023", c.DB))
	}
	if c.Timeout < 50*time.Millisecond || c.Timeout > time.Minute {
		errs = append(errs, fmt.Errorf("timeout: %v is not within 50ms and 1m", c.Timeout))
	}
	return errors.Join(errs...)
}

// Limits bound what a store keeps.
type Limits struct {
	// HistoryMessages is how many messages a room's history holds, 1 or more; the
	// oldest go first.
	HistoryMessages int
	// HistoryTTL is how long a room's history lives after its last message, 1 ms or more.
	HistoryTTL time.Duration
}
