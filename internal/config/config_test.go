package config

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"barrage/gateway"
	"barrage/gateway/edge"
	"barrage/internal/chat"
	"barrage/internal/env"
	"barrage/internal/pace"
	"barrage/redisx"
	"barrage/room"
)

func TestDefault_IsValidAndIsThePackagesDefaults(t *testing.T) {
	cfg := Default()
	if err := cfg.Validate(); err != nil {
		t.Errorf("Default().Validate() = %v", err)
	}
	if got, want := cfg.Gateway(), gateway.DefaultConfig(); !reflect.DeepEqual(got, want) {
		t.Errorf("Default().Gateway() = %+v; want %+v", got, want)
	}
	five := pace.Rate{Every: 200, Burst: 20} // a second, of section limits
	rooms := room.DefaultConfig()
	rooms.UserRate = five
	if got, want := cfg.Rooms(), rooms; !reflect.DeepEqual(got, want) {
		t.Errorf("Default().Rooms() = %+v; want %+v", got, want)
	}
	if got, want := cfg.StoreLimits(), (redisx.Limits{
		HistoryMessages: 10_000, HistoryBytes: 4 << 20, HistoryTTL: 168 * time.Hour, RoomsPerUser: 500, MembershipTTL: 720 * time.Hour,
		TokensPerUser: 1, Quota: chat.Quota{Burst: 400, Reserved: 20},
	}); got != want {
		t.Errorf("Default().StoreLimits() = %+v; want %+v", got, want)
	}
	cfg.Auth.Mode = []string{edge.AuthRedis}
	if cfg.StoreLimits().UserRate != five {
		t.Errorf("with auth.mode redis the store's rate of a user is %+v; want %+v", cfg.StoreLimits().UserRate, five)
	}
}

// TestConfig_PartsTakeEverySetting changes each setting alone: one that no package is
// given would be a setting without effect.
func TestConfig_PartsTakeEverySetting(t *testing.T) {
	ofMain := func(key string) bool { // Settings that main hands over by itself.
		return strings.HasPrefix(key, "redis.") || strings.HasPrefix(key, "log.") || strings.HasPrefix(key, "config.")
	}
	plain := Default()
	for i, s := range settings(&plain) {
		changed := Default()
		change(settings(&changed)[i].value)
		same := reflect.DeepEqual(changed.Gateway(), plain.Gateway()) &&
			reflect.DeepEqual(changed.Rooms(), plain.Rooms()) && changed.StoreLimits() == plain.StoreLimits()
		if same && !ofMain(s.key) {
			t.Errorf("%s: changed, and Gateway, Rooms and Limits are as before", s.key)
		}
	}
}

// change gives a setting another value.
func change(value reflect.Value) {
	switch value.Kind() {
	case reflect.Bool:
		value.SetBool(!value.Bool())
	case reflect.Int, reflect.Int64:
		value.SetInt(value.Int() + 1)
	case reflect.Float64:
		value.SetFloat(value.Float() + 1)
	case reflect.String:
		value.SetString(value.String() + "x")
	default:
		value.Set(reflect.ValueOf([]string{"x"}))
	}
}

func TestConfig_ValidateReportsEveryProblemWithItsKey(t *testing.T) {
	cfg := Default()
	cfg.Server.Listen = "x"
	cfg.Server.Pollers = 300
	cfg.Admin.Listen = "x"
	cfg.Redis.DB, cfg.Redis.Mode = 2000, "clustr"
	cfg.Auth.LoginURL = "ftp://x"
	cfg.Room = RoomConfig{Open: "everyone", Linger: -time.Second, MembershipTTL: time.Hour}
	cfg.History = HistoryConfig{OnJoin: 2000, MaxMessages: 100, TTL: time.Second, RecallLimit: time.Minute}
	cfg.List.UpdateInterval = 0
	cfg.Limits.MessageRate, cfg.Limits.HTTPBurst, cfg.Limits.Rooms, cfg.Limits.IP6Prefix, cfg.Limits.Handshakes = -1, 0, -1, 0, 0.5
	cfg.Server.TrustedProxies = []string{"10.0.0.0/8", "proxy"}
	cfg.Filter = edge.FilterConfig{Files: []string{"a.txt", "", "a.txt"}, Action: "none"}
	cfg.Hook = edge.ReviewConfig{ReviewURL: "http://example.com", ReviewFallback: "mask", Secret: "short"}
	cfg.Fanout.Lanes = -1
	cfg.CORS.AllowedOrigins = []string{"*", "x"}
	cfg.Log = LogConfig{Level: "loud"}
	wantLines(t, cfg.Validate(), `
server.listen: "x" is not host:port
server.pollers: 300 is not within 0 (= half of the cores) and 256
server.trusted_proxies[1]: "proxy" is neither an address nor a prefix as 10.0.0.0/8
admin.listen: "x" is not host:port (off = no admin port)
redis.mode: "clustr" is none of auto, standalone, sentinel, cluster
redis.db: 2000 is not within 0 and 1023
auth.login_url: "ftp://x" is not an http or https URL, nor off
room.open: "everyone" is none of anyone, known, granted
room.rooms_per_user: 0 is not within 1 and 100000
room.membership_ttl: 1h0m0s is below 48h, and not 0 (= for ever)
room.linger: -1s is not within 0s and 24h
room.queue_messages: 0 is not within 1 and 1000000
room.queue_bytes: 0 is not within 64KiB and 16GiB
room.queue_age: 0s is not within 1s and 25s, beyond which a message could be stored twice
room.publishers: 0 is not within 1 and 1024
history.on_join: 2000 is not within 0 and 1000
history.on_join: 2000 is above max_messages (100): no room holds as many
history.ttl: 1s is below 1m
history.recall_limit: 1m0s is not within 0s and ttl (1s)
list.update_interval: 0s is not within 10ms and 1h
limits.message_rate: -1 is not within 0.001 and 1000 a second, nor 0 (= no limit)
limits.handshakes: 0.5 is not within 1 and 100000 a second, nor 0 (= no limit)
limits.http_burst: 0 is not within 1 and 100000
limits.rooms: -1 is not within 0 (= no limit) and 10000000
limits.ip6_prefix: 0 is not within 1 and 128
filter.files[1]: it is empty, want the path of a list
filter.files[2]: "a.txt" stands there twice
filter.action: "none" is none of block, hold, shadow, mask, flag
hook.review_url: "http://example.com" is neither https nor http on this machine
hook.secret: it has 5 bytes, below 24 (openssl rand -base64 32 makes a good one)
hook.review_timeout: 0s is not within 10ms and 2s
hook.review_fallback: "mask" is none of allow, deny, hold
hook.review_new_for: 0s is not within 1s and 24h
fanout.lanes: -1 is not within 0 (= one per core) and 1024
cors.allowed_origins[1]: "x" is no origin, as https://example.com, https://*.example.com, *, null or file://
log.level: "loud" is none of debug, info, warn, error
log.format: "" is none of text, json
admin.listen: "x" is server.listen too; give it a port of its own`)

	cfg = Default()
	cfg.History.MaxMessages = 0
	wantLines(t, cfg.Validate(), "history.max_messages: 0 is not within 1 and 1000000")
}

// TestConfig_TwoPortsMayBothBeChosenBySystem holds the exception that tests of nodes use.
func TestConfig_TwoPortsMayBothBeChosenBySystem(t *testing.T) {
	cfg := Default()
	cfg.Server.Listen, cfg.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	if err := cfg.Validate(); err != nil {
		t.Errorf("Validate() = %v; want nil: two ports 0 are two ports", err)
	}
}

// TestConfigFile_IsTheManual holds config.yaml to the code: every key, its default, and
// a comment above it.
func TestConfigFile_IsTheManual(t *testing.T) {
	const path = "../../config.yaml"
	cfg, locations, err := Load(path, nil)
	if err != nil {
		t.Fatalf("Load(%s) = %v", path, err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(file), "\n")
	defaults := Default()
	inFile, inCode := settings(&cfg), settings(&defaults)
	last := 0
	for i, s := range inCode {
		line := locations[s.key].Line
		if line == 0 {
			t.Errorf("%s: not in %s", s.key, path)
			continue
		}
		if got, want := written(inFile[i].value.Interface()), written(s.value.Interface()); got != want {
			t.Errorf("%s: %s in %s; want the default %s", s.key, got, path, want)
		}
		if !strings.HasPrefix(strings.TrimSpace(lines[line-2]), "# ") {
			t.Errorf("%s: no comment above line %d of %s", s.key, line, path)
		}
		if line < last {
			t.Errorf("%s: line %d of %s is not in the order of Config", s.key, line, path)
		}
		last = line
	}
	if len(locations) != len(inCode) {
		t.Errorf("%d keys in %s; want %d", len(locations), path, len(inCode))
	}
}

func TestSettings_HaveNamesAndVariablesOfTheirOwn(t *testing.T) {
	cfg := Default()
	seen := map[string]string{}
	for _, s := range settings(&cfg) {
		if !keyForm.MatchString(s.key) || strings.Count(s.key, ".") != 1 || strings.HasSuffix(s.key, ".") {
			t.Errorf("key %q is not section.name: is a %s tag missing?", s.key, tag)
		}
		if other := seen[env.Name(s.key)]; other != "" {
			t.Errorf("%s and %s share the variable %s", s.key, other, env.Name(s.key))
		}
		seen[env.Name(s.key)] = s.key
	}
	if len(seen) < 30 || seen["BARRAGE_SERVER_MAX_CONNECTIONS"] != "server.max_connections" {
		t.Errorf("variables: %v; want all of them, as BARRAGE_SERVER_MAX_CONNECTIONS", seen)
	}
}

// wantLines checks an error that joins one problem a line. want may begin with an empty
// line.
func wantLines(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		err = errors.New("")
	}
	got, lines := strings.Split(err.Error(), "\n"), strings.Split(strings.TrimPrefix(want, "\n"), "\n")
	for i := range max(len(got), len(lines)) {
		var g, w string
		if i < len(got) {
			g = got[i]
		}
		if i < len(lines) {
			w = lines[i]
		}
		if g != w {
			t.Errorf("problem %d:\n got %s\nwant %s", i+1, g, w)
		}
	}
}

// TestValidate_WebhooksBesideOriginalNodesAreRefused: their messages have no numbers that a backend could go by.
func TestValidate_WebhooksBesideOriginalNodesAreRefused(t *testing.T) {
	cfg := Default()
	cfg.Webhooks.URL, cfg.Webhooks.Secret = "https://backend.example/", "a secret of 24 bytes or more"
	if err := cfg.Validate(); err != nil {
		t.Errorf("Validate() = %v", err)
	}
	cfg.Redis.Addrs, cfg.Redis.FastIMInterop = []string{"127.0.0.1:6379"}, true
	wantLines(t, cfg.Validate(), "webhooks.url: beside original FastIM nodes nothing is sent: messages have no numbers there; "+
		"leave it empty, or set redis.fastim_interop to false")
}
