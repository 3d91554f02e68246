package report

import (
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"barrage/bench"
)

var rewrite = flag.Bool("rewrite", false, "write what is shown into testdata; commit only a difference you understand")

// TestText pins what people and benchstat are shown of the sample suite.
func TestText(t *testing.T) {
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
		"benchstat": func(w io.Writer) error { return Benchstat(w, suite) },
		"steps":     func(w io.Writer) error { return Steps(w, sampleSteps()) },
		"compare": func(w io.Writer) error {
			_, err := Compare(w, suite[:3], changed(suite), 0.1)
			return err
		},
		"empty": func(w io.Writer) error {
			_, err := Compare(w, nil, nil, 0.1)
			return errors.Join(err, Table(w, bench.Result{}), Summary(w, nil), Peers(w, nil), Steps(w, nil), Benchstat(w, nil))
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
		if rate == 400 {
			step.Broke, step.Limit = "p99 is 62.4 ms, above 50ms", "server"
		}
		steps = append(steps, step)
	}
	return steps
}

func TestCompare_Worse(t *testing.T) {
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
	f("no partner of this size", 0, func(r *bench.Result) { r.Scenario.Viewers++; r.Messages.Lost = 1 })
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

// TestBenchstat_Names shows that names from outside cannot end a benchmark line's name.
func TestBenchstat_Names(t *testing.T) {
	r := sampleSuite()[1]
	r.Peer, r.Scenario.Name = "a b/c=d\n1 ns/op", "überlast"
	var out strings.Builder
	if err := Benchstat(&out, []bench.Result{r}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := regexp.MustCompile(`^BenchmarkÜberlast/peer=a_b_c_d_1_ns_op/viewers=5000/rate=200 1( [0-9.]+ \S+)+$`)
	if last := lines[len(lines)-1]; !want.MatchString(last) {
		t.Errorf("line %q; want it to match %s", last, want)
	}
}

func TestUnit_Text(t *testing.T) {
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

func TestCommand(t *testing.T) {
	f := func(name string, peers bool, want string, change func(s *bench.Scenario)) {
		t.Helper()
		s, err := bench.Named(name)
		if err != nil {
			s = bench.Scenario{Name: name, Viewers: 10, Rate: 0.5}
		}
		change(&s)
		if got := strings.Join(command(&bench.Result{Scenario: s}, peers), " "); got != want {
			t.Errorf("command = %q; want %q", got, want)
		}
	}
	f("storm", false, "barrage bench storm", func(*bench.Scenario) {})
	f("storm", true, "barrage bench peers storm --viewers 10", func(s *bench.Scenario) { s.Viewers = 10 })
	f("gift", false, "barrage bench gift --rate 0 --duration 1m30s --burst-messages 7", func(s *bench.Scenario) {
		s.Rate, s.Duration, s.Burst.Messages = 0, second(90), 7
	})
	f("own", true, "barrage bench peers own.yaml --viewers 10 --rate 0.5", func(*bench.Scenario) {})
	f("my 'own", false, `barrage bench run 'my '\''own.yaml' --viewers 10 --rate 0.5 --env 'A=$(reboot)'`, func(s *bench.Scenario) {
		s.Env = []string{"A=$(reboot)"}
	})
}

// TestDialect_IsShown: whether batches were deflated must not be forgotten wherever their
// bytes are told.
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
	f(func(w io.Writer) error { return Benchstat(w, []bench.Result{r}) }, "/peer=barrage/viewers=5000/dialect=native/deflate=yes/rate=200 1 ")
	f(func(w io.Writer) error {
		_, err := Compare(w, []bench.Result{plain}, []bench.Result{r}, 0.1)
		return err
	}, "the old run spoke fastim, the new one native, deflated\n")
	if got := strings.Join(command(&r, false), " "); !strings.Contains(got, " --deflate=true") || !strings.HasSuffix(got, " --dialect native") {
		t.Errorf("command = %q; want what makes it deflate", got)
	}
}

// TestTable_ControlCharacters shows that a server's words cannot steer the terminal.
func TestTable_ControlCharacters(t *testing.T) {
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
