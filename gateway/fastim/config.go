package fastim

import (
	"fmt"
	"time"
)

// Config is the config section `list`: the socket with the user's rooms.
type Config struct {
	// UpdateInterval is the least time between two lists sent to one socket. Too low:
	// busy rooms flood every list. Too high: lists look stale.
	UpdateInterval time.Duration `mapstructure:"update_interval"`
}

// Validate reports every value out of range, each with its key within the section.
func (c Config) Validate() error {
	if c.UpdateInterval < 10*time.Millisecond || c.UpdateInterval > time.Hour {
		return fmt.Errorf("update_interval: %v is not within 10ms and 1h", c.UpdateInterval)
	}
	return nil
}
