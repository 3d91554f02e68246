package redisx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"barrage/internal/chat"
)

// This file says whether a Redis is fit for nodes, and how to mend what is not: for "barrage doctor".

// Diagnosis is one thing that was looked at.
type Diagnosis struct {
	Check string
	State State
	Value string // the state that was found
	Do    string // how to mend it, a sentence; empty where it is ok
}

// State is how a check came out.
type State string

// The states.
const (
	OK   State = "ok"
	Warn State = "warn" // something can go wrong later
	Fail State = "fail" // nodes cannot do their work
)

// Bounds of what is ok.
const (
	// roundTrip is within what a call may take: each message waits for one.
	roundTrip = 10 * time.Millisecond
	// skewWarn is by how much clocks of a node and Redis may differ before newcomers in an outage see it, see
	// ARCHITECTURE.md. By skewFail messages come twice.
	skewWarn = time.Second
	skewFail = chat.IDLife
	// full is how much of something bounded may be used, in percent.
	full = 80
)

var allowedScript = rueidis.NewLuaScript(lua("", "allowed"))

// diagnosing is a look at one Redis.
type diagnosing struct {
	*Redis
	ctx   context.Context
	slot  string // a key by which a cluster finds the master that is asked
	found []Diagnosis
}

func (d *diagnosing) add(check string, state State, value, do string) {
	if state == OK {
		do = ""
	}
	d.found = append(d.found, Diagnosis{check, state, value, do})
}

// Diagnose looks at the Redis that cfg describes, as a node would. It blocks until ctx ends at most. In a cluster it
// looks at the settings of one master.
func Diagnose(ctx context.Context, cfg Config) []Diagnosis {
	r := NewRedis(cfg, Limits{HistoryMessages: 1, HistoryTTL: time.Hour}, slog.New(slog.DiscardHandler))
	r.handler = noHandler{}
	defer r.client.Close()
	defer r.stop()
	d := &diagnosing{Redis: r, ctx: ctx, slot: probeKey(probeOf(r.node, ""))}
	client, err := r.connect()
	if err != nil {
		d.add("redis", Fail, r.explain(err).Error(), "Start Redis, and set redis.addrs, redis.mode, redis.username, redis.password and redis.tls to what it has.")
		return d.found
	}
	r.client.set(client)
	d.add("redis", OK, "reached: "+r.where, "")
	d.version()
	if d.allowed() {
		d.topology()
		d.time()
		d.settings()
	}
	return d.found
}

// noHandler receives nothing.
type noHandler struct{ Handler }

// TokensChanged is called for what a node knows of tokens: nothing.
func (noHandler) TokensChanged([]string, []string) {}

// version reports which version it is.
func (d *diagnosing) version() {
	if err := d.inspect(d.ctx); err != nil {
		d.add("redis version", Fail, d.explain(err).Error(), "Use a Redis of version 7.0 or newer, and the redis.mode that it has.")
		return
	}
	text, err := d.client.Do(d.ctx, d.client.B().Info().Section("server").Build().SetSlot(d.slot)).ToString()
	if err != nil {
		d.add("redis version", Warn, "unknown: "+err.Error(), "Let the user run INFO (ACL +info): nodes ask for the version when they start.")
		return
	}
	version := infoField(text, "redis_version")
	if valkey := infoField(text, "valkey_version"); valkey != "" { // the other one is what it is compatible with
		version = "Valkey " + valkey
	}
	d.add("redis version", OK, version+", "+serverMode(text), "")
}

// allowed reports whether the user may do all that nodes do.
func (d *diagnosing) allowed() bool {
	var refused []string
	note := func(what string, err error) {
		if said, ok := rueidis.IsRedisErr(err); ok && !said.IsNil() {
			refused = append(refused, what+": "+said.Error())
		}
	}
	keys := map[string][]string{
		d.slot:                        {probeChannel(probeOf(d.node, "")), askChannel, quietChannelPrefix + probeOf(d.node, "")},
		d.keys.token("\x00" + d.node): nil,
		d.keys.rooms("\x00" + d.node): nil,
	}
	for key, channels := range keys {
		all, err := allowedScript.Exec(d.ctx, d.client, []string{key}, channels).AsStrSlice()
		prefix, _, _ := strings.Cut(key, ":")
		for _, no := range all {
			refused = append(refused, no+" (keys "+prefix+":*)")
		}
		note("EVALSHA on keys "+prefix+":*", err)
	}
	conn, release, err := d.dialAny()
	if err == nil {
		for _, channel := range []string{probeChannel(probeOf(d.node, "")), askChannel, quietChannelPrefix + probeOf(d.node, "")} {
			note("SUBSCRIBE", conn.Do(d.ctx, conn.B().Subscribe().Channel(channel).Build()).Error())
		}
		conn.Close()
		release()
	}
	if len(refused) > 0 {
		slices.Sort(refused)
		d.add("redis acl", Fail, strings.Join(slices.Compact(refused), "; "), "Allow the user what nodes need: ACL SETUSER NAME "+ACL)
		return false
	}
	d.add("redis acl", OK, "the user may do all that is needed", "")
	return true
}

// topology reports whether all slots have masters, and masters have replicas.
func (d *diagnosing) topology() {
	if !d.keys.tagged {
		return
	}
	table, err := d.readSlots(d.ctx)
	switch {
	case err != nil:
		d.add("redis cluster", Fail, d.explain(err).Error(), "Let the user run CLUSTER SLOTS and CLUSTER SHARDS, and see that the nodes of the cluster answer.")
	case table.holes():
		d.add("redis cluster", Fail, fmt.Sprintf("%d masters, and slots without one", len(table.masters())), "Give every slot a master: redis-cli --cluster check, then --cluster fix.")
	default:
		d.add("redis cluster", OK, fmt.Sprintf("%d masters have all slots", len(table.masters())), "")
	}
}

// time compares clocks, and reports how far away Redis is.
func (d *diagnosing) time() {
	var nearest, skew time.Duration
	for i := range 5 { // the answer that came fastest shows most of the clock
		began := time.Now()
		at, err := d.client.Do(d.ctx, d.client.B().Time().Build().SetSlot(d.slot)).AsStrSlice()
		took := time.Since(began)
		if err != nil || len(at) != 2 {
			d.add("redis clock", Warn, fmt.Sprintf("unknown: %v", err), "Let the user run TIME (ACL +time).")
			return
		}
		seconds, err1 := strconv.ParseInt(at[0], 10, 64)
		micros, err2 := strconv.ParseInt(at[1], 10, 64)
		if errors.Join(err1, err2) == nil && (i == 0 || took < nearest) {
			nearest, skew = took, time.Unix(seconds, micros*1000).Sub(began.Add(took/2))
		}
	}
	state := OK
	if nearest > roundTrip {
		state = Warn
	}
	d.add("redis round trip", state, nearest.Round(time.Microsecond).String(), "Bring Redis nearer to the nodes: each message waits for a round trip.")
	switch off := skew.Abs(); {
	case off >= skewFail:
		state = Fail
	case off >= skewWarn:
		state = Warn
	default:
		state = OK
	}
	d.add("redis clock", state, fmt.Sprintf("%v from this machine's", skew.Round(time.Millisecond)), "Set both clocks by NTP (chronyc tracking): tokens, mutes and ids end by them.")
}

// setting is one of CONFIG GET; ok is false where the user may not ask.
func (d *diagnosing) setting(name string) (value string, ok bool) {
	all, err := d.client.Do(d.ctx, d.client.B().ConfigGet().Parameter(name).Build().SetSlot(d.slot)).AsStrMap()
	value, has := all[name]
	return value, err == nil && has
}

// info is a field of INFO, 0 where it is none.
func (d *diagnosing) info(section string) func(field string) int64 {
	// "": it may not be asked
	text, _ := d.client.Do(d.ctx, d.client.B().Info().Section(section).Build().SetSlot(d.slot)).ToString()
	return func(field string) int64 {
		n, _ := strconv.ParseInt(infoField(text, field), 10, 64)
		return n
	}
}

// settings reports which promises the settings keep.
func (d *diagnosing) settings() {
	if _, ok := d.setting("maxmemory"); !ok {
		d.add("redis settings", Warn, "the user may not run CONFIG GET", "Look as a user who may, or see to it yourself: maxmemory-policy noeviction, min-replicas-to-write 1, appendonly yes.")
		for _, note := range d.brokenPromises(d.ctx) {
			d.add("redis settings", Warn, note, "Change that setting of Redis.")
		}
		return
	}
	d.memory()
	d.safety()
	if most, ok := d.setting("tracking-table-max-keys"); ok {
		limit, _ := strconv.ParseInt(most, 10, 64)
		d.share("redis tracking table", d.info("stats")("tracking_total_keys"), limit, "keys",
			"Raise tracking-table-max-keys to the users that are online at once: beyond it nodes ask again for each token.")
	}
	if most, ok := d.setting("maxclients"); ok {
		limit, _ := strconv.ParseInt(most, 10, 64)
		d.share("redis clients", d.info("clients")("connected_clients"), limit, "clients", "Raise maxclients, and the open files of Redis with it.")
	}
}

// share reports how much of a bound is used; 0 is no bound.
func (d *diagnosing) share(check string, used, limit int64, what, do string) {
	state, value := OK, fmt.Sprintf("%d %s, without a bound", used, what)
	if limit > 0 {
		value = fmt.Sprintf("%d of %d %s", used, limit, what)
		if used*100 >= limit*full {
			state = Warn
		}
	}
	d.add(check, state, value, do)
}

// memory reports whether what nodes have stored stays.
func (d *diagnosing) memory() {
	policy, _ := d.setting("maxmemory-policy")
	state := OK
	if policy != "noeviction" {
		state = Warn
	}
	d.add("redis maxmemory-policy", state, policy, "Set maxmemory-policy to noeviction: any other evicts messages, recalls and tokens.")
	limit, _ := d.setting("maxmemory")
	most, _ := strconv.ParseInt(limit, 10, 64)
	d.share("redis memory", d.info("memory")("used_memory"), most, "bytes", "Give Redis more memory (maxmemory), or keep less: history.max_messages, history.ttl.")
}

// safety reports what a crash or a failover loses.
func (d *diagnosing) safety() {
	replicas := d.info("replication")("connected_slaves")
	least, _ := d.setting("min-replicas-to-write")
	appends, _ := d.setting("appendonly")
	saves, _ := d.setting("save")
	switch {
	case replicas < int64(d.cfg.MinReplicas):
		d.add("redis failover", Fail, fmt.Sprintf("%d replicas, and redis.min_replicas is %d", replicas, d.cfg.MinReplicas), "Start replicas, or set redis.min_replicas lower: no message is acknowledged before so many have it.")
	case replicas > 0 && strings.TrimSpace(least) == "0" && d.cfg.MinReplicas == 0:
		d.add("redis failover", Warn, fmt.Sprintf("%d replicas, min-replicas-to-write 0", replicas), "Set redis.min_replicas to 1, or min-replicas-to-write there: else a failover may lose acknowledged messages.")
	default:
		d.add("redis failover", OK, fmt.Sprintf("%d replicas, min-replicas-to-write %s", replicas, least), "")
	}
	state := OK
	if appends != "yes" && replicas == 0 {
		state = Warn
	}
	value := "appendonly " + appends
	if fsync, ok := d.setting("appendfsync"); ok && appends == "yes" {
		value += ", appendfsync " + fsync
	}
	if saves != "" {
		value += ", save " + saves
	}
	d.add("redis persistence", state, value, "Set appendonly to yes, or give Redis a replica: else its end takes the messages since the last save.")
}
