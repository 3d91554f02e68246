package config

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"barrage/gateway/admin"
	"barrage/internal/remote"
	"barrage/internal/signed"
	"barrage/internal/units"
)

// mask stands for a secret.
const mask = signed.Hidden

// Print writes cfg to w as a config file, in the order of config.yaml, each line with
// its location as a comment. Secrets are masked, also
// those within URLs. locations may be nil: all defaults.
func Print(w io.Writer, cfg Config, locations Locations) error {
	var out bytes.Buffer
	last := ""
	for _, s := range Shown(cfg, locations) {
		section, key, _ := strings.Cut(s.Key, ".")
		if section != last {
			fmt.Fprintf(&out, "%s:\n", section)
			last = section
		}
		fmt.Fprintf(&out, "  %s: %s # %v\n", key, s.Value, s.From)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// Shown are the settings as operators may see them, in the order of config.yaml. Secrets are masked, as [Print] does.
func Shown(cfg Config, locations Locations) (all []admin.Setting) {
	for _, s := range settings(&cfg) {
		value := s.value.Interface()
		if secret(s.key) && !s.value.IsZero() {
			value = masked(value)
		}
		switch {
		case isHook(s.key):
			value = remote.RedactedHook(s.value.String())
		case isURL(s.key):
			value = remote.Redacted(s.value.String())
		}
		all = append(all, admin.Setting{Key: s.key, Value: written(value), From: locations[s.key].String()})
	}
	return all
}

// masked stands for a secret, or a list of them as name=secret.
func masked(value any) any {
	list, ok := value.([]string)
	if !ok {
		return mask
	}
	shown := make([]string, len(list))
	for i, text := range list {
		name, _, _ := strings.Cut(text, "=")
		shown[i] = name + "=" + mask
	}
	return shown
}

// written is a value as config.yaml has it.
func written(value any) string {
	switch v := value.(type) {
	case string:
		return strconv.Quote(v) // Go's escapes are YAML's too.
	case []string:
		texts := make([]string, len(v))
		for i := range v {
			texts[i] = strconv.Quote(v[i])
		}
		return "[" + strings.Join(texts, ", ") + "]"
	case time.Duration:
		return units.Duration(v)
	default:
		return fmt.Sprint(v)
	}
}
