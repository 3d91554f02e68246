package command

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"barrage/bench"
	"barrage/bench/report"
	"barrage/internal/cli"
)

// curves are the two of "barrage bench curve" as its flags have them.
type curves struct {
	viewers, rooms []int
	spread         int
	copies         float64
	duration       time.Duration
	env            []string
}

func (p program) curve() *cobra.Command {
	out := output{version: p.version}
	with := company{rounds: 1}
	c := curves{
		viewers: []int{100, 300, 1000, 3000, 10_000, 19_000}, rooms: []int{1, 10, 100, 1000, 3000, 10_000},
		spread: 10_000, copies: 20_000, duration: 6 * time.Second,
	}
	cmd := &cobra.Command{
		Use:   "curve",
		Short: "What a delivery costs in rooms of all sizes, as one plot",
		Long: `Deliver the same number of copies a second in one room of more and more viewers, and to
the same viewers in more and more rooms. Against the size it shows what a delivery costs
the server, and how late it is (p99). Only the size differs from level to level: where a
message goes to more viewers, fewer messages come. Measured are Barrage, the two servers
that are built in (see "barrage bench peers --help"), and every --peer, in turn. Levels that
are too large for this machine are left out. --viewers or --rooms alone measures that curve
alone. The usual levels take seven minutes.`,
		Example: `  barrage bench curve --svg curve.svg
  barrage bench curve --rooms 10,100,1000 --copies 50000 --rounds 3 --json rooms.json`,
		Args: cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			targets, err := with.targets(cmd)
			if err != nil {
				return err
			}
			if out.svg == "-" {
				return cli.Misused(cmd, "cannot write a plot to standard output: --svg is the name of a file")
			}
			loads, err := c.loads(cmd, targets)
			if err != nil {
				return err
			}
			_, err = out.measure(cmd, "curve", loads, targets, with.rounds, report.Curves)
			return err
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.IntSliceVar(&c.viewers, "viewers", c.viewers, "levels of the first curve: viewers of one room")
	f.IntSliceVar(&c.rooms, "rooms", c.rooms, "levels of the second curve: rooms of equal size")
	f.IntVar(&c.spread, "spread", c.spread, "viewers that are spread over the rooms of the second curve")
	f.Float64Var(&c.copies, "copies", c.copies, "deliveries that are due a second, at every level")
	f.DurationVar(&c.duration, "duration", c.duration, "how long each level is measured")
	f.StringArrayVar(&c.env, "env", nil, "setting of our own node, as BARRAGE_FANOUT_LANES=1 (can be repeated)")
	with.addFlags(f)
	f.StringVar(&out.svg, "svg", "", "write the plot to this file")
	out.addFlags(f)
	return cmd
}

// loads are the levels of the curves that were asked for, but those that the machine cannot bear, which it names.
func (c *curves) loads(cmd *cobra.Command, targets []bench.Target) (loads []bench.Scenario, err error) {
	only := cmd.Flags().Changed("viewers") != cmd.Flags().Changed("rooms")
	var tooLarge error
	for _, vary := range []struct {
		what, scenario string
		levels         []int
	}{{"viewers", "storm", c.viewers}, {"rooms", "rooms", c.rooms}} {
		if only && !cmd.Flags().Changed(vary.what) {
			continue
		}
		s, err := bench.Named(vary.scenario)
		if err != nil {
			return nil, err
		}
		s = s.Short()
		s.Zipf, s.Warmup, s.Duration, s.Env = 0, bench.Duration(time.Second), bench.Duration(c.duration), c.env
		if vary.what == "rooms" {
			s.Viewers = c.spread
		}
		curve := bench.Curve{Scenario: s, Vary: vary.what, Levels: vary.levels, Copies: c.copies}
		if err := curve.Validate(); err != nil {
			return nil, cli.Misused(cmd, err.Error())
		}
		for _, level := range vary.levels {
			if err := checkAll(curve.At(level), targets); err != nil {
				tooLarge = errors.Join(tooLarge, err)
				_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "left out: %v\n", err) // Nothing depends on it.
				continue
			}
			loads = append(loads, curve.At(level))
		}
	}
	if len(loads) == 0 {
		return nil, tooLarge
	}
	return loads, nil
}

// checkAll reports what stands against running s against one of targets on this machine.
func checkAll(s bench.Scenario, targets []bench.Target) error {
	for _, t := range targets {
		if err := bench.Check(s, t); err != nil {
			return err
		}
	}
	return nil
}
