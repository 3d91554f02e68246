package command

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"barrage/bench"
	"barrage/internal/cli"
	"barrage/internal/port"
)

// result is what one command line did.
type result struct {
	code           int
	stdout, stderr string
}

// kept is a file that is there before.
const kept = "kept.txt"

// runLine runs a command line in an empty directory.
func runLine(t *testing.T, args ...string) result {
	t.Helper()
	return runLineBeside(t, "", args...)
}

// runLineBeside is runLine with a file there, unless it has no name.
func runLineBeside(t *testing.T, file string, args ...string) result {
	t.Helper()
	t.Chdir(t.TempDir())
	if file != "" {
		writeFile(t, file, "# kept")
	}
	root := cli.Root(&cobra.Command{Use: "barrage"})
	root.AddCommand(New("", nil))
	var stdout, stderr bytes.Buffer
	code := cli.Run(root, args, &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

func TestBench_BadInputIsExplained(t *testing.T) {
	const away = port.Dead
	for _, c := range []struct {
		name, args string
		want       result
	}{
		{"unknown scenario", "bench strom", result{cli.ExitUsage, "", `barrage: cannot run "barrage bench strom": there is no such command; did you mean "storm"? (see barrage bench --help)` + "\n"}},
		{"figures that make no sense", "bench storm --rate -1 --body 3", result{cli.ExitUsage, "", `barrage: cannot run scenario "storm": rate: -1 messages a second is not within 0 and 1000000000; ` +
			"body: 3 bytes is not within 40 (time and number of a message) and 4096 (see barrage bench storm --help)\n"}},
		{"no number", "bench storm --rate fast", result{cli.ExitUsage, "", `barrage: cannot read the command line: invalid argument "fast" for "--rate" flag: strconv.ParseFloat: parsing "fast": invalid syntax (see barrage bench storm --help)` + "\n"}},
		{"a target's flag without one", "bench storm --metrics 127.0.0.1:9001", result{cli.ExitUsage, "", "barrage: cannot use --metrics without --target: it describes servers that run already (see barrage bench storm --help)\n"}},
		{"a target's name without one", "bench storm --peer-name x", result{cli.ExitUsage, "", "barrage: cannot use --peer-name without --target: it describes servers that run already (see barrage bench storm --help)\n"}},
		{"a room without a target", "bench storm --room live-1", result{cli.ExitUsage, "", "barrage: cannot use --room without --target: it describes servers that run already (see barrage bench storm --help)\n"}},
		{"one room and several", "bench storm --target 127.0.0.1:1 --room live-1 --rooms 2", result{cli.ExitUsage, "", "barrage: cannot run scenario \"storm\" in room \"live-1\": it has 2 rooms; use --rooms 1 (see barrage bench storm --help)\n"}},
		{"a room whose messages are nobody's", "bench storm --target 127.0.0.1:1 --room live-1 --dialect raw", result{cli.ExitUsage, "", "barrage: cannot run scenario \"storm\" in room \"live-1\" on 127.0.0.1:1: it speaks raw, which does not name the sender of a message; use --dialect fastim or native (see barrage bench storm --help)\n"}},
		{"nodes beside a target", "bench storm --target 127.0.0.1:1 --nodes 2", result{cli.ExitUsage, "", "barrage: cannot use --nodes with --target: it is about nodes that are started here (see barrage bench storm --help)\n"}},
		{"a Redis beside a target", "bench storm --target 127.0.0.1:1 --redis 127.0.0.1:2", result{cli.ExitUsage, "", "barrage: cannot use --redis with --target: it is about nodes that are started here (see barrage bench storm --help)\n"}},
		{"a burst of nothing", "bench storm --burst-every 1s", result{cli.ExitUsage, "", "barrage: cannot use --burst-every without --burst-messages: it would change nothing (see barrage bench storm --help)\n"}},
		{"an objective that is none", "bench storm --fail-if p99", result{cli.ExitUsage, "", "barrage: cannot read the objective \"p99\": it has none of > >= < <=, as in p99>200ms (see barrage bench storm --help)\n"}},
		{"two forms at once", "bench storm --json - --benchstat", result{cli.ExitUsage, "", "barrage: cannot print JSON and lines for benchstat at once: give --json a file, or leave --benchstat away (see barrage bench storm --help)\n"}},
		{"a token without a target", "bench storm --token x", result{cli.ExitUsage, "", "barrage: cannot use --token without --target: it describes servers that run already (see barrage bench storm --help)\n"}},
		{"a target with TLS", "bench storm --target wss://x:1", result{cli.ExitUsage, "", `barrage: cannot use the address "wss://x:1": it is host:port, without ws:// or http:// and without a path (--path has that of a room); ` +
			"TLS is ended before Barrage, so wss:// and https:// cannot be measured: name the server behind the proxy (see barrage bench storm --help)\n"}},
		{"a peer with TLS", "bench peers --peer a=raw@wss://x:1", result{cli.ExitUsage, "", `barrage: cannot use the address "wss://x:1": it is host:port, without ws:// or http:// and without a path (--path has that of a room); ` +
			"TLS is ended before Barrage, so wss:// and https:// cannot be measured: name the server behind the proxy (see barrage bench peers --help)\n"}},
		{"deflate in a dialect without", "bench storm --deflate", result{cli.ExitUsage, "", `barrage: cannot run scenario "storm" with deflate on barrage: it speaks fastim, and only the native dialect has compressed batches; use --dialect native (see barrage bench storm --help)` + "\n"}},
		{"find with deflate in such a dialect", "bench find --deflate --target x:1 --dialect raw", result{cli.ExitUsage, "", `barrage: cannot run scenario "storm" with deflate on x:1: it speaks raw, and only the native dialect has compressed batches; use --dialect native (see barrage bench find --help)` + "\n"}},
		{"peers with deflate", "bench peers --deflate", result{cli.ExitUsage, "", `barrage: cannot run scenario "storm" with deflate on barrage: it speaks fastim, and only the native dialect has compressed batches; use --dialect native (see barrage bench peers --help)` + "\n"}},
		{"target away", "bench storm --quiet --target " + away, result{cli.ExitFailure, "", "barrage: cannot measure scenario \"storm\" on " + away + ": cannot reach the target " + away + ": dial tcp " + away + ": connect: connection refused\n"}},
		{"results that cannot be written", "bench storm --json none/r.json", result{cli.ExitFailure, "", "barrage: cannot write results: open none/r.json: no such file or directory\n"}},
		{"run without a file", "bench run", result{cli.ExitUsage, "", `barrage: cannot run "barrage bench run": it wants one file, and 0 were named (see barrage bench run --help)` + "\n"}},
		{"a file that is not there", "bench run none.yaml", result{cli.ExitFailure, "", "barrage: cannot read the scenario: open none.yaml: no such file or directory\n"}},
		{"find an unknown scenario", "bench find strom", result{cli.ExitUsage, "", `barrage: cannot find scenario "strom": there are idle, quiet, storm, rooms, join, reconnect, slow, gift, nodes, soak; a file of your own goes with "run" (see barrage bench find --help)` + "\n"}},
		{"find by what cannot vary", "bench find --vary body", result{cli.ExitUsage, "", "barrage: cannot vary \"body\": it can be rate or viewers (see barrage bench find --help)\n"}},
		{"find with no share", "bench find --loss 200%", result{cli.ExitUsage, "", `barrage: cannot read the command line: invalid argument "200%" for "--loss" flag: "200%" is no share such as 10% or 0.1 (see barrage bench find --help)` + "\n"}},
		{"a curve without a level", "bench curve --rooms 0", result{cli.ExitUsage, "", "barrage: cannot begin with rooms 0: it must be at least 1 (see barrage bench curve --help)\n"}},
		{"more rooms than viewers", "bench curve --rooms 5,20 --spread 10", result{cli.ExitUsage, "", `barrage: cannot run scenario "rooms": rooms: 20 for 10 viewers; each room has at least one (see barrage bench curve --help)` + "\n"}},
		{"a curve of nothing", "bench curve --copies 0", result{cli.ExitUsage, "", "barrage: cannot deliver 0 copies a second: it must be above 0 and at most 1000000000 (see barrage bench curve --help)\n"}},
		{"a curve of no rounds", "bench curve --rounds 0", result{cli.ExitUsage, "", "barrage: cannot measure in 0 rounds: at least 1 is needed (see barrage bench curve --help)\n"}},
		{"a plot into the terminal", "bench curve --svg -", result{cli.ExitUsage, "", "barrage: cannot write a plot to standard output: --svg is the name of a file (see barrage bench curve --help)\n"}},
		{"find where nothing comes", "bench find idle", result{cli.ExitUsage, "", "barrage: cannot find the limit of scenario \"idle\": no messages come in it (see barrage bench find --help)\n"}},
		{"peer without an address", "bench peers --peer fastim", result{cli.ExitUsage, "", `barrage: cannot read peer "fastim": a part is missing; it is name=dialect@host:port[,pid=N][,metrics=host:port][,path=/ws/{room}][,token=T] (see barrage bench peers --help)` + "\n"}},
		{"no rounds", "bench peers --rounds 0", result{cli.ExitUsage, "", "barrage: cannot measure in 0 rounds: at least 1 is needed (see barrage bench peers --help)\n"}},
		{"find from less than a viewer", "bench find --vary viewers --from 0.4", result{cli.ExitUsage, "", "barrage: cannot begin with viewers 0.4: it must be at least 1 and at most 1000000000 (see barrage bench find --help)\n"}},
		{"find from no number", "bench find --from NaN", result{cli.ExitUsage, "", "barrage: cannot begin with rate NaN: it must be above 0 and at most 1000000000 (see barrage bench find --help)\n"}},
		{"an endless rate", "bench storm --rate inf", result{cli.ExitUsage, "", `barrage: cannot run scenario "storm": rate: +Inf messages a second is not within 0 and 1000000000 (see barrage bench storm --help)` + "\n"}},
		{"a dialect that does not exist", "bench storm --dialect nativ --target 127.0.0.1:1", result{cli.ExitUsage, "", `barrage: cannot speak "nativ": dialects are fastim, native, raw and centrifugo (see barrage bench storm --help)` + "\n"}},
		{"a peer's dialect that does not", "bench peers --peer x=foo@127.0.0.1:1", result{cli.ExitUsage, "", `barrage: cannot speak "foo": dialects are fastim, native, raw and centrifugo (see barrage bench peers --help)` + "\n"}},
		{"a peer by the name of another", "bench peers --peer hub=raw@127.0.0.1:1", result{cli.ExitUsage, "", `barrage: cannot measure two peers as "hub": their figures would be one (see barrage bench peers --help)` + "\n"}},
		{"a peer by the name of the other", "bench peers --peer bare=raw@127.0.0.1:1", result{cli.ExitUsage, "", `barrage: cannot measure two peers as "bare": their figures would be one (see barrage bench peers --help)` + "\n"}},
		{"a suite in no dialect", "bench suite --dialect nativ --target 127.0.0.1:1", result{cli.ExitUsage, "", `barrage: cannot speak "nativ": dialects are fastim, native, raw and centrifugo (see barrage bench suite --help)` + "\n"}},
		{"no address", "bench storm --target nowhere", result{cli.ExitUsage, "", `barrage: cannot use the address "nowhere": it is not of the form host:port, as 127.0.0.1:9000 (see barrage bench storm --help)` + "\n"}},
		{"no port", "bench storm --redis 127.0.0.1:x", result{cli.ExitUsage, "", `barrage: cannot use the address "127.0.0.1:x": it is not of the form host:port, as 127.0.0.1:9000 (see barrage bench storm --help)` + "\n"}},
		{"an empty target", "bench storm --target=", result{cli.ExitUsage, "", "barrage: cannot use --target: its value is empty; leave it away or fill it (see barrage bench storm --help)\n"}},
		{"a target that is half empty", "bench suite --target a:1,", result{cli.ExitUsage, "", "barrage: cannot use --target: its value is empty; leave it away or fill it (see barrage bench suite --help)\n"}},
		{"an empty file name", "bench storm --json=", result{cli.ExitUsage, "", "barrage: cannot use --json: its value is empty; leave it away or fill it (see barrage bench storm --help)\n"}},
		{"a report into the terminal", "bench storm --html -", result{cli.ExitUsage, "", "barrage: cannot write a report to standard output: --html is the name of a file (see barrage bench storm --help)\n"}},
		{"more processes than viewers", "bench storm --viewers 3 --procs 12", result{cli.ExitUsage, "", `barrage: cannot run scenario "storm": procs: 12 for 3 viewers; each process has at least one (see barrage bench storm --help)` + "\n"}},
		{"Redis away", "bench storm --nodes 2 --quiet --redis " + away, result{cli.ExitFailure, "", "barrage: cannot measure scenario \"storm\" on barrage: cannot reach the Redis " + away + ": dial tcp " + away + ": connect: connection refused\n"}},
		{"compare one file", "bench compare a.json", result{cli.ExitUsage, "", "barrage: cannot compare: two files are needed, and 1 were named (see barrage bench compare --help)\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := runLine(t, strings.Fields(c.args)...); got != c.want {
				t.Errorf("barrage %s:\n got %+v\nwant %+v", c.args, got, c.want)
			}
		})
	}
}

// TestBench_LeavesNoEmptyFiles: where nothing was measured, nothing is left of the files that were made for it; an old
// file stays as it was.
func TestBench_LeavesNoEmptyFiles(t *testing.T) {
	const away = port.Dead
	for _, args := range []string{
		"bench storm --json new.json --html new.html --target " + away,
		"bench find --json new.json --target " + away,
		"bench storm --json new.json --html none/new.html",
		"bench suite --quick --out new/report --target " + away,
	} {
		t.Run(args, func(t *testing.T) {
			if got := runLineBeside(t, kept, append(strings.Fields(args), "--quiet")...); got.code != cli.ExitFailure {
				t.Errorf("barrage %s = %+v; want a failure", args, got)
			}
			files, err := filepath.Glob("*")
			if err != nil || !slices.Equal(files, []string{kept}) {
				t.Errorf("barrage %s left %v, %v; want what was there", args, files, err)
			}
		})
	}
	got := runLineBeside(t, kept, "bench", "storm", "--quiet", "--json", kept, "--target", away)
	if text, err := os.ReadFile(kept); err != nil || string(text) != "# kept" {
		t.Errorf("%+v: the old file holds %q, %v; want what it held", got, text, err)
	}
}

func TestBench_ImpossibleSizesSayWhatToUse(t *testing.T) {
	got := runLine(t, "bench", "storm", "--viewers", "20000000", "--procs", "1")
	for _, want := range []string{`barrage: cannot run scenario "storm": 20000000 viewers in 1 process: `, "open files; use --procs ", "20000000 viewers on 1 node: ", "open files; use --nodes "} {
		if got.code != cli.ExitFailure || got.stdout != "" || !strings.Contains(got.stderr, want) {
			t.Errorf("barrage bench storm = %+v; want %q", got, want)
		}
	}
}

// TestBench_CurveLeavesOutWhatDoesNotFit: each level that is too large is named, and nothing is left where all are.
func TestBench_CurveLeavesOutWhatDoesNotFit(t *testing.T) {
	got := runLine(t, "bench", "curve", "--viewers", "20000000,30000000", "--svg", "new.svg", "--quiet")
	for _, want := range []string{`left out: cannot run scenario "storm": 20000000 viewers on 1 node: `, "barrage: cannot run scenario", "30000000 viewers on 1 node: "} {
		if got.code != cli.ExitFailure || got.stdout != "" || !strings.Contains(got.stderr, want) {
			t.Errorf("barrage bench curve = %+v; want %q", got, want)
		}
	}
	if files, err := filepath.Glob("*"); err != nil || len(files) > 0 {
		t.Errorf("it left %v, %v", files, err)
	}
}

// TestUnfinished_RunsAreAnError: scripts learn of a run that is not what was asked for.
func TestUnfinished_RunsAreAnError(t *testing.T) {
	for _, tc := range []struct {
		r    bench.Result
		want string
	}{
		{bench.Result{Connections: bench.Connections{Made: 3}}, ""},
		{bench.Result{Partial: "node 1 ended"}, "node 1 ended"},
	} {
		err := unfinished([]bench.Result{{}, tc.r})
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("unfinished = %v; want %q", err, tc.want)
		}
	}
}

func TestBench_RunReadsFileStrictly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mine.yaml")
	writeFile(t, file, "viewers: 5\nviewer: 6\n")
	want := result{cli.ExitFailure, "", "barrage: cannot read scenario \"mine\": line 2: unknown field \"viewer\"\n"}
	if got := runLine(t, "bench", "run", file); got != want {
		t.Errorf("barrage bench run = %+v; want %+v", got, want)
	}
	writeFile(t, file, "viewers: 5\nrate: -3\n")
	if got := runLine(t, "bench", "run", file, "--viewers", "0"); got.code != cli.ExitUsage || !strings.Contains(got.stderr, `"mine": viewers: 0; at least 1 must be there; rate: -3`) {
		t.Errorf("barrage bench run = %+v; want what is wrong in the flags and in the file", got)
	}
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestBench_CompareFailsWhereSomethingIsWorse(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, change func(*bench.Result)) string {
		t.Helper()
		s, err := bench.Named("storm")
		if err != nil {
			t.Fatal(err)
		}
		r := bench.Result{
			Version: 1, Peer: "barrage", Scenario: s, Seconds: 10,
			Connections: bench.Connections{Wanted: 9, Made: 9},
			Messages:    bench.Messages{Offered: 9, Sent: 9, Expected: 81, Delivered: 81},
			Latency:     bench.Quantiles{Count: 81, P50: 5, P90: 6, P99: 10, P999: 11, Max: 12},
		}
		change(&r)
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		if err := bench.WriteJSON(f, []bench.Result{r}, nil); err != nil {
			t.Fatal(err)
		}
		return f.Name()
	}
	before := file("a.json", func(*bench.Result) {})
	slower := file("b.json", func(r *bench.Result) { r.Latency.P99 = 12.5 })
	other := file("d.json", func(r *bench.Result) { r.Scenario.Viewers++ })
	bad := filepath.Join(dir, "c.json")
	writeFile(t, bad, "{\n\"results\": }")
	f := func(args []string, code int, stdout, stderr string) {
		t.Helper()
		got := runLine(t, append([]string{"bench", "compare"}, args...)...)
		if got.code != code || !strings.Contains(got.stdout, stdout) || !strings.Contains(got.stderr, stderr) {
			t.Errorf("barrage bench compare %v = %+v; want %d, %q and %q", args, got, code, stdout, stderr)
		}
	}
	f([]string{before, before}, 0, "storm", "")
	f([]string{before, slower}, cli.ExitFailure, "p99", "1 figures are worse")
	f([]string{before, slower, "--worse-by", "30%"}, 0, "storm", "")
	f([]string{before, slower, "--worse-by=x"}, cli.ExitUsage, "", "is no share such as 10% or 0.1")
	f([]string{before, other}, cli.ExitFailure, "only in the new results: storm, barrage: 5,001 viewers", "cannot compare: no result has a partner")
	f([]string{before, bad}, cli.ExitFailure, "", "c.json: line 2: invalid character '}'")
	f([]string{before, "none.json"}, cli.ExitFailure, "", "cannot read results: open none.json: no such file or directory")
}

// TestBench_FlagsAreTheFieldsOfAScenario keeps flags and fields together.
func TestBench_FlagsAreTheFieldsOfAScenario(t *testing.T) {
	var want []string
	var walk func(s reflect.Type, prefix string)
	walk = func(s reflect.Type, prefix string) {
		for f := range s.Fields() {
			name := prefix + strings.ReplaceAll(f.Tag.Get("yaml"), "_", "-")
			if f.Type.Kind() == reflect.Struct {
				walk(f.Type, name+"-")
			} else if name != "name" && name != "question" {
				want = append(want, name)
			}
		}
	}
	walk(reflect.TypeFor[bench.Scenario](), "")
	var f pflag.FlagSet
	var got []string
	addScenarioFlags(&f, &bench.Scenario{})
	f.VisitAll(func(flag *pflag.Flag) { got = append(got, flag.Name) })
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("flags are\n%v, fields\n%v", got, want)
	}
}

func TestOverride_OnlyWhatWasSet(t *testing.T) {
	var flags bench.Scenario
	cmd := &cobra.Command{}
	addScenarioFlags(cmd.Flags(), &flags)
	if err := cmd.ParseFlags([]string{"--viewers", "7", "--rate=0", "--burst-over=1s", "--env", "BARRAGE_A=1,2", "--env", "BARRAGE_B=3"}); err != nil {
		t.Fatal(err)
	}
	s, err := bench.Named("gift")
	if err != nil {
		t.Fatal(err)
	}
	want := s
	want.Viewers, want.Rate, want.Burst.Over, want.Env = 7, 0, bench.Duration(1e9), []string{"BARRAGE_A=1,2", "BARRAGE_B=3"}
	if err := override(cmd, &s); err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("override = %+v, %v; want %+v", s, err, want)
	}
}

func TestParsePeer_ReadsAllPartsOfATarget(t *testing.T) {
	got, err := parsePeer("c=centrifugo@10.0.0.1:8000,pid=7,metrics=10.0.0.1:8001,path=/x/{room},token=T")
	want := bench.Target{Peer: "c", Dialect: "centrifugo", Addrs: []string{"10.0.0.1:8000"}, PIDs: []int{7}, Metrics: []string{"10.0.0.1:8001"}, Path: "/x/{room}", Token: "T"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("parsePeer = %+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []string{"", "a", "a=b", "=raw@x:1", "a=raw@", "a=raw@x:1,pid=x", "a=raw@x:1,color=red"} {
		if got, err := parsePeer(bad); err == nil {
			t.Errorf("parsePeer(%q) = %+v; want an error", bad, got)
		}
	}
}

func TestBenchHelp_Teaches(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"bench", "storm       How much of a storm in one room is delivered, and how late?"},
		{"bench", "barrage bench suite --quick"},
		{"bench storm --help", "a figure with loss is not a figure"},
		{"bench storm --help", "--slow-share float"},
		{"bench find --help", "the last good level, what broke above it"},
		{"bench peers --help", "one channel and two goroutines a"},
		{"bench peers --help", "run alone as well"},
		{"bench curve --help", "Only the size differs from level to level"},
		{"bench compare --help", "--worse-by 25%"},
		{"bench --help", "TLS is ended before Barrage"},
		{"bench storm --help", "No TLS (wss://)"},
		{"bench storm --help", "--peer-name string"},
		{"bench suite --help", "less than three minutes"},
		{"bench run --help", "barrage bench run final.yaml --viewers 2000"},
	} {
		got := runLine(t, strings.Fields(c.args)...)
		if got.code != 0 || got.stderr != "" || !strings.Contains(got.stdout, c.want) {
			t.Errorf("barrage %s = %+v; want %q in stdout", c.args, got, c.want)
		}
	}
	if got := runLine(t, "bench"); strings.Contains(got.stdout, "worker") || strings.Contains(got.stdout, "hub  ") || strings.Contains(got.stdout, "bare  ") {
		t.Errorf("barrage bench shows its hidden commands: %s", got.stdout)
	}
}
