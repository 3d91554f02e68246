package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"barrage/bench/baseline"
	"barrage/bench/swarm"
	"barrage/internal/cli"
	"barrage/internal/port"
)

// TestMain makes this test binary what [Run] starts from it: a worker, or a node, which
// is a baseline server here.
func TestMain(m *testing.M) {
	args := strings.Join(os.Args[1:], " ")
	switch {
	case strings.HasPrefix(args, "serve"), strings.HasPrefix(args, "bench hub"):
		exit(serveAsNode(baseline.ServeHub))
	case strings.HasPrefix(args, "bench bare"):
		exit(serveAsNode(baseline.ServeBare))
	case args == "bench worker":
		exit(swarm.Work(context.Background(), os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// brokenNode is set for nodes that are to end with this error.
const brokenNode = "BARRAGE_TEST_BROKEN"

func serveAsNode(serve func(context.Context, net.Listener) error) error {
	if why := os.Getenv(brokenNode); why != "" {
		return errors.New(why)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	admin, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var asked atomic.Int32
	go func() { // ends with the process
		_ = http.Serve(admin, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch os.Getenv(unreadyNode) {
			case "at first":
				if asked.Add(1) <= 3 {
					http.Error(w, "store is away", http.StatusServiceUnavailable)
				}
			case "for good":
				exit(errors.New("no store"))
			}
		}))
	}()
	listens, _, err := cli.NewReporter(os.Environ())
	if err != nil {
		return err
	}
	if err := listens.Report(ln.Addr(), admin.Addr()); err != nil {
		return err
	}
	return serve(context.Background(), ln)
}

// unreadyNode is set for nodes that are not ready "at first", or end while they are asked.
const unreadyNode = "BARRAGE_TEST_UNREADY"

func TestStartNode_WaitsUntilItIsReady(t *testing.T) {
	t.Parallel() // It waits more than it works.
	n, err := StartNode(t.Context(), unreadyNode+"=at first")
	if err != nil {
		t.Fatal(err)
	}
	defer n.Stop()
	if err := n.ready(t.Context()); err != nil {
		t.Errorf("a node that was started is not ready: %v", err)
	}
	_, err = StartNode(t.Context(), unreadyNode+"=for good")
	if want := "it ended before it was ready: exit status 1: no store"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("StartNode = %v; want %q", err, want)
	}
}

// small is a scenario that is over in a second.
var small = Scenario{
	Name: "small", Viewers: 20, Rooms: 2, Rate: 40, Duration: Duration(500 * time.Millisecond), Sample: 5,
}

func TestRun_OwnNodeIsMeasuredWhole(t *testing.T) {
	t.Parallel() // It waits more than it works.
	var phases []string
	r, err := Run(t.Context(), small, Target{}, func(s Status) {
		if s.Begins {
			phases = append(phases, s.Phase)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	wantWhole(t, r)
	if got := strings.Join(phases, " "); got != "start connect measure finish" {
		t.Errorf("phases were %s", got)
	}
	s := r.Server
	if s.Nodes != 1 || s.ResidentBefore < 1<<20 || s.ResidentFull < s.ResidentBefore || s.ResidentMost < s.ResidentFull || s.PerConnection != 0 {
		t.Errorf("Server = %+v", s)
	}
	if r.Peer != "barrage" || r.Client.Procs != 1 || r.Machine.Cores < 1 || r.Machine.Memory < 1<<20 || r.Version != 1 {
		t.Errorf("result = %+v", r)
	}
	if len(r.Series) == 0 || r.Series[len(r.Series)-1].Resident == 0 {
		t.Errorf("Series = %+v; want points with the node's memory", r.Series)
	}
}

func TestRun_BaselinesAreMeasuredWhole(t *testing.T) {
	t.Parallel() // It waits more than it works.
	s := small
	s.Procs = 2
	for _, name := range Baselines() {
		r, err := Run(t.Context(), s, Target{Baseline: name}, nil)
		if err != nil {
			t.Fatal(err)
		}
		wantWhole(t, r)
		if r.Peer != name || r.Client.Procs != 2 {
			t.Errorf("peer %s with %d processes; want %s and 2", r.Peer, r.Client.Procs, name)
		}
	}
}

// wantWhole wants everything that small asks for.
func wantWhole(t *testing.T, r Result) {
	t.Helper()
	m, c := r.Messages, r.Connections
	if r.Partial != "" || c.Wanted != 20 || c.Made != 20 || c.Failed+c.Broken != 0 {
		t.Errorf("partial %q, connections %+v; want all 20", r.Partial, c)
	}
	if m.Offered != 20 || m.Sent != 20 || m.Expected != 200 || m.Delivered != 200 || m.Lost+m.Doubled+m.OutOfOrder != 0 || m.Disagree != 0 {
		t.Errorf("messages %+v; want 20 to 10 viewers each", m)
	}
	if r.Seconds < 0.1 || r.Seconds > 5 || r.Latency.Count != 50 || r.Latency.P50 <= 0 || r.Connect.Count != 20 || r.Welcome.Count != 20 {
		t.Errorf("%v seconds, latency %+v, connect %+v, welcome %+v", r.Seconds, r.Latency, r.Connect, r.Welcome)
	}
}

func TestRun_IdleViewersHaveTheirMemoryTold(t *testing.T) {
	t.Parallel()         // It waits more than it works.
	const viewers = 2000 // some 1.2 MB; the kernel counts a process's memory to 128 KiB or so a core
	s := Scenario{Name: "idle", Viewers: viewers, Rest: Duration(time.Second)}
	r, err := Run(t.Context(), s, Target{}, nil)
	if err != nil || r.Partial != "" {
		t.Fatal(err, r.Partial)
	}
	if r.Connections.Wanted != viewers || r.Connections.Made != viewers || r.Messages.Offered != 0 || r.Server.ResidentBefore == 0 || r.Server.PerConnection == 0 || r.Server.ResidentLeft == 0 {
		t.Errorf("result = %+v; want %d viewers, those that come first apart, and their memory", r, viewers)
	}
}

func TestRun_NamedTargetSaysWhatIsUnknown(t *testing.T) {
	t.Parallel() // It waits more than it works.
	ctx, cancel := context.WithCancel(t.Context())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- baseline.ServeHub(ctx, ln) }() // Ended by cancel; waited for below.
	target := Target{Peer: "theirs", Addrs: []string{ln.Addr().String()}, Token: "secret"}
	r, err := runWith(ctx, small, target, nil, swarm.InProcess())
	if err != nil {
		t.Fatal(err)
	}
	wantWhole(t, r)
	if r.Peer != "theirs" || !reflect.DeepEqual(r.Server, Server{}) || !strings.Contains(strings.Join(r.Warnings, "\n"), "name --metrics or --pid") {
		t.Errorf("server %+v of %s, warnings %q; want nothing known and a word about it", r.Server, r.Peer, r.Warnings)
	}
	if to := r.Target; !slices.Equal(to.Addrs, target.Addrs) || to.Token == "secret" || r.Messages.Sampled != 5 {
		t.Errorf("target %+v, %d sampled viewers; want its address, no token, and 5", to, r.Messages.Sampled)
	}
	target.Metrics = target.Addrs
	if r, err = runWith(ctx, small, target, nil, swarm.InProcess()); err != nil || r.Server.Nodes != 1 || r.Server.ResidentFull == 0 {
		t.Errorf("server %+v, %v; want its metrics read", r.Server, err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// long is a scenario that is cut short.
var long = Scenario{Name: "long", Viewers: 20, Rate: 50, Duration: Duration(time.Minute)}

func TestRun_InterruptedKeepsWhatWasMeasured(t *testing.T) {
	t.Parallel() // It waits more than it works.
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Run(ctx, long, Target{}, func(s Status) {
		if s.Phase == "measure" && s.Copies > 0 {
			cancel()
		}
	})
	if err != nil || r.Partial != "it was interrupted" || r.Version != 1 {
		t.Fatalf("Run = partial %q, %v; want a result that says it was interrupted", r.Partial, err)
	}
	if m := r.Messages; m.Delivered == 0 || m.Lost != 0 || r.Latency.Count == 0 || r.Seconds <= 0 || r.Seconds > 30 {
		t.Errorf("messages %+v in %v s; want what came until then", m, r.Seconds)
	}
}

func TestRun_DeadNodeIsNamedInThePartialResult(t *testing.T) {
	t.Parallel() // It waits more than it works.
	var node *Node
	target := Target{}
	r, err := runWatched(t, long, target, func(c *cluster) { node = c.nodes[0] }, func(s Status) {
		if s.Phase == "measure" && s.Copies > 0 {
			_ = node.Cmd.Process.Kill()
		}
	})
	if err != nil || !strings.Contains(r.Partial, "node 1 ended: signal: killed") && !strings.Contains(r.Partial, "no viewer is left") {
		t.Fatalf("Run = partial %q, %v; want to hear that the node is gone", r.Partial, err)
	}
	if r.Connections.Broken != 20 || r.Messages.Uncounted == 0 || r.Server.ResidentMost == 0 {
		t.Errorf("connections %+v, messages %+v, server %+v; want what came until then", r.Connections, r.Messages, r.Server)
	}
}

func TestRun_DeadRedisIsNamedInThePartialResult(t *testing.T) {
	t.Parallel() // It waits more than it works.
	var r *redis
	s := long
	s.Nodes = 2
	res, err := runWatched(t, s, Target{}, func(c *cluster) { r = c.redis }, func(s Status) {
		if s.Phase == "measure" && s.Copies > 0 {
			_ = r.Cmd.Process.Kill()
		}
	})
	if err != nil || !strings.Contains(res.Partial, "redis-server ended: signal: killed") {
		t.Fatalf("Run = partial %q, %v; want to hear that redis-server is gone", res.Partial, err)
	}
}

// runWatched is runWith with a look at what was started.
func runWatched(t *testing.T, s Scenario, target Target, look func(*cluster), progress Progress) (Result, error) {
	t.Helper()
	r, err := prepare(s, target)
	if err != nil {
		t.Fatal(err)
	}
	r.launch, r.recorder = swarm.InProcess(), newRecorder(progress, Status{})
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	c, err := target.open(ctx, r.Scenario, cancel)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	look(c)
	r.servers, r.addrs = c.servers, c.addrs
	return r.measure(ctx)
}

func TestRun_CannotBeginSaysWhy(t *testing.T) {
	broken := small
	broken.Env = []string{brokenNode + "=cannot listen"}
	f := func(s Scenario, target Target, want string) {
		t.Helper()
		r, err := Run(t.Context(), s, target, nil)
		if err == nil || !strings.Contains(err.Error(), want) || r.Version != 0 {
			t.Errorf("Run = %+v, %v; want %s", r, err, want)
		}
	}
	f(small, Target{Addrs: []string{port.Dead}}, "cannot reach the target "+port.Dead)
	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = open.Close() }()
	f(small, Target{Addrs: []string{open.Addr().String()}, Dialect: "morse"}, "morse")
	f(small, Target{Redis: port.Dead}, "cannot reach the Redis "+port.Dead)
	talker := httptest.NewServer(http.NotFoundHandler())
	defer talker.Close()
	f(small, Target{Redis: talker.Listener.Addr().String()}, "it answers PING by \"HTTP/1.1 400")
	deflated := small
	deflated.Deflate = true
	f(deflated, Target{}, `cannot run scenario "small" with deflate on barrage: it speaks fastim, and only the native dialect has compressed batches; use --dialect native`)
	f(broken, Target{}, "it ended without a report of where it listens: exit status 1: cannot listen")
	f(Scenario{Name: "none"}, Target{}, "viewers: 0")
	t.Setenv("PATH", t.TempDir())
	several := small
	several.Nodes = 2
	f(several, Target{}, "cannot find redis-server")
}

func TestRun_UnreadableUsageIsSaid(t *testing.T) {
	t.Parallel() // It waits more than it works.
	hub, err := StartBaseline(t.Context(), "hub")
	if err != nil {
		t.Fatal(err)
	}
	defer hub.Stop()
	target := Target{Addrs: []string{hub.Public}, PIDs: []int{1 << 30}}
	r, err := runWith(t.Context(), small, target, nil, swarm.InProcess())
	if err != nil || r.Server.Nodes != 0 || !strings.Contains(strings.Join(r.Warnings, "\n"), "are not known: cannot read the usage of process 1073741824") {
		t.Errorf("server %+v, warnings %q, %v; want nothing known and why", r.Server, r.Warnings, err)
	}
}

func TestMeasure_LeavesOutWhoCannotBeReached(t *testing.T) {
	t.Parallel() // It waits more than it works.
	results, err := Measure(t.Context(), []Scenario{small}, []Target{{Peer: "away", Addrs: []string{port.Dead}}, {Baseline: "hub"}}, 2, nil)
	var peers []string
	for _, r := range results {
		peers = append(peers, r.Peer)
	}
	if got := strings.Join(peers, " "); got != "hub hub" {
		t.Errorf("measured %s", got)
	}
	if err == nil || strings.Count(err.Error(), `cannot measure scenario "small" on away: cannot reach the target `+port.Dead) != 1 {
		t.Errorf("Measure: %v; want away named once", err)
	}
}

func TestHunt_RunEndsAtTheMachinesLimit(t *testing.T) {
	t.Parallel() // It waits more than it works.
	h := Hunt{Scenario: small, Vary: "viewers", From: 10, To: 20, P99: 10 * time.Second}
	h.Scenario.Rooms = 1
	var levels []float64
	good, err := h.Run(t.Context(), Target{}, nil, func(s Step) { levels = append(levels, s.Level) })
	if good != 20 || err != nil || len(levels) != 2 {
		t.Errorf("Run = %v, %v after %v; want 20 after two levels", good, err, levels)
	}
	h.From, h.To = 1e6, 0
	var last Step
	good, err = h.Run(t.Context(), Target{}, nil, func(s Step) { last = s })
	if good != 0 || err != nil || last.Limit != "machine" || !strings.Contains(last.Broke, "use --nodes") {
		t.Errorf("Run of a million = %v, %v, %+v; want the machine's limit", good, err, last)
	}
}
