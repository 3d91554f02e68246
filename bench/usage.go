package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// Usage is what a process has used.
type Usage struct {
	// CPU is user and system time since its start.
	CPU time.Duration
	// Resident memory in bytes.
	Resident int64
}

// server is where the usage of one server can be read. The zero value is nowhere.
type server struct {
	pid     int    // of this machine; 0: unknown
	metrics string // host:port of Prometheus' /metrics; "": unknown
}

// usage asks /proc where the pid is known, because reading metrics costs the server
// memory, and the metrics otherwise.
func (s server) usage(ctx context.Context) (Usage, error) {
	if s.pid != 0 {
		return processUsage(s.pid)
	}
	figures, err := readMetrics(ctx, s.metrics)
	if err != nil {
		return Usage{}, err
	}
	cpu, ok1 := figures["process_cpu_seconds_total"]
	resident, ok2 := figures["process_resident_memory_bytes"]
	if !ok1 || !ok2 {
		return Usage{}, fmt.Errorf("cannot read usage from http://%s/metrics: process_cpu_seconds_total and process_resident_memory_bytes are not both there", s.metrics)
	}
	return Usage{CPU: time.Duration(cpu * float64(time.Second)), Resident: int64(resident)}, nil
}

// writes is how many writes to sockets the server has counted; 0: it does not.
func (s server) writes(ctx context.Context) float64 {
	if s.metrics == "" {
		return 0
	}
	figures, err := readMetrics(ctx, s.metrics)
	if err != nil {
		return 0 // Unknown; usage tells what is wrong.
	}
	return figures["barrage_writes_total"]
}

// processUsage reads /proc.
func processUsage(pid int) (Usage, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err1 := os.ReadFile(dir + "/stat")
	status, err2 := os.ReadFile(dir + "/status")
	if err := errors.Join(err1, err2); err != nil {
		return Usage{}, fmt.Errorf("cannot read the usage of process %d: %w", pid, err)
	}
	cpu, err := cpuTime(stat)
	if err != nil {
		return Usage{}, fmt.Errorf("cannot read the usage of process %d: %w", pid, err)
	}
	return Usage{CPU: cpu, Resident: kibibytes(status, "VmRSS")}, nil
}

// cpuTime reads /proc/PID/stat. The name, field 2, may hold anything up to the last ")";
// utime and stime are fields 14 and 15, in hundredths of a second (proc(5)).
func cpuTime(stat []byte) (time.Duration, error) {
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("%q is no line of /proc", stat)
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * (time.Second / 100), errors.Join(err1, err2)
}

// machineTime is the CPU time of this machine up to now, all programs together, and the
// part of it in which a core did nothing, in hundredths of a second (proc(5): the first
// line of /proc/stat); 0: unknown.
type machineTime struct{ all, idle int64 }

func readMachineTime() machineTime {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return machineTime{}
	}
	return parseMachineTime(stat)
}

func parseMachineTime(stat []byte) (t machineTime) {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	const idle, wait, guest = 3, 4, 8 // what guests use counts as user time already
	for i, f := range strings.Fields(string(bytes.TrimPrefix(line, []byte("cpu ")))) {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return machineTime{}
		}
		if i < guest {
			t.all += n
		}
		if i == idle || i == wait {
			t.idle += n
		}
	}
	return t
}

// busy is the share of the machine's CPU time from t to u that was used, 0 to 1.
func (t machineTime) busy(u machineTime) float64 {
	if u.all <= t.all {
		return 0
	}
	return 1 - float64(u.idle-t.idle)/float64(u.all-t.all)
}

// metricsPatience bounds one reading of metrics: a server under load answers late.
const metricsPatience = 5 * time.Second

// readMetrics reads the figures at addr by name; labels stay in the name.
func readMetrics(ctx context.Context, addr string) (map[string]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, metricsPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/metrics", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("cannot read metrics: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("cannot read metrics: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("cannot read metrics: http://%s/metrics answers %s", addr, resp.Status)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("cannot read metrics: %w", err)
	}
	return parseMetrics(string(text)), nil
}

// parseMetrics reads Prometheus' text format, as far as it is "name value".
func parseMetrics(text string) map[string]float64 {
	figures := map[string]float64{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || name == "#" {
			continue
		}
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			figures[name] = v
		}
	}
	return figures
}
