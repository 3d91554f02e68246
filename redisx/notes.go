package redisx

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// notesEvery is how many probes lie between two looks at Redis' settings: about a minute.
const notesEvery = 240

// notes say what of the promises in ARCHITECTURE.md the settings of Redis do not keep.
type notes struct {
	mu     sync.Mutex // guards the field below
	broken []string
}

// Notes are what of this node's promises the settings of Redis do not keep, a sentence each. None: they
// keep all, or the user may not ask. It never blocks. The slice is the caller's.
func (r *Redis) Notes() []string {
	r.notes.mu.Lock()
	defer r.notes.mu.Unlock()
	return slices.Clone(r.notes.broken)
}

// Notes are none: nothing is lost but with the node.
func (m *Memory) Notes() []string { return nil }

// lookAtSettings asks for the settings, and logs what is new of them.
func (r *Redis) lookAtSettings(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	found := r.brokenPromises(ctx)
	r.notes.mu.Lock()
	was := r.notes.broken
	r.notes.broken = found
	r.notes.mu.Unlock()
	for _, note := range found {
		if !slices.Contains(was, note) {
			r.log.Warn(note)
		}
	}
}

// brokenPromises asks Redis, or in a cluster the master that probes go to. Questions that the user may not ask are left
// out.
func (r *Redis) brokenPromises(ctx context.Context) (found []string) {
	slot := probeKey(r.subs.main.probeName())
	info := func(section string) string {
		// "": it may not be asked
		text, _ := r.client.Do(ctx, r.client.B().Info().Section(section).Build().SetSlot(slot)).ToString()
		return text
	}
	if policy := infoField(info("memory"), "maxmemory_policy"); policy != "" && policy != "noeviction" {
		found = append(found, fmt.Sprintf("redis may evict messages, recalls and tokens: maxmemory-policy is %s, set it to noeviction", policy))
	}
	connected := infoField(info("replication"), "connected_slaves")
	replicas, _ := strconv.Atoi(connected) // 0: none, or not to be known
	settings, err := r.client.Do(ctx, r.client.B().ConfigGet().Parameter("min-replicas-to-write").Build().SetSlot(slot)).AsStrMap()
	if connected != "" && replicas < r.cfg.MinReplicas {
		found = append(found, fmt.Sprintf("messages are unconfirmed: redis has %d replicas, and redis.min_replicas is %d", replicas, r.cfg.MinReplicas))
	}
	if err == nil && replicas > 0 && r.cfg.MinReplicas == 0 && strings.TrimSpace(settings["min-replicas-to-write"]) == "0" {
		found = append(found, "a failover of redis may lose acknowledged messages: min-replicas-to-write is 0, set it to 1")
	}
	return found
}
