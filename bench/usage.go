package bench

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/procfs"
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

// counts is what servers have counted of their work, up to now. The zero value: nothing, or they do not.
type counts struct {
	writes  float64            // to sockets
	dropped map[string]float64 // messages that went nowhere, by reason
}

// since is what was counted after before.
func (c counts) since(before counts) counts {
	c.writes -= before.writes
	for reason, n := range before.dropped {
		c.dropped[reason] -= n
	}
	return c
}

// counts asks the metrics.
func (s server) counts(ctx context.Context) counts {
	if s.metrics == "" {
		return counts{}
	}
	figures, err := readMetrics(ctx, s.metrics)
	if err != nil {
		return counts{} // Unknown; usage reports what is wrong.
	}
	c := counts{writes: figures["barrage_writes_total"], dropped: map[string]float64{}}
	for name, n := range figures {
		if reason, ok := strings.CutPrefix(name, "barrage_dropped_messages_total "); ok {
			c.dropped[reason] += n
		}
		if strings.HasPrefix(name, "barrage_shed_messages_total ") {
			c.dropped["shed"] += n
		}
	}
	return c
}

// processUsage reads /proc.
func processUsage(pid int) (Usage, error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return Usage{}, fmt.Errorf("cannot read the usage of process %d: %w", pid, err)
	}
	stat, err := p.Stat()
	if err != nil {
		return Usage{}, fmt.Errorf("cannot read the usage of process %d: %w", pid, err)
	}
	return Usage{CPU: time.Duration(stat.CPUTime() * float64(time.Second)), Resident: int64(stat.ResidentMemory())}, nil
}

// machineTime is the CPU time of this machine up to now, all programs together. It also has the part of that in which a
// core did nothing. Both are in seconds; 0: unknown.
type machineTime struct{ all, idle float64 }

func readMachineTime() machineTime {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return machineTime{}
	}
	stat, err := fs.Stat()
	if err != nil {
		return machineTime{}
	}
	c := stat.CPUTotal // the time of guests counts as user time already
	idle := c.Idle + c.Iowait
	return machineTime{c.User + c.Nice + c.System + c.IRQ + c.SoftIRQ + c.Steal + idle, idle}
}

// busy is the share of the machine's CPU time from t to u that was used, 0 to 1.
func (t machineTime) busy(u machineTime) float64 {
	if u.all <= t.all {
		return 0
	}
	return 1 - (u.idle-t.idle)/(u.all-t.all)
}

// metricsPatience bounds one reading of metrics: a server under load answers late.
const metricsPatience = 5 * time.Second

// readMetrics reads the figures at addr by name, which the values of their labels follow, a space before each.
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
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("cannot read metrics: http://%s/metrics: %w", addr, err)
	}
	figures := map[string]float64{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			key := []string{name}
			for _, label := range m.GetLabel() {
				key = append(key, label.GetValue())
			}
			// it is one of them
			figures[strings.Join(key, " ")] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()
		}
	}
	return figures, nil
}
