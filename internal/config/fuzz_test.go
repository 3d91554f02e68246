package config

import (
	"os"
	"testing"
)

// FuzzLoad holds load to its promise for every file: an error, or a configuration that
// is valid and that Print writes down without a loss.
func FuzzLoad(f *testing.F) {
	file, err := os.ReadFile("../../config.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	for _, seed := range []string{
		"", "---\n", wholeFile, "server: {listen: \":1\", pollers: 0x10}",
		"server:\n  send_buffer: &s 5000\n  max_header_bytes: *s\n",
		"redis: &r\n  <<: *r\n", "redis: {addrs: &a [*a]}", "redis: {password: *x}", "redis: {username: \"\\x00\\u2028\"}",
		"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "? {a: b}\n: c\n", "cors: {allowed_origins: [null, 1, {a: b}]}",
		"server: {listen: 2026-01-02, idle_timeout: 1e3, max_connections: .inf}", "log: {level: !!binary aW5mbw==}",
		"history: {ttl: 9999999h, recall_limit: -1s}", "fanout: {log_bytes: 1.5GiB}", "%YAML 1.1\n---\n", "\xff\xfe",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		cfg, _, err := load(file, nil)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		if err := cfg.Validate(); err != nil {
			t.Errorf("loaded and not valid: %v", err)
		}
		wantLoadsAgain(t, cfg)
	})
}
