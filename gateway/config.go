package gateway

import (
	"time"

	"barrage/gateway/admin"
	"barrage/gateway/edge"
	"barrage/gateway/fastim"
	"barrage/gateway/traces"
	"barrage/gateway/webhooks"
)

// Config holds the settings of ports, protocols and services of a node. Start from [DefaultConfig].
type Config struct {
	edge.Config
	Admin    admin.Config
	List     fastim.Config
	Webhooks webhooks.Config
	Traces   traces.Config
	// Running is what the node knows of its own process.
	Running Running
}

// Warnings are what of the settings leaves a door open, a sentence each.
func (c *Config) Warnings() (all []string) {
	if c.Auth.Required() && c.Auth.GivesTokens() && c.Auth.LoginURL == "" {
		all = append(all, "anybody can log in as anybody, and ends the token of that user: auth.mode has redis and auth.login_url is empty; "+
			"set it to a hook that knows passwords, or to off where tokens are written to Redis by others")
	}
	if !c.AutoJoin && !c.Auth.Required() {
		all = append(all, "rooms are not private: room.auto_join is off, but nobody's token is checked, so anybody comes in under a member's name; "+
			"take any out of auth.mode")
	}
	return all
}

// DefaultConfig is what config.yaml says.
func DefaultConfig() Config {
	return Config{Config: edge.DefaultConfig(), Admin: admin.DefaultConfig(), List: fastim.Config{UpdateInterval: time.Second}, Webhooks: webhooks.DefaultConfig(), Traces: traces.DefaultConfig()}
}
