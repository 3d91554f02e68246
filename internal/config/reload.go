package config

import (
	"reflect"
	"slices"
	"strings"

	"barrage/gateway/admin"
)

// ReloadConfig is the config section `config`: when the configuration is read anew.
type ReloadConfig struct {
	// Watch has a node look every few seconds whether its file, and the files that it names, are others.
	Watch bool `mapstructure:"watch"`
}

// Validate finds nothing: every value is one.
func (ReloadConfig) Validate() error { return nil }

// atStart are the keys, and with a dot at the end the sections, that only a new start changes. Ports, goroutines,
// connections and routes were made of them. All others hold as soon as a node reads its configuration anew. config.yaml
// says the same.
var atStart = []string{
	"server.listen", "server.max_connections", "server.pollers", "server.send_buffer", "server.read_header_timeout",
	"server.proxy_protocol", "server.max_header_bytes", "server.test_page", "server.emotes",
	"admin.", "redis.", "auth.mode", "room.auto_join", "room.publishers", "list.", "webhooks.",
	"fanout.lanes", "fanout.io_uring", "fanout.interval", "fanout.log_bytes", "fanout.total_log_bytes", "fanout.write_bytes",
	"log.format", "traces.endpoint", "traces.headers", "config.",
}

// NeedsRestart reports whether only a new start changes the setting.
func NeedsRestart(key string) bool {
	section, _, _ := strings.Cut(key, ".")
	return slices.Contains(atStart, key) || slices.Contains(atStart, section+".")
}

// Changed are the keys whose values differ, in the order of config.yaml; restart are those of them that only a new
// start changes.
func Changed(from, to Config) (all, restart []string) {
	was := settings(&from)
	for i, s := range settings(&to) {
		if sameValue(was[i].value, s.value) {
			continue
		}
		all = append(all, s.key)
		if NeedsRestart(s.key) {
			restart = append(restart, s.key)
		}
	}
	return all, restart
}

// Difference is a setting that a running node has another value of.
type Difference struct{ Key, Has, Wants string } // values as config.yaml has them

// Against are the settings that a reload of a node changes, and those for which it is refused. The parameter has is the
// node's settings, wants is the configuration as it is here. Settings that stand in the node's own environment stay.
// Secrets cannot be compared, but for whether there is one: unseen are those that both have.
func Against(has []admin.Setting, wants []admin.Setting) (changes, refused []Difference, unseen []string) {
	of := map[string]admin.Setting{}
	for _, s := range has {
		of[s.Key] = s
	}
	for _, s := range wants {
		is, known := of[s.Key]
		switch {
		case !known || is.From == fromEnvironment: // a node of another version has others
		case secret(s.Key) && is.Value == s.Value && s.Value != written("") && s.Value != written([]string{}):
			unseen = append(unseen, s.Key)
		case is.Value == s.Value:
		case NeedsRestart(s.Key):
			refused = append(refused, Difference{s.Key, is.Value, s.Value})
		default:
			changes = append(changes, Difference{s.Key, is.Value, s.Value})
		}
	}
	return changes, refused, unseen
}

// sameValue compares two values of a setting. No list is an empty one.
func sameValue(a, b reflect.Value) bool {
	if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// Files are the paths of the files that a configuration names and that are read anew with it.
func (c Config) Files() []string {
	files := slices.Clone(c.Filter.Files)
	for _, path := range []string{c.Auth.JWTPublicKeyFile, c.Admin.KeysFile} {
		if path != "" {
			files = append(files, path)
		}
	}
	return files
}
