package command

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"barrage/bench"
	"barrage/internal/cli"
)

// addScenarioFlags adds a flag for every field of s; the values in s are the defaults. The
// names are those of the YAML file, with "-" for "_" and for what stands below a key.
func addScenarioFlags(f *pflag.FlagSet, s *bench.Scenario) {
	duration := func(d *bench.Duration, name, usage string) {
		f.DurationVar((*time.Duration)(d), name, time.Duration(*d), usage)
	}
	whole := func(n *int, name, usage string) { f.IntVar(n, name, *n, usage) }
	number := func(x *float64, name, usage string) { f.Float64Var(x, name, *x, usage) }

	whole(&s.Viewers, "viewers", "members that connect before the load begins, over all rooms")
	whole(&s.Rooms, "rooms", "rooms they stand in; 0 = 1")
	number(&s.Zipf, "zipf", "room k gets a share of viewers and messages in proportion to 1/k^zipf; 0 = equal rooms")
	number(&s.Ramp, "ramp", "viewers that arrive a second; 0 = as fast as they are let in")
	number(&s.Rate, "rate", "messages a second, over all rooms")
	whole(&s.Body, "body", "bytes of a message's body, 40 to 4096; 0 = 60")
	f.BoolVar(&s.Deflate, "deflate", s.Deflate, "viewers take compressed batches (permessage-deflate); it needs --dialect native")
	number(&s.Gifts, "gifts", "share of messages that are gifts, 0 to 1; it needs --dialect native")
	whole(&s.Senders, "senders", "viewers of a room that speak in turn, 1 to 20000; 0 = 8")
	duration(&s.Warmup, "warmup", "how long messages come before anything is measured")
	duration(&s.Duration, "duration", "how long messages come while it is measured; 0s = only connect")
	duration(&s.Rest, "rest", "the longest wait for memory to settle before it is read")
	duration(&s.Burst.Every, "burst-every", "time from one burst in the largest room to the next")
	whole(&s.Burst.Messages, "burst-messages", "messages of a burst, on top of the rate")
	duration(&s.Burst.Over, "burst-over", "the time they are spread over; 0s = all at once")
	number(&s.Slow.Share, "slow-share", "share of viewers that do not keep up, 0 to 1")
	whole(&s.Slow.BytesPerSecond, "slow-bytes-per-second", "what one of them reads; 0 = nothing after the welcome")
	whole(&s.Arrival.Viewers, "arrival-viewers", "viewers that come while messages flow")
	number(&s.Arrival.Rate, "arrival-rate", "how many of them a second; 0 = all at once")
	duration(&s.Arrival.After, "arrival-after", "when the first of them comes")
	number(&s.Return.Share, "return-share", "share of viewers that are cut off and connect again, 0 to 1")
	duration(&s.Return.After, "return-after", "when they are cut off")
	number(&s.Return.Rate, "return-rate", "how many come back a second; 0 = all at once")
	whole(&s.Sample, "sample", "viewers that check order, doubles and latency; 0 = 200")
	whole(&s.Procs, "procs", "processes the load comes from, at most one a viewer; 0 = as many as open files ask for")
	whole(&s.Nodes, "nodes", "nodes to start, joined by a redis-server if several; 0 = 1")
	f.BoolVar(&s.Limits, "limits", s.Limits, "those nodes keep their limits on what a client may send; without it they have none")
	f.StringArrayVar(&s.Env, "env", s.Env, "setting of those nodes, as BARRAGE_SERVER_POLLERS=1 (can be repeated)")
}

// override sets in s what was set on the command line, by flags that addScenarioFlags
// added for another scenario.
func override(cmd *cobra.Command, s *bench.Scenario) error {
	var fields pflag.FlagSet
	addScenarioFlags(&fields, s)
	var failed error
	cmd.Flags().Visit(func(set *pflag.Flag) {
		field := fields.Lookup(set.Name)
		if field == nil || failed != nil {
			return
		}
		if list, ok := set.Value.(pflag.SliceValue); ok {
			failed = field.Value.(pflag.SliceValue).Replace(list.GetSlice())
			return
		}
		failed = field.Value.Set(set.Value.String())
	})
	return failed
}

// addTargetFlags adds what says where the load goes.
func addTargetFlags(f *pflag.FlagSet, t *bench.Target) {
	f.StringSliceVar(&t.Addrs, "target", nil, "host:port,... of servers that run already; viewers go round them. No TLS (wss://): name the server behind the proxy that ends it. Without targets nodes are started here")
	f.StringVar(&t.Dialect, "dialect", "fastim", "what the targets speak: fastim, native (barrage.v1), raw (every message goes to everyone) or centrifugo (its JSON protocol)")
	f.StringVar(&t.Peer, "peer-name", "", "what results call the targets; compare pairs by it. Without it: their addresses")
	f.StringVar(&t.Token, "token", "", "token that all viewers show the targets, whose user ids are made up; without it \"t\", and none in centrifugo")
	f.StringVar(&t.Path, "path", "", "address of a room's socket where the dialect leaves it open; {room} and {user} are put in")
	f.StringVar(&t.Room, "room", "", "id of a room on the targets that all viewers go into, others may be in it; without it rooms get ids that nobody knows")
	f.StringSliceVar(&t.Metrics, "metrics", nil, "host:port,... of the targets' Prometheus /metrics, for their CPU and memory")
	f.IntSliceVar(&t.PIDs, "pid", nil, "process ids of targets on this machine, for their CPU and memory")
	f.StringVar(&t.Redis, "redis", "", "host:port of the Redis (without TLS) that joins the nodes that are started here; without it one is started")
}

// refuseEmpty refuses flags that were given nothing, most often a variable that is not set. A --target that is lost
// would have the load go elsewhere, a --json the results.
func refuseEmpty(cmd *cobra.Command, _ []string) error {
	var failed error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		if len(values) == 0 || slices.Contains(values, "") {
			failed = cmp.Or(failed, cli.Misused(cmd, fmt.Sprintf("cannot use --%s: its value is empty; leave it away or fill it", f.Name)))
		}
	})
	return failed
}

// checkTarget refuses flags that do not go together.
func checkTarget(cmd *cobra.Command, t bench.Target) error {
	if err := t.Validate(); err != nil {
		return cli.Misused(cmd, err.Error())
	}
	if err := checkBeside(cmd); err != nil {
		return err
	}
	if len(t.Addrs) > 0 {
		for _, name := range []string{"nodes", "env", "redis"} {
			if cmd.Flags().Changed(name) {
				return cli.Misused(cmd, fmt.Sprintf("cannot use --%s with --target: it is about nodes that are started here", name))
			}
		}
		return nil
	}
	ours := t.Dialect == "fastim" || t.Dialect == "native"
	for _, name := range []string{"dialect", "peer-name", "token", "path", "room", "metrics", "pid"} {
		if cmd.Flags().Changed(name) && (name != "dialect" || !ours) {
			return cli.Misused(cmd, fmt.Sprintf("cannot use --%s without --target: it describes servers that run already", name))
		}
	}
	return nil
}

// beside are flags that say nothing without another one, unless the scenario has a value of it.
var beside = map[string][]string{
	"burst-messages":  {"burst-every", "burst-over"},
	"slow-share":      {"slow-bytes-per-second"},
	"arrival-viewers": {"arrival-rate", "arrival-after"},
	"return-share":    {"return-after", "return-rate"},
}

// checkBeside refuses flags that would change nothing.
func checkBeside(cmd *cobra.Command) error {
	for _, name := range slices.Sorted(maps.Keys(beside)) {
		needed := cmd.Flags().Lookup(name)
		if needed == nil || needed.Value.String() != "0" || cmd.Name() == "run" { // the file may say it
			continue
		}
		for _, flag := range beside[name] {
			if cmd.Flags().Changed(flag) {
				return cli.Misused(cmd, fmt.Sprintf("cannot use --%s without --%s: it would change nothing", flag, name))
			}
		}
	}
	return nil
}

// objectives are those of --fail-if.
type objectives []string

func (o *objectives) addFlag(f *pflag.FlagSet) {
	f.StringArrayVar((*[]string)(o), "fail-if", nil, "exit with 1 where a result is so, as 'p99>200ms', 'lost>0', 'lost>0.1%' or 'copies/s<100000' (can be repeated); figures: "+
		strings.Join(bench.ObjectiveFigures(), ", "))
}

// check refuses objectives that make no sense.
func (o objectives) check(cmd *cobra.Command) error {
	for _, text := range o {
		if _, err := bench.ParseObjective(text); err != nil {
			return cli.Misused(cmd, err.Error())
		}
	}
	return nil
}

// missed is an error that names the objectives which results miss; check has seen them.
func (o objectives) missed(results []bench.Result) error {
	var all []string
	for _, text := range o {
		objective, err := bench.ParseObjective(text)
		if err != nil {
			return err
		}
		for i := range results {
			if why := objective.Missed(&results[i]); why != "" {
				all = append(all, why)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("cannot call that good enough: %s", strings.Join(all, "; "))
}

// share is a flag's value between 0 and 1, written "10%" or "0.1".
type share float64

var _ pflag.Value = (*share)(nil)

// Set reads one.
func (s *share) Set(text string) error {
	number, percent := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(number, 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return fmt.Errorf("%q is no share such as 10%% or 0.1", text)
	}
	*s = share(v)
	return nil
}

// String writes it as percent.
func (s *share) String() string { return strconv.FormatFloat(float64(*s)*100, 'g', 6, 64) + "%" }

// Type is how help calls it.
func (s *share) Type() string { return "share" }

// company is who is measured beside our own node, and how often.
type company struct {
	specs  []string
	rounds int
}

func (c *company) addFlags(f *pflag.FlagSet) {
	f.StringArrayVar(&c.specs, "peer", nil, peerForm+" (can be repeated)")
	f.IntVar(&c.rounds, "rounds", c.rounds, "how often each is measured, in turn")
}

// targets are all who are measured, our own node first.
func (c *company) targets(cmd *cobra.Command) ([]bench.Target, error) {
	targets, names := []bench.Target{{}}, []string{"barrage"}
	for _, name := range bench.Baselines() {
		targets, names = append(targets, bench.Target{Baseline: name}), append(names, name)
	}
	for _, spec := range c.specs {
		t, err := parsePeer(spec)
		if err == nil && slices.Contains(names, t.Peer) {
			err = fmt.Errorf("cannot measure two peers as %q: their figures would be one", t.Peer)
		}
		if err != nil {
			return nil, cli.Misused(cmd, err.Error())
		}
		targets, names = append(targets, t), append(names, t.Peer)
	}
	if c.rounds < 1 {
		return nil, cli.Misused(cmd, fmt.Sprintf("cannot measure in %d rounds: at least 1 is needed", c.rounds))
	}
	return targets, nil
}

// peerForm is how a peer is written on the command line.
const peerForm = "name=dialect@host:port[,pid=N][,metrics=host:port][,path=/ws/{room}][,token=T]"

// parsePeer reads what has the form peerForm.
func parsePeer(text string) (bench.Target, error) {
	wrong := func(why string) (bench.Target, error) {
		return bench.Target{}, fmt.Errorf("cannot read peer %q: %s; it is %s", text, why, peerForm)
	}
	parts := strings.Split(text, ",")
	name, server, ok1 := strings.Cut(parts[0], "=")
	dialect, addr, ok2 := strings.Cut(server, "@")
	if !ok1 || !ok2 || name == "" || addr == "" {
		return wrong("a part is missing")
	}
	t := bench.Target{Peer: name, Dialect: dialect, Addrs: []string{addr}}
	for _, part := range parts[1:] {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "pid":
			pid, err := strconv.Atoi(value)
			if err != nil {
				return wrong(fmt.Sprintf("%q is no process id", value))
			}
			t.PIDs = []int{pid}
		case "metrics":
			t.Metrics = []string{value}
		case "path":
			t.Path = value
		case "token":
			t.Token = value
		default:
			return wrong(fmt.Sprintf("nothing is called %q", key))
		}
	}
	return t, t.Validate()
}
