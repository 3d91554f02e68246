package sizing

import (
	"bytes"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"barrage/gateway/door"
	"barrage/internal/cli"
)

// run runs "barrage size" with arguments.
func run(line string) (code int, stdout, stderr string) {
	var out, complaints bytes.Buffer
	root := cli.Root(&cobra.Command{Use: "barrage"})
	root.AddCommand(New())
	code = cli.Run(root, append([]string{"size"}, strings.Fields(line)...), &out, &complaints)
	return code, out.String(), complaints.String()
}

// measured are lines of a report of a storm.
var measured = regexp.MustCompile(`(?s)storm, barrage.*?: ([\d,]+) viewers in one room; ([\d,]+) messages/s of 60 B.*?latency +\S+ \S+ +\S+ \S+ +(\S+) (m?s) .*?server +(\S+) cores CPU, (\S+) (ns|µs) CPU a copy, .*?, (\S+) copies a write`)

// number reads a number of a report.
func number(t *testing.T, text string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(strings.ReplaceAll(text, ",", ""), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The costs are those of the runs in bench/results. Of each run the CPU is within 35 % of what the sheet says for as
// many writes. The p99 is no later than the sheet says for the time between two writes. Where the load has filled the
// machine a run says what the machine can do, and the sheet uses 60 % of one.
func TestSize_IsWhatWasMeasured(t *testing.T) {
	runs, held := 0, 0
	for _, file := range []string{"storm.txt", "native.txt"} {
		text, err := os.ReadFile("../../bench/results/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range measured.FindAllStringSubmatch(string(text), -1) {
			runs++
			if strings.Contains(m[0], "the machine was the limit") {
				continue
			}
			viewers, rate, p99 := number(t, m[1]), number(t, m[2]), number(t, m[3])
			cores, perWrite := number(t, m[5]), number(t, m[8])
			if m[4] == "ms" {
				p99 /= 1000
			}
			writes := viewers * rate / perWrite
			says := writes*writeCost.Seconds() + viewers*rate*copyCost.Seconds()
			if ratio := cores / says; ratio < 0.65 || ratio > 1.35 {
				t.Errorf("%s: %v viewers at %v/s took %v cores; the sheet says %.2f for %v writes a second", file, viewers, rate, cores, says, writes)
			}
			if every := perWrite / rate; perWrite > 1.5 && p99 > lateness*every {
				t.Errorf("%s: %v viewers at %v/s had a p99 of %v s with %v s between two writes; the sheet says %v times that", file, viewers, rate, p99, every, lateness)
			}
			held++
		}
	}
	if runs != 24 || held < 9 { // those of up to a million deliveries a second
		t.Errorf("%d runs were found, and %d filled no machine; want 24, and at least 9", runs, held)
	}
}

func TestSize_NodesFollowTheScarcestResource(t *testing.T) {
	normal := load{viewers: 100_000, rate: 20, bytes: 60, p99: 250 * time.Millisecond, cores: 4, network: 10}
	for _, c := range []struct {
		name   string
		change func(*load)
		nodes  int
		by     string
	}{
		{"cores bound", func(*load) {}, 4, "100,000 × 12.8 writes of 7 µs are 8.96 cores, 60 % of 4 are 2.4"},
		{"a quiet room", func(l *load) { l.rate = 1 }, 1, "0.7 cores"},
		{"more cores", func(l *load) { l.cores = 16 }, 1, "60 % of 16 are 9.6"},
		{"network bound", func(l *load) { l.rate, l.cores = 1000, 64 }, 25, "186 B × 100 million × 8 are 148.8 Gbit/s, 60 % of 10 are 6"},
		{"later is cheaper", func(l *load) { l.p99 = time.Second }, 1, "3.2 writes a second"},
		{"one viewer", func(l *load) { l.viewers = 1 }, 1, "nothing"},
	} {
		l := normal
		c.change(&l)
		if got := size(l); got.nodes != c.nodes {
			t.Errorf("%s: %+v; want %d nodes: %s", c.name, got, c.nodes, c.by)
		}
	}
	if got := size(normal).reconnect; got != 2500*time.Millisecond { // 20,000 over four nodes
		t.Errorf("the viewers of a node are back after %v; want 2.5s", got)
	}
}

func TestCommand_PrintsTheSheet(t *testing.T) {
	code, stdout, stderr := run("--viewers 100000 --rate 20")
	for _, want := range []string{"nodes        4 + 1 spare", "copies/s     2.0 million", "busy cores   8.99", "network out  2.98 Gbit/s", "its viewers are back after 3s", "25 thousand"} {
		if code != 0 || stderr != "" || !strings.Contains(stdout, want) {
			t.Errorf("exit code %d, %s\n%s; want %q", code, stderr, stdout, want)
		}
	}
	if _, fastIM, _ := run("--viewers 100000 --rate 20 --fastim"); !strings.Contains(fastIM, "network out  2.48 Gbit/s") {
		t.Errorf("with FastIM's clients:\n%s", fastIM)
	}
}

func TestCommand_RefusesWhatNobodyHas(t *testing.T) {
	for line, want := range map[string]string{
		"":                                 "cannot size for --viewers 0: it is not within 1 and 1e+09",
		"--viewers 10":                     "--rate 0",
		"--viewers 10 --rate NaN":          "--rate NaN",
		"--viewers 10 --rate -1":           "--rate -1",
		"--viewers 10 --rate 1 --p99 1ms":  "--p99 0.001",
		"--viewers 10 --rate 1 --cores 0":  "--cores 0",
		"--viewers 10 --rate 1 --bytes -1": "--bytes -1",
		"--viewers 10 --rate 1 now":        "size takes no arguments",
	} {
		if code, stdout, stderr := run(line); code != cli.ExitUsage || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %q, %q; want %q", line, code, stdout, stderr, want)
		}
	}
}

func TestSize_HandshakesAreTheDefault(t *testing.T) {
	if want := door.DefaultLimits().Handshakes; handshakes != want {
		t.Errorf("the sheet has %v handshakes a second; limits.handshakes has %v by default", float64(handshakes), want)
	}
}
