package redisx

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/redis/rueidis"

	"barrage/codec"
)

// TestInbox_Full has no worker: put must drop, and never wait.
func TestInbox_Full(t *testing.T) {
	in := newInbox(func(string) bool { return true })
	const more = 10
	for i := range inboxLen + more {
		in.put(message("mq:r", uint64(i+1)))
	}
	if got := in.dropped.Load(); got != more {
		t.Errorf("%d messages were dropped; want %d", got, more)
	}

	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	h := &collector{last: inboxLen, full: cancel}
	in.start(ctx, &running, h)
	running.Wait()
	for i, seq := range h.seqs {
		if seq != uint64(i+1) {
			t.Fatalf("event %d has seq %d; want the oldest in order", i, seq)
		}
	}
	if got := in.events.Load(); got != inboxLen {
		t.Errorf("%d events were delivered; want %d", got, inboxLen)
	}
}

func TestInbox_LeavesOutUnwanted(t *testing.T) {
	in := newInbox(func(channel string) bool { return channel == "mq:b" })
	h := &collector{}
	in.deliver(message("mq:a", 1), h)
	in.deliver(message("mq:b", 2), h)
	if len(h.seqs) != 1 || h.seqs[0] != 2 {
		t.Errorf("delivered seqs %v; want only 2", h.seqs)
	}
}

func message(channel string, seq uint64) rueidis.PubSubMessage {
	return rueidis.PubSubMessage{Channel: channel, Message: fmt.Sprintf("r1 e %d %d", seq, seq)}
}

// collector keeps the sequence numbers and calls full once the last has come.
type collector struct {
	seqs []uint64
	last uint64
	full func()
}

func (c *collector) RoomEvent(_ string, ev codec.Event) {
	c.seqs = append(c.seqs, ev.Seq)
	if ev.Seq == c.last {
		c.full()
	}
}

func (c *collector) UserEvent(string) {}

func (c *collector) Resumed() {}
