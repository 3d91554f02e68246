package redisx

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// probeEvery is how old State may be, how soon calls go through again, and how often the
// connections for events are tried.
const probeEvery = 250 * time.Millisecond

// probeScript proves that Redis takes commands that write and need memory, without writing
// anything, and sends a signal through the channel. KEYS one that is not there. ARGV command to
// publish with, channel.
var probeScript = rueidis.NewLuaScript(`
redis.call('SET',KEYS[1],'','XX')
redis.call(ARGV[1],ARGV[2],'')`)

// watch tries Redis again and again until Close. While it is not there, nobody else tries:
// calls fail at once with what watch knows, see callAt. It closes looked after its first look.
func (r *Redis) watch(h Handler, looked chan<- struct{}) {
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	settings := 0 // probes until the settings are looked at again
	for first := true; ; first = false {
		err := r.look()
		closing := r.ctx.Err() != nil
		if !closing {
			r.setHealth(forCommands, err)
		}
		if first {
			close(looked) // Start reports it.
		}
		if closing {
			return
		}
		if !first {
			r.notify(h)
		}
		if err == nil {
			r.subs.main.tookProbe()
			settings--
		} else {
			settings = 0 // it may be another one when it is back
		}
		if err == nil && settings < 0 {
			settings = notesEvery
			r.lookAtSettings(r.ctx)
		}
		select {
		case <-r.ctx.Done():
			return
		case <-r.subs.main.ask:
		case <-ticker.C:
		}
	}
}

// notify notifies h when calls begin to fail, or work again.
func (r *Redis) notify(h Handler) {
	r.notifying.Lock()
	defer r.notifying.Unlock()
	fault := r.health.fault(forCommands)
	switch {
	case fault != nil && !r.away:
		h.Away(fault)
	case fault == nil && r.away:
		h.Back()
	}
	r.away = fault != nil
}

// setHealth notes err of rueidis, nil = fine.
func (r *Redis) setHealth(u use, err error) {
	if err != nil {
		err = r.explain(err)
	}
	r.health.set(u, err)
}

// look makes the first contact if there was none, and sends a probe. It returns why
// calls cannot be made.
func (r *Redis) look() error {
	if !r.client.contact.Load() {
		client, err := r.connect()
		if err != nil {
			return err
		}
		r.client.set(client)
	}
	ctx, cancel := context.WithTimeout(r.ctx, r.cfg.Timeout)
	defer cancel()
	givenUp := r.limiters.givenUp()
	if r.health.fault(forCommands) != nil {
		if err := r.inspect(ctx); err != nil {
			return err
		}
	}
	err := r.probe(ctx, r.subs.main, "PUBLISH")
	if !gaveUp(ctx, err) && r.otherNodesAnswer(ctx) {
		r.limiters.answered(givenUp)
	}
	return err
}

// probe has Redis take a probe for l.
func (r *Redis) probe(ctx context.Context, l *link, publish string) error {
	probe := l.probeName()
	err := probeScript.Exec(ctx, r.client, []string{probeKey(probe)}, []string{publish, probeChannel(probe)}).Error()
	if rueidis.IsRedisNil(err) {
		return nil
	}
	return err
}

// otherNodesAnswer reports whether all nodes of a cluster have answered what they were
// asked before now, or are gone. It asks only where somebody waits to know.
func (r *Redis) otherNodesAnswer(ctx context.Context) bool {
	if !r.keys.tagged || !r.limiters.waiting() {
		return true
	}
	nodes := r.client.Nodes()
	silent := make(chan struct{}, len(nodes))
	var asking sync.WaitGroup
	for _, node := range nodes {
		asking.Go(func() { // Ends with the answer or ctx; waited for below.
			if gaveUp(ctx, node.Do(ctx, node.B().Ping().Build()).Error()) {
				silent <- struct{}{}
			}
		})
	}
	asking.Wait()
	return len(silent) == 0
}

// oldest is the oldest major version of Redis that will do.
const oldest = 7

// inspect asks Redis whether it is what it must be. Where the ACL user may not ask, it is.
func (r *Redis) inspect(ctx context.Context) error {
	// To the master that probes go to: it must be there, others may be down.
	ask := r.client.B().Info().Section("server").Build().SetSlot(probeKey(r.subs.main.probeName()))
	text, err := r.client.Do(ctx, ask).ToString()
	if said, ok := rueidis.IsRedisErr(err); ok && strings.HasPrefix(said.Error(), "NOPERM") {
		return nil
	}
	if err != nil {
		return err
	}
	version, mode := infoField(text, "redis_version"), serverMode(text)
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err == nil && n < oldest {
		return &unfitError{"version " + version + " is too old: it must be 7.0 or newer"}
	}
	switch {
	case mode == modeCluster && !r.keys.tagged:
		return &unfitError{"it is a node of a cluster: set redis.mode to cluster"}
	case mode == modeSentinel:
		return &unfitError{"it is a sentinel: give redis.sentinel_master"}
	case mode == modeStandalone && r.keys.tagged:
		return &unfitError{"it is no cluster: set redis.mode to standalone"}
	}
	return nil
}

// serverMode is standalone, sentinel or cluster, by an answer to INFO of Redis, or of Valkey.
func serverMode(info string) string {
	return cmp.Or(infoField(info, "redis_mode"), infoField(info, "server_mode"))
}

// infoField is the value of a field in an answer to INFO.
func infoField(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
