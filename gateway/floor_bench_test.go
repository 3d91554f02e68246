package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"barrage/bench/swarm"
	"barrage/codec"
	"barrage/gateway/edge"
	"barrage/internal/rawio"
	"barrage/room"
)

// floorEnv makes the test binary the reader of BenchmarkFloor: "address sockets".
const floorEnv = "BARRAGE_TEST_FLOOR_READER"

// Shape of BenchmarkFloor. It has 7 rounds of 4 writers in turn, each 5 sweeps over 5,000 sockets. A turn takes 0.2 s,
// so that other work of the machine hits all writers alike.
const (
	floorSockets = 5000
	floorSweeps  = 5
	floorRounds  = 7
	floorFrame   = 200 // bytes
	// floorPause is between two sweeps, for every writer alike. Whether the reader is asleep when a write comes makes up
	// to a µs of difference, and a room has pauses.
	floorPause = 10 * time.Millisecond
)

// readFloor is the reader process: it holds the sockets of one room and reads
// whatever comes, until its input ends.
func readFloor() int {
	address, count, _ := strings.Cut(os.Getenv(floorEnv), " ")
	n, err := strconv.Atoi(count)
	if err != nil {
		panic(err)
	}
	plan := swarm.Plan{
		Dialect: "fastim", Targets: []string{address}, Prefix: "floor",
		Rooms: []swarm.Room{{Viewers: n}}, Patience: time.Minute,
	}
	crew, err := swarm.Start(context.Background(), plan, 1, swarm.InProcess())
	if err != nil {
		panic(err)
	}
	go func() { // ends with Close
		for range crew.Ticks() {
		}
	}()
	if err := crew.Connect(context.Background()); err != nil {
		panic(err)
	}
	_, _ = fmt.Println("connected")
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := crew.Close(); err != nil {
		panic(err)
	}
	return 0
}

// BenchmarkFloor compares, in one run and in turn, the CPU time of a write to each of 5,000 sockets that another
// process reads. The writers are write(2) from C, Go's raw system call, nbio's Write, and our lane with all that
// belongs to it. The benchmark prints medians.
func BenchmarkFloor(b *testing.B) {
	s := newServer(b, func(c *setup) {
		c.Server.MaxConnections, c.rooms.Fanout.Lanes = floorSockets, 1
		c.IOUring = room.IOUringOff // a call for each write, as all the others
	})
	startFloorReader(b, s.Addr().String())
	var sockets []edge.Peek
	eachSession(s, func(c edge.Peek) { sockets = append(sockets, c) })
	if len(sockets) != floorSockets {
		b.Fatalf("%d sockets; want %d", len(sockets), floorSockets)
	}
	c := newCWriter(b, sockets)
	frame := codec.AppendFrame(nil, codec.OpText, strings.Repeat("x", floorFrame-4))

	writers := []struct {
		name  string
		write func() // floorSweeps times to every socket
		ns    []float64
	}{
		{name: "c", write: nil},
		{name: "raw", write: func() { sweepAll(sockets, func(s edge.Peek) { _, _ = rawio.Write(s.Conn().Hash(), frame) }) }},
		{name: "nbio", write: func() { sweepAll(sockets, func(s edge.Peek) { _, _ = s.Conn().Write(frame) }) }},
		{name: "lane", write: func() { laneSweeps(b, s) }},
	}
	for b.Loop() {
		for range floorRounds {
			for i := range writers {
				w := &writers[i]
				if w.write == nil {
					if ns, ok := c.run(b); ok {
						w.ns = append(w.ns, ns)
					}
					continue
				}
				before := processCPU(b)
				w.write()
				w.ns = append(w.ns, float64(processCPU(b)-before)/floorSweeps/floorSockets)
			}
		}
	}
	median := map[string]float64{}
	for _, w := range writers {
		if len(w.ns) > 0 {
			slices.Sort(w.ns)
			median[w.name] = w.ns[len(w.ns)/2]
			b.ReportMetric(median[w.name], w.name+"-ns/write")
		}
	}
	if median["c"] > 0 {
		b.ReportMetric(median["lane"]/median["c"], "lane/c")
	}
}

func sweepAll(sockets []edge.Peek, write func(edge.Peek)) {
	for range floorSweeps {
		for _, s := range sockets {
			write(s)
		}
		<-time.After(floorPause)
	}
}

// laneSweeps posts messages one after the other, each when every member has the one before.
func laneSweeps(b *testing.B, s *Server) {
	b.Helper()
	r, err := s.edge.Hall.Open(b.Context(), "floor-0")
	if err != nil {
		b.Fatal(err)
	}
	defer r.Release()
	body := strings.Repeat("x", floorFrame-4-len(`{"groupId":"floor-0","userId":"u","info":"","ts":1648368380132}`))
	for range floorSweeps {
		want := s.edge.Hall.Stats().Sent + floorSockets
		if err := r.Post(nil, "u", body, time.Now()); err != nil {
			b.Fatal(err)
		}
		eventually(b, func() error {
			if sent := s.edge.Hall.Stats().Sent; sent < want {
				return errorf("%d sent; want %d", sent, want)
			}
			return nil
		})
		<-time.After(floorPause)
	}
}

func processCPU(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// startFloorReader starts the reader and returns when it has connected everything.
func startFloorReader(b *testing.B, addr string) {
	b.Helper()
	program, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run=^$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", floorEnv, addr, floorSockets))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	if !bufio.NewScanner(out).Scan() {
		b.Fatal("the reader ended before it was connected")
	}
}

// cWriter is the writer in C, which inherits the sockets.
type cWriter struct {
	program string // empty: this machine has no C compiler
	files   []*os.File
}

func newCWriter(b *testing.B, sockets []edge.Peek) *cWriter {
	b.Helper()
	cc, err := exec.LookPath("gcc")
	if err != nil {
		b.Log("no gcc: without the figure of C")
		return &cWriter{}
	}
	c := &cWriter{program: filepath.Join(b.TempDir(), "floor")}
	if out, err := exec.Command(cc, "-O2", "-o", c.program, "testdata/floor.c").CombinedOutput(); err != nil {
		b.Fatalf("gcc: %v\n%s", err, out)
	}
	for _, s := range sockets {
		fd, err := syscall.Dup(s.Conn().Hash())
		if err != nil {
			b.Fatal(err)
		}
		c.files = append(c.files, os.NewFile(uintptr(fd), "socket"))
	}
	b.Cleanup(func() {
		for _, f := range c.files {
			_ = f.Close()
		}
	})
	return c
}

// run is one turn of C. The package os/exec makes descriptors blocking in the child, and with it here. The reader
// reads, so a write of the next turn does not wait for long.
func (c *cWriter) run(b *testing.B) (ns float64, ok bool) {
	b.Helper()
	if c.program == "" {
		return 0, false
	}
	cmd := exec.Command(c.program, strconv.Itoa(len(c.files)), strconv.Itoa(floorSweeps), strconv.Itoa(floorFrame))
	cmd.ExtraFiles = c.files
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("the writer in C: %v", err)
	}
	var refused int
	if _, err := fmt.Sscan(string(out), &ns, &refused); err != nil || refused > 0 {
		b.Fatalf("the writer in C said %q: %v", out, err)
	}
	for _, f := range c.files {
		if err := syscall.SetNonblock(int(f.Fd()), true); err != nil {
			b.Fatal(err)
		}
	}
	return ns, true
}
