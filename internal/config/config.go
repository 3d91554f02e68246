// Package config is the configuration of a node: the values of config.yaml and the environment, checked as a whole
// before anything starts.
//
// [Config] puts together the sections that the packages define for themselves and the
// few that only this package knows. [Load] reads it, [Config.Validate] checks it,
// [Print] shows it. The package starts no goroutine and keeps no state: everything it
// reads is an argument, and a loaded Config never changes.
package config

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"strings"
	"time"

	"barrage/gateway"
	"barrage/gateway/admin"
	"barrage/gateway/door"
	"barrage/gateway/edge"
	"barrage/gateway/fastim"
	"barrage/gateway/traces"
	"barrage/gateway/webhooks"
	"barrage/internal/chat"
	"barrage/internal/pace"
	"barrage/internal/units"
	"barrage/redisx"
	"barrage/room"
)

// Config is every setting of a node, in the order of config.yaml. Start from
// [Default] or [Load]; the zero value is not valid.
type Config struct {
	Server   edge.ServerConfig `mapstructure:"server"`
	Admin    admin.Config      `mapstructure:"admin"`
	Redis    redisx.Config     `mapstructure:"redis"`
	Auth     edge.AuthConfig   `mapstructure:"auth"`
	Room     RoomConfig        `mapstructure:"room"`
	History  HistoryConfig     `mapstructure:"history"`
	List     fastim.Config     `mapstructure:"list"`
	Limits   door.Limits       `mapstructure:"limits"`
	Storm    room.StormConfig  `mapstructure:"storm"`
	Filter   edge.FilterConfig `mapstructure:"filter"`
	Hook     edge.ReviewConfig `mapstructure:"hook"`
	Webhooks webhooks.Config   `mapstructure:"webhooks"`
	Fanout   room.FanoutConfig `mapstructure:"fanout"`
	CORS     edge.CORSConfig   `mapstructure:"cors"`
	Log      LogConfig         `mapstructure:"log"`
	Traces   traces.Config     `mapstructure:"traces"`
	Reload   ReloadConfig      `mapstructure:"config"`
}

// RoomConfig is the config section `room`. [room.Config] says what the numbers cost.
type RoomConfig struct {
	// Open is which rooms anybody may open: anyone (any) or known (those that are registered or have had messages).
	Open string `mapstructure:"open"`
	// AutoJoin makes everyone who connects to a room a member of it. Off: a user who
	// is not a member is closed with 4403.
	AutoJoin bool `mapstructure:"auto_join"`
	// AnonymousJoin has AutoJoin make members also of users whose token was not checked.
	AnonymousJoin bool `mapstructure:"anonymous_join"`
	// SelfJoin lets users join rooms by themselves where AutoJoin is off.
	SelfJoin bool `mapstructure:"self_join"`
	// RoomsPerUser is how many rooms a user may be a member of; 1 to 100000.
	RoomsPerUser int `mapstructure:"rooms_per_user"`
	// MembershipTTL is how long a user's memberships are kept after the last use; 48h or more, 0 = for ever.
	MembershipTTL time.Duration `mapstructure:"membership_ttl"`
	// Linger is how long a room without members stays live; 0 to 24h, 0 = it goes at once.
	Linger time.Duration `mapstructure:"linger"`
	// QueueMessages bounds the messages of one room that wait for the store; 1 to 1000000.
	QueueMessages int `mapstructure:"queue_messages"`
	// QueueBytes bounds the messages of all rooms together that wait; 64KiB to 16GiB.
	QueueBytes units.Bytes `mapstructure:"queue_bytes"`
	// QueueAge is how long a message waits before it is given up; 1s to 25s.
	QueueAge time.Duration `mapstructure:"queue_age"`
	// Publishers is how many goroutines carry batches to the store; 1 to 1024.
	Publishers int `mapstructure:"publishers"`
}

// HistoryConfig is the config section `history`: how much a room remembers.
type HistoryConfig struct {
	// OnJoin is how many of the newest messages a member is given first; 0 to 1000,
	// not above MaxMessages.
	OnJoin int `mapstructure:"on_join"`
	// MaxMessages is how many messages a room's history holds; 1 to 1000000. The
	// oldest go first. Too high: every room costs that much Redis memory.
	MaxMessages int `mapstructure:"max_messages"`
	// MaxBytes is how many bytes a room's history holds; 64KiB or more, 0 = any number. The
	// oldest messages go first.
	MaxBytes units.Bytes `mapstructure:"max_bytes"`
	// TTL is how long a room's history lives after its last message; 1m or more.
	TTL time.Duration `mapstructure:"ttl"`
	// RecallLimit is how old a message may be when its sender takes it back; 0 to
	// TTL, 0 = nothing can be taken back.
	RecallLimit time.Duration `mapstructure:"recall_limit"`
}

// LogConfig is the config section `log`.
type LogConfig struct {
	// Level is the least level that is written: debug, info, warn or error.
	Level string `mapstructure:"level"`
	// Format is text for people or json for machines.
	Format string `mapstructure:"format"`
}

// The values of room.open.
const (
	openAnyone  = "anyone"
	openKnown   = "known"
	openGranted = "granted"
)

// longestCall is what queue_age leaves for the last try of a batch.
const longestCall = 5 * time.Second

// Default is what config.yaml says, put together from the defaults of the packages.
func Default() Config {
	node, rooms := gateway.DefaultConfig(), room.DefaultConfig()
	return Config{
		Server: node.Server,
		Admin:  node.Admin,
		Redis:  redisx.DefaultConfig(),
		Auth:   node.Auth,
		Room: RoomConfig{
			Open:          openAnyone,
			AutoJoin:      node.AutoJoin,
			AnonymousJoin: node.AnonymousJoin,
			SelfJoin:      node.SelfJoin,
			RoomsPerUser:  500,
			MembershipTTL: 30 * 24 * time.Hour,
			Linger:        rooms.Linger,
			QueueMessages: rooms.QueueMessages,
			QueueBytes:    rooms.QueueBytes,
			QueueAge:      rooms.QueueAge,
			Publishers:    rooms.Publishers,
		},
		History: HistoryConfig{
			OnJoin:      rooms.OnJoin,
			MaxMessages: 10_000,
			MaxBytes:    4 << 20,
			TTL:         7 * 24 * time.Hour,
			RecallLimit: node.RecallLimit,
		},
		List:     node.List,
		Limits:   node.Limits,
		Storm:    rooms.Storm,
		Filter:   node.Filter,
		Hook:     node.Hook,
		Webhooks: node.Webhooks,
		Fanout:   rooms.Fanout,
		CORS:     node.CORS,
		Log:      LogConfig{Level: "info", Format: "text"},
		Traces:   node.Traces,
	}
}

// Validate reports every value out of range, joined, each as
//
//	server.listen: "x" is not host:port
func (c Config) Validate() error {
	var problems []error
	for section, value := range reflect.ValueOf(c).Fields() {
		err := value.Interface().(interface{ Validate() error }).Validate()
		for _, problem := range each(err) {
			problems = append(problems, fmt.Errorf("%s.%w", section.Tag.Get(tag), problem))
		}
	}
	if _, port, _ := net.SplitHostPort(c.Admin.Listen); c.Admin.Listen == c.Server.Listen && port != "0" {
		problems = append(problems, fmt.Errorf("admin.listen: %q is server.listen too; give it a port of its own", c.Admin.Listen))
	}
	if c.Webhooks.URL != "" && c.Redis.FastIMInterop {
		problems = append(problems, errors.New("webhooks.url: beside original FastIM nodes nothing is sent: messages have no numbers there; "+
			"leave it empty, or set redis.fastim_interop to false"))
	}
	return errors.Join(problems...)
}

// each takes joined errors apart; it is empty where err is nil.
func each(err error) []error {
	type joined interface {
		error
		Unwrap() []error
	}
	if err == nil {
		return nil
	}
	if all, ok := errors.AsType[joined](err); ok {
		return all.Unwrap()
	}
	return []error{err}
}

// Validate reports every value out of range, each with its key within the section.
func (c RoomConfig) Validate() error {
	var errs []error
	if !slices.Contains([]string{openAnyone, openKnown, openGranted}, c.Open) {
		errs = append(errs, fmt.Errorf("open: %q is none of %s, %s, %s", c.Open, openAnyone, openKnown, openGranted))
	}
	if c.RoomsPerUser < 1 || c.RoomsPerUser > 100_000 {
		errs = append(errs, fmt.Errorf("rooms_per_user: %d is not within 1 and 100000", c.RoomsPerUser))
	}
	if c.MembershipTTL != 0 && c.MembershipTTL < 48*time.Hour {
		errs = append(errs, fmt.Errorf("membership_ttl: %v is below 48h, and not 0 (= for ever)", c.MembershipTTL))
	}
	if c.Linger < 0 || c.Linger > 24*time.Hour {
		errs = append(errs, fmt.Errorf("linger: %v is not within 0s and 24h", c.Linger))
	}
	if c.QueueMessages < 1 || c.QueueMessages > 1_000_000 {
		errs = append(errs, fmt.Errorf("queue_messages: %d is not within 1 and 1000000", c.QueueMessages))
	}
	if c.QueueBytes < 64<<10 || c.QueueBytes > 16<<30 {
		errs = append(errs, fmt.Errorf("queue_bytes: %v is not within 64KiB and 16GiB", c.QueueBytes))
	}
	if most := chat.BatchLife - longestCall; c.QueueAge < time.Second || c.QueueAge > most {
		errs = append(errs, fmt.Errorf("queue_age: %v is not within 1s and %v, beyond which a message could be stored twice", c.QueueAge, most))
	}
	if c.Publishers < 1 || c.Publishers > 1024 {
		errs = append(errs, fmt.Errorf("publishers: %d is not within 1 and 1024", c.Publishers))
	}
	return errors.Join(errs...)
}

// Validate reports every value out of range, each with its key within the section.
func (c HistoryConfig) Validate() error {
	var errs []error
	if c.OnJoin < 0 || c.OnJoin > 1000 {
		errs = append(errs, fmt.Errorf("on_join: %d is not within 0 and 1000", c.OnJoin))
	}
	if c.MaxMessages < 1 || c.MaxMessages > 1_000_000 {
		errs = append(errs, fmt.Errorf("max_messages: %d is not within 1 and 1000000", c.MaxMessages))
	} else if c.OnJoin > c.MaxMessages {
		errs = append(errs, fmt.Errorf("on_join: %d is above max_messages (%d): no room holds as many", c.OnJoin, c.MaxMessages))
	}
	if c.MaxBytes < 0 || c.MaxBytes > 0 && c.MaxBytes < 64<<10 || c.MaxBytes > 16<<30 {
		errs = append(errs, fmt.Errorf("max_bytes: %v is not within 64KiB and 16GiB, nor 0 (= any number)", c.MaxBytes))
	}
	if c.TTL < time.Minute {
		errs = append(errs, fmt.Errorf("ttl: %v is below 1m", c.TTL))
	}
	if c.RecallLimit < 0 || c.RecallLimit > c.TTL {
		errs = append(errs, fmt.Errorf("recall_limit: %v is not within 0s and ttl (%v)", c.RecallLimit, c.TTL))
	}
	return errors.Join(errs...)
}

// Validate reports every value out of range, each with its key within the section.
func (c LogConfig) Validate() error {
	var errs []error
	oneOf := func(key, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			errs = append(errs, fmt.Errorf("%s: %q is none of %s", key, value, strings.Join(allowed, ", ")))
		}
	}
	oneOf("level", c.Level, "debug", "info", "warn", "error")
	oneOf("format", c.Format, "text", "json")
	return errors.Join(errs...)
}

// Gateway is what the edge takes of the configuration.
func (c Config) Gateway() gateway.Config {
	return gateway.Config{
		Config: edge.Config{
			Server:        c.Server,
			Auth:          c.Auth,
			Limits:        c.Limits,
			Filter:        c.Filter,
			Hook:          c.Hook,
			CORS:          c.CORS,
			KnownRooms:    c.Room.Open != openAnyone && c.Room.Open != openGranted,
			GrantedRooms:  c.Room.Open == openGranted,
			AutoJoin:      c.Room.AutoJoin,
			AnonymousJoin: c.Room.AnonymousJoin,
			SelfJoin:      c.Room.SelfJoin,
			RecallLimit:   c.History.RecallLimit,
			IOUring:       c.Fanout.IOUring,
			StuckTimeout:  c.Fanout.StuckTimeout,
		},
		Admin:    c.Admin,
		List:     c.List,
		Webhooks: c.Webhooks,
		Traces:   c.Traces,
	}
}

// storeGrace is how much longer a room waits for the store than the store waits for Redis. So the store's own error,
// which says more, comes first.
const storeGrace = time.Second

// Rooms is what the rooms take of the configuration.
func (c Config) Rooms() room.Config {
	mostRooms := 0
	if c.Limits.Enabled {
		mostRooms = c.Limits.Rooms
	}
	return room.Config{
		MaxRooms:      mostRooms,
		OnJoin:        c.History.OnJoin,
		Linger:        c.Room.Linger,
		QueueMessages: c.Room.QueueMessages,
		QueueBytes:    c.Room.QueueBytes,
		QueueAge:      c.Room.QueueAge,
		NoLocal:       c.Redis.FastIMInterop,
		UserRate:      c.Limits.User(),
		Publishers:    c.Room.Publishers,
		OnAnswer:      c.Redis.MinReplicas > 0,
		StoreTimeout:  c.Redis.Timeout + storeGrace,
		Storm:         c.Storm,
		Fanout:        c.Fanout,
	}
}

// StoreLimits is what the store takes of the configuration.
func (c Config) StoreLimits() redisx.Limits {
	return redisx.Limits{
		HistoryMessages: c.History.MaxMessages, HistoryBytes: int(c.History.MaxBytes), HistoryTTL: c.History.TTL, UserRate: c.userRateOverNodes(), Quota: c.Storm.Quota(),
		TokensPerUser: c.Auth.TokensPerUser, RoomsPerUser: c.Room.RoomsPerUser, MembershipTTL: c.Room.MembershipTTL,
	}
}

// userRateOverNodes is limits.user_rate where a name is somebody's: else a stranger could use it up.
func (c Config) userRateOverNodes() pace.Rate {
	if !c.Auth.Required() {
		return pace.Rate{}
	}
	return c.Limits.User()
}
