package redisx

import (
	"strings"
	"testing"
	"time"
)

func TestConfig_ValidateRefusesWhatDoesNotGoTogether(t *testing.T) {
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
	two := []string{"a:1", "b:2"}
	f(func(*Config) {})
	f(func(c *Config) { c.Addrs = []string{"localhost:6379"} })
	f(func(c *Config) { c.Addrs = []string{"localhost"} }, `addrs[0]: "localhost"`)
	f(func(c *Config) { c.DB = 1024 }, "db: 1024")
	f(func(c *Config) { c.DB, c.Timeout = -1, time.Millisecond }, "db: -1", "timeout: 1ms")
	f(func(c *Config) { c.Timeout = time.Hour }, "timeout: 1h")

	f(func(c *Config) { c.Addrs = two })
	f(func(c *Config) { c.Mode = "clustr" }, `mode: "clustr" is none of auto, standalone, sentinel, cluster`)
	f(func(c *Config) { c.Addrs, c.Mode = two, "standalone" }, "addrs: 2 addresses given, but mode standalone has one")
	f(func(c *Config) { c.Mode = "cluster" }, "addrs: empty, but redis is a cluster")
	f(func(c *Config) { c.Addrs, c.DB = two, 1 }, "db: 1 given, but a cluster has 0 only")
	f(func(c *Config) { c.Addrs, c.FastIMInterop = two, true }, "fastim_interop: true, but original nodes know no cluster")
	f(func(c *Config) { c.Addrs, c.ShardedPubSub = two, true })
	f(func(c *Config) { c.ShardedPubSub = true }, "sharded_pubsub: true, but only a cluster has it, and mode is standalone")
	f(func(c *Config) { c.Addrs, c.SentinelMaster = two, "m" })
	f(func(c *Config) { c.Addrs, c.Mode = two, "sentinel" }, `sentinel_master: "" does not go with mode sentinel`)
	f(func(c *Config) { c.Addrs, c.Mode, c.SentinelMaster = two, "cluster", "m" }, `sentinel_master: "m" does not go with mode cluster`)

	f(func(c *Config) { c.TLS, c.TLSCAFile, c.TLSCertFile, c.TLSKeyFile = true, "ca", "cert", "key" })
	f(func(c *Config) { c.TLS, c.TLSCertFile = true, "cert" }, `tls_key_file: "" and tls_cert_file: "cert" belong together`)
	f(func(c *Config) { c.TLSServerName = "x" }, "tls: false, but other settings of tls are given")
	f(func(c *Config) { c.TLSInsecureSkipVerify = true }, "tls: false, but other settings of tls are given")
}

func TestConfig_TopologyIsToldFromItsSettings(t *testing.T) {
	f := func(mode, master string, addrs int, want string) {
		t.Helper()
		c := Config{Mode: mode, SentinelMaster: master, Addrs: make([]string, addrs)}
		if got := c.Topology(); got != want {
			t.Errorf("Topology of mode %q, master %q, %d addresses = %s; want %s", mode, master, addrs, got, want)
		}
	}
	f("auto", "", 1, "standalone")
	f("auto", "", 2, "cluster")
	f("auto", "m", 1, "sentinel")
	f("auto", "m", 3, "sentinel")
	f("cluster", "", 1, "cluster")
	f("sentinel", "", 1, "sentinel")
}
