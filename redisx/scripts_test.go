package redisx_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"barrage/internal/chat"
	"barrage/internal/redistest"
	"barrage/redisx"
)

// evals is how often the text of a script came to Redis since CONFIG RESETSTAT.
func evals(t *testing.T, raw *rawClient) int {
	t.Helper()
	found := regexp.MustCompile(`cmdstat_eval:calls=(\d+)`).FindStringSubmatch(raw.text("INFO", "commandstats"))
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(found[1])
	noError(t, err)
	return n
}

// TestScripts_TextIsSentOnce: a Redis that knows no scripts, as after a failover, gets the text of each once, however
// many calls are under way. They succeed all.
func TestScripts_TextIsSentOnce(t *testing.T) {
	// With min_replicas each call has a connection of its own: as many as publishers, by default.
	for replicas, calls := range []int{200, 32} {
		t.Run(fmt.Sprintf("min_replicas %d", replicas), func(t *testing.T) {
			master := redistest.Start(t)
			if replicas > 0 {
				redistest.StartReplica(t, master)
			}
			store := openRedis(t, master.Addr, func(c *redisx.Config) { c.MinReplicas = replicas })
			h, raw := started(t, store), newRaw(t, master.Addr)
			h.wantReady(t)
			raw.do("SCRIPT", "FLUSH")
			raw.do("CONFIG", "RESETSTAT")
			var all sync.WaitGroup
			for i := range calls {
				all.Go(func() {
					if _, err := h.put(t.Context(), fmt.Sprint("r", i), fmt.Sprint("n.", i), drafts(fmt.Sprint("r", i), "u", 1)); err != nil {
						t.Errorf("publish %d: %v", i, err)
					}
				})
			}
			all.Wait()
			many := make([]chat.Membership, 100)
			for i := range many {
				many[i] = chat.Membership{UserID: fmt.Sprint("u", i), Room: "r"}
			}
			if refused, err := h.JoinAll(t.Context(), many); refused != 0 || err != nil {
				t.Errorf("join: %d refused, %v", refused, err)
			}
			// publish, join, and the probe of a node, which is sent in its time
			if n := evals(t, raw); n < 2 || n > 3 {
				t.Errorf("%d texts of scripts were sent; want one each:\n%s", n, strings.Join(strings.Fields(raw.text("INFO", "commandstats")), "\n"))
			}
		})
	}
}
