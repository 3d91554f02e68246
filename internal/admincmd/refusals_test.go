package admincmd

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"barrage/internal/cli"
)

func TestRefusals_NameTheCallAndWhatToDo(t *testing.T) {
	problem := func(code, message string) string {
		return fmt.Sprintf(`{"error":{"code":%q,"message":%q}}`, code, message)
	}
	for _, c := range []struct {
		name   string
		status int
		answer string
		key    bool
		line   string
		want   string // %s is the server
	}{
		{
			"no key", 401, problem("unauthenticated", "the key is missing or unknown"), false, "mute r bob",
			"cannot mute \"bob\" in room \"r\": POST %s/v1/admin/rooms/r/mod: 401 unauthenticated: the key is missing or unknown\n  Set BARRAGE_ADMIN_KEY, or --key-file, to a key that the node's admin.keys_file has (barrage admin key --help).\n",
		},
		{
			"a wrong key", 401, problem("unauthenticated", "the key is missing or unknown"), true, "order --everywhere",
			"cannot read the rules everywhere: GET %s/v1/admin/everywhere/mod: 401 unauthenticated: the key is missing or unknown\n  The node does not know this key. Its admin.keys_file is read at its start, and at each reload (barrage admin key check --help).\n",
		},
		{
			"a key that may not", 403, problem("forbidden", `key "shop" may not do this`), true, "rooms",
			"cannot list rooms: GET %s/v1/admin/rooms?limit=20&sort=online: 403 forbidden: key \"shop\" may not do this\n  Use a key that may do this (barrage admin key new --help).\n",
		},
		{
			"a mistake", 400, problem("bad_request", "role is \"king\", not one of viewer, vip, moderator, owner"), false, "role r bob king",
			"cannot make \"bob\" \"king\" in room \"r\": POST %s/v1/admin/rooms/r/mod: 400 bad_request: role is \"king\", not one of viewer, vip, moderator, owner\n",
		},
		{
			"no such message", 404, problem("not_found", "there is no such message, or not any more"), false, "delete r 7",
			"cannot delete message 7 in room \"r\": POST %s/v1/admin/rooms/r/mod: 404 not_found: there is no such message, or not any more\n",
		},
		{
			"another port", 404, "404 page not found\n", false, "rooms",
			"cannot list rooms: GET %s/v1/admin/rooms?limit=20&sort=online: 404: 404 page not found\n  " + notAdmin + "\n",
		},
		{
			"a redirect", 302, "", true, "rooms",
			"cannot list rooms: GET %s/v1/admin/rooms?limit=20&sort=online: 302: Found\n  " + notAdmin + "\n",
		},
		{
			"another epoch", 409, problem("other_epoch", "the room counts anew"), false, "pin r 7 --epoch 1-A",
			"cannot pin message 7 in room \"r\": POST %s/v1/admin/rooms/r/mod: 409 other_epoch: the room counts anew\n  Take the number and the epoch from a message of now.\n",
		},
		{
			"a store that is away", 503, problem("unavailable", "cannot mute now: the store does not answer"), false, "mute r bob",
			"cannot mute \"bob\" in room \"r\": POST %s/v1/admin/rooms/r/mod: 503 unavailable: cannot mute now: the store does not answer\n  Try again in 2 s.\n",
		},
		{
			"an announcement that may be out", 503, problem("unavailable", "x"), false, "announce r x",
			"cannot announce in room \"r\": POST %s/v1/admin/rooms/r/mod: 503 unavailable: x\n  Look at the room, whether it was done, then try again in 2 s.\n",
		},
		{
			"beside FastIM", 501, problem("not_supported", "beside original FastIM nodes nobody keeps order"), false, "freeze r",
			"cannot freeze in room \"r\": POST %s/v1/admin/rooms/r/mod: 501 not_supported: beside original FastIM nodes nobody keeps order\n",
		},
		{
			"a text for a terminal", 500, "\x1b[2Jboom\nmore", false, "clear r --yes",
			"cannot clear the history in room \"r\": POST %s/v1/admin/rooms/r/mod: 500: \"\\x1b[2Jboom\"\n",
		},
		{
			"a public port", 404, `{"error":{"code":"not_found","message":"there is nothing at /v1/admin/rooms"}}`, true, "rooms",
			"cannot list rooms: GET %s/v1/admin/rooms?limit=20&sort=online: 404 not_found: there is nothing at /v1/admin/rooms\n  " + notAdmin + "\n",
		},
		{"no JSON", 200, "<html>", false, "rooms", "cannot list rooms: GET %s/v1/admin/rooms?limit=20&sort=online: 200, and the answer is no JSON\n  " + notAdmin + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPort(t, c.status, c.answer)
			p.header.Set("Retry-After", "2")
			p.header.Set("Location", "http://127.0.0.1:1/elsewhere")
			w := before(p)
			if c.key {
				w.environ = append(w.environ, "BARRAGE_ADMIN_KEY="+key)
			}
			got := w.run(strings.Fields(c.line)...)
			if want := "barrage: " + fmt.Sprintf(c.want, p.url); got != (outcome{cli.ExitFailure, "", want}) {
				t.Errorf("%+v\nwant %s", got, want)
			}
			if strings.Contains(got.stderr, key) || strings.Count(p.said(), "\n") > 0 {
				t.Errorf("it shows the key, or was sent more than once: %s", p.said())
			}
		})
	}
}

func TestRefusals_AreBounded(t *testing.T) {
	p := newPort(t, 500, strings.Repeat("x", 1<<20))
	if got := before(p).run("rooms"); len(got.stderr) > 600 {
		t.Errorf("%d bytes: %.100s", len(got.stderr), got.stderr)
	}
	p = newPort(t, 200, `"`+strings.Repeat("x", maxAnswerBytes)+`"`)
	if got := before(p).run("rooms"); got.code != cli.ExitFailure || !strings.Contains(got.stderr, "the answer is above 32 MiB") {
		t.Errorf("%+v", got)
	}
}

func TestCalls_WithoutANodeSayWhatToDo(t *testing.T) {
	const addr = "127.0.0.1:1" // port.Dead
	got := world{}.run("mute", "r", "bob", "--server", addr)
	want := fmt.Sprintf("barrage: cannot mute \"bob\" in room \"r\": POST http://%s/v1/admin/rooms/r/mod: dial tcp %s: connect: connection refused\n  %s\n", addr, addr, notThere)
	if got != (outcome{cli.ExitFailure, "", want}) {
		t.Errorf("%+v\nwant %s", got, want)
	}
	broken := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer broken.Close()
	for line, want := range map[string]string{"mute r bob": again, "announce r x": lookOnce} {
		if got := (world{}).run(append(strings.Fields(line), "--server", broken.URL)...); got.code != cli.ExitFailure || !strings.HasSuffix(got.stderr, ": EOF\n  "+want+"\n") {
			t.Errorf("%s: %+v; want %s", line, got, want)
		}
	}
	if got := (world{}).run("rooms", "--server", strings.Replace(broken.URL, "http", "https", 1)); got.code != cli.ExitFailure || !strings.Contains(got.stderr, "The port speaks http, not https") {
		t.Errorf("https: %+v", got)
	}
}

// A node that does not answer is waited for, but not for ever.
func TestCalls_EndWithTheirTime(t *testing.T) {
	silent := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-silent }))
	defer server.Close()
	defer close(silent)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(50*time.Millisecond))
	defer cancel()
	_, err := newNode(server.URL, "").do(ctx, call{doing: "mute", method: http.MethodPost, path: "/x"})
	if err == nil || !strings.HasSuffix(err.Error(), "no answer within 15s\n  "+again) {
		t.Errorf("%v; want that no answer came, and what to do", err)
	}
}

func TestKeys_ComeFromFlagContextThenEnvironment(t *testing.T) {
	home := t.TempDir()
	dir := filepath.Join(home, ".config", "barrage")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p := newPort(t, http.StatusOK, "{}")
	write := func(name, text string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file, open := write("a.key", "brg_file\nmore\n", 0o600), write("open.key", "brg_open\r\n", 0o644)
	empty, large := write("empty.key", "\n", 0o600), write("large.key", strings.Repeat("x", 2<<10), 0o600)
	strange := write("strange.key", "brg_\x00secret", 0o600)
	write("contexts.yaml", "live: {server: "+p.url+"/, key_file: a.key}\nhome: {server: "+p.url+", key_file: ~/.config/barrage/a.key}\n"+
		"abs: {server: "+p.url+", key_file: "+file+"}\nbare: {server: "+p.url+"}\nnone: {key_file: a.key}\n", 0o600)
	env := []string{"HOME=" + home, "BARRAGE_ADMIN_SERVER=" + p.url, "BARRAGE_ADMIN_KEY= brg_env"}
	elsewhere := []string{"HOME=" + home, "BARRAGE_ADMIN_SERVER=http://127.0.0.1:1", "BARRAGE_ADMIN_KEY=brg_env"}
	for _, c := range []struct {
		environ []string
		flags   string
		auth    string
		stderr  string
	}{
		{env[:2], "", "", ""},
		{env, "", "Bearer brg_env", ""},
		{env, "--key-file " + file, "Bearer brg_file", ""},
		{env, "--key-file " + open, "Bearer brg_open", "warning: others on this machine may use the key of " + open + ": chmod 600 " + open + "\n"},
		{elsewhere, "--context live", "Bearer brg_file", ""},
		{elsewhere, "--context home", "Bearer brg_file", ""},
		{elsewhere, "--context abs", "Bearer brg_file", ""},
		{elsewhere, "--context bare", "Bearer brg_env", ""},
		{append([]string{"XDG_CONFIG_HOME=" + filepath.Join(home, ".config")}, elsewhere[1:]...), "--context live", "Bearer brg_file", ""},
		{elsewhere, "--context bare --key-file " + file, "Bearer brg_file", ""},
		{elsewhere, "--server " + p.url, "Bearer brg_env", ""},
	} {
		got := world{environ: c.environ}.run(append([]string{"rooms"}, strings.Fields(c.flags)...)...)
		if got != (outcome{0, "no rooms are live\n", c.stderr}) || p.auth != c.auth {
			t.Errorf("%q %s: %+v, with %q; want %q", c.environ, c.flags, got, p.auth, c.auth)
		}
	}
	for _, c := range []struct{ flags, want string }{
		{"--key-file " + empty, "cannot read the key: " + empty + " is empty"},
		{"--key-file " + large, large + " has more than 1024 bytes"},
		{"--key-file " + strange, "cannot use the key of " + strange + ": it has characters that no key has"},
		{"--key-file " + dir, "is a directory"},
		{"--key-file nowhere", "open nowhere: no such file or directory"},
		{"--context dev", `cannot find the context "dev" in ` + filepath.Join(dir, "contexts.yaml") + ": it has abs, bare, home, live and none"},
		{"--context none", "server is missing"},
		{"--server ftp://x", `cannot use the server "ftp://x": want an address`},
		{"--server http://", "want an address"},
		{"--server http://u:hunter2@x", "cannot use a server with a user or a password in its address"},
		{"--server http://x?token=1", "it has a query or a fragment"},
	} {
		got := world{environ: env}.run(append([]string{"rooms"}, strings.Fields(c.flags)...)...)
		if got.code != cli.ExitFailure || !strings.Contains(got.stderr, c.want) || strings.Contains(got.stderr, "secret") || strings.Contains(got.stderr, "hunter2") {
			t.Errorf("%s: %+v; want %q", c.flags, got, c.want)
		}
	}
	write("contexts.yaml", "live: {servr: x}\n", 0o600)
	if got := (world{environ: env}).run("rooms", "--context", "live"); !strings.Contains(got.stderr, "want NAME: {server: …, key_file: …}") {
		t.Errorf("a misspelled context: %+v", got)
	}
	if got := (world{}).run("rooms", "--context", "live"); !strings.Contains(got.stderr, "HOME is not set") {
		t.Errorf("without a home: %+v", got)
	}
}
