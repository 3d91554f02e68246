package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"barrage/internal/cli"
	"barrage/internal/config"
	"barrage/internal/port"
	"barrage/internal/redistest"
)

// newHost is a machine with these files, a limit of open files and these variables.
func newHost(t *testing.T, files map[string]string, limit int, environ ...string) host {
	t.Helper()
	h := host{root: t.TempDir(), environ: environ, openFiles: func() (int, error) { return limit, nil }, listens: func(string) error { return nil }, rings: func() error { return nil }}
	for name, text := range files {
		path := filepath.Join(h.root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text+"\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// of finds what was found of a check.
func of(t *testing.T, found []Finding, check string) (f Finding) {
	t.Helper()
	for _, f = range found {
		if (f.State == OK) != (f.Do == "") {
			t.Errorf("%+v; want what to do, and only where it is not ok", f)
		}
	}
	for _, f = range found {
		if f.Check == check {
			return f
		}
	}
	return Finding{}
}

func want(t *testing.T, f Finding, state State, value, do string) {
	t.Helper()
	if f.State != state || !strings.Contains(f.Value, value) || !strings.Contains(f.Do, do) {
		t.Errorf("%+v; want %s, %q, %q", f, state, value, do)
	}
}

// TestIOUring_ForbiddenFailsOnlyWhereItMustBe: an io_uring that a container forbids fails only where it must be there.
func TestIOUring_ForbiddenFailsOnlyWhereItMustBe(t *testing.T) {
	h := newHost(t, nil, 1024)
	want(t, h.ioUring("auto"), OK, "auto: the kernel has it and allows it", "")
	h.rings = func() error { return fmt.Errorf("io_uring_setup: %w", syscall.EPERM) }
	const value, do = "cannot write by io_uring: io_uring_setup: operation not permitted", "Allow the node io_uring_setup and io_uring_enter (docs/deploy.md), or set fanout.io_uring to off."
	want(t, h.ioUring("auto"), Warn, value, do)
	want(t, h.ioUring("on"), Fail, value, do)
	want(t, h.ioUring("off"), OK, "off", "")
}

// Each setting of the kernel is ok, or the doctor reports how to set it; one that is not there is passed over.
func TestMachine_SaysHowToSetTheKernel(t *testing.T) {
	cfg := config.Default()
	good := map[string]string{
		"proc/sys/net/core/somaxconn": "65535", "proc/sys/net/ipv4/tcp_max_syn_backlog": "65535",
		"proc/sys/net/netfilter/nf_conntrack_max": "1048576", "proc/sys/net/ipv4/tcp_mem": "1000000 2000000 3000000",
		"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/memory.max": "1073741824", "sys/fs/cgroup/a/b/memory.max": "max",
	}
	h := newHost(t, good, 200_000, "GOMEMLIMIT=900MiB")
	found := h.machine(&cfg)
	for _, f := range found {
		if f.State != OK {
			t.Errorf("%+v; want ok", f)
		}
	}
	want(t, of(t, found, "open files"), OK, "200000, which leaves room for 190000 connections", "")
	want(t, of(t, found, "memory"), OK, "1GiB by the cgroup, GOMEMLIMIT 900MiB", "")
	if len(found) != 6 {
		t.Errorf("found %+v; want six things", found)
	}

	bad := newHost(t, map[string]string{
		"proc/sys/net/core/somaxconn": "128", "proc/sys/net/ipv4/tcp_max_syn_backlog": "512",
		"proc/sys/net/netfilter/nf_conntrack_max": "65536", "proc/sys/net/ipv4/tcp_mem": "1000 2000 3000",
		"proc/sys/net/ipv4/ip_local_port_range": "32768\t60999",
		"proc/self/cgroup":                      "0::/", "sys/fs/cgroup/memory.max": "1073741824",
	}, 200_000)
	cfg.Server.TrustedProxies = []string{"127.0.0.0/8"}
	found = bad.machine(&cfg)
	want(t, of(t, found, "net.core.somaxconn"), Warn, "128", "sysctl -w net.core.somaxconn=4096")
	want(t, of(t, found, "net.ipv4.tcp_max_syn_backlog"), Warn, "512", "=4096")
	want(t, of(t, found, "net.netfilter.nf_conntrack_max"), Warn, "65536", "=237500")
	want(t, of(t, found, "net.ipv4.tcp_mem"), Warn, "11.72MiB at most", "190000 sockets")
	want(t, of(t, found, "net.ipv4.ip_local_port_range"), Warn, "32768 to 60999", "1024 65535")
	want(t, of(t, found, "memory"), OK, "1GiB by the cgroup, of which Go takes 870.4MiB: GOMEMLIMIT is not set", "")
	bad.environ = []string{"GOMEMLIMIT=off"}
	want(t, bad.memory(), Warn, "GOMEMLIMIT is off", "GOMEMLIMIT=870MiB")
	bad.environ = []string{"GOMEMLIMIT=2GiB"}
	want(t, bad.memory(), Warn, "GOMEMLIMIT is 2GiB", "GOMEMLIMIT=870MiB")

	bare := newHost(t, nil, 1024)
	found = bare.machine(&cfg)
	want(t, of(t, found, "open files"), Warn, "1024", "LimitNOFILE=1048576")
	if len(found) != 2 {
		t.Errorf("found %+v; want open files and memory", found)
	}
	cfg.Server.MaxConnections = 100_000
	want(t, of(t, bare.machine(&cfg), "open files"), Fail, "cannot hold server.max_connections 100000", "LimitNOFILE=")
}

// Doors that stand open are found, and those that are closed are not.
func TestSettings_OpenDoorsAreFound(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys.yaml")
	if err := os.WriteFile(keys, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func(c *config.Config)
		check  string
		state  State
		value  string
	}{
		{func(*config.Config) {}, "auth.mode", Warn, "any on :9000"},
		{func(c *config.Config) { c.Server.Listen = "127.0.0.1:9000" }, "auth.mode", OK, "any"},
		{func(c *config.Config) { c.Auth.Mode = []string{"jwt"} }, "auth.mode", OK, "jwt"},
		{func(c *config.Config) { c.Auth.Mode = []string{"redis"} }, "logins", Warn, "anybody can log in as anybody"},
		{func(c *config.Config) { c.Room.AutoJoin = false }, "logins", Warn, "rooms are not private"},
		{func(*config.Config) {}, "trusted proxies", OK, "none"},
		{func(c *config.Config) { c.Server.Listen = "10.0.0.7:9000" }, "trusted proxies", Warn, "10.0.0.7:9000"},
		{func(c *config.Config) { c.Server.TrustedProxies = []string{"10.0.0.0/8"} }, "trusted proxies", OK, "10.0.0.0/8"},
		{func(c *config.Config) { c.Server.TrustedProxies = []string{"0.0.0.0/0"} }, "trusted proxies", Fail, "0.0.0.0/0"},
		{func(c *config.Config) { c.Limits.Enabled = false }, "limits", Warn, "false"},
		{func(*config.Config) {}, "admin port", OK, "no keys"},
		{func(c *config.Config) { c.Admin.KeysFile = keys }, "admin port", Fail, keys},
	} {
		cfg := config.Default()
		c.change(&cfg)
		want(t, of(t, settings(&cfg), c.check), c.state, c.value, "")
	}
}

// Ports that are taken, files that cannot be read or written, and services that do not answer are found. Each comes
// with what to do, and nothing is made on the way.
func TestStart_FindsWhatWouldStopANode(t *testing.T) {
	dir := t.TempDir()
	path := func(name, text string) string {
		t.Helper()
		at := filepath.Join(dir, name)
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return at
	}
	terms, bad, there, away := path("terms.txt", "rats =hold\nre:a+b\n"), path("bad.txt", "fine\nre:(\n"), path("audit.jsonl", ""), filepath.Join(dir, "new.jsonl")
	var methods []string
	answers := func(status int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			methods = append(methods, r.Method)
			w.Header().Set("Location", "http://192.0.2.1/")
			w.WriteHeader(status)
		}))
		t.Cleanup(s.Close)
		return s.URL + "/hunter2"
	}
	const dead = "http://" + port.Dead
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	h := newHost(t, nil, 100_000)
	h.listens = listens
	for _, c := range []struct {
		change func(c *config.Config)
		check  string
		state  State
		value  string
		do     string
	}{
		{func(*config.Config) {}, "server.listen", OK, "127.0.0.1:0 is free", ""},
		{func(c *config.Config) { c.Server.Listen = taken.Addr().String() }, "server.listen", Warn, "is taken", "set server.listen to another port"},
		{func(c *config.Config) { c.Server.Listen = "192.0.2.1:9000" }, "server.listen", Fail, "cannot assign requested address", "This machine has no such address"},
		{func(c *config.Config) { c.Admin.Listen = taken.Addr().String() }, "admin.listen", Warn, "is taken", "set admin.listen to another port"},
		{func(c *config.Config) { c.Filter.Files = []string{terms} }, "filter.files", OK, "1 lists, 1 terms, 1 regular expressions", ""},
		{func(c *config.Config) { c.Filter.Files = []string{terms, bad} }, "filter.files", Fail, "bad.txt", "Mend that line"},
		{func(c *config.Config) { c.Filter.Files = []string{filepath.Join(dir, "none.txt")} }, "filter.files", Fail, "no such file", "does not start"},
		{func(c *config.Config) { c.Admin.AuditFile = "-" }, "admin.audit_file", OK, "standard output", ""},
		{func(c *config.Config) { c.Admin.AuditFile = there }, "admin.audit_file", OK, there, ""},
		{func(c *config.Config) { c.Admin.AuditFile = away }, "admin.audit_file", OK, "not there yet", ""},
		{func(c *config.Config) { c.Admin.AuditFile = dir }, "admin.audit_file", Fail, "is a directory", "does not start"},
		{func(c *config.Config) { c.Admin.AuditFile = filepath.Join(dir, "none", "a") }, "admin.audit_file", Fail, "cannot make a file", "another path"},
		{func(c *config.Config) { c.Auth.ConnectURL = answers(405) }, "auth.connect_url", OK, "/*** answers", ""},
		{func(c *config.Config) { c.Webhooks.URL = answers(302) }, "webhooks.url", OK, "answers", ""},
		{func(c *config.Config) { c.Hook.ReviewURL = answers(502) }, "hook.review_url", Warn, "answers with 502", "hook.review_fallback"},
		{func(c *config.Config) { c.Auth.ConnectURL = dead + "/hunter2" }, "auth.connect_url", Fail, "connection refused", "mend auth.connect_url"},
		{func(c *config.Config) { c.Auth.JWKSURL = dead }, "auth.jwks_url", Fail, "connection refused", "its keys"},
		{func(c *config.Config) { c.Traces.Endpoint = dead }, "traces.endpoint", Warn, "connection refused", "dropped meanwhile"},
		{func(c *config.Config) { c.Webhooks.URL = dead }, "webhooks.url", Warn, "connection refused", "wait in Redis"},
		{func(c *config.Config) { c.Auth.LoginURL = "off" }, "auth.login_url", "", "", ""},
	} {
		cfg := config.Default()
		cfg.Server.Listen, cfg.Admin.Listen = "127.0.0.1:0", "off"
		c.change(&cfg)
		found := h.start(t.Context(), &cfg)
		want(t, of(t, found, c.check), c.state, c.value, c.do)
		for _, f := range found {
			if strings.Contains(f.Value, "hunter2") {
				t.Errorf("%+v shows the path of a hook", f)
			}
		}
	}
	if _, err := os.Stat(away); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of the audit: %v; want that nobody has made it", err)
	}
	if strings.Join(methods, " ") != "HEAD HEAD HEAD" {
		t.Errorf("the services were asked with %q; want HEAD, and no redirect followed", methods)
	}
}

// run runs "barrage doctor" with a configuration on a machine that is well.
func run(t *testing.T, load Loader, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, complaints bytes.Buffer
	root := cli.Root(&cobra.Command{Use: "barrage"})
	root.AddCommand(newDoctor(load, newHost(t, nil, 100_000)))
	code = cli.Run(root, append([]string{"doctor"}, args...), &out, &complaints)
	return out.String(), complaints.String(), code
}

// loads is a configuration that is changed from the default.
func loads(change func(*config.Config)) Loader {
	return func() (config.Config, string, error) {
		cfg := config.Default()
		cfg.Auth.Mode = []string{"jwt"}
		change(&cfg)
		return cfg, "config.yaml: ok, 3 keys", nil
	}
}

const wholeTable = `ok    config           config.yaml: ok, 3 keys
ok    auth.mode        jwt on :9000
ok    trusted proxies  none: clients are who connects
ok    admin port       127.0.0.1:9001, no keys: whoever is on this machine may do anything
ok    limits           enabled true
ok    server.listen    :9000 is free
ok    admin.listen     127.0.0.1:9001 is free
ok    fanout.io_uring  auto: the kernel has it and allows it
ok    open files       100000, which leaves room for 95000 connections
ok    memory           no bound by a cgroup
warn  redis            none: everything stays in the node's memory
      → Set redis.addrs for more than one node, or to keep messages when the node stops.

10 ok, 1 to look at, 0 fail
`

// It prints what it found, and fails where something fails.
func TestDoctor_FailsWhereACheckDoes(t *testing.T) {
	if out, stderr, code := run(t, loads(func(*config.Config) {})); out != wholeTable || stderr != "" || code != 0 {
		t.Errorf("%d %q\n%s\nwant\n%s", code, stderr, out, wholeTable)
	}
	s := redistest.Start(t, "--maxmemory-policy", "allkeys-lru")
	out, _, code := run(t, loads(func(c *config.Config) { c.Redis.Addrs = []string{s.Addr} }), "--output", "json")
	var found []Finding
	if err := json.Unmarshal([]byte(out), &found); err != nil || code != 0 {
		t.Fatalf("%d, %v:\n%s", code, err, out)
	}
	want(t, of(t, found, "redis acl"), OK, "", "")
	want(t, of(t, found, "redis maxmemory-policy"), Warn, "allkeys-lru", "noeviction")
	out, stderr, code := run(t, loads(func(c *config.Config) { c.Redis.Addrs = []string{port.Dead} }))
	if code != cli.ExitFailure || !strings.Contains(out, "connection refused") || stderr != "barrage: cannot run a node well here: 1 check fails\n" {
		t.Errorf("without Redis: %d %q\n%s", code, stderr, out)
	}
	out, _, code = run(t, func() (config.Config, string, error) {
		return config.Config{}, "", errors.New("cannot use config.yaml:\n  server.listen: x\n  log.level: y")
	})
	if code != cli.ExitFailure || !strings.Contains(out, "fail  config  cannot use config.yaml: server.listen: x; log.level: y\n") {
		t.Errorf("with a bad file: %d\n%s", code, out)
	}
	if _, stderr, code := run(t, loads(func(*config.Config) {}), "--output", "yaml"); code != cli.ExitUsage || !strings.Contains(stderr, "--output is table or json") {
		t.Errorf("--output yaml: %d %q", code, stderr)
	}
}
