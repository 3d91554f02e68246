package deploy

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"barrage/internal/redistest"
)

var rewrite = flag.Bool("rewrite", false, "write docs/metrics.md; commit only a difference you understand")

// families are the metrics of a node by name.
type families map[string]*dto.MetricFamily

// scrape reads the metrics of a node.
func scrape(tb testing.TB, admin string) families {
	tb.Helper()
	status, text := get(tb, "http://"+admin+"/metrics")
	if status != http.StatusOK {
		tb.Fatalf("/metrics = %d %q; want 200", status, text)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	all, err := parser.TextToMetricFamilies(strings.NewReader(text))
	noError(tb, err)
	return all
}

// service is a service of an operator: it lets everybody in, and has nothing against any message.
func service(tb testing.TB) *httptest.Server {
	tb.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/connect", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"user_id":"alice"}`))
	})
	mux.HandleFunc("/review", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"results":[{"verdict":"allow"}]}`))
	})
	mux.HandleFunc("/login", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/told", func(http.ResponseWriter, *http.Request) {})
	s := httptest.NewServer(mux)
	tb.Cleanup(s.Close)
	return s
}

// startBusy is a node over Redis that has done each thing that its metrics know once: so none of them is missing.
func startBusy(tb testing.TB) *node {
	tb.Helper()
	of := service(tb).URL
	n := startNode(tb, "redis.addrs="+redistest.Start(tb).Addr, "auth.mode=redis,hook", "auth.connect_url="+of+"/connect", "auth.login_url="+of+"/login",
		"hook.review_url="+of+"/review", "webhooks.url="+of+"/told", "webhooks.secret=a secret of 24 bytes or more")
	if status, body := do(tb, http.MethodPost, "http://"+n.addr+"/user/login?userId=bob&password=x", ""); status != http.StatusOK || !strings.Contains(body, `"code":200`) {
		tb.Fatalf("login: %d %s", status, body)
	}
	if status, body := do(tb, http.MethodPost, "http://"+n.admin+"/v1/admin/rooms/r/mod", `{"verb":"modes","modes":{"review":"all"}}`); status != http.StatusOK {
		tb.Fatalf("modes: %d %s", status, body)
	}
	if status, _ := get(tb, "http://"+n.addr+"/v1/rooms/r/ws"); status != http.StatusBadRequest {
		tb.Fatalf("a handshake that is none: status %d; want 400", status)
	}
	say(tb, n.join(tb, "r", "alice"), `{"t":"send","id":"1","body":"hello"}`, `"t":"ack"`)
	eventually(tb, func() error {
		all := scrape(tb, n.admin)
		for name, least := range map[string]uint64{"barrage_lane_lag_seconds": 1, "barrage_hook_seconds": 4, "barrage_delivery_seconds": 2} {
			sum := uint64(0)
			for _, m := range all[name].GetMetric() {
				if m.GetHistogram().GetSampleCount() > 0 {
					sum++
				}
			}
			if sum < least {
				return fmt.Errorf("%d series of %s have samples; want %d: %v", sum, name, least, all[name])
			}
		}
		return nil
	})
	return n
}

// TestMetrics_Documented has docs/metrics.md be what a node exports.
func TestMetrics_Documented(t *testing.T) {
	const file = "../docs/metrics.md"
	page := metricsPage(scrape(t, startBusy(t).admin))
	if *rewrite {
		noError(t, os.WriteFile(file, []byte(page), 0o644))
	}
	written, err := os.ReadFile(file)
	noError(t, err)
	if string(written) != page {
		t.Errorf("docs/metrics.md is not what a node exports: go test ./deploy -run TestMetrics_Documented -args -rewrite writes it anew")
	}
}

const metricsHead = `# Metrics

` + "`GET /metrics` on `admin.listen`" + ` has what a node counts, for Prometheus. [monitoring.md](monitoring.md) says how to
scrape it, and has the dashboard and the alerts. No metric has a room or a user among its labels: ` + "`GET /rooms`" + ` and
` + "`barrage top`" + ` have those. There are the metrics of Go (` + "`go_…`" + `) and of the process (` + "`process_…`" + `), too.

Histograms are native ones, and have classic buckets beside them. A Prometheus that scrapes native histograms
(` + "`scrape_native_histograms: true`" + `) gets one series each, and any other the buckets. Histograms of messages are sampled,
so that they cost no message anything: one message of each batch, one write in 256.

A test writes this page from a node: ` + "`go test ./deploy -run TestMetrics_Documented -args -rewrite`" + `.

| metric | type | labels | |
| --- | --- | --- | --- |
`

// metricsPage is docs/metrics.md.
func metricsPage(all families) string {
	var b strings.Builder
	b.WriteString(metricsHead)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !strings.HasPrefix(name, "barrage_") {
			continue
		}
		f := all[name]
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, strings.ToLower(f.GetType().String()), labels(f), strings.ReplaceAll(f.GetHelp(), "|", `\|`))
	}
	return b.String()
}

// openLabels are labels with values that a node does not know beforehand.
var openLabels = map[string]string{
	"op": "", "reason of barrage_refused_handshakes_total": "", "verb": "", "via": "", "commit": "", "version": "", "goversion": "", "hash": "",
}

// labels are those of a metric, with their values where these are always the same.
func labels(f *dto.MetricFamily) string {
	values := map[string][]string{}
	for _, m := range f.GetMetric() {
		for _, l := range m.GetLabel() {
			if !slices.Contains(values[l.GetName()], l.GetValue()) {
				values[l.GetName()] = append(values[l.GetName()], l.GetValue())
			}
		}
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		_, open := openLabels[name]
		_, openHere := openLabels[name+" of "+f.GetName()]
		if open || openHere {
			all = append(all, "`"+name+"`")
			continue
		}
		all = append(all, "`"+name+"`: "+strings.Join(slices.SortedFunc(slices.Values(values[name]), cmp.Compare[string]), ", "))
	}
	return strings.Join(all, "; ")
}

// TestMetrics_NoStrangersLabels has no label have a value that a client chose, and few series of each metric.
func TestMetrics_NoStrangersLabels(t *testing.T) {
	for name, f := range scrape(t, startBusy(t).admin) {
		if n := len(f.GetMetric()); n > 64 {
			t.Errorf("%s has %d series; want 64 at most", name, n)
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetValue() == "alice" || l.GetValue() == "r" || slices.Contains([]string{"room", "user", "address"}, l.GetName()) {
					t.Errorf("%s has the label %s=%q: that stands in /rooms", name, l.GetName(), l.GetValue())
				}
			}
		}
	}
}

// TestMetrics_NativeHistogramsHaveBucketsBeside has a Prometheus that asks for protobuf get native histograms, and
// buckets with them.
func TestMetrics_NativeHistogramsHaveBucketsBeside(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+startBusy(t).admin+"/metrics", http.NoBody)
	noError(t, err)
	req.Header.Set("Accept", string(expfmt.NewFormat(expfmt.TypeProtoDelim)))
	resp, err := http.DefaultClient.Do(req)
	noError(t, err)
	defer func() { _ = resp.Body.Close() }()
	d, seen := expfmt.NewDecoder(resp.Body, expfmt.ResponseFormat(resp.Header)), 0
	for {
		var f dto.MetricFamily
		if err := d.Decode(&f); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(f.GetName(), "barrage_") || f.GetType() != dto.MetricType_HISTOGRAM {
			continue
		}
		seen++
		for _, m := range f.GetMetric() {
			if h := m.GetHistogram(); h.Schema == nil || len(h.GetPositiveSpan()) == 0 || len(h.GetBucket()) == 0 {
				t.Errorf("%s%v is no native histogram with buckets beside", f.GetName(), m.GetLabel())
			}
		}
	}
	if seen != 6 {
		t.Errorf("the node has %d histograms; want 6", seen)
	}
}
