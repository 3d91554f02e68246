package gateway

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"barrage/gateway/edge"
	"barrage/gateway/fastim"
	"barrage/gateway/traces"
	"barrage/gateway/webhooks"
)

// Config is what the edge of a node is told. Start from [DefaultConfig].
type Config struct {
	edge.Config
	Admin    AdminConfig
	List     fastim.Config
	Webhooks webhooks.Config
	Traces   traces.Config
	// Running is what the node knows of its own process.
	Running Running
}

// AdminConfig is the config section `admin`: health and metrics.
type AdminConfig struct {
	// Listen is host:port, never a public one; empty or off = no admin port.
	Listen string `mapstructure:"listen"`
	// KeysFile has the server keys that calls must show, see package keys; empty = none, on this machine alone.
	KeysFile string `mapstructure:"keys_file"`
	// Public serves the calls under /v1/admin/ on the public port as well, each with a key.
	Public bool `mapstructure:"public"`
	// AuditFile gets a JSON line for everything that moderators and operators do; "-" is the standard output; empty =
	// none.
	AuditFile string `mapstructure:"audit_file"`
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
	return Config{Config: edge.DefaultConfig(), Admin: AdminConfig{Listen: "127.0.0.1:9001"}, List: fastim.Config{UpdateInterval: time.Second}, Webhooks: webhooks.DefaultConfig(), Traces: traces.DefaultConfig()}
}

// adminOff is the address of no admin port: a variable of the environment that is empty counts as not set.
const adminOff = "off"

// On reports whether there is an admin port.
func (c AdminConfig) On() bool { return c.Listen != "" && c.Listen != adminOff }

// Validate reports every value out of range, each with its key within the section.
func (c AdminConfig) Validate() error {
	var errs []error
	if c.Public && c.KeysFile == "" {
		errs = append(errs, errors.New("public: strangers could order this node about, since nobody needs a key: "+
			"make one (barrage admin key new NAME --can moderate --file keys.yaml) and set keys_file"))
	}
	if c.On() {
		errs = append(errs, c.validateListen())
	}
	return errors.Join(errs...)
}

func (c AdminConfig) validateListen() error {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %q is not host:port (off = no admin port)", c.Listen)
	}
	if addr, err := netip.ParseAddr(host); c.KeysFile == "" && host != "localhost" && (err != nil || !addr.IsLoopback()) {
		return fmt.Errorf("listen: %q can be reached from other machines, and nobody needs a key: "+
			"make one (barrage admin key new NAME --can ops --file keys.yaml) and set keys_file", c.Listen)
	}
	return nil
}
