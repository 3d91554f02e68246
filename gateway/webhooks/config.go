package webhooks

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"barrage/internal/chat"
	"barrage/internal/remote"
	"barrage/internal/signed"
)

// Config is the config section `webhooks`. Start from [DefaultConfig].
type Config struct {
	// URL is where batches are posted: https, or http on this machine. Empty = nothing is sent.
	URL string `mapstructure:"url"`
	// Secret signs them, see [signed.ParseSecret].
	Secret string `mapstructure:"secret"`
	// Events are the groups of events that the service wants: see [Groups].
	Events []string `mapstructure:"events"`
	// Rooms are those whose events it wants: exact ids, or with a * at the end.
	Rooms []string `mapstructure:"rooms"`
	// Timeout bounds one call; 100 ms to 10 s.
	Timeout time.Duration `mapstructure:"timeout"`
}

// The groups of events.
const (
	GroupRooms      = "rooms"
	GroupMessages   = "messages"
	GroupModeration = "moderation"
	GroupHeld       = "held"
	GroupStorm      = "storm"
)

// Groups are all groups of events.
func Groups() []string {
	return []string{GroupRooms, GroupMessages, GroupModeration, GroupHeld, GroupStorm}
}

// DefaultConfig is what config.yaml says.
func DefaultConfig() Config {
	return Config{Events: Groups(), Rooms: []string{"*"}, Timeout: 5 * time.Second}
}

const (
	// minTimeout and maxTimeout bound Timeout. A call must end before the lease of its roster does.
	minTimeout = 100 * time.Millisecond
	maxTimeout = 10 * time.Second
	// maxRooms bounds Rooms: each is compared with the id of a room that has something new.
	maxRooms = 1000
)

// Validate reports every value out of range, each with its key within the section. It shows no secret.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.URL != "" {
		if u, err := url.Parse(c.URL); err != nil || u.Host == "" || !remote.SafeURL(u) {
			bad("url: %q is neither https nor http on this machine", remote.RedactedHook(c.URL))
		}
		if c.Secret == "" {
			bad("secret: it is empty, and the service could not tell who calls (openssl rand -base64 32 makes a good one)")
		}
	}
	if c.Secret != "" {
		if _, err := signed.ParseSecret(c.Secret); err != nil {
			bad("secret: %w", err)
		}
	}
	if len(c.Events) == 0 {
		bad("events: it is empty, want some of %s", strings.Join(Groups(), ", "))
	}
	for i, group := range c.Events {
		if !slices.Contains(Groups(), group) {
			bad("events[%d]: %q is none of %s", i, group, strings.Join(Groups(), ", "))
		}
	}
	if n := len(c.Rooms); n == 0 || n > maxRooms {
		bad("rooms: it has %d entries, want 1 to %d; \"*\" is every room", n, maxRooms)
	}
	for i, room := range c.Rooms {
		if room == "" || !utf8.ValidString(room) || strings.Contains(strings.TrimSuffix(room, "*"), "*") {
			bad("rooms[%d]: %q is no room, nor the beginning of some with one * at its end", i, room)
		}
	}
	if c.Timeout < minTimeout || c.Timeout > maxTimeout {
		bad("timeout: %v is not within %v and %v", c.Timeout, minTimeout, maxTimeout)
	}
	return errors.Join(errs...)
}

// wants reports whether the service wants the events of a room. It gets those about all rooms in any case.
func (c *Config) wants(room string) bool {
	if room == chat.Everywhere {
		return true
	}
	for _, of := range c.Rooms {
		if begin, many := strings.CutSuffix(of, "*"); room == of || many && strings.HasPrefix(room, begin) {
			return true
		}
	}
	return false
}

// name is what the service is known by in the store. Another host or path is another service, which receives what comes
// from then on.
func (c *Config) name() string {
	u, err := url.Parse(c.URL)
	if err != nil {
		panic("BUG: webhooks.url passed validation: " + remote.RedactedHook(c.URL))
	}
	sum := sha256.Sum256([]byte(u.Host + u.EscapedPath()))
	return hex.EncodeToString(sum[:6])
}
