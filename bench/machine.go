package bench

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"barrage/bench/swarm"
	"barrage/internal/cli"
	"barrage/internal/openfiles"
)

// Limits is what a load must fit in.
type Limits struct {
	Cores int
	// Memory that is free, in bytes; 0: unknown.
	Memory int64
	// OpenFiles is how many a process may have.
	OpenFiles int
}

// ThisMachine describes where the program runs, and its limits.
func ThisMachine() (Machine, Limits, error) {
	files, err := openfiles.Limit()
	if err != nil {
		return Machine{}, Limits{}, err
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return Machine{}, Limits{}, fmt.Errorf("cannot read the kernel's version: %w", err)
	}
	// Without /proc these are unknown, which is no reason not to measure.
	var cpu string
	var total, free int64
	if fs, err := procfs.NewDefaultFS(); err == nil {
		if cpus, err := fs.CPUInfo(); err == nil && len(cpus) > 0 {
			cpu = cpus[0].ModelName
		}
		if memory, err := fs.Meminfo(); err == nil {
			total, free = kibibytes(memory.MemTotal), kibibytes(memory.MemAvailable)
		}
	}
	m := Machine{
		CPU:     cpu,
		Cores:   runtime.GOMAXPROCS(0),
		Memory:  total,
		Kernel:  string(bytes.TrimRight(name.Sysname[:], "\x00")) + " " + string(bytes.TrimRight(name.Release[:], "\x00")),
		Go:      runtime.Version(),
		Barrage: cli.Commit(cli.BuildInfo()),
	}
	return m, Limits{Cores: m.Cores, Memory: free, OpenFiles: files}, nil
}

// kibibytes is a number of them in bytes, 0 where it is not known.
func kibibytes(n *uint64) int64 {
	if n == nil {
		return 0
	}
	return int64(*n) << 10
}

// Memory of one viewer, in bytes: of the kernel for both ends of a socket on one machine,
// of the client, of the node. Bounds from above, from bench/results/idle.txt and
// the kernel's slabs; they are for a warning, not for a figure.
const (
	viewerBytes     = 12 << 10 // client and kernel
	nodeViewerBytes = 4 << 10
)

// nodeFits is how many viewers a node takes with that many open files.
func nodeFits(limit int) int { return max(limit-openfiles.Reserve(limit), 0) }

// connections is how many are open at once, with those that come first where memory at
// rest is read.
func (s Scenario) connections() int { return s.Viewers + s.Arrival.Viewers + s.early() }

// Fit says with how many processes s runs within the limits: s.Procs, or as many as are needed. The flag own says that
// the nodes are started on this machine too. The error names what fits and what to do; the warning, if any, is a
// sentence.
func (s Scenario) Fit(l Limits, own bool) (procs int, warning string, err error) {
	s = s.Filled()
	viewers := s.Viewers + s.Arrival.Viewers
	fits := swarm.Fit(l.OpenFiles)
	if fits == 0 {
		return 0, "", fmt.Errorf("cannot run scenario %q: the limit of %d open files leaves no room for viewers; raise it (ulimit -n)", s.Name, l.OpenFiles)
	}
	needed := (viewers + fits - 1) / fits
	var problems []string
	if s.Procs > 0 && s.Procs < needed {
		problems = append(problems, fmt.Sprintf("%d viewers in %s: %d fit the limit of %d open files; use --procs %d or leave it away",
			viewers, count(s.Procs, "process", "processes"), s.Procs*fits, l.OpenFiles, needed))
	}
	if speak := s.speakers(max(s.Procs, needed)); speak > fits {
		problems = append(problems, fmt.Sprintf("%d senders in one process, which has those of a room: %d fit the limit of %d open files; use fewer --senders, or more --procs for more rooms", speak, fits, l.OpenFiles))
	}
	if perNode := nodeFits(l.OpenFiles); own && s.connections() > s.Nodes*perNode {
		problems = append(problems, fmt.Sprintf("%d viewers on %s: %d fit the limit of %d open files; use --nodes %d, or name nodes that run elsewhere with --target",
			s.connections(), count(s.Nodes, "node", "nodes"), s.Nodes*perNode, l.OpenFiles, (s.connections()+perNode-1)/max(perNode, 1)))
	}
	if len(problems) > 0 {
		return 0, "", fmt.Errorf("cannot run scenario %q: %s", s.Name, strings.Join(problems, "; "))
	}
	need := int64(s.connections()) * viewerBytes
	if own {
		need += int64(s.connections()) * nodeViewerBytes
	}
	if l.Memory > 0 && need > l.Memory {
		warning = fmt.Sprintf("%d viewers may need %d MiB of memory, and %d MiB are free", s.connections(), need>>20, l.Memory>>20)
	}
	return max(s.Procs, needed), warning, nil
}

// speakers is how many senders the process has that has most of them: those of a room are in one.
func (s Scenario) speakers(procs int) int {
	each := make([]int, procs)
	for k, room := range s.rooms() {
		if room.Rate > 0 || k == 0 && s.Burst.Messages > 0 {
			each[k%procs] += min(s.Senders, room.Viewers-room.Slow)
		}
	}
	return slices.Max(each)
}

// count is "1 process", "2 processes".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
