// Package doctor has the command "barrage doctor". It looks at this machine, the configuration, Redis, and the services
// that are called, as a node would meet them. It says how to mend what is not as it should be. It changes nothing, and
// asks no node. Begin with [New].
package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"barrage/internal/cli"
	"barrage/internal/config"
	"barrage/internal/openfiles"
	"barrage/internal/uring"
	"barrage/redisx"
)

// State is how a check came out, here and at Redis.
type State = redisx.State

// The states.
const (
	OK   = redisx.OK
	Warn = redisx.Warn
	Fail = redisx.Fail
)

// Finding is one thing that was looked at.
type Finding struct {
	Check string `json:"check"`
	State State  `json:"state"`
	Value string `json:"value"`        // the state that was found
	Do    string `json:"do,omitempty"` // how to mend it; empty where it is ok
}

// Loader loads the configuration as a node would, and says from where.
type Loader func() (cfg config.Config, from string, err error)

// redisPatience bounds the look at Redis: some ten calls, each with a bound of its own.
const redisPatience = 20 * time.Second

// New is the command "doctor". environ is in the form of [os.Environ].
func New(load Loader, environ []string) *cobra.Command {
	return newDoctor(load, host{root: "/", environ: environ, openFiles: openfiles.Limit, listens: listens, rings: uring.Check})
}

func newDoctor(load Loader, h host) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine, the configuration and Redis, and say how to mend them",
		Long: `Check this machine, the configuration and Redis as a node would meet them. The command looks at open files,
kernel settings, memory, open doors, ports and lists of the word filter. Redis must be reached, be the right
one, allow what is needed and keep what it is given. Services that the node calls are asked for their headers
(HEAD). Each finding is ok, warn or fail, and says what to do. Nothing is changed.

The configuration is read as "barrage serve" reads it. Run it where the node runs, as its user: limits are
those of this process. The exit code is 1 where something fails.`,
		Example: `  barrage doctor
  barrage doctor --config /etc/barrage.yaml
  barrage doctor --output json | jq '.[] | select(.state != "ok")'`,
		Args: cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cli.CheckOutput(cmd, output); err != nil {
				return err
			}
			found := examine(cmd.Context(), load, &h)
			write := writeTable
			if output == cli.OutputJSON {
				write = writeJSON
			}
			if err := write(cmd.OutOrStdout(), found); err != nil {
				return err
			}
			return failure(found)
		},
	}
	cmd.Flags().StringVar(&output, "output", cli.OutputTable, "table or json")
	return cmd
}

// examine looks at everything.
func examine(ctx context.Context, load Loader, h *host) []Finding {
	cfg, from, err := load()
	if err != nil {
		// The rest would be about settings that nobody runs with.
		return []Finding{{"config", Fail, err.Error(), "Mend it: barrage config check says the same, config.yaml has every setting."}}
	}
	found := []Finding{{Check: "config", State: OK, Value: from}}
	found = append(found, settings(&cfg)...)
	found = append(found, h.start(ctx, &cfg)...)
	found = append(found, h.machine(&cfg)...)
	if len(cfg.Redis.Addrs) == 0 {
		return append(found, Finding{"redis", Warn, "none: everything stays in the node's memory", "Set redis.addrs for more than one node, or to keep messages when the node stops."})
	}
	ctx, cancel := context.WithTimeout(ctx, redisPatience)
	defer cancel()
	for _, d := range redisx.Diagnose(ctx, cfg.Redis) {
		found = append(found, Finding{d.Check, d.State, d.Value, d.Do})
	}
	return found
}

// count is how many findings came out so.
func count(found []Finding, state State) (n int) {
	for _, f := range found {
		if f.State == state {
			n++
		}
	}
	return n
}

// failure is an error where something fails.
func failure(found []Finding) error {
	switch n := count(found, Fail); n {
	case 0:
		return nil
	case 1:
		return errors.New("cannot run a node well here: 1 check fails")
	default:
		return fmt.Errorf("cannot run a node well here: %d checks fail", n)
	}
}

func writeJSON(out io.Writer, found []Finding) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(found)
}

// writeTable prints a row for each finding, what to do below it, and how many there are of each.
func writeTable(out io.Writer, found []Finding) error {
	var rows strings.Builder
	w := tabwriter.NewWriter(&rows, 0, 0, 2, ' ', 0)
	for _, f := range found {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", f.State, f.Check, plain(f.Value)) // a builder takes all
	}
	_ = w.Flush() // as above
	var b strings.Builder
	i := 0
	for line := range strings.Lines(rows.String()) {
		b.WriteString(line)
		if do := found[i].Do; do != "" {
			fmt.Fprintf(&b, "      → %s\n", plain(do))
		}
		i++
	}
	fmt.Fprintf(&b, "\n%d ok, %d to look at, %d fail\n", count(found, OK), count(found, Warn), count(found, Fail))
	_, err := io.WriteString(out, b.String())
	return err
}

// plain is a text in one line for a terminal.
func plain(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := range lines {
		lines[i] = cli.Plain(strings.TrimSpace(lines[i]))
	}
	return strings.ReplaceAll(strings.Join(lines, "; "), ":; ", ": ")
}
