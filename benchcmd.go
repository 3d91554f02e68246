package main

import (
	"time"

	"github.com/spf13/cobra"

	"barrage/bench"
)

// newBench is the load generator's commands.
func newBench() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure a node on this machine",
		Long: `Start a node on this machine, put load on it and print what it cost. Client and node
share the machine's cores, so compare figures of one run with each other.`,
		Args: noArguments,
		RunE: showHelp,
	}
	cmd.AddCommand(newBenchIdle(), newBenchStorm())
	return cmd
}

func newBenchIdle() *cobra.Command {
	var viewers, size int
	cmd := &cobra.Command{
		Use:   "idle",
		Short: "Memory per idle connection",
		Long:  "Connect viewers, let them be, and print how much memory each costs the node.",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return bench.Idle(cmd.Context(), cmd.OutOrStdout(), viewers, size)
		},
	}
	cmd.Flags().IntVar(&viewers, "viewers", 10_000, "connections; each takes one open file here and one in the node")
	cmd.Flags().IntVar(&size, "room-size", 1_000, "viewers in one room")
	return cmd
}

func newBenchStorm() *cobra.Command {
	var c bench.Storm
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "storm",
		Short: "One hot room: deliveries a second, latency, loss",
		Long: `Put all viewers into one room and let messages come at a set rate, whatever the node
does; latency counts from when a message was due.`,
		Example: `  barrage bench storm --viewers 5000 --rate 200
  barrage bench storm --viewers 1000 --rate 50 --duration 20s --json >> results.jsonl`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := c.Run(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return r.JSON(cmd.OutOrStdout())
			}
			return r.Print(cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.IntVar(&c.Viewers, "viewers", 1000, "viewers that read")
	f.IntVar(&c.Silent, "silent", 0, "further viewers that never read")
	f.DurationVar(&c.Warmup, "warmup", 0, "the same before, not measured: fills the sockets of those who never read")
	f.IntVar(&c.Rate, "rate", 50, "messages a second")
	f.DurationVar(&c.Duration, "duration", 10*time.Second, "how long")
	f.IntVar(&c.Body, "body", 60, "bytes of a message's body, at least 40")
	f.IntVar(&c.Sample, "sample", 200, "viewers that check everything they read")
	f.BoolVar(&asJSON, "json", false, "print the result as one JSON object")
	return cmd
}
