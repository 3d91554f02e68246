package redisx_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"barrage/internal/redistest"
	"barrage/redisx"
)

// This file is about batches that come to Redis after their node gave them up.

// TestRedis_LateBatchIsNotStored: a batch is on its way, the network is parted, the node gives the batch
// up and publishes the next one over another connection. Then the network is whole again.
func TestRedis_LateBatchIsNotStored(t *testing.T) {
	for _, interop := range []bool{false, true} {
		for _, ids := range []bool{false, true} {
			t.Run(fmt.Sprintf("interop=%v ids=%v", interop, ids), func(t *testing.T) { testLateBatch(t, interop, ids) })
		}
	}
}

func testLateBatch(t *testing.T, interop, ids bool) {
	t.Helper()
	newRaw(t, server.Addr).do("FLUSHALL")
	open := func(addr string) *harness {
		h := newConfigured(t, func(c *redisx.Config) { c.Addrs, c.FastIMInterop = []string{addr}, interop })
		h.wantReady(t)
		return h
	}
	p := redistest.StartProxy(t, server.Addr)
	slow, quick := open(p.Addr), open(server.Addr)
	publish := func(ctx context.Context, h *harness, n int64) (string, error) {
		id := ""
		if ids {
			id = fmt.Sprint("id ", n)
		}
		d := sends("u", n, id)
		_, err := h.put(ctx, "r", fmt.Sprintf("n.%d", n), d)
		return texts(d)[0], err
	}
	one, err := publish(t.Context(), slow, 1)
	noError(t, err)
	p.Cut(true)
	ctx, cancel := context.WithTimeout(t.Context(), callTimeout/4) // it is on its way by then
	defer cancel()
	if _, err := publish(ctx, slow, 2); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Publish while nothing goes through: error %v; want %v", err, context.DeadlineExceeded)
	}
	three, err := publish(t.Context(), quick, 3)
	noError(t, err)
	p.Cut(false)
	var four string
	eventually(t, "the fourth is published", func() (bool, string) { // behind the second on its connection
		four, err = publish(t.Context(), slow, 4)
		return err == nil, fmt.Sprint(err)
	})
	wantHistory(t, slow.newest(t, "r", 10), 3, 3, 1, one, three, four)
}
