// Package command is the commands below "barrage bench": their flags, help and output. Their work is package bench's.
package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"barrage/bench"
	"barrage/bench/baseline"
	"barrage/bench/report"
	"barrage/bench/swarm"
	"barrage/internal/cli"
)

// program is what the commands know of the program that they are part of.
type program struct {
	version string
	environ []string
}

// New is the load generator's commands. version is that of a release, empty for none; environ is the process's.
func New(version string, environ []string) *cobra.Command {
	p := program{version, environ}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Put load on a node, or on any chat server, and measure it",
		Long: `Put load on servers and measure what comes of it: what was delivered, lost, doubled and
out of order, how late it was, its cost. Messages are due at set times whatever the
server does. Latency counts from when a message was due, so a server that stalls cannot
hide it.

Each scenario is a command, and every field of it a flag. Without --target nodes are started on this
machine and share its cores with the load. Compare figures of one machine and one
evening with each other. Where the load was the bottleneck, the result says so. Targets are
host:port and speak plain WebSocket: TLS is ended before Barrage, so name the server behind
the proxy that ends it.

The exit code is 0 where all was measured, and 2 where the command line makes no sense. It is
1 where something ended early, or viewers could not connect or were cut off (but slow ones).
It is 1 as well where something was worse or an objective was missed (--fail-if).`,
		Example: `  barrage bench storm                               # one hot room on a node of its own
  barrage bench storm --viewers 10000 --rate 1000 --html storm.html
  barrage bench storm --dialect native --deflate    # the native protocol, compressed
  barrage bench storm --fail-if 'p99>200ms' --fail-if 'lost>0'
  barrage bench storm --target 10.0.0.5:9000 --metrics 10.0.0.5:9001
  barrage bench suite --quick                       # everything, in three minutes
  barrage bench find storm --vary rate --p99 300ms  # where does it break?
  barrage bench peers --peer fastim=fastim@127.0.0.1:9100,pid=4711
  barrage bench curve --svg curve.svg               # what a delivery costs in large and small rooms
  barrage bench compare before.json after.json`,
		Args:              cli.NoArguments,
		PersistentPreRunE: refuseEmpty,
		RunE:              cli.ShowHelp,
	}
	cmd.AddGroup(&cobra.Group{ID: "scenarios", Title: "Scenarios:"}, &cobra.Group{ID: "tools", Title: "Tools:"})
	for _, name := range bench.Names() {
		cmd.AddCommand(p.scenario(name))
	}
	for _, tool := range []*cobra.Command{p.run(), p.suite(), p.find(), p.peers(), p.curve(), p.compare()} {
		tool.GroupID = "tools"
		cmd.AddCommand(tool)
	}
	cmd.AddCommand(p.worker(),
		p.baseline("hub", "one channel and two goroutines a connection", baseline.ServeHub),
		p.baseline("bare", "one thread, one epoll, a write a member", baseline.ServeBare))
	return cmd
}

// scenario is the command of a scenario that comes with the program.
func (p program) scenario(name string) *cobra.Command {
	s, err := bench.Named(name)
	if err != nil {
		panic(fmt.Sprintf("BUG: %v", err))
	}
	comment, _ := bench.Source(name) // Named has read it.
	l := p.load()
	cmd := &cobra.Command{
		Use:     name,
		GroupID: "scenarios",
		Short:   s.Question,
		Long:    explanation(comment) + "\n\nEvery flag that describes the load has the scenario's own value as its default.",
		Example: fmt.Sprintf(`  barrage bench %[1]s
  barrage bench %[1]s --viewers %[2]d --json %[1]s.json --html %[1]s.html
  barrage bench %[1]s --target 127.0.0.1:9000 --metrics 127.0.0.1:9001`, name, s.Viewers/2),
		Args: cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return l.run(cmd, s) },
	}
	l.addFlags(cmd, &s)
	return cmd
}

// load is what a command that runs one scenario once has flags for, but for the scenario.
type load struct {
	target bench.Target
	must   objectives
	out    output
}

func (p program) load() load { return load{out: output{version: p.version}} }

// addFlags adds them, those of a scenario first.
func (l *load) addFlags(cmd *cobra.Command, s *bench.Scenario) {
	f := cmd.Flags()
	f.SortFlags = false
	addScenarioFlags(f, s)
	addTargetFlags(f, &l.target)
	l.must.addFlag(f)
	l.out.addFlags(f)
}

// explanation is the comment that a scenario's file begins with.
func explanation(text []byte) string {
	var lines []string
	for line := range strings.Lines(string(text)) {
		line, isComment := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !isComment {
			break
		}
		lines = append(lines, strings.TrimPrefix(line, " "))
	}
	return strings.Join(lines, "\n")
}

func (p program) run() *cobra.Command {
	l := p.load()
	cmd := &cobra.Command{
		Use:   "run FILE.yaml",
		Short: "A scenario of your own",
		Long: `Run a scenario from a file. Its fields are those of the flags below, in YAML, as in the
files in bench/scenarios; flags beat the file. A field that does not exist is an error.`,
		Example: `  barrage bench run final.yaml
  barrage bench run final.yaml --viewers 2000 --duration 30s`,
		Args: arguments(1, 1, "wants one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := bench.ReadScenario(args[0])
			if err != nil {
				return err
			}
			if err := override(cmd, &s); err != nil {
				return err
			}
			return l.run(cmd, s)
		},
	}
	l.addFlags(cmd, new(bench.Scenario))
	return cmd
}

// arguments wants from least to most of them; the text what says so, of "it".
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if n := len(args); n < least || n > most {
			return cli.Misused(cmd, fmt.Sprintf("cannot run %q: it %s, and %d were named", cmd.CommandPath(), what, n))
		}
		return nil
	}
}

// run runs s once and shows the result.
func (l *load) run(cmd *cobra.Command, s bench.Scenario) error {
	t := l.target
	if err := cmp.Or(checkTarget(cmd, t), l.must.check(cmd), checkScenario(cmd, s, t)); err != nil {
		return err
	}
	table := func(w io.Writer, results []bench.Result) error { return report.Table(w, results[0]) }
	results, err := l.out.measure(cmd, s.Name, []bench.Scenario{s}, []bench.Target{t}, 1, table)
	return errors.Join(err, l.must.missed(results))
}

// checkScenario distinguishes a command line that makes no sense from a machine that is too small.
func checkScenario(cmd *cobra.Command, s bench.Scenario, targets ...bench.Target) error {
	err := s.Validate()
	for _, t := range targets {
		err = cmp.Or(err, t.Suits(s))
	}
	if err != nil {
		return cli.Misused(cmd, err.Error())
	}
	return nil
}

// unfinished is an error if a result is not of all that was asked for.
func unfinished(results []bench.Result) error {
	for _, r := range results {
		if r.Partial != "" {
			return fmt.Errorf("cannot measure all of scenario %q on %s: %s; the figures are of what was there", r.Scenario.Name, r.Peer, r.Partial)
		}
	}
	return nil
}

// output is where results go.
type output struct {
	version    string
	json, html string
	svg        string // Of curves, nothing else has it.
	dir        string // To be made for them; empty: their directory is the user's business.
	benchstat  bool
	quiet      bool
	find       *bench.Find // The outcome of a search; nil: there was none.
	made       []string    // By begin: directories before what is in them.
}

func (o *output) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.json, "json", "", "write results to this file, for compare; - is standard output, instead of the table")
	f.StringVar(&o.html, "html", "", "write a report with plots to this file; it needs no network")
	f.BoolVar(&o.benchstat, "benchstat", false, "print lines for benchstat instead of the table")
	f.BoolVar(&o.quiet, "quiet", false, "show no progress")
}

// measuring calls do with what begin gives, until a signal comes, and takes away what nothing was written to.
func (o *output) measuring(cmd *cobra.Command, do func(ctx context.Context, tell bench.Progress, done func()) error) error {
	ctx, stop := cli.UntilSignal(cmd.Context(), cmd.ErrOrStderr())
	defer stop()
	defer o.cleanUp()
	tell, done, err := o.begin(cmd)
	if err != nil {
		return err
	}
	return do(ctx, tell, done)
}

// measure runs scenarios against targets in rounds until a signal comes, and shows the results by table; files get
// every round. One that cannot run does not stop the others.
func (o *output) measure(cmd *cobra.Command, title string, scenarios []bench.Scenario, targets []bench.Target, rounds int,
	table func(io.Writer, []bench.Result) error,
) (results []bench.Result, err error) {
	err = o.measuring(cmd, func(ctx context.Context, tell bench.Progress, done func()) error {
		var failed error
		results, failed = bench.Measure(ctx, scenarios, targets, rounds, tell)
		done()
		if len(results) == 0 {
			return failed
		}
		err := o.show(cmd, title, results, func(w io.Writer) error { return table(w, results) })
		if err == nil && o.dir != "" {
			_, err = fmt.Fprintf(cmd.ErrOrStderr(), "report: %s\nresults: %s\n", o.html, o.json)
		}
		return errors.Join(err, failed, unfinished(results))
	})
	return results, err
}

// begin makes sure that results can be written before an hour is spent on them. It also gives a live line on standard
// error where that is a terminal. The function done takes the line away.
func (o *output) begin(cmd *cobra.Command) (tell bench.Progress, done func(), err error) {
	if o.json == "-" && o.benchstat {
		return nil, nil, cli.Misused(cmd, "cannot print JSON and lines for benchstat at once: give --json a file, or leave --benchstat away")
	}
	if o.html == "-" {
		return nil, nil, cli.Misused(cmd, "cannot write a report to standard output: --html is the name of a file")
	}
	if err := o.create(); err != nil {
		return nil, nil, fmt.Errorf("cannot write results: %w", err)
	}
	if o.quiet {
		return nil, func() {}, nil
	}
	columns := 0
	if f, ok := cmd.ErrOrStderr().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		columns = 80
		if wide, _, err := term.GetSize(int(f.Fd())); err == nil && wide > 0 {
			columns = wide
		}
	}
	tell, done = bench.Lines(cmd.ErrOrStderr(), columns)
	return tell, done, nil
}

// create opens the files that results will go to, and notes what it makes.
func (o *output) create() error {
	for dir := o.dir; dir != "" && missing(dir); dir = filepath.Dir(dir) {
		o.made = append([]string{dir}, o.made...)
	}
	if o.dir != "" {
		if err := os.MkdirAll(o.dir, 0o755); err != nil {
			return err
		}
	}
	for _, name := range []string{o.json, o.html, o.svg} {
		if name == "" || name == "-" {
			continue
		}
		if missing(name) {
			o.made = append(o.made, name)
		}
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o644) // Its content stays until then.
		if err != nil {
			return err
		}
		_ = f.Close() // Nothing was written.
	}
	return nil
}

func missing(name string) bool {
	_, err := os.Stat(name)
	return errors.Is(err, fs.ErrNotExist)
}

// cleanUp takes away what begin made and nothing was written to.
func (o *output) cleanUp() {
	for _, name := range slices.Backward(o.made) {
		if info, err := os.Stat(name); err == nil && (info.IsDir() || info.Size() == 0) {
			_ = os.Remove(name) // A directory with something in it stays.
		}
	}
}

// show writes results where they were asked for, with the version of this program, and to
// standard output by table unless something else goes there.
func (o *output) show(cmd *cobra.Command, title string, results []bench.Result, table func(io.Writer) error) error {
	for i := range results {
		results[i].Machine.Barrage = cmp.Or(o.version, results[i].Machine.Barrage)
	}
	var failed error
	if o.html != "" {
		failed = errors.Join(failed, toFile(o.html, func(w io.Writer) error { return report.HTML(w, "barrage bench "+title, results) }))
	}
	if o.svg != "" {
		failed = errors.Join(failed, toFile(o.svg, func(w io.Writer) error { return report.Plot(w, results) }))
	}
	stdout := cmd.OutOrStdout()
	if o.json != "" && o.json != "-" {
		failed = errors.Join(failed, toFile(o.json, func(w io.Writer) error { return bench.WriteJSON(w, results, o.find) }))
	}
	switch {
	case o.json == "-":
		return errors.Join(failed, bench.WriteJSON(stdout, results, o.find))
	case o.benchstat:
		return errors.Join(failed, report.Benchstat(stdout, results, o.find))
	}
	return errors.Join(failed, table(stdout))
}

// toFile writes a file whole or returns why not.
func toFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("cannot write results: %w", err)
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return fmt.Errorf("cannot write results to %s: %w", name, err)
	}
	return nil
}

// worker is a process of the load; its parent talks to it.
func (p program) worker() *cobra.Command {
	return &cobra.Command{
		Use:    "worker",
		Short:  "A process of the load, started by the others",
		Hidden: true,
		Args:   cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// Ctrl-C goes to the whole group; the parent still wants what was measured.
			signal.Ignore(os.Interrupt)
			return swarm.Work(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
}

// baseline is a server that peers compares with.
func (p program) baseline(name, what string, serve func(context.Context, net.Listener) error) *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:    name,
		Short:  "A server to compare with: " + what,
		Hidden: true,
		Args:   cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			listens, _, err := cli.NewReporter(p.environ)
			if err != nil {
				return err
			}
			ctx, stop := cli.UntilSignal(cmd.Context(), cmd.ErrOrStderr())
			defer stop()
			ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
			if err != nil {
				return fmt.Errorf("cannot serve the baseline: %w", err)
			}
			at := cli.Reachable(ln.Addr())
			if _, err := fmt.Fprintf(cmd.OutOrStdout(), "sockets   ws://%[1]s/group/chat/{room}/{user}/{token}\nmetrics   http://%[1]s/metrics\n", at); err != nil {
				return err
			}
			if err := listens.Report(ln.Addr(), ln.Addr()); err != nil {
				return err
			}
			return serve(ctx, ln)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "host:port")
	return cmd
}
