package deploy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"go.yaml.in/yaml/v3"

	"barrage/internal/child"
)

// This file holds the dashboard and the alerts against the metrics of a node, and against Prometheus' own tools.

// panel is a panel of the dashboard, as Grafana has it.
type panel struct {
	Title, Type, Description string
	Targets                  []struct{ Expr string }
	FieldConfig              struct{ Defaults struct{ Unit string } }
}

// readPanels are the panels of the dashboard that ask for something.
func readPanels(tb testing.TB) (all []panel) {
	tb.Helper()
	text, err := os.ReadFile("grafana/barrage.json")
	noError(tb, err)
	var dashboard struct{ Panels []panel }
	noError(tb, json.Unmarshal(text, &dashboard))
	for _, p := range dashboard.Panels {
		if p.Type != "row" {
			all = append(all, p)
		}
	}
	return all
}

// alert is a rule of Prometheus.
type alert struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func readAlerts(tb testing.TB) []alert {
	tb.Helper()
	text, err := os.ReadFile("prometheus/alerts.yaml")
	noError(tb, err)
	var file struct {
		Groups []struct{ Rules []alert }
	}
	noError(tb, yaml.Unmarshal(text, &file))
	return file.Groups[0].Rules
}

var (
	series  = regexp.MustCompile(`\b((?:barrage|go|process)_\w+|up)\b(\{[^}]*\})?`)
	matcher = regexp.MustCompile(`(\w+)(=~|!~|!=|=)"([^"]*)"`)
)

// ours are labels that Prometheus gives, or that its formats have.
var ours = []string{"job", "instance", "le", "quantile"}

// wantMetrics fails where an expression asks for a series that a node does not have.
func wantMetrics(tb testing.TB, all families, what, expr string) {
	tb.Helper()
	found := series.FindAllStringSubmatch(expr, -1)
	if len(found) == 0 {
		tb.Errorf("%s asks for no metric: %s", what, expr)
	}
	for _, m := range found {
		name := m[1]
		if name == "up" { // Prometheus' own
			continue
		}
		f := all[name]
		if f == nil {
			for _, suffix := range []string{"_bucket", "_count", "_sum"} {
				if base, ok := strings.CutSuffix(name, suffix); ok && all[base].GetType() == dto.MetricType_HISTOGRAM {
					f = all[base]
				}
			}
		}
		if f == nil {
			tb.Errorf("%s asks for %s, which a node does not export", what, name)
			continue
		}
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			wantLabel(tb, f, what, l[1], l[2], l[3])
		}
	}
}

// wantLabel fails where no series of a metric has what a matcher asks for: each word of it, where there are several.
func wantLabel(tb testing.TB, f *dto.MetricFamily, what, label, op, value string) {
	tb.Helper()
	if slices.Contains(ours, label) {
		return
	}
	var values []string
	for _, m := range f.GetMetric() {
		for _, l := range m.GetLabel() {
			if l.GetName() == label {
				values = append(values, l.GetValue())
			}
		}
	}
	if len(values) == 0 {
		tb.Errorf("%s asks for label %s of %s, which has none", what, label, f.GetName())
		return
	}
	if _, open := openLabels[label+" of "+f.GetName()]; open {
		return // a refusal that has not happened yet is not there
	}
	words := []string{value}
	if strings.HasSuffix(op, "~") {
		words = strings.Split(value, "|")
	}
	for _, word := range words {
		if is := regexp.MustCompile("^(?:" + word + ")$"); !slices.ContainsFunc(values, is.MatchString) {
			tb.Errorf("%s asks for %s%s%q of %s, which has %v", what, label, op, word, f.GetName(), values)
		}
	}
}

// TestObserve_AsksOnlyForMetricsThereAre holds every expression against the metrics of a node.
func TestObserve_AsksOnlyForMetricsThereAre(t *testing.T) {
	all := scrape(t, startBusy(t).admin)
	for _, p := range readPanels(t) {
		for _, target := range p.Targets {
			wantMetrics(t, all, fmt.Sprintf("panel %q", p.Title), target.Expr)
		}
	}
	for _, a := range readAlerts(t) {
		wantMetrics(t, all, "alert "+a.Alert, a.Expr)
	}
}

var quantile = regexp.MustCompile(`histogram_quantile\([\d.]+, sum(?: by \(([^)]*)\))? \(rate\((\w+?)(_bucket)?[{\[]`)

// TestObserve_AsksForBothFormsOfHistograms has each histogram be asked for in both of its forms, and be grouped the
// same way in both.
func TestObserve_AsksForBothFormsOfHistograms(t *testing.T) {
	check := func(what, expr string) {
		forms := map[string][]string{}
		for _, m := range quantile.FindAllStringSubmatch(expr, -1) {
			by := strings.TrimSuffix(strings.TrimSuffix(m[1], "le"), ", ")
			forms[m[2]+" by "+by] = append(forms[m[2]+" by "+by], m[3])
		}
		for of, have := range forms {
			if !slices.Contains(have, "") || !slices.Contains(have, "_bucket") {
				t.Errorf("%s asks for %s in one form only", what, of)
			}
		}
		if n := strings.Count(expr, "histogram_quantile("); n != 2*len(forms) {
			t.Errorf("%s: %d quantiles of %d histograms: write each as the others are written", what, n, len(forms))
		}
	}
	n := 0
	for _, p := range readPanels(t) {
		for _, target := range p.Targets {
			check(fmt.Sprintf("panel %q", p.Title), target.Expr)
			n += strings.Count(target.Expr, "histogram_quantile(")
		}
		if p.Description == "" || p.FieldConfig.Defaults.Unit == "" {
			t.Errorf("panel %q has no description or no unit", p.Title)
		}
	}
	for _, a := range readAlerts(t) {
		check("alert "+a.Alert, a.Expr)
	}
	if n < 20 {
		t.Errorf("the panels ask for %d quantiles; want 20 at least", n)
	}
}

// TestObserve_RunbookHasEachAlert has a paragraph of docs/runbook.md for each alert, none for another, and a test for
// each.
func TestObserve_RunbookHasEachAlert(t *testing.T) {
	book, err := os.ReadFile("../docs/runbook.md")
	noError(t, err)
	tests, err := os.ReadFile("prometheus/alerts_test.yaml")
	noError(t, err)
	var headings, alerts []string
	for _, m := range regexp.MustCompile(`(?m)^## (Barrage\w+)$`).FindAllStringSubmatch(string(book), -1) {
		headings = append(headings, m[1])
	}
	for _, a := range readAlerts(t) {
		alerts = append(alerts, a.Alert)
		if want := "docs/runbook.md#" + strings.ToLower(a.Alert); a.Annotations["runbook"] != want {
			t.Errorf("the runbook of %s is %q; want %q", a.Alert, a.Annotations["runbook"], want)
		}
		if !slices.Contains([]string{"page", "ticket"}, a.Labels["severity"]) || a.Annotations["summary"] == "" {
			t.Errorf("%s has the severity %q, and the summary %q; want page or ticket, and a sentence", a.Alert, a.Labels["severity"], a.Annotations["summary"])
		}
		if !strings.Contains(string(tests), "        alertname: "+a.Alert+"\n        exp_alerts:\n") {
			t.Errorf("no test of alerts_test.yaml has %s fire", a.Alert)
		}
	}
	if !slices.Equal(headings, alerts) {
		t.Errorf("docs/runbook.md has %v; want the alerts in their order, %v", headings, alerts)
	}
}

// TestObserve_PromtoolFindsNothingWrong has Prometheus' own tool read the configuration, the alerts, their tests, and
// the expressions of the dashboard.
func TestObserve_PromtoolFindsNothingWrong(t *testing.T) {
	promtool := tool(t, "promtool")
	run(t, promtool, "check", "config", "prometheus/prometheus.yaml")
	run(t, promtool, "test", "rules", "prometheus/alerts_test.yaml")
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: panels\n    rules:\n")
	for i, p := range readPanels(t) {
		for j, target := range p.Targets {
			expr := strings.NewReplacer("$__rate_interval", "5m", "$job", ".*", "$instance", ".*").Replace(target.Expr)
			fmt.Fprintf(&rules, "      - {record: 'panel_%d_%d', expr: '%s'}\n", i, j, expr)
		}
	}
	file := filepath.Join(t.TempDir(), "panels.yaml")
	noError(t, os.WriteFile(file, []byte(rules.String()), 0o600))
	run(t, promtool, "check", "rules", file)
}

// TestObserve_ScrapeReadByPrometheus has promtool find nothing wrong with what a node exports.
func TestObserve_ScrapeReadByPrometheus(t *testing.T) {
	promtool := tool(t, "promtool")
	_, text := get(t, "http://"+startBusy(t).admin+"/metrics")
	cmd := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// TestObserve_PrometheusAnswersEachPanel has Prometheus itself scrape a node as prometheus.yaml says, with classic
// histograms and with native ones. Prometheus also loads the alerts, and answers what each panel asks.
func TestObserve_PrometheusAnswersEachPanel(t *testing.T) {
	program := tool(t, "prometheus")
	n := startBusy(t)
	for form, flags := range map[string][]string{"classic": nil, "native": {"--enable-feature=native-histograms"}} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			ws := n.join(t, "r", "alice")
			addr := startPrometheus(t, program, n.admin, flags...)
			for i := range 3 { // between scrapes: rates need what grows
				wantScrapes(t, addr, i+1)
				say(t, ws, fmt.Sprintf(`{"t":"send","id":"%s-%d","body":"hello"}`, form, i), `"t":"ack"`)
			}
			wantScrapes(t, addr, 5)
			for _, p := range readPanels(t) {
				for _, target := range p.Targets {
					expr := strings.NewReplacer("$__rate_interval", "10s", "$job", "barrage", "$instance", ".*").Replace(target.Expr)
					series, err := ask(t, addr, expr)
					if err != nil {
						t.Errorf("panel %q: %v", p.Title, err)
					}
					// Work that the node has done within those seconds.
					if moved := regexp.MustCompile("delivery|ack|store|lane_lag").MatchString(expr) && strings.Contains(expr, "histogram_quantile"); moved && series == 0 {
						t.Errorf("panel %q shows nothing of %s histograms: %s", p.Title, form, expr)
					}
				}
			}
			var rules struct {
				Data struct {
					Groups []struct{ Rules []struct{ Health string } }
				}
			}
			_, text := get(t, "http://"+addr+"/api/v1/rules")
			noError(t, json.Unmarshal([]byte(text), &rules))
			if got, want := len(rules.Data.Groups[0].Rules), len(readAlerts(t)); got != want {
				t.Errorf("Prometheus has %d rules; want %d", got, want)
			}
			for _, r := range rules.Data.Groups[0].Rules {
				if r.Health == "err" {
					t.Errorf("a rule cannot be evaluated: %s", text)
				}
			}
		})
	}
}

// startPrometheus runs Prometheus as prometheus.yaml says, once a second, until the test ends.
func startPrometheus(t *testing.T, program, admin string, flags ...string) (addr string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"prometheus.yaml", "alerts.yaml"} {
		text, err := os.ReadFile("prometheus/" + name)
		noError(t, err)
		whole := strings.NewReplacer("127.0.0.1:9001", admin, "15s", "1s").Replace(string(text))
		noError(t, os.WriteFile(filepath.Join(dir, name), []byte(whole), 0o600))
	}
	addr = freeAddr(t)
	args := append([]string{"--config.file=" + dir + "/prometheus.yaml", "--storage.tsdb.path=" + dir + "/data", "--web.listen-address=" + addr}, flags...)
	cmd := exec.Command(program, args...)
	var log strings.Builder
	cmd.Stderr = &log
	ended, err := child.Start(cmd)
	noError(t, err)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("prometheus: %.4000s", log.String())
		}
	})
	return addr
}

// wantScrapes waits until Prometheus has scraped the node so often.
func wantScrapes(t *testing.T, addr string, times int) {
	t.Helper()
	eventually(t, func() error {
		series, err := ask(t, addr, fmt.Sprintf(`count_over_time(barrage_ready{job="barrage"}[1m]) >= %d`, times))
		if err == nil && series == 0 {
			err = fmt.Errorf("the node was not scraped %d times", times)
		}
		return err
	})
}

// ask is how many series Prometheus answers a question with that have a number.
func ask(t *testing.T, addr, expr string) (series int, err error) {
	t.Helper()
	resp, err := http.Get("http://" + addr + "/api/v1/query?query=" + url.QueryEscape(expr)) //nolint:noctx // it is bounded by eventually
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Error string
		Data  struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return 0, err
	}
	if answer.Error != "" {
		return 0, fmt.Errorf("%s: %s", answer.Error, expr)
	}
	for _, r := range answer.Data.Result {
		if r.Value[1] != "NaN" {
			series++
		}
	}
	return series, nil
}
