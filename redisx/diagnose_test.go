package redisx_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"barrage/internal/port"
	"barrage/internal/redistest"
	"barrage/redisx"
)

// diagnose is what is found of the server at addr.
func diagnose(t *testing.T, addr string, change func(*redisx.Config)) map[string]redisx.Diagnosis {
	t.Helper()
	cfg := redisx.DefaultConfig()
	cfg.Addrs, cfg.Timeout = []string{addr}, callTimeout
	if change != nil {
		change(&cfg)
	}
	found := map[string]redisx.Diagnosis{}
	for _, d := range redisx.Diagnose(t.Context(), cfg) {
		if (d.State == "ok") != (d.Do == "") || d.Value == "" {
			t.Errorf("%+v; want a value, and what to do where it is not ok", d)
		}
		if was, twice := found[d.Check]; twice && was.State != d.State {
			t.Errorf("%s was found twice: %+v, %+v", d.Check, was, d)
		}
		found[d.Check] = d
	}
	return found
}

// wantDiagnosis wants a check to have come out so.
func wantDiagnosis(t *testing.T, found map[string]redisx.Diagnosis, check string, state redisx.State, value string) {
	t.Helper()
	if d := found[check]; d.State != state || !strings.Contains(d.Value, value) {
		t.Errorf("%s = %+v; want %s, %q in its value", check, d, state, value)
	}
}

// A Redis that is set up well is ok in everything, and nothing is left in it.
func TestDiagnose_GoodRedisIsOKInAll(t *testing.T) {
	s := redistest.Start(t, "--appendonly", "yes", "--maxmemory", "100mb")
	found := diagnose(t, s.Addr, nil)
	for _, check := range []string{
		"redis", "redis version", "redis acl", "redis clock", "redis maxmemory-policy", "redis memory",
		"redis failover", "redis persistence", "redis tracking table", "redis clients",
	} {
		wantDiagnosis(t, found, check, "ok", "")
	}
	// A busy machine warns of it.
	if d := found["redis round trip"]; d.State == redisx.Fail || d.Value == "" {
		t.Errorf("redis round trip = %+v; want how long it took", d)
	}
	if len(found) != 11 {
		t.Errorf("found %d things: %+v; want 11", len(found), found)
	}
	if n := newRaw(t, s.Addr).int("DBSIZE"); n != 0 {
		t.Errorf("%d keys are left; want none", n)
	}
}

// Each setting that breaks a promise is found.
func TestDiagnose_BadSettingsAreFound(t *testing.T) {
	s := redistest.Start(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru", "--tracking-table-max-keys", "1", "--maxclients", "4", "--save", "")
	raw := newRaw(t, s.Addr)
	raw.do("HELLO", "3")
	reader := openRedis(t, s.Addr) // has its keys tracked
	heard := &harness{Store: reader, recorder: newRecorder(t)}
	reader.Start(heard.recorder)
	heard.wantReady(t) // both connections are there
	_, err := reader.Rooms(t.Context(), "somebody")
	noError(t, err)
	_, err = reader.IsMember(t.Context(), "somebody", "r")
	noError(t, err)
	found := diagnose(t, s.Addr, nil)
	wantDiagnosis(t, found, "redis maxmemory-policy", "warn", "allkeys-lru")
	wantDiagnosis(t, found, "redis tracking table", "warn", "of 1 keys")
	wantDiagnosis(t, found, "redis clients", "warn", "of 4 clients")
	wantDiagnosis(t, found, "redis persistence", "warn", "appendonly no")
	for check, d := range found {
		if d.State == "fail" {
			t.Errorf("%s fails: %+v", check, d)
		}
	}
	raw.do("CONFIG", "SET", "maxclients", "100", "maxmemory", fmt.Sprint(raw.memory()+100_000))
	wantDiagnosis(t, diagnose(t, s.Addr, nil), "redis memory", "warn", "bytes")
}

// memory is what Redis uses, in bytes.
func (r *rawClient) memory() (n int64) {
	r.t.Helper()
	_, rest, _ := strings.Cut(r.text("INFO", "memory"), "used_memory:")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		r.t.Fatal(err)
	}
	return n
}

// A replica that a master does not wait for can lose what was acknowledged.
func TestDiagnose_FailoverThatCouldLoseIsFound(t *testing.T) {
	master := redistest.Start(t)
	host, port, _ := strings.Cut(master.Addr, ":")
	redistest.Start(t, "--replicaof", host+" "+port)
	raw := newRaw(t, master.Addr)
	eventually(t, "the replica is there", func() (bool, string) {
		text := raw.text("INFO", "replication")
		return strings.Contains(text, "connected_slaves:1"), text
	})
	found := diagnose(t, master.Addr, nil)
	wantDiagnosis(t, found, "redis failover", "warn", "1 replicas, min-replicas-to-write 0")
	wantDiagnosis(t, found, "redis persistence", "ok", "appendonly no")
	raw.do("CONFIG", "SET", "min-replicas-to-write", "1")
	wantDiagnosis(t, diagnose(t, master.Addr, nil), "redis failover", "ok", "min-replicas-to-write 1")
}

// A server that is no Redis for nodes is reported at once, and nothing more.
func TestDiagnose_UnusableRedisIsSaidAtOnce(t *testing.T) {
	s := redistest.Start(t, "--requirepass", "secret")
	good := func(c *redisx.Config) { c.Password = "secret" }
	for _, c := range []struct {
		addr   string
		change func(*redisx.Config)
		value  string
	}{
		{port.Dead, nil, "refused"},
		{s.Addr, nil, "NOAUTH"},
		{s.Addr, func(c *redisx.Config) { good(c); c.Mode = "cluster" }, "set redis.mode to standalone"},
		{s.Addr, func(c *redisx.Config) { good(c); c.TLS = true }, "TLS"},
	} {
		found := diagnose(t, c.addr, c.change)
		wantDiagnosis(t, found, "redis", "fail", c.value)
		if len(found) != 1 {
			t.Errorf("found %+v; want nothing more", found)
		}
	}
	wantDiagnosis(t, diagnose(t, s.Addr, good), "redis", "ok", s.Addr)
}

// The user that config.yaml asks for may do everything; each right that is missing is named.
func TestDiagnose_ACLNamesEachMissingRight(t *testing.T) {
	s := redistest.Start(t)
	raw := newRaw(t, s.Addr)
	user := func(rules string) map[string]redisx.Diagnosis {
		raw.do(append([]string{"ACL", "SETUSER", "nodes", "reset", "on", ">secret"}, strings.Fields(rules)...)...)
		return diagnose(t, s.Addr, func(c *redisx.Config) { c.Username, c.Password = "nodes", "secret" })
	}
	found := user(redisx.ACL)
	wantDiagnosis(t, found, "redis acl", "ok", "")
	wantDiagnosis(t, found, "redis settings", "warn", "CONFIG GET")
	wantDiagnosis(t, found, "redis clock", "ok", "")
	found = user(redisx.ACL + " +config|get")
	wantDiagnosis(t, found, "redis maxmemory-policy", "ok", "noeviction")
	for _, c := range []struct{ without, value string }{
		{"~ugs:*", "ugs:*"}, {"~gm*", "gmn:*"}, {"&mq:*", "SUBSCRIBE"}, {"&uq:*", "SUBSCRIBE"}, {"+@write", "SET"}, {"+@scripting", "EVALSHA"},
	} {
		wantDiagnosis(t, user(strings.Replace(redisx.ACL, c.without, "", 1)), "redis acl", "fail", c.value)
	}
	wantDiagnosis(t, user(redisx.ACL+" -hincrby"), "redis acl", "fail", "HINCRBY")
	wantDiagnosis(t, user(redisx.ACL+" -info"), "redis version", "warn", "unknown")
	wantDiagnosis(t, user(redisx.ACL+" -time"), "redis acl", "fail", "TIME")
}

// Every command that a script uses is tried.
func TestDiagnose_TriesEveryCommand(t *testing.T) {
	tried, err := os.ReadFile("lua/allowed.lua")
	noError(t, err)
	files, err := filepath.Glob("lua/*.lua")
	noError(t, err)
	used := regexp.MustCompile(`call\('([A-Z]+)'`)
	var missing []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		noError(t, err)
		for _, m := range used.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(string(tried), "try('"+m[1]+"'") && !slices.Contains(missing, m[1]) {
				missing = append(missing, m[1])
			}
		}
	}
	if len(missing) > 0 {
		t.Errorf("allowed.lua does not try %q", missing)
	}
}

// A cluster and sentinels are looked at as nodes use them.
func TestDiagnose_TopologiesAreSeenAsNodesUseThem(t *testing.T) {
	cluster := redistest.StartCluster(t)
	found := diagnose(t, cluster.Nodes[0].Addr, func(c *redisx.Config) { c.Mode = "cluster" })
	wantDiagnosis(t, found, "redis cluster", "ok", "3 masters have all slots")
	wantDiagnosis(t, found, "redis acl", "ok", "")
	wantDiagnosis(t, found, "redis failover", "warn", "1 replicas")
	wantDiagnosis(t, diagnose(t, cluster.Nodes[0].Addr, nil), "redis version", "fail", "set redis.mode to cluster")
	sentinels := redistest.StartSentinels(t)
	found = diagnose(t, "", func(c *redisx.Config) { c.Addrs, c.SentinelMaster = sentinels.Addrs(), redistest.MasterName })
	wantDiagnosis(t, found, "redis", "ok", "sentinels")
	wantDiagnosis(t, found, "redis acl", "ok", "")
	found = diagnose(t, "", func(c *redisx.Config) { c.Addrs, c.SentinelMaster = sentinels.Addrs(), "nobody" })
	wantDiagnosis(t, found, "redis", "fail", "do not know redis.sentinel_master")
}
