package check

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
)

const chartDir = root + "/deploy/helm/barrage"

var rewrite = flag.Bool("rewrite", false, "copy the alerts and the dashboard into the chart")

// values are what somebody installs the chart with.
type values = map[string]any

// set puts a value at a path, as "ingress.enabled".
func set(v values, path string, to any) values {
	at, keys := v, strings.Split(path, ".")
	for _, key := range keys[:len(keys)-1] {
		if at[key] == nil {
			at[key] = values{}
		}
		at = at[key].(values)
	}
	at[keys[len(keys)-1]] = to
	return v
}

// installed are the least values that a chart is installed with.
func installed() values { return set(values{}, "config.redis.addrs", []any{"redis:6379"}) }

// everything turns on all that the chart has.
func everything() values {
	v := installed()
	for _, part := range []string{"ingress", "httpRoute", "autoscaling", "networkPolicy", "serviceMonitor", "prometheusRule", "dashboard"} {
		set(v, part+".enabled", true)
	}
	extras := values{
		"ingress.hosts": []any{"chat.example.com"}, "ingress.className": "nginx", "ingress.annotations": values{"a": "b"},
		"ingress.tls":          []any{values{"secretName": "chat-tls", "hosts": []any{"chat.example.com"}}},
		"httpRoute.parentRefs": []any{values{"name": "public"}}, "httpRoute.hostnames": []any{"chat.example.com"},
		"networkPolicy.adminFrom":  []any{values{"namespaceSelector": values{"matchLabels": values{"kubernetes.io/metadata.name": "monitoring"}}}},
		"adminKeys.existingSecret": "barrage-keys", "existingSecret": "barrage-secrets",
		"extraEnv": []any{values{"name": "GOGC", "value": "100"}}, "extraVolumes": []any{values{"name": "lists", "emptyDir": values{}}},
		"extraVolumeMounts": []any{values{"name": "lists", "mountPath": "/lists"}}, "imagePullSecrets": []any{values{"name": "pull"}},
		"sysctls": []any{values{"name": "net.core.somaxconn", "value": "65535"}}, "priorityClassName": "high", "podLabels": values{"team": "live"},
		"podAnnotations": values{"a": "b"}, "nodeSelector": values{"pool": "chat"}, "tolerations": []any{values{"key": "chat", "operator": "Exists"}},
		"serviceMonitor.labels": values{"release": "prometheus"}, "dashboard.labels": values{"folder": "chat"}, "prometheusRule.labels": values{"release": "prometheus"},
		"seccompProfile":      values{"type": "Localhost", "localhostProfile": "barrage.json"},
		"service.annotations": values{"a": "b"}, "adminService.annotations": values{"a": "b"}, "serviceAccount.annotations": values{"a": "b"},
	}
	for path, to := range extras {
		set(v, path, to)
	}
	return v
}

// render is what helm template prints with the values.
func render(v values) (map[string]string, error) {
	c, err := loader.Load(chartDir)
	if err != nil {
		return nil, err
	}
	caps := chartutil.DefaultCapabilities.Copy()
	caps.KubeVersion = chartutil.KubeVersion{Version: "v1.34.0", Major: "1", Minor: "34"}
	all, err := chartutil.ToRenderValues(c, v, chartutil.ReleaseOptions{Name: "live", Namespace: "chat", IsInstall: true}, caps)
	if err != nil {
		return nil, err
	}
	return engine.Render(c, all)
}

// objects are what the chart makes of the values, by kind and name. Each is read strictly: a field that its type does
// not have, or that stands twice, fails the test.
func objects(t *testing.T, v values) map[string]runtime.Object {
	t.Helper()
	files, err := render(v)
	noError(t, err)
	for _, add := range []func(*runtime.Scheme) error{monitoring.AddToScheme, gateway.Install} {
		noError(t, add(scheme.Scheme))
	}
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	all := map[string]runtime.Object{}
	for name, text := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			continue
		}
		for _, doc := range regexp.MustCompile(`(?m)^---$`).Split(text, -1) {
			if len(bytes.TrimSpace(regexp.MustCompile(`(?m)^#.*$`).ReplaceAll([]byte(doc), nil))) == 0 {
				continue
			}
			o, kind, err := decoder.Decode([]byte(doc), nil, nil)
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, doc)
			}
			meta := o.(interface{ GetName() string })
			all[kind.Kind+" "+meta.GetName()] = o
		}
	}
	return all
}

// TestChart_LintFindsNothing has helm lint --strict find nothing, with the least values and with all.
func TestChart_LintFindsNothing(t *testing.T) {
	for name, v := range map[string]values{"installed": installed(), "everything": everything()} {
		kube := chartutil.KubeVersion{Version: "v1.34.0", Major: "1", Minor: "34"}
		for _, m := range lint.AllWithKubeVersion(chartDir, v, "chat", &kube).Messages {
			if m.Severity > support.InfoSev {
				t.Errorf("%s: %s", name, m)
			}
		}
	}
}

// TestChart_ObjectsAreThoseItPromises has the chart make what it promises.
func TestChart_ObjectsAreThoseItPromises(t *testing.T) {
	least := slices.Sorted(maps.Keys(objects(t, installed())))
	want := []string{
		"ConfigMap live-barrage", "ConfigMap live-barrage-keys", "Deployment live-barrage", "PodDisruptionBudget live-barrage",
		"Service live-barrage", "Service live-barrage-admin", "ServiceAccount live-barrage",
	}
	if !slices.Equal(least, want) {
		t.Errorf("the least values make %v; want %v", least, want)
	}
	all := objects(t, everything())
	for _, name := range []string{
		"Ingress live-barrage", "HTTPRoute live-barrage", "HorizontalPodAutoscaler live-barrage", "NetworkPolicy live-barrage",
		"ServiceMonitor live-barrage", "PrometheusRule live-barrage", "ConfigMap live-barrage-dashboard",
	} {
		if all[name] == nil {
			t.Errorf("all values make no %s", name)
		}
	}
	if all["ConfigMap live-barrage-keys"] != nil {
		t.Error("with a Secret of keys there is a ConfigMap of none as well")
	}
	pod := all["Deployment live-barrage"].(*apps.Deployment).Spec.Template.Spec
	node := pod.Containers[0]
	if c := node.SecurityContext; !*c.ReadOnlyRootFilesystem || *c.AllowPrivilegeEscalation || !slices.Equal(c.Capabilities.Drop, []core.Capability{"ALL"}) || !*pod.SecurityContext.RunAsNonRoot {
		t.Errorf("the container is not contained: %+v", c)
	}
	if p := node.Lifecycle.PreStop.Sleep.Seconds; p != 5 || *pod.TerminationGracePeriodSeconds != 180 {
		t.Errorf("preStop sleeps for %d s, and the grace is %d s; want 5 and 180", p, *pod.TerminationGracePeriodSeconds)
	}
	if node.LivenessProbe.HTTPGet.Path != "/healthz" || node.ReadinessProbe.HTTPGet.Path != "/readyz" || node.StartupProbe.HTTPGet.Path != "/healthz" {
		t.Error("the probes ask for something else than /healthz, /readyz and /healthz")
	}
	if scale := all["HorizontalPodAutoscaler live-barrage"].(*autoscaling.HorizontalPodAutoscaler); len(scale.Spec.Metrics) != 2 || *scale.Spec.Behavior.ScaleDown.StabilizationWindowSeconds != 900 {
		t.Errorf("the autoscaler has %+v; want clients and CPU, and slow scaling down", scale.Spec)
	}
	for _, rule := range all["NetworkPolicy live-barrage"].(*networking.NetworkPolicy).Spec.Ingress {
		if rule.Ports[0].Port.StrVal == "admin" && len(rule.From) == 0 {
			t.Error("anybody reaches the admin port")
		}
	}
	if groups := all["PrometheusRule live-barrage"].(*monitoring.PrometheusRule).Spec.Groups; len(groups) != 1 || len(groups[0].Rules) < 20 {
		t.Errorf("PrometheusRule has %d groups; want the one with the alerts", len(groups))
	}
}

// onlyAtStart are the keys that config.yaml says a node takes at its start alone; "redis." stands for a whole section.
func onlyAtStart(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile(root + "/config.yaml")
	noError(t, err)
	said := regexp.MustCompile(`(?s)Only a new start changes: (.*?)\.\n`).FindStringSubmatch(string(text))
	if said == nil {
		t.Fatal("config.yaml does not say what only a new start changes")
	}
	for key := range strings.SplitSeq(regexp.MustCompile(`[\s#]+`).ReplaceAllString(said[1], " "), ", ") {
		if section, whole := strings.CutPrefix(key, "all of "); whole {
			key = section + "."
		}
		all = append(all, key)
	}
	return all
}

// TestChart_RestartsOnlyForWhatNeedsIt has pods restart for what config.yaml says that a node takes at its start alone,
// and for no other key.
func TestChart_RestartsOnlyForWhatNeedsIt(t *testing.T) {
	sum := func(path string, to any) string {
		return objects(t, set(installed(), path, to))["Deployment live-barrage"].(*apps.Deployment).Spec.Template.Annotations["barrage/config-fixed"]
	}
	base, fixed := sum("replicaCount", 2), onlyAtStart(t)
	file, err := os.ReadFile(root + "/config.yaml")
	noError(t, err)
	section, keys, met := "", 0, map[string]bool{}
	for line := range strings.Lines(string(file)) {
		if m := regexp.MustCompile(`^(\w+):$`).FindStringSubmatch(strings.TrimSpace(line)); m != nil && line[0] != ' ' {
			section = m[1]
		}
		m := regexp.MustCompile(`^  (\w+):`).FindStringSubmatch(line)
		if m == nil {
			continue
		}
		keys++
		key := section + "." + m[1]
		met[key], met[section+"."] = true, true
		restarts := sum("config."+key, "another") != base
		if wants := slices.Contains(fixed, key) || slices.Contains(fixed, section+"."); restarts != wants {
			t.Errorf("%s restarts pods: %v; want %v", key, restarts, wants)
		}
	}
	for _, f := range fixed {
		if !met[f] {
			t.Errorf("config.yaml says that only a new start changes %s, and has no such key", f)
		}
	}
	if keys < 80 {
		t.Errorf("config.yaml has %d keys; want some hundred", keys)
	}
}

// TestChart_ConfigIsOneTheProgramTakes has the program take the configuration that the chart makes, and the keys.
func TestChart_ConfigIsOneTheProgramTakes(t *testing.T) {
	all := objects(t, set(installed(), "config.limits.message_rate", 10))
	dir := t.TempDir()
	program := filepath.Join(dir, "barrage")
	output(t, nil, "go", "build", "-o", program, ".")
	config := all["ConfigMap live-barrage"].(*core.ConfigMap).Data["config.yaml"]
	keys := all["ConfigMap live-barrage-keys"].(*core.ConfigMap).Data["keys.yaml"]
	noError(t, os.WriteFile(dir+"/keys.yaml", []byte(keys), 0o600))
	noError(t, os.WriteFile(dir+"/config.yaml", []byte(strings.ReplaceAll(config, "/etc/barrage/keys/", dir+"/")), 0o600))
	output(t, nil, program, "config", "check", "--config", dir+"/config.yaml")
	for _, want := range []string{"drain_timeout: 150s", "drain_spread: 60s", `listen: :9001`, "message_rate: 10"} {
		if !strings.Contains(config, want) {
			t.Errorf("the configuration lacks %q:\n%s", want, config)
		}
	}
}

// TestChart_RefusesValuesThatMakeNoSense has values that make no sense be refused, with what to do.
func TestChart_RefusesValuesThatMakeNoSense(t *testing.T) {
	for path, c := range map[string]struct {
		to   any
		want string
	}{
		"replicas":                      {3, "replicas"},
		"config.redsi":                  {values{}, "redsi"},
		"autoscaling.cpu":               {"high", "/autoscaling/cpu"},
		"config.redis.addrs":            {[]any{}, "config.redis.addrs is empty"},
		"ingress.enabled":               {true, "ingress.hosts is empty"},
		"httpRoute.enabled":             {true, "httpRoute.parentRefs is empty"},
		"serviceMonitor.enabled":        {true, "serviceMonitor needs adminKeys.existingSecret"},
		"terminationGracePeriodSeconds": {0, "terminationGracePeriodSeconds"},
	} {
		if _, err := render(set(installed(), path, c.to)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v is refused with %v; want a word of %q", path, c.to, err, c.want)
		}
	}
}

// TestChart_SchemaKnowsEachValueAndSection has the schema know each value of values.yaml and each section of
// config.yaml, and no others.
func TestChart_SchemaKnowsEachValueAndSection(t *testing.T) {
	text, err := os.ReadFile(chartDir + "/values.schema.json")
	noError(t, err)
	var schema struct {
		Properties map[string]json.RawMessage
	}
	noError(t, json.Unmarshal(text, &schema))
	var config struct {
		PropertyNames struct{ Enum []string }
	}
	noError(t, json.Unmarshal(schema.Properties["config"], &config))
	file, err := os.ReadFile(root + "/config.yaml")
	noError(t, err)
	var sections []string
	for _, m := range regexp.MustCompile(`(?m)^(\w+):$`).FindAllStringSubmatch(string(file), -1) {
		sections = append(sections, m[1])
	}
	slices.Sort(sections)
	slices.Sort(config.PropertyNames.Enum)
	if !slices.Equal(sections, config.PropertyNames.Enum) {
		t.Errorf("the schema knows the sections %v; config.yaml has %v", config.PropertyNames.Enum, sections)
	}
	c, err := loader.Load(chartDir)
	noError(t, err)
	delete(schema.Properties, "global") // Helm's own
	if have, known := slices.Sorted(maps.Keys(c.Values)), slices.Sorted(maps.Keys(schema.Properties)); !slices.Equal(have, known) {
		t.Errorf("the schema knows %v; values.yaml has %v", known, have)
	}
}

// TestChart_FilesAreThoseOfDeploy has the chart have the alerts and the dashboard of deploy.
func TestChart_FilesAreThoseOfDeploy(t *testing.T) {
	for to, from := range map[string]string{"files/alerts.yaml": "deploy/prometheus/alerts.yaml", "files/dashboard.json": "deploy/grafana/barrage.json"} {
		want, err := os.ReadFile(filepath.Join(root, from))
		noError(t, err)
		if *rewrite {
			noError(t, os.WriteFile(filepath.Join(chartDir, to), want, 0o644))
		}
		if got, err := os.ReadFile(filepath.Join(chartDir, to)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s of the chart is not %s, %v: go test -run Chart_Files -args -rewrite copies it", to, from, err)
		}
	}
}
