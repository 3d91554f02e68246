package config

import (
	"reflect"
	"regexp"
	"slices"
	"strings"

	"barrage/internal/env"
)

// tag is the struct tag that names sections and keys.
const tag = "mapstructure"

// setting is one leaf of a [Config].
type setting struct {
	key   string        // as in "server.listen"
	value reflect.Value // the field; settable
}

// settings lists the leaves of c in the order of config.yaml.
func settings(c *Config) []setting {
	var all []setting
	for section, fields := range reflect.ValueOf(c).Elem().Fields() {
		for field, value := range fields.Fields() {
			all = append(all, setting{section.Tag.Get(tag) + "." + field.Tag.Get(tag), value})
		}
	}
	return all
}

// secret reports whether the value of key must never be shown.
func secret(key string) bool {
	return strings.HasPrefix(key, "redis.") && strings.HasSuffix(key, "password") ||
		strings.HasPrefix(key, "auth.") && strings.Contains(key, "_secret") || key == "webhooks.secret" || key == "hook.secret" || key == "traces.headers"
}

// isURL reports whether the value of key is a URL, which may have a password or an API key in it.
func isURL(key string) bool {
	return strings.HasPrefix(key, "auth.") && strings.HasSuffix(key, "_url") || key == "webhooks.url" || key == "hook.review_url" || key == "traces.endpoint"
}

// isHook reports whether that is the URL of a service that the node calls: its path may be a key, too.
func isHook(key string) bool { return isURL(key) && key != "auth.jwks_url" }

// callers are the variables of those who call a node with "barrage admin", or start one: they are no settings.
var callers = []string{env.AdminServer, env.AdminKey, env.ReadyFD}

// serviceLink matches the variables that Kubernetes puts into every container for
// every service of the namespace. For a service named barrage one is BARRAGE_PORT=tcp://10.0.0.1:9000. They are
// nobody's spelling mistake.
var serviceLink = regexp.MustCompile("^" + env.Prefix + `(\w+_)?(SERVICE_HOST=|SERVICE_PORT(_\w+)?=|PORT=\w+://|PORT_\d+_\w+=)`)

// nearest is the known name that was meant by a misspelled one: one with the given
// ending, or else one with few letters wrong. It is empty where there is none.
func nearest(misspelled, ending string, known []string) string {
	if i := slices.IndexFunc(known, func(name string) bool { return strings.HasSuffix(name, ending) }); i >= 0 {
		return known[i]
	}
	best, least := "", min(3, len(misspelled)/2)+1
	for _, name := range known {
		if d := distance(misspelled, name); d < least {
			best, least = name, d
		}
	}
	return best
}

// distance is how many letters must be put in, taken out or changed to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // row[j] is the distance of a[:i] and b[:j]
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
