package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"barrage/bench"
	"barrage/gateway/admin"
	"barrage/internal/built"
	"barrage/internal/cli"
	"barrage/internal/config"
)

// asNode makes this test binary a node, see [TestMain].
const asNode = "TEST_AS_NODE"

// TestMain turns the test binary into a node whose serve does as the variable says. So signals can be sent to a process
// of our own.
func TestMain(m *testing.M) {
	behaviour := os.Getenv(asNode)
	if behaviour == "" {
		os.Exit(built.Run(m, &program))
	}
	serve := func(ctx context.Context, _ *setup, log *slog.Logger, _ cli.Reporter) error {
		log.Info("serving")
		<-ctx.Done()
		log.Info("draining")
		if behaviour == "stuck" {
			select {}
		}
		return nil
	}
	os.Exit(cli.Run(newRoot(nil, serve), []string{"serve"}, os.Stdout, os.Stderr))
}

// program is where this program was built, for tests that run it.
var program string

// result is what one command line did.
type result struct {
	code           int
	stdout, stderr string
}

// runLine runs a command line in an empty directory, config.yaml in it where file is not
// empty.
func runLine(t *testing.T, file string, environ []string, serve serveFunc, args ...string) result {
	t.Helper()
	t.Chdir(t.TempDir())
	if file != "" {
		if err := os.WriteFile(defaultFile, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr bytes.Buffer
	code := cli.Run(newRoot(environ, serve), args, &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

func TestCommands_WhatTheySayAndExitWith(t *testing.T) {
	const badFile = "server:\n  listen: x\n  listne: y\n"
	for _, c := range []struct {
		name, file string
		environ    []string
		args       string
		want       result
	}{
		{"check a file", "server:\n  listen: \":1\"\nlog:\n  level: warn\n", nil, "config check", result{0, "config.yaml: ok, 2 keys\n", ""}},
		{"check without a file", "", nil, "config check", result{0, "defaults: ok\n", ""}},
		{
			"check file and environment", "server:\n  listen: \":1\"\n",
			[]string{"BARRAGE_LOG_LEVEL=warn"},
			"config check",
			result{0, "config.yaml: ok, 1 key, 1 from the environment\n", ""},
		},
		{"check a bad file", badFile, nil, "config check", result{cli.ExitFailure, "", `barrage: cannot use config.yaml:
  server.listne: unknown key (line 3); did you mean server.listen?
  server.listen: "x" is not host:port (line 2)
`}},
		{
			"check a bad environment", "",
			[]string{"BARRAGE_LOG_LEVEL=x"},
			"config check",
			result{cli.ExitFailure, "", "barrage: cannot use the environment:\n  log.level: \"x\" is none of debug, info, warn, error (BARRAGE_LOG_LEVEL)\n"},
		},
		{
			"print a bad file", "x", nil, "config print",
			result{cli.ExitFailure, "", "barrage: cannot use config.yaml:\n  line 1: the file must begin with a section, as \"server:\"\n"},
		},
		{
			"serve a bad file", "x", nil, "serve",
			result{cli.ExitFailure, "", "barrage: cannot use config.yaml:\n  line 1: the file must begin with a section, as \"server:\"\n"},
		},
		{
			"a file that is not there", "", nil, "serve --config none.yaml",
			result{cli.ExitFailure, "", "barrage: cannot use none.yaml:\n  cannot read the file: open none.yaml: no such file or directory\n"},
		},
		{
			"a token without a secret", "", nil, "token new --guest",
			result{cli.ExitFailure, "", "barrage: cannot sign a token: there is no secret; set auth.jwt_secret (BARRAGE_AUTH_JWT_SECRET), or name a file with --secret-file\n"},
		},
		{
			"a secret that is too short", "",
			[]string{"BARRAGE_AUTH_JWT_SECRET=hunter2"},
			"token check x.y.z",
			result{cli.ExitFailure, "", "barrage: cannot use the keys:\n  auth.jwt_secret: it has 7 bytes, below the 32 that HS256 wants (openssl rand -base64 48 makes a good one)\n"},
		},
		{"unknown command", "", nil, "srve", result{cli.ExitUsage, "", "barrage: cannot run \"barrage srve\": there is no such command; did you mean \"serve\"? (see barrage --help)\n"}},
		{"unknown command below config", "", nil, "config chek", result{cli.ExitUsage, "", "barrage: cannot run \"barrage config chek\": there is no such command; did you mean \"check\"? (see barrage config --help)\n"}},
		{"nothing like a command", "", nil, "zzzzzz", result{cli.ExitUsage, "", "barrage: cannot run \"barrage zzzzzz\": there is no such command (see barrage --help)\n"}},
		{"argument too many", "", nil, "serve now", result{cli.ExitUsage, "", "barrage: cannot run \"barrage serve now\": serve takes no arguments (see barrage serve --help)\n"}},
		{"help of an unknown command", "", nil, "help srve", result{cli.ExitUsage, "", "barrage: cannot run \"barrage srve\": there is no such command; did you mean \"serve\"? (see barrage --help)\n"}},
		{"variables of an image", "", []string{"BARRAGE_VERSION=1.2"}, "config check", result{0, "defaults: ok\nBARRAGE_VERSION is no setting, and was ignored\n", ""}},
		{"unknown flag", "", nil, "serve --confg x", result{cli.ExitUsage, "", "barrage: cannot read the command line: unknown flag: --confg (see barrage serve --help)\n"}},
		{
			"a TLS file that is not there", "redis:\n  addrs: [\"127.0.0.1:1\"]\n  tls: true\n  tls_ca_file: none.pem\nfilter:\n  files: [none.txt]\n", nil, "config check",
			result{cli.ExitFailure, "", `barrage: cannot use the files that config.yaml names:
  redis.tls_ca_file: open none.pem: no such file or directory
  cannot read filter.files: open none.txt: no such file or directory
`},
		},
		{
			"keys that are not there", "auth:\n  mode: [jwt]\n  jwt_public_key_file: none.pem\nadmin:\n  keys_file: none.yaml\n", nil, "config check",
			result{cli.ExitFailure, "", `barrage: cannot use the files that config.yaml names:
  auth.jwt_public_key_file: cannot read the keys: open none.pem: no such file or directory
  admin.keys_file: cannot use the keys of none.yaml: open: no such file or directory
`},
		},
		{"an address that is none", "", nil, "serve --listen localhost", result{cli.ExitUsage, "", "barrage: cannot listen on \"localhost\": want host:port or a port, as 127.0.0.1:8000 or 8000 (see barrage serve --help)\n"}},
		{"flag without a value", "", nil, "config check --config", result{cli.ExitUsage, "", "barrage: cannot read the command line: flag needs an argument: --config (see barrage config check --help)\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := runLine(t, c.file, c.environ, nil, strings.Fields(c.args)...); got != c.want {
				t.Errorf("barrage %s:\n got %+v\nwant %+v", c.args, got, c.want)
			}
		})
	}
}

func TestHelp_Teaches(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", "Available Commands:\n  admin       Keep order in rooms, and manage nodes, rooms, tokens and keys\n  bench       Put load on a node, or on any chat server, and measure it\n  completion  Generate the autocompletion script for the specified shell\n  config      Check or show the configuration"},
		{"--help", "barrage serve"},
		{"admin", "key         Make server keys, and say which one a key is"},
		{"size --help", "barrage size --viewers 100000 --rate 20"},
		{"", "doctor      Check this machine, the configuration and Redis"},
		{"", "top         Watch the nodes and the busiest rooms, live"},
		{"doctor --help", "exit code is 1 where something fails"},
		{"top --help", "barrage top --once --output json"},
		{"top --help", "or http://" + admin.DefaultConfig().Listen + ")"}, // where a node has its admin port
		{"admin", "drain       Send the clients of a node to the others"},
		{"admin", "mute        Let somebody read, but not write or like"},
		{"admin key new --help", "barrage admin key new oncall --can rooms,ops"},
		{"config", "check       Report all that is wrong"},
		{"help serve", "A second signal ends it at once"},
		{"serve --help", "barrage serve --listen :8000"},
		{"serve --help", "BARRAGE_READY_FD"},
		{"config check --help", "barrage config check --config /etc/barrage.yaml"},
		{"config print --help", "grep environment"},
		{"version --help", "Show version, commit and platform"},
		{"--version", "barrage (devel) commit"},
		{"completion bash", "__start_barrage"},
	} {
		got := runLine(t, "", nil, nil, strings.Fields(c.args)...)
		if got.code != 0 || got.stderr != "" || !strings.Contains(got.stdout, c.want) {
			t.Errorf("barrage %s = %+v; want %q in stdout", c.args, got, c.want)
		}
	}
}

func TestConfigPrint_ShowsEffectiveValues(t *testing.T) {
	got := runLine(t, "redis:\n  password: hunter2\n", []string{"BARRAGE_SERVER_LISTEN=:1"}, nil, "config", "print")
	for _, want := range []string{"  listen: \":1\" # environment\n", "  password: \"***\" # file\n", "  db: 0 # default\n"} {
		if got.code != 0 || !strings.Contains(got.stdout, want) {
			t.Errorf("barrage config print = %+v; want %q in stdout", got, want)
		}
	}
	if strings.Contains(got.stdout+got.stderr, "hunter2") {
		t.Errorf("barrage config print = %+v; shows the password", got)
	}
}

func TestServe_TakesConfigAndLogger(t *testing.T) {
	var cfg config.Config
	serve := func(_ context.Context, s *setup, log *slog.Logger, _ cli.Reporter) error {
		cfg = s.cfg
		log.Info("hidden")
		log.Warn("shown", "addr", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}, "took", 1500*time.Millisecond, "err", errors.New("why"), "n", 3)
		return nil
	}
	got := runLine(t, "log:\n  level: warn\n  format: json\n", []string{"BARRAGE_SERVER_LISTEN=:1"}, serve, "serve")
	var line struct {
		Time            time.Time
		Msg, Level      string
		Addr, Took, Err string
		N               int
	}
	if err := json.Unmarshal([]byte(got.stderr), &line); err != nil || line.Msg != "shown" || line.Level != "WARN" || line.Time.IsZero() ||
		line.Addr != "127.0.0.1:80" || line.Took != "1.5s" || line.Err != "why" || line.N != 3 {
		t.Errorf("stderr = %q; want one JSON line with the message shown, and values as people read them", got.stderr)
	}
	if got.code != 0 || got.stdout != "" || cfg.Server.Listen != ":1" || cfg.Log.Format != "json" {
		t.Errorf("barrage serve = %+v with %+v; want the loaded configuration", got, cfg)
	}
}

func TestServe_ListensWhereTheFlagSays(t *testing.T) {
	for flag, want := range map[string]string{":8000": ":8000", "8000": ":8000", "[::1]:0": "[::1]:0"} {
		var at string
		serve := func(_ context.Context, s *setup, _ *slog.Logger, _ cli.Reporter) error {
			again, err := s.read() // as a reload does
			at = again.cfg.Server.Listen
			return err
		}
		if got := runLine(t, "server:\n  listen: \":1\"\n", []string{"BARRAGE_SERVER_LISTEN=:2"}, serve, "serve", "--listen", flag); got.code != 0 || at != want {
			t.Errorf("barrage serve --listen %s = %+v, at %q; want %q", flag, got, at, want)
		}
	}
}

func TestServe_LogsWhatItReads(t *testing.T) {
	serve := func(context.Context, *setup, *slog.Logger, cli.Reporter) error { return nil }
	for _, c := range []struct {
		file    string
		environ []string
		want    string
	}{
		{"", nil, `level=INFO msg="configuration loaded" file=none from_environment=0`},
		{"server:\n", []string{"BARRAGE_SERVER_LISTEN=:1"}, `level=INFO msg="configuration loaded" file=config.yaml from_environment=1`},
	} {
		if got := runLine(t, c.file, c.environ, serve, "serve"); !strings.Contains(got.stderr, c.want) {
			t.Errorf("stderr = %q; want %q", got.stderr, c.want)
		}
	}
}

func TestServe_ErrorIsPrintedOnceWithoutUsage(t *testing.T) {
	serve := func(context.Context, *setup, *slog.Logger, cli.Reporter) error {
		return errors.New("cannot listen")
	}
	got := runLine(t, "log: {level: error}", nil, serve, "serve")
	if want := (result{cli.ExitFailure, "", "barrage: cannot listen\n"}); got != want {
		t.Errorf("barrage serve = %+v; want %+v", got, want)
	}
}

// TestServe_EndsBeforeItListensWhereItCannotSayWhere: a descriptor that is not there is found before ports are opened.
func TestServe_EndsBeforeItListensWhereItCannotSayWhere(t *testing.T) {
	served := false
	serve := func(context.Context, *setup, *slog.Logger, cli.Reporter) error {
		served = true
		return nil
	}
	got := runLine(t, "", []string{"BARRAGE_READY_FD=1048576"}, serve, "serve") // more than a process of the tests has
	want := result{cli.ExitFailure, "", `barrage: cannot use BARRAGE_READY_FD: "1048576" is not the number of an open file, from 3, ` +
		"that this process was given to write to; give it one, as 'BARRAGE_READY_FD=3 barrage serve 3>ready', or unset the variable\n"}
	if got != want || served {
		t.Errorf("barrage serve = %+v, served: %v; want %+v", got, served, want)
	}
}

func TestServe_FirstSignalDrainsSecondEnds(t *testing.T) {
	for _, c := range []struct {
		behaviour string
		signal    os.Signal
		code      int
	}{
		{"gentle", syscall.SIGTERM, 0},
		{"gentle", os.Interrupt, 0},
		{"stuck", syscall.SIGTERM, cli.ExitFailure},
		{"stuck", os.Interrupt, cli.ExitFailure},
	} {
		t.Run(fmt.Sprintf("%s %v", c.behaviour, c.signal), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			node := exec.CommandContext(ctx, os.Args[0])
			node.Dir = t.TempDir()
			node.Env = append(os.Environ(), asNode+"="+c.behaviour)
			stderr, err := node.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := node.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(stderr)
			wantLine(t, lines, "msg=serving")
			sendSignal(t, node, c.signal)
			wantLine(t, lines, "msg=draining")
			if c.behaviour == "stuck" {
				sendSignal(t, node, c.signal)
				wantLine(t, lines, "barrage: cannot end in good order: a second signal came")
			}
			if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
				t.Errorf("more in stderr: %q, %v", rest, err)
			}
			if err := node.Wait(); node.ProcessState.ExitCode() != c.code {
				t.Errorf("exit code %d (%v); want %d", node.ProcessState.ExitCode(), err, c.code)
			}
		})
	}
}

// wantLine reads lines until one holds text.
func wantLine(t *testing.T, lines *bufio.Reader, text string) {
	t.Helper()
	for {
		line, err := lines.ReadString('\n')
		if strings.Contains(line, text) {
			return
		}
		if err != nil {
			t.Fatalf("no line with %q: %v", text, err)
		}
	}
}

func sendSignal(t *testing.T, node *exec.Cmd, signal os.Signal) {
	t.Helper()
	if err := node.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

func TestVersionLine_NamesReleaseCommitAndPlatform(t *testing.T) {
	platform := runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
	f := func(release, module string, settings []debug.BuildSetting, want string) {
		t.Helper()
		info := &debug.BuildInfo{Main: debug.Module{Version: module}, Settings: settings}
		if got := versionLine(release, info); got != want+" "+platform {
			t.Errorf("versionLine(%q, %q) = %q; want %q", release, module, got, want+" "+platform)
		}
	}
	commit := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"}
	f("", "", nil, "barrage (devel) commit unknown")
	f("", "v1.2.3", []debug.BuildSetting{commit, {Key: "vcs.modified", Value: "false"}}, "barrage v1.2.3 commit 0123456789ab")
	f("v2.0.0", "v1.2.3", []debug.BuildSetting{commit, {Key: "vcs.modified", Value: "true"}}, "barrage v2.0.0 commit 0123456789ab+changes")
}

// TestBinary_ExitCodesTellFailureFromMisuse builds the program and runs it as a user does.
func TestBinary_ExitCodesTellFailureFromMisuse(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "barrage")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X main.version=v9.8.7", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "bad.yaml"), []byte("server: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args, want string
		code       int
	}{
		{"", "Usage:", 0},
		{"version", "barrage v9.8.7 commit ", 0},
		{"config check", "defaults: ok", 0},
		{"config check --config bad.yaml", "barrage: cannot use bad.yaml:\n  server: keys must stand below it", cli.ExitFailure},
		{"serve --config bad.yaml", "barrage: cannot use bad.yaml:", cli.ExitFailure},
		{"server", "did you mean \"serve\"?", cli.ExitUsage},
	} {
		cmd := exec.CommandContext(t.Context(), binary, strings.Fields(c.args)...)
		cmd.Dir = dir
		cmd.Env = []string{}
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != c.code || !strings.Contains(string(out), c.want) {
			t.Errorf("barrage %s: exit code %d (%v), %q; want %d and %q", c.args, cmd.ProcessState.ExitCode(), err, out, c.code, c.want)
		}
	}
}

// TestBinary_BenchMeasuresARealNode measures a real node with the program that users have.
func TestBinary_BenchMeasuresARealNode(t *testing.T) {
	dir, binary := t.TempDir(), program
	run := func(args string) (stdout, stderr string, code int) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), binary, strings.Fields(args)...)
		var out, complaints strings.Builder
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &complaints
		_ = cmd.Run() // The exit code tells.
		return out.String(), complaints.String(), cmd.ProcessState.ExitCode()
	}
	stdout, stderr, code := run("bench quiet --viewers 20 --rooms 2 --warmup 0s --duration 1s --json - --html r.html")
	var file struct{ Results []bench.Result }
	if err := json.Unmarshal([]byte(stdout), &file); err != nil || code != 0 || len(file.Results) != 1 {
		t.Fatalf("exit code %d, %v, stdout %q, stderr %q", code, err, stdout, stderr)
	}
	if want := "quiet: start\nquiet: connect\nquiet: measure\nquiet: finish\n"; stderr != want {
		t.Errorf("stderr = %q; want a line a phase: %q", stderr, want)
	}
	r := file.Results[0]
	if m := r.Messages; m.Sent != 50 || m.Delivered != 500 || m.Lost != 0 || r.Server.Nodes != 1 || r.Server.Writes < 1 || r.Scenario.Name != "quiet" {
		t.Errorf("messages %+v, server %+v; want 50 to 10 viewers each", m, r.Server)
	}
	if page, err := os.ReadFile(filepath.Join(dir, "r.html")); err != nil || !strings.Contains(string(page), "barrage bench quiet") {
		t.Errorf("r.html: %v, %.200q", err, page)
	}
	stdout, stderr, code = run("bench quiet --viewers 20 --rooms 2 --warmup 0s --duration 1s --benchstat --quiet --fail-if p50<1h --fail-if lost>0")
	if code != cli.ExitFailure || !strings.HasPrefix(stderr, "barrage: cannot call that good enough: p50<1h: it is ") || strings.Contains(stderr, "lost") || !strings.Contains(stdout, "Benchmark") {
		t.Errorf("exit code %d, stdout %q, stderr %q; want benchmark lines, and the objective that is missed", code, stdout, stderr)
	}
	// Bodies of 300 bytes make each batch worth deflating.
	stdout, stderr, code = run("bench quiet --dialect native --deflate --body 300 --viewers 20 --rooms 2 --warmup 0s --duration 1s --json - --quiet")
	if err := json.Unmarshal([]byte(stdout), &file); err != nil || code != 0 || len(file.Results) != 1 {
		t.Fatalf("exit code %d, %v, stdout %q, stderr %q", code, err, stdout, stderr)
	}
	r = file.Results[0]
	if m := r.Messages; m.Delivered != 500 || m.Lost+m.Doubled != 0 || m.BytesPerCopy < 50 || m.BytesPerCopy > 300 || r.Dialect != "native" || !r.Scenario.Deflate {
		t.Errorf("%s, deflated: %v, messages %+v; want 50 to 10 viewers each, in less bytes than their bodies have", r.Dialect, r.Scenario.Deflate, m)
	}
	var search struct{ Find bench.Find }
	stdout, stderr, code = run("bench find quiet --vary rate --from 5 --to 5 --p99 10s --viewers 20 --rooms 2 --warmup 0s --duration 1s --quiet --json -")
	if err := json.Unmarshal([]byte(stdout), &search); err != nil || code != 0 || search.Find != (bench.Find{Vary: "rate", P99: 10000, Good: 5}) {
		t.Errorf("exit code %d, %v, stderr %q, find %+v; want the last good level", code, err, stderr, search.Find)
	}
	stdout, _, code = run("bench find quiet --vary rate --from 5 --to 5 --p99 1ns --viewers 20 --rooms 2 --warmup 0s --duration 1s --quiet")
	if code != cli.ExitFailure || !strings.Contains(stdout, "No level was good enough") {
		t.Errorf("an objective that nobody meets: exit code %d, stdout %q", code, stdout)
	}
}

// TestBinary_BenchInARoomKeepsOthersApart: the load goes into a room that others know and speak in. Their
// messages, those from before too, are neither lost nor doubled.
func TestBinary_BenchInARoomKeepsOthersApart(t *testing.T) {
	n := startNode(t, "server:\n  listen: 127.0.0.1:0\nadmin:\n  listen: 127.0.0.1:0\nlimits:\n  enabled: false\nroom:\n  anonymous_join: true\n")
	told := 0
	say := func() {
		told++
		n.run(0, "admin", "announce", "live-1", fmt.Sprint("of others ", told))
	}
	for range 5 {
		say()
	}
	for _, dialect := range []string{"fastim", "native"} {
		over := make(chan string)
		go func() {
			cmd := exec.CommandContext(t.Context(), n.binary, "bench", "quiet", "--target", n.ready.Public, "--dialect", dialect, "--room", "live-1",
				"--rooms", "1", "--viewers", "20", "--rate", "50", "--warmup", "0s", "--duration", "2s", "--json", "-", "--quiet")
			cmd.Dir = n.dir
			out, _ := cmd.Output() // what it says tells
			over <- string(out)
		}()
		var out string
		for before := told; out == ""; {
			select {
			case out = <-over:
				if told == before {
					t.Fatal("nobody else has spoken meanwhile")
				}
			default:
				say()
			}
		}
		var file struct{ Results []bench.Result }
		if err := json.Unmarshal([]byte(out), &file); err != nil || len(file.Results) != 1 {
			t.Fatalf("%v: %s", err, out)
		}
		if m := file.Results[0].Messages; m.Sent != 100 || m.Expected != 2000 || m.Delivered != 2000 || m.Lost+m.Doubled+m.OutOfOrder != 0 || m.Others == 0 || m.Uncounted != 0 {
			t.Errorf("%s: %+v; want 100 messages to 20 viewers each, and those of others", dialect, m)
		}
	}
}

// TestToken_UsesTheConfiguration: a token that the command makes is good for a node with the same file.
func TestToken_UsesTheConfiguration(t *testing.T) {
	const file = "auth:\n  jwt_secret: hunter2 hunter2 hunter2 hunter2 hunter2\n  jwt_audience: chat\n"
	made := runLine(t, file, nil, nil, "token", "new", "--user", "alice")
	token := strings.TrimSpace(made.stdout)
	if made.code != 0 || token == "" {
		t.Fatalf("token new: %+v; want a token", made)
	}
	if got := runLine(t, file, nil, nil, "token", "check", token); got.code != 0 || !strings.Contains(got.stdout, "alice") {
		t.Errorf("token check: %+v; want that it is good", got)
	}
	if got := runLine(t, file, []string{"BARRAGE_AUTH_JWT_AUDIENCE=mail"}, nil, "token", "check", token); got.code != cli.ExitFailure || !strings.Contains(got.stderr, `want "mail" among them`) {
		t.Errorf("token check with another audience: %+v; want that it is refused", got)
	}
	if got := runLine(t, "auth: 1\n", nil, nil, "token", "new", "--guest"); got.code != cli.ExitFailure || !strings.HasPrefix(got.stderr, "barrage: cannot use config.yaml:") {
		t.Errorf("token new with a bad file: %+v; want its error", got)
	}
}
