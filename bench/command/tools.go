package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"barrage/bench"
	"barrage/bench/report"
	"barrage/internal/cli"
)

func (p program) suite() *cobra.Command {
	var t bench.Target
	out := output{version: p.version}
	var quick bool
	var dir string
	cmd := &cobra.Command{
		Use:   "suite",
		Short: "Every scenario, sized for this machine, in one report",
		Long: `Run every scenario, one after the other, with sizes that fit the machine's cores, memory
and open files. It takes a quarter of an hour, with --quick less than three minutes; then
a soak says little. At the end there are a table and, in --out, report.html and
results.json (for compare).`,
		Example: `  barrage bench suite --quick
  barrage bench suite --out before && git switch faster && make build && barrage bench suite --out after
  barrage bench compare before/results.json after/results.json`,
		Args: cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkTarget(cmd, t); err != nil {
				return err
			}
			_, limits, err := bench.ThisMachine()
			if err != nil {
				return err
			}
			suite, err := bench.Suite(limits, quick)
			if err != nil {
				return err
			}
			for _, s := range suite {
				if err := checkScenario(cmd, s, t); err != nil {
					return err
				}
			}
			out.dir, out.html, out.json = dir, filepath.Join(dir, "report.html"), filepath.Join(dir, "results.json")
			_, err = out.measure(cmd, "suite", suite, []bench.Target{t}, 1, report.Summary)
			return err
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&quick, "quick", false, "seconds a scenario: everything within three minutes")
	f.StringVar(&dir, "out", "bench-report", "directory for report.html and results.json")
	f.BoolVar(&out.benchstat, "benchstat", false, "print lines for benchstat instead of the table")
	f.BoolVar(&out.quiet, "quiet", false, "show no progress")
	addTargetFlags(f, &t)
	return cmd
}

func (p program) find() *cobra.Command {
	var flags bench.Scenario
	var t bench.Target
	out := output{version: p.version}
	h := bench.Hunt{Vary: "rate", P99: 300 * time.Millisecond}
	cmd := &cobra.Command{
		Use:   "find [SCENARIO | FILE.yaml]",
		Short: "The most load that still meets an objective",
		Long: `Run a scenario (storm, unless another is named) again and again, with twice the rate or
twice the viewers each time. When the 99th percentile of latency or the share of lost copies
is worse than the objective, levels go between the last good and the first bad one, until
these are within 10 %. Each step is short (--duration sets it) and has nodes of its
own, fresh ones. It reports the last good level, what broke above it, and whether that was
the server, the client or the whole machine.`,
		Example: `  barrage bench find
  barrage bench find storm --vary rate --p99 300ms --loss 0 --viewers 10000
  barrage bench find rooms --vary viewers --from 1000 --to 15000`,
		Args: arguments(0, 1, "wants one scenario"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkTarget(cmd, t); err != nil {
				return err
			}
			s, err := scenarioOf(cmd, args, "storm")
			if err != nil {
				return err
			}
			h.Scenario = s.Short()
			if err := override(cmd, &h.Scenario); err != nil {
				return err
			}
			if err := cmp.Or(h.Validate(), t.Suits(h.Scenario)); err != nil {
				return cli.Misused(cmd, err.Error())
			}
			return runFind(cmd, h, t, out)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&h.Vary, "vary", h.Vary, "what grows: rate or viewers")
	f.DurationVar(&h.P99, "p99", h.P99, "the objective: the 99th percentile of latency at most")
	f.Var((*share)(&h.Loss), "loss", "the objective: the share of copies that are lost at most, as 0.1%")
	f.Float64Var(&h.From, "from", 0, "the first level; 0 = the scenario's own")
	f.Float64Var(&h.To, "to", 0, "the last level; 0 = no end")
	addScenarioFlags(f, &flags)
	addTargetFlags(f, &t)
	out.addFlags(f)
	return cmd
}

// scenarioOf is the scenario that args name, a file where it has a suffix, or else the
// one called name.
func scenarioOf(cmd *cobra.Command, args []string, name string) (bench.Scenario, error) {
	if len(args) > 0 {
		name = args[0]
	}
	if strings.ContainsAny(name, "./") {
		return bench.ReadScenario(name)
	}
	s, err := bench.Named(name)
	if err != nil {
		return s, cli.Misused(cmd, err.Error())
	}
	return s, nil
}

// runFind searches and shows every step.
func runFind(cmd *cobra.Command, h bench.Hunt, t bench.Target, out output) error {
	return out.measuring(cmd, func(ctx context.Context, tell bench.Progress, done func()) error {
		var steps []bench.Step
		good, failed := h.Run(ctx, t, tell, func(s bench.Step) { steps = append(steps, s) })
		done()
		found := h.Find(steps)
		out.find = &found
		if len(steps) == 0 {
			return cmp.Or(failed, errors.New("cannot find a good level: none was tried"))
		}
		results := make([]bench.Result, len(steps))
		for i, s := range steps {
			results[i] = s.Result
		}
		failed = errors.Join(failed, out.show(cmd, "find "+h.Scenario.Name, results, func(w io.Writer) error { return report.Steps(w, steps) }))
		if failed == nil && good == 0 {
			failed = fmt.Errorf("cannot find a good level: %s %v broke already: %s", h.Vary, steps[0].Level, steps[0].Broke)
		}
		return failed
	})
}

func (p program) peers() *cobra.Command {
	var flags bench.Scenario
	out := output{version: p.version}
	with := company{rounds: report.UsualRounds}
	cmd := &cobra.Command{
		Use:   "peers [SCENARIO | FILE.yaml]",
		Short: "The same load against Barrage, two servers that are built in, and yours",
		Long: `Run a scenario (storm, unless another is named) against Barrage, a plain hub, a bare server
and every --peer. They have their turns in several rounds, and the medians are printed side
by side. The hub is what nearly every Go program has: one channel and two goroutines a
connection. The bare server is the least that a small room can cost: one thread writes each
message to each member where it reads it. Both are built in, and run alone as well:
"barrage bench hub", "barrage bench bare".

A peer is a server that you have started: name=dialect@host:port, where the dialect is
fastim, raw or centrifugo. With ",pid=N" or ",metrics=host:port" its CPU and memory are
measured too.`,
		Example: `  barrage bench peers
  barrage bench peers storm --viewers 2000 --rate 50 --peer fastim=fastim@127.0.0.1:9100,pid=4711
  barrage bench peers quiet --peer centrifugo=centrifugo@127.0.0.1:8000,metrics=127.0.0.1:8000`,
		Args: arguments(0, 1, "wants one scenario"),
		RunE: func(cmd *cobra.Command, args []string) error {
			targets, err := with.targets(cmd)
			if err != nil {
				return err
			}
			s, err := scenarioOf(cmd, args, "storm")
			if err != nil {
				return err
			}
			if err := override(cmd, &s); err != nil {
				return err
			}
			if err := checkScenario(cmd, s, targets...); err != nil {
				return err
			}
			medians := func(w io.Writer, results []bench.Result) error { return report.Peers(w, bench.Medians(results)) }
			_, err = out.measure(cmd, "peers "+s.Name, []bench.Scenario{s}, targets, with.rounds, medians)
			return err
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	with.addFlags(f)
	addScenarioFlags(f, &flags)
	out.addFlags(f)
	return cmd
}

func (p program) compare() *cobra.Command {
	tolerance := share(0.1)
	cmd := &cobra.Command{
		Use:   "compare OLD.json NEW.json",
		Short: "Two files of results beside each other",
		Long: `Compare results that --json or suite wrote, paired by scenario, peer (--peer-name) and load.
Where each file has one result, of one size, what happens besides may differ (slow viewers,
bursts, arrivals, returns), and a note says how. A figure is worse if it moved the wrong way
by more than --worse-by; one lost, doubled or disordered copy more is worse too. The exit
code is 1 if anything is, or if nothing could be paired, so a script can tell.`,
		Example: `  barrage bench compare before.json after.json
  barrage bench compare before/results.json after/results.json --worse-by 25%
  barrage bench slow --slow-share 0 --json none.json && barrage bench slow --json half.json
  barrage bench compare none.json half.json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return cli.Misused(cmd, fmt.Sprintf("cannot compare: two files are needed, and %d were named", len(args)))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			before, err1 := bench.ReadJSON(args[0])
			after, err2 := bench.ReadJSON(args[1])
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
			worse, err := report.Compare(cmd.OutOrStdout(), before, after, float64(tolerance))
			if err == nil && worse > 0 {
				err = fmt.Errorf("cannot call %s as good as %s: %d figures are worse", args[1], args[0], worse)
			}
			return err
		},
	}
	cmd.Flags().Var(&tolerance, "worse-by", "how much a figure may move before it counts")
	return cmd
}
