package bench

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

func TestMachineTime_BusyIsWhatWasNotIdle(t *testing.T) {
	a, b := machineTime{1000, 850}, machineTime{1100, 860} // 100 more, 10 of them idle
	if a.busy(b) != 0.9 || a.busy(a) != 0 {
		t.Errorf("busy = %v; want 0.9", a.busy(b))
	}
	if got := readMachineTime(); got.all <= got.idle || got.idle == 0 {
		t.Errorf("readMachineTime = %+v", got)
	}
}

func TestServer_UsageOfAProcessIsRead(t *testing.T) {
	u, err := server{pid: os.Getpid()}.usage(t.Context())
	if err != nil || u.Resident < 1<<20 || u.CPU < 0 {
		t.Errorf("usage of this process = %+v, %v", u, err)
	}
	if _, err := (server{pid: 1 << 30}).usage(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot read the usage of process 1073741824") {
		t.Errorf("usage of no process: %v", err)
	}
}

func TestServer_UsageIsReadFromMetrics(t *testing.T) {
	text := "# HELP process_cpu_seconds_total x\n# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 12.5\n" +
		"process_resident_memory_bytes 3.4e+07\nbarrage_writes_total 99\nx{a=\"b c\"} 1\n" +
		"barrage_dropped_messages_total{reason=\"rate_limited\"} 3\nbarrage_dropped_messages_total{reason=\"filter\"} 0\n" +
		"barrage_shed_messages_total{reason=\"level\",class=\"low\"} 20\nbarrage_shed_messages_total{reason=\"quota\",class=\"low\"} 7\n"
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			http.NotFound(w, r)
			return
		}
		_, _ = fmt.Fprint(w, text)
	}))
	defer web.Close()
	s := server{metrics: strings.TrimPrefix(web.URL, "http://")}
	u, err := s.usage(t.Context())
	if want := (Usage{CPU: 12500 * time.Millisecond, Resident: 34e6}); u != want || err != nil {
		t.Errorf("usage = %+v, %v; want %+v", u, err, want)
	}
	c := s.counts(t.Context())
	if want := map[string]float64{"rate_limited": 3, "filter": 0, "shed": 27}; c.writes != 99 || !maps.Equal(c.dropped, want) {
		t.Errorf("counts = %+v; want 99 writes and %v", c, want)
	}
	if left := c.since(counts{writes: 90, dropped: map[string]float64{"shed": 7}}); left.writes != 9 || left.dropped["shed"] != 20 || left.dropped["rate_limited"] != 3 {
		t.Errorf("counted since then: %+v; want 9 writes, 20 shed, 3 rate_limited", left)
	}
	text = "other 1\n"
	if _, err := s.usage(t.Context()); err == nil || !strings.Contains(err.Error(), "are not both there") {
		t.Errorf("usage of foreign metrics: %v", err)
	}
	if c := s.counts(t.Context()); c.writes != 0 || len(c.dropped) > 0 {
		t.Errorf("counts of foreign metrics = %+v; want none", c)
	}
}

func TestSlope_LeastSquaresOverTheSecondHalf(t *testing.T) {
	var points []Point
	for i := range 20 {
		p := Point{At: float64(i), Phase: "measure", Resident: 1_000_000}
		if i >= 10 {
			p.Resident += int64(i-10) * 500
		}
		points = append(points, Point{At: float64(i), Phase: "warmup", Resident: 9e9}, p)
	}
	if got := slope(points); got != 500 {
		t.Errorf("slope = %v; want 500 bytes a second", got)
	}
	if got := slope(points[:4]); got != 0 {
		t.Errorf("slope of two points = %v; want 0", got)
	}
}
