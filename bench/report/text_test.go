package report

import (
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"barrage/bench"
)

var rewrite = flag.Bool("rewrite", false, "write what is shown into testdata; commit only a difference you understand")

// TestText_IsThatOfTheFiles pins what people and benchstat are shown of the sample suite.
func TestText_IsThatOfTheFiles(t *testing.T) {
	suite := sampleSuite()
	for name, show := range map[string]func(io.Writer) error{
		"table": func(w io.Writer) error {
			for _, r := range suite {
				if err := Table(w, r); err != nil {
					return err
				}
			}
			return nil
		},
		"summary":   func(w io.Writer) error { return Summary(w, suite) },
		"peers":     func(w io.Writer) error { return Peers(w, suite) },
		"benchstat": func(w io.Writer) error { return Benchstat(w, suite, nil) },
		"steps":     func(w io.Writer) error { return Steps(w, sampleSteps()) },
		"curve":     func(w io.Writer) error { return Curves(w, sampleCurves()) },
		"nodes":     func(w io.Writer) error { return Peers(w, nodesBesideHub()) },
		"found": func(w io.Writer) error {
			steps := sampleSteps()
			return Benchstat(w, []bench.Result{steps[0].Result}, &bench.Find{Vary: "rate", P99: 50, Good: 200})
		},
		"compare": func(w io.Writer) error {
			_, err := Compare(w, suite[:3], changed(suite), 0.1)
			return err
		},
		"empty": func(w io.Writer) error {
			return errors.Join(Table(w, bench.Result{}), Summary(w, nil), Peers(w, nil), Steps(w, nil), Benchstat(w, nil, nil), Curves(w, nil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got strings.Builder
			if err := show(&got); err != nil {
				t.Fatal(err)
			}
			wantFile(t, name+".txt", got.String())
			if err := show(brokenWriter{}); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("into a broken pipe: error %v; want %v", err, io.ErrClosedPipe)
			}
		})
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func wantFile(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; run with -rewrite and look at the difference. Got:\n%s", file, got)
	}
}

// changed is the suite without its idle run, whose storm is slower, lost three copies,
// and needs less memory.
func changed(suite []bench.Result) []bench.Result {
	storm := suite[1]
	storm.Latency.P99 *= 1.3
	storm.Latency.P50 *= 1.05
	storm.Messages.Lost, storm.Messages.Delivered = 3, storm.Messages.Delivered-3
	storm.Server.PerConnection *= 0.7
	storm.Machine.Barrage = "v0.5.0"
	return []bench.Result{storm, suite[2], suite[3]}
}

func sampleSteps() (steps []bench.Step) {
	for i, rate := range []float64{100, 400, 200} {
		s := stormScenario()
		s.Rate, s.Duration = rate, second(5)
		step := bench.Step{Level: rate, Result: sample(sampleRun{
			peer: "barrage", scenario: s, median: 6 * rate / 100, spread: 0.4, perCopy: 640, viewer: 731, seed: uint64(10 + i),
		})}
		if rate > 100 {
			step.Result.Warnings = []string{"memory is scarce"}
		}
		if rate == 400 {
			step.Broke, step.Limit = "p99 is 62.4 ms, above 50ms", "server"
		}
		steps = append(steps, step)
	}
	return steps
}

func TestCompare_CountsOnlyWhatIsWorse(t *testing.T) {
	old := sampleSuite()[1]
	f := func(name string, want int, change func(r *bench.Result)) {
		t.Helper()
		r := old
		change(&r)
		got, err := Compare(io.Discard, []bench.Result{old}, []bench.Result{r}, 0.1)
		if err != nil || got != want {
			t.Errorf("%s: %d figures worse, error %v; want %d", name, got, err, want)
		}
	}
	f("the same", 0, func(*bench.Result) {})
	f("p99 within the tolerance", 0, func(r *bench.Result) { r.Latency.P99 *= 1.09 })
	f("p99 beyond it", 1, func(r *bench.Result) { r.Latency.P99 *= 1.11 })
	f("p99 better", 0, func(r *bench.Result) { r.Latency.P99 /= 2 })
	f("fewer copies a second", 1, func(r *bench.Result) { r.Messages.PerSecond /= 2 })
	f("more copies a second", 0, func(r *bench.Result) { r.Messages.PerSecond *= 2 })
	f("one copy lost", 1, func(r *bench.Result) { r.Messages.Lost = 1 })
	f("ended early", 1, func(r *bench.Result) { r.Partial = "interrupted" })
}

// TestCompare_NothingPairedIsAnError: a comparison of nothing must not look like a good one.
func TestCompare_NothingPairedIsAnError(t *testing.T) {
	old := sampleSuite()[1]
	f := func(change func(r *bench.Result), want ...string) {
		t.Helper()
		r := old
		change(&r)
		var out strings.Builder
		if _, err := Compare(&out, []bench.Result{old}, []bench.Result{r}, 0.1); !errors.Is(err, errUnpaired) {
			t.Errorf("error %v; want %v", err, errUnpaired)
		}
		want = append(want, "only in the old results: storm, barrage: 5,000 viewers, 200 messages/s\n")
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("it says\n%s; want %q", &out, w)
			}
		}
		if strings.Contains(out.String(), "worse") {
			t.Errorf("it says\n%s; nothing was compared", &out)
		}
	}
	f(func(r *bench.Result) { r.Scenario.Viewers++ }, "only in the new results: storm, barrage: 5,001 viewers, 200 messages/s\n")
	f(func(r *bench.Result) { r.Scenario.Body = 61 }, "only in the new results: storm, barrage: 5,000 viewers, 200 messages/s, --body 61\n")
	f(func(r *bench.Result) { r.Scenario.Zipf = 1 }, "200 messages/s, --zipf 1\n")
	f(func(r *bench.Result) { r.Peer = "10.0.0.5:9000" }, "only in the new results: storm, 10.0.0.5:9000: 5,000")
	f(func(r *bench.Result) { r.Scenario.Name = "own" }, "only in the new results: own, barrage: 5,000")
	if _, err := Compare(io.Discard, nil, nil, 0.1); !errors.Is(err, errUnpaired) {
		t.Errorf("of no results: error %v; want %v", err, errUnpaired)
	}
}

// TestCompare_PairsRunsThatDifferBesides: with and without slow viewers is what scenario slow asks
// to be compared.
func TestCompare_PairsRunsThatDifferBesides(t *testing.T) {
	s, err := bench.Named("slow")
	if err != nil {
		t.Fatal(err)
	}
	r := sampleSuite()[1]
	r.Scenario = s
	none := r
	none.Scenario.Slow.Share = 0
	r.Latency.P99 *= 2
	var out strings.Builder
	worse, err := Compare(&out, []bench.Result{none}, []bench.Result{r}, 0.1)
	want := "slow, barrage: 5,000 viewers, 50 messages/s\n  the old run had --slow-share 0, the new one --slow-share 0.5\n"
	if err != nil || worse != 1 || !strings.HasPrefix(out.String(), want) {
		t.Errorf("%d worse, error %v, it says\n%s\nwant 1 and\n%s", worse, err, &out, want)
	}
	out.Reset()
	other := r
	other.Scenario.Burst.Messages = 3
	worse, err = Compare(&out, []bench.Result{none, r}, []bench.Result{other, r}, 0.1)
	want = "only in the old results: slow, barrage: 5,000 viewers, 50 messages/s, --slow-share 0\n" +
		"only in the new results: slow, barrage: 5,000 viewers, 50 messages/s, --burst-messages 3\n\n" +
		"0 figures are worse by more than 10 %, and 2 results had no partner\n"
	if err != nil || worse != 0 || !strings.HasSuffix(out.String(), want) {
		t.Errorf("%d worse, error %v, it says\n%s\nwant 0 and\n%s", worse, err, &out, want)
	}
	if got, want := labelsOf([]*bench.Result{&none, &r}), []string{
		"barrage, 5,000 viewers, 50 messages/s, --slow-share 0", "barrage, 5,000 viewers, 50 messages/s",
	}; !slices.Equal(got, want) {
		t.Errorf("labels %q; want %q", got, want)
	}
}

// TestCompare_NotesWhatDiffers: the notes name what two runs of one load were asked besides it.
func TestCompare_NotesWhatDiffers(t *testing.T) {
	a := sampleSuite()[1]
	b := a
	b.Scenario.Env, b.Scenario.Senders = []string{"BARRAGE_SERVER_POLLERS=1"}, 3
	a.Target.Addrs, b.Target.Addrs = []string{"x:1"}, []string{"y:1"}
	notes := strings.Join(pairNotes(&a, &b), "\n")
	want := "the old run had --senders 8, the new one --senders 3 --env BARRAGE_SERVER_POLLERS=1\nthe old run measured x:1, the new one y:1"
	if notes != want {
		t.Errorf("notes\n%s; want\n%s", notes, want)
	}
}

// nodesBesideHub is one load on three nodes, on the hub and on a server of somebody else.
func nodesBesideHub() []bench.Result {
	s := stormScenario()
	s.Name, s.Nodes = "nodes", 3
	run := func(peer string, seed uint64) bench.Result {
		r := sample(sampleRun{peer: peer, scenario: s, median: 12, spread: 0.35, perCopy: 640, viewer: 731, seed: seed})
		r.Series = nil
		return r
	}
	barrage, hub, other := run("barrage", 5), run("hub", 6), run("fastim", 7)
	hub.Target.Baseline, other.Target.Addrs = "hub", []string{"10.0.0.5:9100"}
	barrage.Warnings = []string{"the client was the bottleneck", "memory is scarce"}
	other.Warnings = []string{"memory is scarce"}
	return []bench.Result{barrage, hub, other}
}

// TestNodes_EachPeerSaysOnWhatItRan: three nodes beside one process is no fair fight, so every place that compares them
// reports it.
func TestNodes_EachPeerSaysOnWhatItRan(t *testing.T) {
	html := pageOf(t, "peers nodes", nodesBesideHub()...)
	wantText(t, html, "barrage (3 nodes &#43; Redis)", "hub (1 process)", "fastim (1 target)", "<small>5,000 viewers, 1 process, 200 messages/s</small>",
		"<li>5,000 viewers in one room</li>", " · at 10.0.0.5:9100")
	var out strings.Builder
	if err := Table(&out, nodesBesideHub()[2]); err != nil || !strings.HasPrefix(out.String(), "nodes, fastim at 10.0.0.5:9100: 5,000 viewers in one room on 1 target;") {
		t.Errorf("error %v, table\n%s; want where it ran", err, &out)
	}
}

func TestCompare_PairsRepeatedRunsInOrder(t *testing.T) {
	r := sampleSuite()[1]
	slow := r
	slow.Latency.P99 *= 2
	worse, err := Compare(io.Discard, []bench.Result{r, slow}, []bench.Result{r, slow}, 0.1)
	if err != nil || worse != 0 {
		t.Errorf("%d figures worse, error %v; want 0", worse, err)
	}
	var out strings.Builder
	if _, err := Compare(&out, []bench.Result{r}, []bench.Result{r, slow}, 0.1); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "only in the new results: storm, barrage"); n != 1 {
		t.Errorf("%d results without a partner; want 1:\n%s", n, &out)
	}
}

// TestBenchstat_NamesCannotEndTheirLine shows that names from outside cannot end a benchmark line's name.
func TestBenchstat_NamesCannotEndTheirLine(t *testing.T) {
	r := sampleSuite()[1]
	r.Peer, r.Scenario.Name = "a b/c=d\n1 ns/op", "überlast"
	var out strings.Builder
	if err := Benchstat(&out, []bench.Result{r}, nil); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := regexp.MustCompile(`^BenchmarkÜberlast/peer=a_b_c_d_1_ns_op/viewers=5000/warmup=5s/duration=1m/procs=1/rate=200 1( [0-9.]+ \S+)+$`)
	if last := lines[len(lines)-1]; !want.MatchString(last) {
		t.Errorf("line %q; want it to match %s", last, want)
	}
}

func TestUnit_TextFitsTheSize(t *testing.T) {
	f := func(u unit, v float64, want string) {
		t.Helper()
		if got := u.text(v); got != want {
			t.Errorf("unit %d: text(%v) = %q; want %q", u, v, got, want)
		}
	}
	f(millis, 12.345, "12.3 ms")
	f(millis, 0.0831, "83.1 µs")
	f(millis, 0, "0 ms")
	f(millis, 999.96, "1 s")
	f(millis, 61_000, "61 s")
	f(perSecond, 996_240, "996 k/s")
	f(perSecond, 999_600, "1 M/s")
	f(perSecond, 0.05, "0.05 /s")
	f(bytes, 731, "731 B")
	f(bytes, 1536, "1.5 KiB")
	f(bytes, 8<<30, "8 GiB")
	f(bytesPerSecond, -4096, "-4 KiB/s")
	f(nanos, 49, "49 ns")
	f(nanos, 1290, "1.29 µs")
	f(micros, 118, "118 µs")
	f(cores, 0.626, "0.63 cores")
	f(cores, 0.0123, "0.012 cores")
	f(count, 59_760_000, "59,760,000")
	f(count, -1000, "-1,000")
	f(mean, 20.31, "20.3")
}

func TestCommand_NamesOnlyWhatDiffers(t *testing.T) {
	f := func(name string, peers bool, want string, change func(s *bench.Scenario)) {
		t.Helper()
		s, err := bench.Named(name)
		if err != nil {
			s = bench.Scenario{Name: name, Viewers: 10, Rate: 0.5}
		}
		s = s.Filled() // as results have it
		change(&s)
		results := []*bench.Result{{Peer: "barrage", Scenario: s}}
		if peers {
			results = append(results, &bench.Result{Peer: "hub", Scenario: s})
		}
		if got := strings.Join(command(results), " "); got != want {
			t.Errorf("command = %q; want %q", got, want)
		}
	}
	f("storm", false, "barrage bench storm", func(*bench.Scenario) {})
	f("storm", true, "barrage bench peers storm --viewers 10 --rounds 1", func(s *bench.Scenario) { s.Viewers = 10 })
	f("gift", false, "barrage bench gift --rate 0 --duration 1m30s --burst-messages 7", func(s *bench.Scenario) {
		s.Rate, s.Duration, s.Burst.Messages = 0, second(90), 7
	})
	f("storm", false, "barrage bench storm --rate 2000000", func(s *bench.Scenario) { s.Rate = 2e6 })
	f("own", true, "barrage bench peers own.yaml --viewers 10 --rate 0.5 --rounds 1", func(*bench.Scenario) {})
	f("my 'own", false, `barrage bench run 'my '\''own.yaml' --viewers 10 --rate 0.5 --env 'A=$(reboot)'`, func(s *bench.Scenario) {
		s.Env = []string{"A=$(reboot)"}
	})
}

// TestCommand_RunsAgainstTheSameServers: somebody who runs it again must not measure nodes of their own instead.
func TestCommand_RunsAgainstTheSameServers(t *testing.T) {
	s, err := bench.Named("storm")
	if err != nil {
		t.Fatal(err)
	}
	f := func(want string, results ...*bench.Result) {
		t.Helper()
		for _, r := range results {
			r.Scenario = s
		}
		if got := strings.Join(command(results), " "); got != "barrage bench "+want {
			t.Errorf("command = %q; want %q", got, want)
		}
	}
	f("storm --target 10.0.0.5:9000,10.0.0.6:9000 --metrics 10.0.0.5:9001 --pid 7,8 --path '/ws/{room}' --token '…' --dialect raw", &bench.Result{
		Peer: "10.0.0.5:9000,10.0.0.6:9000", Dialect: "raw", Target: bench.Target{
			Addrs: []string{"10.0.0.5:9000", "10.0.0.6:9000"}, Metrics: []string{"10.0.0.5:9001"}, PIDs: []int{7, 8}, Path: "/ws/{room}", Token: "…",
		},
	})
	f("storm --target x:1 --peer-name staging", &bench.Result{Peer: "staging", Dialect: "fastim", Target: bench.Target{Addrs: []string{"x:1"}}})
	f("storm --redis x:6379 --dialect native", &bench.Result{Peer: "barrage", Dialect: "native", Target: bench.Target{Redis: "x:6379"}})
	fastim := bench.Result{Peer: "fastim", Dialect: "fastim", Target: bench.Target{Addrs: []string{"y:1"}, PIDs: []int{7}}}
	raw := bench.Result{Peer: "mine", Dialect: "raw", Target: bench.Target{Addrs: []string{"z:1"}, Metrics: []string{"z:2"}, Path: "/{room}"}}
	f("peers storm --rounds 1 --peer fastim=fastim@y:1,pid=7 --peer 'mine=raw@z:1,metrics=z:2,path=/{room}'",
		&bench.Result{Peer: "barrage", Dialect: "fastim"}, &bench.Result{Peer: "hub", Dialect: "fastim", Target: bench.Target{Baseline: "hub"}}, &fastim, &raw, &fastim)
}

// TestBenchstat_NamesDiffer: runs that were asked different things are no samples of one
// benchmark.
func TestBenchstat_NamesDiffer(t *testing.T) {
	s, err := bench.Named("slow")
	if err != nil {
		t.Fatal(err)
	}
	f := func(want string, change func(s *bench.Scenario)) {
		t.Helper()
		r := bench.Result{Peer: "barrage", Scenario: s.Filled()}
		change(&r.Scenario)
		if got := benchName(&r, nil); got != want {
			t.Errorf("benchName = %q; want %q", got, want)
		}
	}
	f("BenchmarkSlow/peer=barrage/viewers=5000/rate=50", func(*bench.Scenario) {})
	f("BenchmarkSlow/peer=barrage/viewers=5000/slow-share=0/rate=50", func(s *bench.Scenario) { s.Slow.Share = 0 })
	f("BenchmarkSlow/peer=barrage/viewers=5000/zipf=1.5/body=60/rate=50", func(s *bench.Scenario) { s.Body, s.Zipf = 60, 1.5 })
	f("BenchmarkSlow/peer=barrage/viewers=5000/env=BARRAGE_A_1/rate=50", func(s *bench.Scenario) { s.Env = []string{"BARRAGE_A=1"} })
}

// TestDialect_IsShown: every place that reports the bytes of batches reports whether they were deflated.
func TestDialect_IsShown(t *testing.T) {
	plain := sampleSuite()[1]
	plain.Dialect = "fastim"
	r := plain
	r.Dialect, r.Scenario.Deflate, r.Messages.BytesPerCopy = "native", true, 37.5
	f := func(show func(io.Writer) error, want string) {
		t.Helper()
		var out strings.Builder
		if err := show(&out); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("shown is %v\n%s; want %q", err, &out, want)
		}
	}
	f(func(w io.Writer) error { return Table(w, r) }, "storm, barrage (native): 5,000 viewers in one room; 200 messages/s of 60 B for 1m; batches deflated\n")
	f(func(w io.Writer) error { return Table(w, r) }, "37.5 B wire size")
	f(func(w io.Writer) error { return Table(w, plain) }, "storm, barrage: 5,000 viewers")
	f(func(w io.Writer) error { return Benchstat(w, []bench.Result{r}, nil) }, "/peer=barrage/viewers=5000/dialect=native/deflate=yes/warmup=5s/duration=1m/procs=1/rate=200 1 ")
	f(func(w io.Writer) error {
		_, err := Compare(w, []bench.Result{plain}, []bench.Result{r}, 0.1)
		return err
	}, "the old run spoke fastim, the new one native, deflated\n")
	if got := strings.Join(command([]*bench.Result{&r}), " "); !strings.Contains(got, " --deflate=true") || !strings.HasSuffix(got, " --dialect native") {
		t.Errorf("command = %q; want what makes it deflate", got)
	}
}

// TestFindings_OrderIsSampled: a reader who sees that all came must not think that every viewer looked at its order.
func TestFindings_OrderIsSampled(t *testing.T) {
	r := sampleSuite()[1]
	for _, c := range []struct {
		sampled int
		want    string
	}{{7, "0 out of order (order: in 7 sampled viewers)."}, {1, "(order: in 1 sampled viewer)."}, {0, "(order: in sampled viewers)."}} {
		r.Messages.Sampled = c.sampled
		found := findings(&r)
		if !slices.ContainsFunc(found, func(f finding) bool { return strings.HasSuffix(f.Text, c.want) }) {
			t.Errorf("findings %+v; want one that ends with %q", found, c.want)
		}
	}
}

// TestTable_ControlCharactersAreReplaced shows that a server's words cannot steer the terminal.
func TestTable_ControlCharactersAreReplaced(t *testing.T) {
	r := sampleSuite()[1]
	r.Connections.Failed, r.Connections.FailedWhy = 1, "\x1b[2J\rOK\u009b31m"
	var out strings.Builder
	if err := Table(&out, r); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\r\u009b") || !strings.Contains(out.String(), "�[2J�OK") {
		t.Errorf("control characters went to the terminal: %q", &out)
	}
}
