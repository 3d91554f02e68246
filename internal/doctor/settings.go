package doctor

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"barrage/gateway/door"
	"barrage/gateway/keys"
	"barrage/internal/config"
)

// This file is what of the settings leaves a door open.

// exposure is who can reach a port.
type exposure int

const (
	thisMachine exposure = iota
	privateNet
	everybody
)

// exposureOf says who can reach host:port. A name may be anything.
func exposureOf(listen string) exposure {
	host, _, _ := net.SplitHostPort(listen)
	addr, err := netip.ParseAddr(host)
	switch {
	case host == "localhost", err == nil && addr.IsLoopback():
		return thisMachine
	case err == nil && (addr.IsPrivate() || addr.IsLinkLocalUnicast()):
		return privateNet
	}
	return everybody
}

// settings looks at the configuration, which is valid.
func settings(cfg *config.Config) (found []Finding) {
	check := func(name string, bad bool, state State, value, do string) {
		f := Finding{Check: name, State: OK, Value: value}
		if bad {
			f.State, f.Do = state, do
		}
		found = append(found, f)
	}
	open := exposureOf(cfg.Server.Listen)
	check("auth.mode", !cfg.Auth.Required() && open != thisMachine, Warn, fmt.Sprintf("%s on %s", strings.Join(cfg.Auth.Mode, ", "), cfg.Server.Listen),
		"Set auth.mode to what checks tokens (jwt, hook or redis): with any everybody may take any name.")
	node := cfg.Gateway()
	for _, warning := range node.Warnings() {
		what, do, _ := strings.Cut(warning, "; ")
		found = append(found, Finding{"logins", Warn, what, sentence(do)})
	}
	found = append(found, proxies(cfg, open))
	if cfg.Admin.On() || cfg.Admin.Public {
		found = append(found, adminKeys(cfg))
	}
	check("limits", !cfg.Limits.Enabled && open == everybody, Warn, fmt.Sprintf("enabled %v", cfg.Limits.Enabled),
		"Set limits.enabled to true: else one stranger may take the whole node.")
	return found
}

// proxies looks whether the node can distinguish clients.
func proxies(cfg *config.Config, open exposure) Finding {
	f := Finding{Check: "trusted proxies", State: OK, Value: strings.Join(cfg.Server.TrustedProxies, ", ")}
	all, err := door.ParsePrefixes(cfg.Server.TrustedProxies)
	switch {
	case err != nil:
		f.State, f.Value, f.Do = Fail, err.Error(), "Write server.trusted_proxies as addresses or prefixes."
	case len(all) == 0 && open != everybody:
		f.State, f.Value = Warn, fmt.Sprintf("none, and the node listens on %s", cfg.Server.Listen)
		f.Do = "Set server.trusted_proxies to the addresses of what stands in front: else limits by address hold for nobody."
	case len(all) == 0:
		f.Value = "none: clients are who connects"
	}
	for _, p := range all {
		if p.Bits() == 0 {
			f.State, f.Do = Fail, "Name the addresses of your proxies in server.trusted_proxies: this one lets every stranger say where they come from."
		}
	}
	return f
}

// adminKeys looks whether the server keys can be read.
func adminKeys(cfg *config.Config) Finding {
	f := Finding{Check: "admin port", State: OK, Value: cfg.Admin.Listen + ", no keys: whoever is on this machine may do anything"}
	if cfg.Admin.KeysFile == "" {
		return f
	}
	all, warning, err := keys.Load(cfg.Admin.KeysFile)
	switch {
	case err != nil:
		f.State, f.Value, f.Do = Fail, err.Error(), "Mend admin.keys_file: barrage admin key --help."
	case warning != "":
		f.State, f.Value, f.Do = Warn, warning, "Let the node's user alone read it: chmod 600 "+cfg.Admin.KeysFile+"."
	default:
		f.Value = fmt.Sprintf("%s, %d keys", cfg.Admin.Listen, all.Len())
		if cfg.Admin.Public {
			f.Value += ", also on " + cfg.Server.Listen
		}
	}
	return f
}
