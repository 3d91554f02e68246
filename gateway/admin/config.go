package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// Config is the config section `admin`: health, metrics, and calls for operators. Start from [DefaultConfig].
type Config struct {
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

// DefaultConfig is what config.yaml says.
func DefaultConfig() Config { return Config{Listen: "127.0.0.1:9001"} }

// Off is the address of no admin port: a variable of the environment that is empty counts as not set.
const Off = "off"

// On reports whether there is an admin port.
func (c Config) On() bool { return c.Listen != "" && c.Listen != Off }

// Validate reports every value out of range, each with its key within the section.
func (c Config) Validate() error {
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

func (c Config) validateListen() error {
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

// Setting is one setting of a node as operators see it.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"` // as config.yaml has it; *** in the place of a secret
	From  string `json:"from"`  // default, file, or environment
}

// Hash is the same for the same settings, wherever they come from: 12 digits. It shows nothing of secrets.
func Hash(settings []Setting) string {
	h := sha256.New()
	for _, s := range settings {
		h.Write([]byte(s.Key + "=" + s.Value + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}
