package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"barrage/gateway/pass"
	"barrage/internal/cli"
	"barrage/internal/port"
)

// june has a key that nobody has: {"alg":"EdDSA","kid":"june"}, {}.
const june = "eyJhbGciOiJFZERTQSIsImtpZCI6Imp1bmUifQ.e30.AAAA"

const (
	secret  = "a secret of a test, 32 bytes long"
	another = "another secret, 32 bytes long too"
)

// result is the outcome of one command line.
type result struct {
	code           int
	stdout, stderr string
}

// run runs a command line of barrage with a configuration.
func run(cfg pass.JWTConfig, stdin string, args ...string) result {
	root := cli.Root(&cobra.Command{Use: "barrage"})
	root.AddCommand(New(func() (pass.JWTConfig, error) { return cfg, nil }))
	root.SetIn(strings.NewReader(stdin))
	var stdout, stderr bytes.Buffer
	code := cli.Run(root, append([]string{"token"}, args...), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// made is the token that a command line makes.
func made(t *testing.T, cfg pass.JWTConfig, args ...string) string {
	t.Helper()
	r := run(cfg, "", append([]string{"new"}, args...)...)
	if r.code != 0 || strings.Count(r.stdout, ".") != 2 || r.stderr != "" {
		t.Fatalf("token new %q: %+v; want a token and nothing else", args, r)
	}
	return r.stdout
}

// dates are parts of output that change with the time.
var dates = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|in (\d+h)?(\d+m)?\d+s`)

func TestToken_CheckShowsWhatNewMade(t *testing.T) {
	cfg := pass.JWTConfig{Secret: secret, Audience: "chat", Issuer: "https://id.test"}
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"a user", []string{"--user", "alice"}, `
user     alice
expires  DATE, DATE
issued   DATE
rooms    every room: the node's default (auth.default_can)
`},
		{"a guest in one room", []string{"--guest", "--room", "lobby", "--life", "720h"}, `
user     none: a guest
expires  DATE, in 30 days
issued   DATE
rooms    lobby: the node's default (auth.default_can)
`},
		{
			"all there is",
			[]string{
				"--user", "alice", "--life", "1h", "--room", "live-*", "--room=lobby", "--can", "send,like", "--can", "recall", "--role", "vip",
				"--info", `{"name": "Alice"}`, "--id", "a1", "--tag", "gold", "--tag", "新",
			},
			`
user     alice
expires  DATE, DATE
issued   DATE
id       a1
role     vip
tags     gold, 新
info     {"name":"Alice"}
rooms    live-*: read, send, like, recall
         lobby: read, send, like, recall
`,
		},
		{"a user whose name moves the cursor", []string{"--user", "a\x1b[2Jb"}, `
user     "a\x1b[2Jb"
expires  DATE, DATE
issued   DATE
rooms    every room: the node's default (auth.default_can)
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			token := made(t, cfg, c.args...)
			for _, args := range [][]string{{"check"}, {"check", "-"}, {"check", strings.TrimSpace(token)}} {
				r := run(cfg, "\n "+token, args...)
				if got := dates.ReplaceAllString("\n"+r.stdout, "DATE"); r.code != 0 || r.stderr != "" || got != c.want {
					t.Errorf("token %.20q: exit code %d, %q, printed%s\nwant%s", args, r.code, r.stderr, got, c.want)
				}
			}
		})
	}
}

// TestToken_CheckShowsTokensOfOthersToo has tokens that the command new cannot make.
func TestToken_CheckShowsTokensOfOthersToo(t *testing.T) {
	for claims, want := range map[string]string{
		`{"exp":EXP,"rooms":[]}`: "rooms    none\n",
		`{"exp":EXP,"rooms":[{"id":"a","can":[]},{"id":"b","role":"owner"},{"id":"c","can":["read"],"role":"vip"}]}`: "rooms    a: nothing\n         b: the node's default (auth.default_can), as owner\n         c: read, as vip\n",
	} {
		r := run(pass.JWTConfig{Secret: secret}, signed(t, claims), "check")
		if r.code != 0 || !strings.HasSuffix(r.stdout, want) {
			t.Errorf("%s: %+v; want %q at the end", claims, r, want)
		}
	}
}

// signed is a token of claims whose EXP is in an hour.
func signed(t *testing.T, claims string) string {
	t.Helper()
	exp, _ := json.Marshal(time.Now().Add(time.Hour).Unix())
	token, err := pass.Sign(secret, "", json.RawMessage(strings.ReplaceAll(claims, "EXP", string(exp))))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestToken_CheckAsJSONSaysAllOrWhyNot(t *testing.T) {
	cfg := pass.JWTConfig{Secret: secret}
	full := made(t, cfg, "--user", "alice", "--room", "live-*", "--can", "send", "--info", `{"name":"Alice"}`, "--role", "vip", "--id", "a1", "--tag", "gold")
	for _, c := range []struct{ name, token, want string }{
		{"all there is", full, `{"ok":true,"user":"alice","guest":false,"expires":"DATE","issued":"DATE","id":"a1","role":"vip","tags":["gold"],` +
			`"info":{"name":"Alice"},"every_room":false,"rooms":[{"id":"live-*","can":["read","send"]}]}`},
		{"a guest", signed(t, `{"exp":EXP}`), `{"ok":true,"user":"","guest":true,"expires":"DATE","every_room":true,"rooms":[]}`},
		{"a grant without can", signed(t, `{"exp":EXP,"rooms":[{"id":"a"},{"id":"b","can":[]}]}`), `{"ok":true,"user":"","guest":true,"expires":"DATE","every_room":false,"rooms":[{"id":"a"},{"id":"b","can":[]}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := run(cfg, c.token, "check", "--json")
			var b bytes.Buffer
			if err := json.Compact(&b, []byte(r.stdout)); err != nil {
				t.Fatal(err)
			}
			if got := dates.ReplaceAllString(b.String(), "DATE"); got != c.want || r.code != 0 {
				t.Errorf("exit code %d, %s; want %s", r.code, got, c.want)
			}
		})
	}
	r := run(cfg, "hello", "check", "--json")
	var no refused
	if err := json.Unmarshal([]byte(r.stdout), &no); err != nil || r.code != cli.ExitFailure || r.stderr == "" {
		t.Fatalf("a bad token: %+v, %v; want JSON, an error and exit code 1", r, err)
	}
	if no.OK || no.Code != pass.Invalid || no.Status != http.StatusUnauthorized || !strings.HasPrefix(no.Why, "cannot accept the token: ") {
		t.Errorf("a bad token: %+v; want why it is refused", no)
	}
}

func TestToken_RefusedWithTheReasonAndNoOutput(t *testing.T) {
	good := pass.JWTConfig{Secret: secret}
	missing := filepath.Join(t.TempDir(), "none")
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, make([]byte, maxSecretFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		cfg   pass.JWTConfig
		stdin string
		args  []string
		code  int
		want  string // in stderr
	}{
		{"no user", good, "", []string{"new"}, cli.ExitUsage, "cannot make a token without a user: give --user ID, or --guest (see barrage token new --help)"},
		{"guest and user", good, "", []string{"new", "--guest", "--user", "a"}, cli.ExitUsage, "leave out --guest or --user"},
		{"no life", good, "", []string{"new", "--user", "a", "--life", "0"}, cli.ExitUsage, "is not within 1s and 400 days"},
		{"a life too long", good, "", []string{"new", "--user", "a", "--life", "9601h"}, cli.ExitUsage, "is not within 1s and 400 days"},
		{"can in no room", good, "", []string{"new", "--user", "a", "--can", "read"}, cli.ExitUsage, "cannot grant --can without a room"},
		{"an unknown capability", good, "", []string{"new", "--user", "a", "--room", "*", "--can", "fly"}, cli.ExitUsage, `cannot grant --can: "fly" is none of read, send`},
		{"an argument", good, "", []string{"new", "alice"}, cli.ExitUsage, "new takes no arguments"},
		{"an unknown role", good, "", []string{"new", "--user", "a", "--role", "king"}, cli.ExitFailure, `cannot sign a token that no node accepts: claim role is "king", none of viewer, vip`},
		{"info that is no JSON", good, "", []string{"new", "--user", "a", "--info", "{"}, cli.ExitFailure, `--info "{" is no JSON`},
		{"info that is no object", good, "", []string{"new", "--user", "a", "--info", "[]"}, cli.ExitFailure, "claim info is [], want an object"},
		{"a wildcard within", good, "", []string{"new", "--user", "a", "--room", "a*b"}, cli.ExitFailure, `claim rooms[0].id is "a*b"`},
		{"an empty room", good, "", []string{"new", "--user", "a", "--room", ""}, cli.ExitFailure, "claim rooms[0].id is empty"},
		{"an empty tag", good, "", []string{"new", "--user", "a", "--tag", ""}, cli.ExitFailure, "claim tags[0] is empty"},
		{"no secret", pass.JWTConfig{}, "", []string{"new", "--user", "a"}, cli.ExitFailure, "there is no secret; set auth.jwt_secret (BARRAGE_AUTH_JWT_SECRET)"},
		{"a short secret", pass.JWTConfig{Secret: "short"}, "", []string{"new", "--user", "a"}, cli.ExitFailure, "auth.jwt_secret: it has 5 bytes"},
		{"a node that takes no HS256", pass.JWTConfig{Secret: secret, Algorithms: []string{"ES256"}}, "", []string{"new", "--user", "a"}, cli.ExitFailure, "the node accepts ES256 (auth.jwt_algorithms)"},
		{"no file", good, "", []string{"new", "--user", "a", "--secret-file", missing}, cli.ExitFailure, "cannot read the secret: open " + missing},
		{"a large file", good, "", []string{"check", "--secret-file", large}, cli.ExitFailure, "it has 4097 bytes, at most 4096 are allowed"},
		{"no keys", pass.JWTConfig{}, "x", []string{"check"}, cli.ExitFailure, "cannot use the keys:\n  auth.jwt_secret: there is no key"},
		{"no token", good, " \n", []string{"check"}, cli.ExitFailure, "cannot accept the token: it is not three parts"},
		{"two tokens", good, "", []string{"check", "a", "b"}, cli.ExitUsage, "cannot check 2 tokens"},
		{"a token without an end", good, strings.Repeat("x", 1<<20), []string{"check"}, cli.ExitFailure, "it has 8192 bytes, at most 4096 are allowed"},
		{"an issuer that is away", pass.JWTConfig{JWKSURL: "http://" + port.Dead + "/keys"}, june, []string{"check"}, cli.ExitFailure, "cannot fetch the keys of auth.jwks_url: dial"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := run(c.cfg, c.stdin, c.args...)
			if r.code != c.code || r.stdout != "" || !strings.Contains(r.stderr, c.want) || !strings.HasPrefix(r.stderr, "barrage: cannot ") {
				t.Errorf("token %q: %+v; want exit code %d and %q", c.args, r, c.code, c.want)
			}
		})
	}
	foreign := made(t, pass.JWTConfig{Secret: another}, "--user", "a")
	if r := run(good, foreign, "check"); r.code != cli.ExitFailure || !strings.Contains(r.stderr, "no known key has made its signature") || strings.Contains(r.stderr, strings.TrimSpace(foreign)) {
		t.Errorf("a token of another secret: %+v; want that it is refused, and not shown", r)
	}
}

func TestToken_SecretFromAFileGoesFirst(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(another+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := pass.JWTConfig{Secret: secret}
	token := made(t, cfg, "--user", "a", "--secret-file", file)
	if r := run(cfg, token, "check"); r.code == 0 {
		t.Errorf("with the secret of the configuration: %+v; want that it is refused", r)
	}
	if r := run(pass.JWTConfig{}, token, "check", "--secret-file", file); r.code != 0 {
		t.Errorf("with the secret of the file: %+v; want that it is good", r)
	}
}

// TestToken_CheckFetchesKeys: one fetch of the issuer's keys, and then a check as a node does it.
func TestToken_CheckFetchesKeys(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		// RFC 8037 appendix A.2
		_, _ = w.Write([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"may","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	}))
	defer server.Close()
	cfg := pass.JWTConfig{Secret: secret, JWKSURL: server.URL}
	if r := run(cfg, made(t, cfg, "--user", "a"), "check"); r.code != 0 {
		t.Errorf("a token of the secret: %+v; want that it is good", r)
	}
	if r := run(cfg, june, "check"); r.code != cli.ExitFailure || !strings.Contains(r.stderr, `the issuer has no key named "june"`) {
		t.Errorf("a token of another key: %+v; want that it is refused for that", r)
	}
}

func TestToken_UnreadableSettingsAreTheError(t *testing.T) {
	root := cli.Root(&cobra.Command{Use: "barrage"})
	root.AddCommand(New(func() (pass.JWTConfig, error) { return pass.JWTConfig{}, errors.New("cannot use config.yaml") }))
	var stderr bytes.Buffer
	if code := cli.Run(root, []string{"token", "new", "--guest"}, &stderr, &stderr); code != cli.ExitFailure || stderr.String() != "barrage: cannot use config.yaml\n" {
		t.Errorf("exit code %d, %q; want the error of the configuration", code, stderr.String())
	}
}

// TestToken_HelpTeaches: the examples of the help are command lines that work.
func TestToken_HelpTeaches(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("secret", []byte(another), 0o600); err != nil {
		t.Fatal(err)
	}
	n := 0
	help := run(pass.JWTConfig{}, "", "new", "--help").stdout
	for line := range strings.Lines(help) {
		_, line, found := strings.Cut(strings.TrimSpace(line), "barrage token new ")
		if !found || strings.Contains(line, "[flags]") {
			continue
		}
		n++
		if r := run(pass.JWTConfig{Secret: secret}, "", append([]string{"new"}, words(line)...)...); r.code != 0 {
			t.Errorf("the example %q: %+v; want that it works", line, r)
		}
	}
	if n < 5 {
		t.Errorf("%d examples in the help; want five at least:\n%s", n, help)
	}
}

// words are the words of a command line, as a shell has them.
func words(line string) (all []string) {
	for _, m := range regexp.MustCompile(`'([^']*)'|(\S+)`).FindAllStringSubmatch(line, -1) {
		all = append(all, m[1]+m[2])
	}
	return all
}
