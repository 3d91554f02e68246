package redisx

import (
	"strings"
	"testing"
	"time"
)

func TestConfig_Validate(t *testing.T) {
	f := func(change func(c *Config), want ...string) {
		t.Helper()
		c := DefaultConfig()
		change(&c)
		err := c.Validate()
		if (err == nil) != (len(want) == 0) {
			t.Errorf("%+v: error %v; want %q", c, err, want)
			return
		}
		for _, text := range want {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%+v: error %q lacks %q", c, err, text)
			}
		}
	}
	f(func(*Config) {})
	f(func(c *Config) { c.Addrs = []string{"localhost:6379"} })
	f(func(c *Config) { c.Addrs = []string{"localhost"} }, `addrs[0]: "localhost"`)
	f(func(c *Config) { c.Addrs = []string{"a:1", "b:2"} }, "addrs: 2 addresses")
	f(func(c *Config) { c.DB = 1024 }, "db: 1024")
	f(func(c *Config) { c.DB, c.Timeout = -1, time.Millisecond }, "db: -1", "timeout: 1ms")
	f(func(c *Config) { c.Timeout = time.Hour }, "timeout: 1h")
}
