package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"barrage/gateway/edge"
)

// wholeFile sets one value of each kind.
const wholeFile = `
server:
  listen: ":1"
  max_connections: 10
  send_buffer: 8KiB
  idle_timeout: 90s
redis:
  password: from file
auth:
  mode: [redis]
cors:
  allowed_origins: ["https://file.example"]
`

func writeFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad_DefaultsThenFileThenEnvironment(t *testing.T) {
	file := writeFile(t, wholeFile)
	environ := []string{
		"PATH=/bin", "BARRAGE=nothing", "barrage_server_listen=:3",
		"BARRAGE_SERVER_LISTEN=:2", "BARRAGE_SERVER_MAX_CONNECTIONS=20", "BARRAGE_SERVER_SEND_BUFFER=16KiB",
		"BARRAGE_SERVER_IDLE_TIMEOUT=2m", "BARRAGE_REDIS_PASSWORD=1234", "BARRAGE_AUTH_MODE=jwt, redis", "BARRAGE_AUTH_JWT_SECRET=hunter2 hunter2 hunter2 hunter2 hunter2",
		"BARRAGE_CORS_ALLOWED_ORIGINS=https://a.example, https://b.example",
	}
	fromDefaults := Default()
	fromFile := Default()
	fromFile.Server.Listen = ":1"
	fromFile.Server.MaxConnections = 10
	fromFile.Server.SendBuffer = 8 << 10
	fromFile.Server.IdleTimeout = 90 * time.Second
	fromFile.Redis.Password = "from file"
	fromFile.Auth.Mode = []string{edge.AuthRedis}
	fromFile.CORS.AllowedOrigins = []string{"https://file.example"}
	fromEnvironment := Default()
	fromEnvironment.Server.Listen = ":2"
	fromEnvironment.Server.MaxConnections = 20
	fromEnvironment.Server.SendBuffer = 16 << 10
	fromEnvironment.Server.IdleTimeout = 2 * time.Minute
	fromEnvironment.Redis.Password = "1234"
	fromEnvironment.Auth.Mode = []string{edge.AuthJWT, edge.AuthRedis}
	fromEnvironment.Auth.JWTSecret = "hunter2 hunter2 hunter2 hunter2 hunter2"
	fromEnvironment.CORS.AllowedOrigins = []string{"https://a.example", "https://b.example"}

	for _, c := range []struct {
		name, path string
		environ    []string
		want       Config
	}{
		{"defaults", "", nil, fromDefaults},
		{"file", file, nil, fromFile},
		{"environment", "", environ, fromEnvironment},
		{"environment beats file", file, environ, fromEnvironment},
		{"an empty variable is not set", file, []string{"BARRAGE_SERVER_LISTEN=", "BARRAGE_NO_SUCH="}, fromFile},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := Load(c.path, c.environ)
			if err != nil {
				t.Fatalf("Load = %v", err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("Load = %+v; want %+v", got, c.want)
			}
		})
	}
}

func TestLoad_AcceptsFilesThatSayNothing(t *testing.T) {
	for _, file := range []string{"", "\n", "# nothing\n", "---\n", "server:\n", "server: {}\nredis:\n  # db: 1\n"} {
		got, locations, err := load([]byte(file), nil)
		if err != nil || len(locations) != 0 || !reflect.DeepEqual(got, Default()) {
			t.Errorf("load(%q) = %+v, %v, %v; want the defaults", file, got, locations, err)
		}
	}
}

func TestLoad_ReadsReferences(t *testing.T) {
	cfg, _, err := load([]byte("server:\n  send_buffer: &size 32KiB\n  max_message_bytes: *size\n"), nil)
	if err != nil || cfg.Server.MaxMessageBytes != 32<<10 {
		t.Errorf("max_message_bytes: *size = %v, %v; want 32KiB", cfg.Server.MaxMessageBytes, err)
	}
}

func TestLoad_TellsLocations(t *testing.T) {
	_, locations, err := load([]byte("server:\n  listen: :1\n  pollers: 1\n"), []string{"BARRAGE_SERVER_POLLERS=2"})
	want := Locations{"server.listen": {Line: 2}, "server.pollers": {Variable: "BARRAGE_SERVER_POLLERS"}}
	if err != nil || !reflect.DeepEqual(locations, want) {
		t.Errorf("locations = %v, %v; want %v", locations, err, want)
	}
	for key, source := range map[string]string{"server.listen": "file", "server.pollers": "environment", "redis.db": "default"} {
		if got := locations[key].String(); got != source {
			t.Errorf("source of %s = %s; want %s", key, got, source)
		}
	}
}

func TestLoad_RefusesFile(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"unknown keys and sections", `
sever:
  listen: ":1"
server:
  listne: ":1"
  on_join: 5
  zzz: 1
listen: ":1"
server.listen: ":1"
Server: {}
`, `
sever: unknown key (line 2); did you mean server?
server.listne: unknown key (line 5); did you mean server.listen?
server.on_join: unknown key (line 6); did you mean history.on_join?
server.zzz: unknown key (line 7)
listen: unknown key (line 8); did you mean server.listen?
server.listen: unknown key (line 9); write it in two lines, "server:" and indented below "listen:"
Server: unknown key (line 10); did you mean server?`},

		{"wrong types", `
server:
  listen: 9000
  max_connections: "abc"
  pollers: 1.5
  send_buffer: 64 bananas
  max_header_bytes: [64KiB]
  max_message_bytes: -1
  idle_timeout: 75
  drain_timeout: 10 s
redis:
  addrs: 127.0.0.1:6379
  username: {a: b}
  db: 99999999999999999999
auth:
  tokens_per_user: maybe
  login_url: 2026-01-02
room:
  auto_join: 1
  linger: 1.5
cors:
  allowed_origins: ["*", 5]
`, `
server.listen: 9000 is not a text; put it in quotes (line 3)
server.max_connections: "abc" is not a whole number (line 4)
server.pollers: 1.5 is not a whole number (line 5)
server.send_buffer: "64 bananas" is not a size, as 64KiB or 2MiB (line 6)
server.max_header_bytes: [64KiB] is not a size, as 64KiB or 2MiB (line 7)
server.idle_timeout: 75 is not a duration with its unit, as 30s or 2m (line 9)
server.drain_timeout: "10 s" is not a duration with its unit, as 30s or 2m (line 10)
redis.addrs: "127.0.0.1:6379" is not a list of texts, as [a, b] (line 12)
redis.username: a section is not a text; put it in quotes (line 13)
redis.db: 1e+20 is not a whole number (line 14)
auth.tokens_per_user: "maybe" is not a whole number (line 16)
auth.login_url: 2026-01-02 00:00:00 +0000 UTC is not a text; put it in quotes (line 17)
room.auto_join: 1 is not true or false (line 19)
room.linger: 1.5 is not a duration with its unit, as 30s or 2m (line 20)
cors.allowed_origins: [* 5] is not a list of texts, as [a, b] (line 22)
server.max_message_bytes: -1 is not within 125 bytes and 1MiB (line 8)`},

		{"values that are not there", "server:\n  listen:\n  pollers: ~\n  send_buffer: !!int x\nredis:\n  addrs: &a [*a]\n", `
server.listen: there is no value; give one or remove the line (line 2)
server.pollers: there is no value; give one or remove the line (line 3)
server.send_buffer: the value is not what its !tag or *reference makes of it (line 4)
redis.addrs: the value is not what its !tag or *reference makes of it (line 6)`},

		{"out of range", "server:\n  listen: x\nredis:\n  addrs: [a]\nhistory:\n  on_join: 20\n  max_messages: 10\n", `
server.listen: "x" is not host:port (line 2)
redis.addrs[0]: "a" is not host:port (line 4)
history.on_join: 20 is above max_messages (10): no room holds as many (line 6)`},

		{"given twice", "server:\n  pollers: 1\n  pollers: 2\nredis: {}\nserver:\n  pollers: 3\n", `
server.pollers: given twice, in line 2 too (line 3)
server: given twice, in line 1 too (line 5)`},

		{"no sections", "server: 9000\nredis: [a]\nlog:\n  - level\n", `
server: keys must stand below it, indented, as "key: value" (line 1)
redis: keys must stand below it, indented, as "key: value" (line 2)
log: keys must stand below it, indented, as "key: value" (line 3)`},

		{"no keys", "server: &s {listen}\nredis:\n  <<: *s\n  ? [db]\n  : 1\n", `
line 1: this is no key with a value; write "key: value", with a space
line 3: this is no key with a value; write "key: value", with a space
line 4: this is no key with a value; write "key: value", with a space`},

		{"a list", "- server\n", `line 1: the file must begin with a section, as "server:"`},
		{"a text", "server", `line 1: the file must begin with a section, as "server:"`},
		{"two documents", "server:\n  pollers: 1\n---\nserver:\n  pollers: 2\n", `yaml: line 3: a second document begins`},
		{"bad indentation", "server:\n  pollers: 1\n   listen: x\n", `yaml: line 3: mapping values are not allowed in this context`},
		{"a tab", "server:\n\tpollers: 1\n", `yaml: line 2: found character that cannot start any token`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := load([]byte(c.file), nil)
			wantLines(t, err, c.want)
		})
	}
}

func TestLoad_RefusesEnvironment(t *testing.T) {
	_, _, err := Load("", []string{
		"BARRAGE_SERVER_LISTEN=x",
		"BARRAGE_SERVER_LISTNE=:1",
		"BARRAGE_LISTEN=:1",
		"BARRAGE_SERVER_PORT=9000",
		"BARRAGE_SERVER_MAX_CONNECTIONS=abc",
		"BARRAGE_SERVER_POLLERS=1.5",
		"BARRAGE_SERVER_SEND_BUFFER=big",
		"BARRAGE_SERVER_IDLE_TIMEOUT=75",
		"BARRAGE_ROOM_AUTO_JOIN=maybe",
		"BARRAGE_REDIS_ADDRS=127.0.0.1:6379,",
		"BARRAGE_LOG_LEVEL=trace",
	})
	wantLines(t, err, `
BARRAGE_SERVER_LISTNE: unknown environment variable; did you mean BARRAGE_SERVER_LISTEN?
BARRAGE_LISTEN: unknown environment variable; did you mean BARRAGE_SERVER_LISTEN?
BARRAGE_SERVER_PORT: unknown environment variable
server.max_connections: "abc" is not a whole number (BARRAGE_SERVER_MAX_CONNECTIONS)
server.pollers: "1.5" is not a whole number (BARRAGE_SERVER_POLLERS)
server.send_buffer: "big" is not a size, as 64KiB or 2MiB (BARRAGE_SERVER_SEND_BUFFER)
server.idle_timeout: "75" is not a duration with its unit, as 30s or 2m (BARRAGE_SERVER_IDLE_TIMEOUT)
room.auto_join: "maybe" is not true or false (BARRAGE_ROOM_AUTO_JOIN)
server.listen: "x" is not host:port (BARRAGE_SERVER_LISTEN)
redis.addrs[1]: "" is not host:port (BARRAGE_REDIS_ADDRS)
log.level: "trace" is none of debug, info, warn, error (BARRAGE_LOG_LEVEL)`)
}

func TestLoad_ReportsFileAndEnvironmentTogether(t *testing.T) {
	_, _, err := Load(writeFile(t, "server: [\n"), []string{"BARRAGE_ROOM_X=1"})
	wantLines(t, err, `
yaml: line 1: did not find expected node content
BARRAGE_ROOM_X: unknown environment variable`)
}

// TestLoad_LeavesVariablesOfImages: a variable that is like no setting is named, and no reason not to start.
func TestLoad_LeavesVariablesOfImages(t *testing.T) {
	environ := []string{"BARRAGE_VERSION=1.2", "BARRAGE_HOME=/opt/barrage", "BARRAGE_CONFIG_FILE=/x", "BARRAGE_USER=", "BARRAGE_CONFIG_WACH=true", "BARRAGE_SERVER_LISTEN=:1", "BARRAGE_SERVER_LISTNE=:1", "PATH=/bin"}
	ignored := Ignored(environ)
	cfg, _, err := Load("", environ[:4])
	if err != nil || !reflect.DeepEqual(cfg, Default()) || !slices.Equal(ignored, []string{"BARRAGE_VERSION", "BARRAGE_HOME", "BARRAGE_CONFIG_FILE"}) {
		t.Errorf("Load = %+v, ignored %q, %v; want the defaults, and three that were ignored", cfg, ignored, err)
	}
}

// TestLoad_RefusesMaskedSecrets: the output of "config print" is no configuration to start with.
func TestLoad_RefusesMaskedSecrets(t *testing.T) {
	_, _, err := Load(writeFile(t, "redis:\n  password: \"***\"\n"), []string{"BARRAGE_AUTH_JWT_SECRET=***"})
	wantLines(t, err, `
redis.password: it has ***, which "config print" writes in the place of a secret: put the secret there (line 2)
auth.jwt_secret: it has ***, which "config print" writes in the place of a secret: put the secret there (BARRAGE_AUTH_JWT_SECRET)`)
}

// TestLoad_LeavesServiceLinks starts where Kubernetes has services named barrage and
// barrage-redis.
func TestLoad_LeavesServiceLinks(t *testing.T) {
	cfg, _, err := Load("", []string{
		"BARRAGE_SERVICE_HOST=10.0.0.1", "BARRAGE_SERVICE_PORT=9000", "BARRAGE_SERVICE_PORT_HTTP=9000",
		"BARRAGE_PORT=tcp://10.0.0.1:9000", "BARRAGE_PORT_9000_TCP=tcp://10.0.0.1:9000", "BARRAGE_PORT_9000_TCP_ADDR=10.0.0.1",
		"BARRAGE_REDIS_SERVICE_HOST=10.0.0.2", "BARRAGE_REDIS_PORT=tcp://10.0.0.2:6379",
	})
	if err != nil || !reflect.DeepEqual(cfg, Default()) {
		t.Errorf("Load = %+v, %v; want the defaults", cfg, err)
	}
}

// TestLoad_LeavesVariablesOfCallers: a node starts from the shell of an operator, too.
func TestLoad_LeavesVariablesOfCallers(t *testing.T) {
	environ := []string{"BARRAGE_ADMIN_SERVER=http://127.0.0.1:9001", "BARRAGE_ADMIN_KEY=brg_secret", "BARRAGE_READY_FD=3"}
	cfg, _, err := Load("", environ)
	if ignored := Ignored(environ); err != nil || !reflect.DeepEqual(cfg, Default()) || len(ignored) > 0 {
		t.Errorf("Load = %+v, ignored %q, %v; want the defaults, and no word of these", cfg, ignored, err)
	}
}

func TestLoad_RefusesMissingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.yaml")
	_, _, err := Load(path, nil)
	wantLines(t, err, fmt.Sprintf("cannot read the file: open %s: no such file or directory", path))
}

// TestLoad_ErrorsHoldNoSecret puts the password where only a slip of the hand puts it.
func TestLoad_ErrorsHoldNoSecret(t *testing.T) {
	for _, file := range []string{
		"redis:\n  password: [hunter2]\n",
		"redis:\n  password: {hunter2: hunter2}\n",
		"redis:\n  password: !!int hunter2\n",
		"redis:\n  password: *hunter2\n",
		"redis:\n  password: &hunter2\n",
		"redis:\n  password: @hunter2\n",
		"redis:\n  password: \"hunter2\n",
		"redis:\n  password:hunter2\n",
		"redis:\n  db: 1\n  password:hunter2\n",
		"redis: {password:hunter2}\n",
		"redis: {password: a,hunter2}\n",
		"redis: password:hunter2\n",
		"redis:\n  passwrd: hunter2\n",
		"redis:\n  password: hunter2\n  password: hunter2\n",
		"redis.password: hunter2\n",
		"password: hunter2\n",
		"hunter2",
	} {
		_, _, err := load([]byte(file), nil)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("load(%q) = %v; want an error without the secret", file, err)
		}
	}
	_, _, err := load([]byte("redis:\n  password: 12345678\n"), nil)
	wantLines(t, err, "redis.password: *** is not a text; put it in quotes (line 2)")
	_, _, err = load([]byte("server:\n  listen: x\n"), []string{"BARRAGE_REDIS_PASSWORD=hunter2", "BARRAGE_REDIS_PASSWRD=hunter2"})
	wantLines(t, err, `
BARRAGE_REDIS_PASSWRD: unknown environment variable; did you mean BARRAGE_REDIS_PASSWORD?
server.listen: "x" is not host:port (line 2)`)
}

// TestLoad_ConcurrentCallsShareNothing is there for the race detector: no state is shared.
func TestLoad_ConcurrentCallsShareNothing(t *testing.T) {
	path := writeFile(t, wholeFile)
	var group sync.WaitGroup
	for i := range 2 {
		group.Go(func() { // Ended by its last turn; waited for below.
			for range 50 {
				want := fmt.Sprintf(":%d", 8000+i)
				cfg, _, err := Load(path, []string{"BARRAGE_SERVER_LISTEN=" + want})
				if err != nil || cfg.Server.Listen != want {
					t.Errorf("Load = %q, %v; want %q", cfg.Server.Listen, err, want)
				}
			}
		})
	}
	group.Wait()
}

func TestNearest_SuggestsOnlyWhatIsClose(t *testing.T) {
	known := []string{"log", "server", "server.listen", "log.level", "log.format"}
	f := func(misspelled, ending, want string) {
		t.Helper()
		if got := nearest(misspelled, ending, known); got != want {
			t.Errorf("nearest(%q, %q) = %q; want %q", misspelled, ending, got, want)
		}
	}
	f("listen", ".listen", "server.listen")
	f("servers", ".servers", "server")
	f("log.lvel", ".lvel", "log.level")
	f("logging", ".logging", "")
	f("x", ".x", "")
	f("log.colour", ".colour", "")
}

func TestDistance_CountsEditsEitherWay(t *testing.T) {
	f := func(a, b string, want int) {
		t.Helper()
		if got := distance(a, b); got != want {
			t.Errorf("distance(%q, %q) = %d; want %d", a, b, got, want)
		}
		if got := distance(b, a); got != want {
			t.Errorf("distance(%q, %q) = %d; want %d", b, a, got, want)
		}
	}
	f("", "", 0)
	f("", "abc", 3)
	f("kitten", "sitting", 3)
	f("listne", "listen", 2)
	f("abc", "abc", 0)
}
