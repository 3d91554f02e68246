package redisx_test

import (
	"context"
	"sync"
	"testing"
	"time"
)

// TestRedis_OnCallHearsCallsByName has OnCall notified of scripts and commands by name.
func TestRedis_OnCallHearsCallsByName(t *testing.T) {
	newRaw(t, server.Addr).do("FLUSHALL")
	store := openRedis(t, server.Addr)
	var mu sync.Mutex // guards the field below
	heard := map[string]int{}
	store.OnCall = func(_ context.Context, op string, began time.Time, err error) {
		mu.Lock()
		defer mu.Unlock()
		heard[op]++
		noError(t, err)
		if took := time.Since(began); took <= 0 || took > patience {
			t.Errorf("%s took %v; want the time since it began", op, took)
		}
	}
	h := started(t, store)
	noError(t, h.SetToken(t.Context(), "u", "token"))
	h.publish(t, "r", "u", 7)
	_, err := h.KnownRoom(t.Context(), "r")
	noError(t, err)
	mu.Lock()
	defer mu.Unlock()
	for _, op := range []string{"set_token", "publish"} {
		if heard[op] != 1 {
			t.Errorf("%s was heard of %d times; want 1, of %v", op, heard[op], heard)
		}
	}
	if heard["exists"] == 0 {
		t.Errorf("the command exists was not heard of; want it, of %v", heard)
	}
}
