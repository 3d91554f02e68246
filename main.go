// Command barrage is a node of the chat of live rooms, and the tools around it.
package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"barrage/bench/command"
	"barrage/gateway/admin"
	"barrage/gateway/pass"
	"barrage/internal/admincmd"
	"barrage/internal/cli"
	"barrage/internal/config"
	"barrage/internal/doctor"
	"barrage/internal/env"
	"barrage/internal/initcmd"
	"barrage/internal/keycmd"
	"barrage/internal/sizing"
	"barrage/internal/sparse"
	"barrage/internal/token"
	"barrage/kit"
)

// version is set by the build of a release: -ldflags "-X main.version=v1.2.3".
var version string

// configYAML is every setting with its default.
//
//go:embed config.yaml
var configYAML []byte

// defaultFile is read when --config is not given and it exists.
const defaultFile = initcmd.ConfigFile

func main() {
	os.Exit(cli.Run(newRoot(os.Environ(), serve), os.Args[1:], os.Stdout, os.Stderr))
}

// serveFunc runs a node until ctx ends, drains it and returns. It reports where the node listens.
type serveFunc func(ctx context.Context, setup *setup, log *slog.Logger, listens cli.Reporter) error

// newRoot is the command barrage with all commands below it.
func newRoot(environ []string, serve serveFunc) *cobra.Command {
	root := cli.Root(&cobra.Command{
		Use:   "barrage",
		Short: "An edge gateway for live rooms",
		Long: `Barrage holds the WebSockets of live rooms, takes what people write in them, and
brings it to all in the room, on every node.

A first try needs no Redis and no file:

  barrage serve

and then a look at http://127.0.0.1:9000/ in two windows of a browser. "barrage init" writes the files
of a node of your own.`,
		Version: versionText(),
	})
	root.AddCommand(newServe(environ, serve), initcmd.New(configYAML), kit.New(), newConfig(environ), newToken(environ), newAdmin(environ), command.New(version, environ), admincmd.Top(environ), newDoctor(environ), sizing.New(), newVersion())
	return root
}

func newServe(environ []string, serve serveFunc) *cobra.Command {
	var file, listen string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a node until SIGINT or SIGTERM",
		Long: `Run a node. SIGINT (Ctrl-C) or SIGTERM ends it gently: it takes no more clients, and delivers
what it was given. It closes its clients' sockets with code 1012 (restarting, come back) and
stops. That takes up to server.drain_timeout. A second signal ends it at once.
SIGHUP has it read its configuration anew, see "barrage config check --help".

Everything is set in the config file; the environment beats the file:
BARRAGE_SERVER_LISTEN is the variable of server.listen. --listen beats both.

A program that starts a node learns where it listens from one line of JSON,
{"public":"127.0.0.1:9000","admin":"127.0.0.1:9001"}, on the file descriptor that
BARRAGE_READY_FD names.`,
		Example: `  barrage serve                                  # ./config.yaml, or else the defaults
  barrage serve --config /etc/barrage.yaml
  barrage serve --listen :8000
  BARRAGE_REDIS_ADDRS=127.0.0.1:6379 BARRAGE_REDIS_PASSWORD=... barrage serve`,
		Args: cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			listens, environ, err := cli.NewReporter(environ)
			if err != nil {
				return err
			}
			if listen != "" {
				at, err := listenAt(listen)
				if err != nil {
					return cli.Misused(cmd, err.Error())
				}
				environ = append(slices.Clone(environ), env.Name("server.listen")+"="+at)
			}
			read := func() (loaded, error) { return load(file, environ) }
			loaded, err := read()
			if err != nil {
				return err
			}
			log, level := newLogger(cmd.ErrOrStderr(), loaded.cfg.Log)
			log.Info("configuration loaded", "file", cmp.Or(loaded.file, "none"), "from_environment", loaded.count("environment"))
			if ignored := config.Ignored(environ); len(ignored) > 0 {
				log.Warn("variables of the environment are no settings; \"barrage config print\" shows all there are", "ignored", strings.Join(ignored, " "))
			}
			ctx, stop := cli.UntilSignal(cmd.Context(), cmd.ErrOrStderr())
			defer stop()
			return serve(ctx, &setup{loaded: loaded, read: read, level: level}, log, listens)
		},
	}
	addConfigFlag(cmd, &file)
	cmd.Flags().StringVar(&listen, "listen", "", "host:port of the public port, or the port alone, instead of server.listen")
	return cmd
}

// listenAt is host:port; a port alone is one of every interface.
func listenAt(text string) (string, error) {
	if _, err := strconv.ParseUint(text, 10, 16); err == nil {
		text = ":" + text
	}
	if _, port, err := net.SplitHostPort(text); err != nil || port == "" {
		return "", fmt.Errorf("cannot listen on %q: want host:port or a port, as 127.0.0.1:8000 or 8000", text)
	}
	return text, nil
}

func newConfig(environ []string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check or show the configuration",
		Long:  "Check or show what a node would run with: the defaults, the config file, the environment.",
		Args:  cli.NoArguments,
		RunE:  cli.ShowHelp,
	}
	cmd.AddCommand(newConfigCheck(environ), newConfigPrint(environ))
	return cmd
}

func newConfigCheck(environ []string) *cobra.Command {
	var path, against string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Report all that is wrong, exit 1 if anything is",
		Long: `Check the config file and the environment as a node would at its start, and report all
that is wrong, one problem a line. The files that they name are read, too: certificates, keys,
lists of terms. The exit code is 0 where nothing is, else 1.

--against names the admin port of a running node, and shows what a reload of that node would
change. Settings of the node's own environment stay. The exit code is 1 where the node would refuse
it, because only a new start changes a setting. The node's key is BARRAGE_ADMIN_KEY.`,
		Example: `  barrage config check
  barrage config check --config /etc/barrage.yaml && systemctl restart barrage
  barrage config check --against 127.0.0.1:9001 && systemctl reload barrage`,
		Args: cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := load(path, environ)
			if err != nil {
				return err
			}
			if err := loaded.cfg.CheckFiles(); err != nil {
				return fmt.Errorf("cannot use the files that %s names:%s", cmp.Or(loaded.file, "the environment"), indented(err))
			}
			lines := []string{loaded.summary()}
			for _, name := range config.Ignored(environ) {
				lines = append(lines, name+" is no setting, and was ignored")
			}
			var refused error
			if against != "" {
				var more []string
				if more, refused = compare(cmd.Context(), environ, against, loaded); more == nil {
					return refused
				}
				lines = append(lines, more...)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.Join(lines, "\n"))
			return cmp.Or(refused, err)
		},
	}
	addConfigFlag(cmd, &path)
	cmd.Flags().StringVar(&against, "against", "", "admin port of a running node, as 127.0.0.1:9001: what would a reload change there?")
	return cmd
}

func newConfigPrint(environ []string) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "print",
		Short: "Show each value and where it comes from",
		Long: `Print the configuration that a node would run with, as a config file. A comment names
where each value comes from: default, file or environment. Secrets are shown as ***.`,
		Example: `  barrage config print
  BARRAGE_LOG_LEVEL=debug barrage config print | grep environment`,
		Args: cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := load(path, environ)
			if err != nil {
				return err
			}
			return config.Print(cmd.OutOrStdout(), loaded.cfg, loaded.locations)
		},
	}
	addConfigFlag(cmd, &path)
	return cmd
}

// compare reports what a reload of the node whose admin port is at server would change, where its configuration is this
// one. The error says why it would be refused; lines are nil where nobody knows.
func compare(ctx context.Context, environ []string, server string, l loaded) (lines []string, err error) {
	node, has, err := admincmd.Settings(ctx, environ, server)
	if err != nil {
		return nil, err
	}
	its := make([]admin.Setting, len(has))
	for i, s := range has {
		its[i] = admin.Setting(s)
	}
	changes, refused, unseen := config.Against(its, config.Shown(l.cfg, l.locations))
	list := func(title string, all []config.Difference) {
		lines = append(lines, title)
		for _, d := range all {
			lines = append(lines, fmt.Sprintf("  %s: %s -> %s", d.Key, cli.Plain(d.Has), d.Wants))
		}
	}
	lines = []string{}
	switch {
	case len(changes) > 0:
		list("a reload of node "+cli.Plain(node)+" would change", changes)
	case len(refused) == 0:
		lines = append(lines, "node "+cli.Plain(node)+" has these settings")
	}
	if len(refused) > 0 {
		list("only a new start changes", refused)
		err = fmt.Errorf("cannot reload node %s: %d of the settings need a new start", cli.Plain(node), len(refused))
	}
	if len(unseen) > 0 {
		lines = append(lines, "secrets are not compared: "+strings.Join(unseen, ", "))
	}
	return lines, err
}

// newAdmin has the commands that call the admin port, and those for server keys.
func newAdmin(environ []string) *cobra.Command {
	cmd, key := admincmd.New(environ), keycmd.New()
	key.GroupID = admincmd.GroupSetup
	cmd.AddCommand(key)
	return cmd
}

// newDoctor looks at what a node with the configuration would meet.
func newDoctor(environ []string) *cobra.Command {
	var file string
	cmd := doctor.New(func() (config.Config, string, error) {
		loaded, err := load(file, environ)
		if err != nil {
			return config.Config{}, "", err
		}
		return loaded.cfg, loaded.summary(), nil
	}, environ)
	addConfigFlag(cmd, &file)
	return cmd
}

// newToken has the commands for tokens, with the keys of the configuration.
func newToken(environ []string) *cobra.Command {
	var file string
	cmd := token.New(func() (pass.JWTConfig, error) {
		loaded, err := load(file, environ)
		if err != nil {
			return pass.JWTConfig{}, err
		}
		return loaded.cfg.Auth.JWT(), nil
	})
	for _, below := range cmd.Commands() {
		addConfigFlag(below, &file)
	}
	return cmd
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show version, commit and platform",
		Args:  cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), versionText())
			return err
		},
	}
}

// versionText is the versionLine of this program.
func versionText() string { return versionLine(version, cli.BuildInfo()) }

// versionLine is "barrage v1.2.3 commit 0123456789ab go1.26.8 linux/amd64". The version
// of the release goes before the module's; a commit with changes on top is marked.
func versionLine(release string, info *debug.BuildInfo) string {
	return fmt.Sprintf("barrage %s %s %s/%s", shortVersion(release, info), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// shortVersion is "v1.2.3 commit 0123456789ab".
func shortVersion(release string, info *debug.BuildInfo) string {
	return fmt.Sprintf("%s commit %s", cmp.Or(release, info.Main.Version, "(devel)"), cmp.Or(cli.Commit(info), "unknown"))
}

func addConfigFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "config", "", "config file; without it ./"+defaultFile+" or, where there is none, the defaults")
}

// loaded is a configuration and how it came about.
type loaded struct {
	cfg       config.Config
	locations config.Locations
	file      string // empty = no file
}

// load reads the configuration from file or, where file is empty, from [defaultFile] if
// there is one.
func load(file string, environ []string) (loaded, error) {
	if file == "" {
		if _, err := os.Stat(defaultFile); !errors.Is(err, fs.ErrNotExist) {
			file = defaultFile
		}
	}
	cfg, locations, err := config.Load(file, environ)
	if err != nil {
		return loaded{}, fmt.Errorf("cannot use %s:%s", cmp.Or(file, "the environment"), indented(err))
	}
	return loaded{cfg, locations, file}, nil
}

// indented is each line of an error in a line of its own.
func indented(err error) string { return strings.ReplaceAll("\n"+err.Error(), "\n", "\n  ") }

// count is how many values come from one source, as "environment".
func (l loaded) count(source string) int {
	n := 0
	for _, s := range l.locations {
		if s.String() == source {
			n++
		}
	}
	return n
}

// summary is "config.yaml: ok, 35 keys", the keys that the file sets.
func (l loaded) summary() string {
	text := "defaults: ok"
	if n := l.count("file"); l.file != "" {
		keys := "keys"
		if n == 1 {
			keys = "key"
		}
		text = fmt.Sprintf("%s: ok, %d %s", l.file, n, keys)
	}
	if n := l.count("environment"); n > 0 {
		text += fmt.Sprintf(", %d from the environment", n)
	}
	return text
}

// newLogger writes to w as the validated section says, from the level that level has.
func newLogger(w io.Writer, cfg config.LogConfig) (log *slog.Logger, level *slog.LevelVar) {
	level = new(slog.LevelVar)
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		panic(fmt.Sprintf("BUG: log.level %q passed validation: %v", cfg.Level, err))
	}
	options := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		options.ReplaceAttr = spelled
		return slog.New(sparse.New(slog.NewJSONHandler(w, options), nil)), level
	}
	return slog.New(sparse.New(slog.NewTextHandler(w, options), nil)), level
}

// spelled has times and addresses stand in JSON as in text: "1.5s" and "192.0.2.1:80", not numbers and objects.
func spelled(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value.Any().(type) {
	case time.Time, error:
	case fmt.Stringer:
		a.Value = slog.StringValue(v.String())
	}
	return a
}
