package bench

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

func TestMachineTime_Busy(t *testing.T) {
	a, b := machineTime{1000, 850}, machineTime{1100, 860} // 100 more, 10 of them idle
	if a.busy(b) != 0.9 || a.busy(a) != 0 {
		t.Errorf("busy = %v; want 0.9", a.busy(b))
	}
	if got := readMachineTime(); got.all <= got.idle || got.idle == 0 {
		t.Errorf("readMachineTime = %+v", got)
	}
}

func TestServer_UsageOfAProcess(t *testing.T) {
	u, err := server{pid: os.Getpid()}.usage(t.Context())
	if err != nil || u.Resident < 1<<20 || u.CPU < 0 {
		t.Errorf("usage of this process = %+v, %v", u, err)
	}
	if _, err := (server{pid: 1 << 30}).usage(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot read the usage of process 1073741824") {
		t.Errorf("usage of no process: %v", err)
	}
}

func TestServer_UsageFromMetrics(t *testing.T) {
	text := "# HELP process_cpu_seconds_total x\n# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 12.5\n" +
		"process_resident_memory_bytes 3.4e+07\nbarrage_writes_total 99\nx{a=\"b c\"} 1\n"
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
	if w := s.writes(t.Context()); w != 99 {
		t.Errorf("writes = %v; want 99", w)
	}
	text = "other 1\n"
	if _, err := s.usage(t.Context()); err == nil || !strings.Contains(err.Error(), "are not both there") {
		t.Errorf("usage of foreign metrics: %v", err)
	}
	if w := s.writes(t.Context()); w != 0 {
		t.Errorf("writes of foreign metrics = %v; want 0", w)
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
