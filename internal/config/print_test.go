package config

import (
	"bytes"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestPrint_ShowsValuesAndLocations(t *testing.T) {
	cfg, locations, err := load(
		[]byte("server:\n  send_buffer: 5000\nredis:\n  username: 'a # \"b\" <c>'\n  password: hunter2\n  sentinel_password: hunter2\n"),
		[]string{"BARRAGE_AUTH_MODE=redis,any", "BARRAGE_AUTH_HOOK_SECRET=hunter2 hunter2 hunter2 hunter2 hunter2", "BARRAGE_CORS_ALLOWED_ORIGINS=https://a.example,https://b.example"})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Print(&out, cfg, locations); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"server:",
		`  listen: ":9000" # default`,
		"  send_buffer: 5000 # file",
		"  idle_timeout: 1m15s # default",
		`  username: "a # \"b\" <c>" # file`,
		`  password: "***" # file`,
		`  sentinel_password: "***" # file`,
		`  mode: ["redis", "any"] # environment`,
		"  ttl: 168h # default",
		`  allowed_origins: ["https://a.example", "https://b.example"] # environment`,
	} {
		if !strings.Contains("\n"+out.String(), "\n"+line+"\n") {
			t.Errorf("Print leaves out the line %q:\n%s", line, &out)
		}
	}
	if strings.Contains(out.String(), "hunter2") {
		t.Errorf("Print shows the password:\n%s", &out)
	}
	wantLoadsAgain(t, cfg)
}

// TestPrint_HidesSecretsWithinURLs: passwords and the values of queries, and the paths of hooks.
func TestPrint_HidesSecretsWithinURLs(t *testing.T) {
	cfg := Default()
	cfg.Auth.LoginURL = "https://me:hunter2@app.example/login?key=hunter2"
	cfg.Auth.ConnectURL = "https://app.example/connect?hunter2"
	cfg.Auth.JWKSURL = "https://id.example/keys?tenant=hunter2&v=hunter2"
	cfg.Webhooks.URL, cfg.Webhooks.Secret = "https://me:hunter2@app.example/hooks?hunter2", "hunter2hunter2hunter2hunter2"
	var out bytes.Buffer
	if err := Print(&out, cfg, nil); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`  login_url: "https://me:***@app.example/***?key=***" # default`,
		`  connect_url: "https://app.example/***?***" # default`,
		`  jwks_url: "https://id.example/keys?tenant=***&v=***" # default`,
		`  url: "https://me:***@app.example/***?***" # default`,
		`  secret: "***" # default`,
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("Print leaves out the line %q:\n%s", line, &out)
		}
	}
	if strings.Contains(out.String(), "hunter2") {
		t.Errorf("Print shows a secret:\n%s", &out)
	}
	cfg.Webhooks = Default().Webhooks
	cfg.Auth.LoginURL, cfg.Auth.ConnectURL, cfg.Auth.JWKSURL = "HTTPS://app.example:8443/", "http://[::1]", "https://id.example/keys"
	wantLoadsAgain(t, cfg)
	for _, line := range []string{"login_url: https://app.example/***", "jwks_url: https://id.example/keys?v=***", "connect_url: https://me:***@app.example/"} {
		if _, _, err := load([]byte("auth:\n  "+line+"\n"), nil); err == nil || !strings.Contains(err.Error(), "put the secret there") {
			t.Errorf("%s: %v; want what to put there", line, err)
		}
	}
	_, _, err := load([]byte("auth:\n  login_url: [https://me:hunter2@app.example/]\n"), nil)
	wantLines(t, err, "auth.login_url: *** is not a text; put it in quotes (line 2)")
}

func TestPrint_IsConfigFile(t *testing.T) {
	wantLoadsAgain(t, Default())
}

func TestPrint_ShowsThatPasswordIsEmpty(t *testing.T) {
	var out bytes.Buffer
	if err := Print(&out, Default(), nil); err != nil || !strings.Contains(out.String(), `  password: "" # default`) {
		t.Errorf("Print = %v; want the line of the empty password in\n%s", err, &out)
	}
}

// TestPrint_HasTheOrderOfConfigFile compares with config.yaml, comments and empty lines
// left out.
func TestPrint_HasTheOrderOfConfigFile(t *testing.T) {
	file, err := os.ReadFile("../../config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Print(&out, Default(), nil); err != nil {
		t.Fatal(err)
	}
	if got, want := keyLines(out.String()), keyLines(string(file)); !reflect.DeepEqual(got, want) {
		t.Errorf("keys in the order %v; want %v", got, want)
	}
}

// keyLines lists what stands before the colons, indentation included.
func keyLines(file string) []string {
	var keys []string
	for line := range strings.Lines(file) {
		if text := strings.TrimSpace(line); text != "" && text[0] != '#' {
			key, _, _ := strings.Cut(line, ":")
			keys = append(keys, key)
		}
	}
	return keys
}

// wantLoadsAgain checks that what Print writes of cfg is cfg, the password aside.
func wantLoadsAgain(t *testing.T, cfg Config) {
	t.Helper()
	var out bytes.Buffer
	if err := Print(&out, cfg, nil); err != nil {
		t.Fatal(err)
	}
	// A secret that is not shown is too short to be one.
	shown := bytes.ReplaceAll(out.Bytes(), []byte(mask), []byte(strings.Repeat(mask, 20)))
	got, _, err := load(shown, nil)
	if err != nil {
		t.Fatalf("cannot load what Print wrote: %v\n%s", err, &out)
	}
	gotValues, wantValues := settings(&got), settings(&cfg)
	for i, s := range wantValues {
		if g, w := written(gotValues[i].value.Interface()), written(s.value.Interface()); g != w && !secret(s.key) {
			t.Errorf("%s: %s after Print and load; want %s", s.key, g, w)
		}
	}
}

func TestPrint_ReturnsErrorOfWriter(t *testing.T) {
	if err := Print(fullDisk{}, Default(), nil); !errors.Is(err, errFull) {
		t.Errorf("Print on a full disk = %v; want %v", err, errFull)
	}
}

var errFull = errors.New("disk full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestWritten_DurationsAreShortAndExact(t *testing.T) {
	f := func(want string, d time.Duration) {
		t.Helper()
		got := written(d)
		if back, err := time.ParseDuration(got); got != want || back != d {
			t.Errorf("written(%v) = %s (which is %v, %v); want %s", d, got, back, err, want)
		}
	}
	f("0s", 0)
	f("250ms", 250*time.Millisecond)
	f("10s", 10*time.Second)
	f("1m", time.Minute)
	f("20m", 20*time.Minute)
	f("1m15s", 75*time.Second)
	f("168h", 168*time.Hour)
	f("10h10m", 10*time.Hour+10*time.Minute)
	f("1h30s", time.Hour+30*time.Second)
	f("1h1m0.5s", time.Hour+time.Minute+500*time.Millisecond)
}
