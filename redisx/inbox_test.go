package redisx

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/redis/rueidis"

	"barrage/internal/chat"
)

// TestInbox_FullOneDropsAndSaysSo has no worker at first: put must drop, and never wait. Then one must deliver what was
// kept and report that something is missing.
func TestInbox_FullOneDropsAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, h := startLater(t)
		const more = 10
		var want []string
		for i := range inboxLen {
			in.put(message("mq:r", uint64(i+1)))
			want = append(want, fmt.Sprint("r ", i+1))
		}
		for range more {
			in.put(message("mq:r", inboxLen+1))
		}
		if got := in.dropped.Load(); got != more {
			t.Errorf("%d messages were dropped; want %d", got, more)
		}
		h.start()
		h.want(append(want, "resumed")...)
		if got := in.events.Load(); got != inboxLen {
			t.Errorf("%d events were delivered; want %d", got, inboxLen)
		}

		in.put(message("mq:r", 1))
		h.want("r 1") // Nothing more was dropped.
	})
}

// TestInbox_IsBoundedInBytes: waiting events are bounded in bytes as well, and there is room again when they were
// delivered.
func TestInbox_IsBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, h := startLater(t)
		large := func(seq uint64) rueidis.PubSubMessage {
			m := message("mq:r", seq)
			m.Message += strings.Repeat(" ", inboxBytes/4-len(m.Message))
			return m
		}
		for seq := range uint64(5) {
			in.put(large(seq + 1))
		}
		if got := in.dropped.Load(); got != 1 {
			t.Errorf("%d messages of a quarter of the bound were dropped of five; want 1", got)
		}
		h.start()
		h.want("r 1", "r 2", "r 3", "r 4", "resumed")
		for seq := range uint64(4) {
			in.put(large(seq + 6))
		}
		h.want("r 6", "r 7", "r 8", "r 9")
	})
}

// TestInbox_DropsUserEvent has the handler hang until the queue is full, and then until
// one event more has come. Twice, because the worker must not remember it.
func TestInbox_DropsUserEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, h := startLater(t)
		h.start()
		for range 2 {
			for _, more := range []int{0, 1} {
				goOn := h.hang()
				in.put(message("uq:u", 1))
				synctest.Wait() // The worker has taken it.
				for range inboxLen + more {
					in.put(message("uq:u", 1))
				}
				goOn()
				h.want(slices.Concat(slices.Repeat([]string{"u"}, inboxLen+1), slices.Repeat([]string{"resumed"}, more))...)
			}
		}
	})
}

func TestInbox_LeavesOutUnwanted(t *testing.T) {
	in := newInbox(keys{}, func(channel string) bool { return channel == "mq:b" })
	h := &collector{}
	in.deliver(message("mq:a", 1), h)
	in.deliver(message("mq:b", 2), h)
	if !slices.Equal(h.heard, []string{"b 2"}) {
		t.Errorf("delivered %q; want only 2 of b", h.heard)
	}
}

func message(channel string, seq uint64) rueidis.PubSubMessage {
	return rueidis.PubSubMessage{Channel: channel, Message: fmt.Sprintf("r2 e %d %d %d - n\n{}", seq, seq, seq)}
}

// collector keeps what it receives, in words.
type collector struct {
	t *testing.T
	// start runs the inbox's workers until the test ends.
	start func()

	mu    sync.Mutex // guards the fields below
	heard []string
	// hanging, unless nil, is closed when hear may return.
	hanging chan struct{}
}

// startLater is an inbox whose workers the collector starts. For a synctest bubble.
func startLater(t *testing.T) (*inbox, *collector) {
	t.Helper()
	in := newInbox(keys{}, func(string) bool { return true })
	h := &collector{t: t}
	h.start = func() {
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		in.start(ctx, &running, h)
		t.Cleanup(running.Wait)
		t.Cleanup(cancel)
	}
	return in, h
}

// hang has every call wait until goOn.
func (c *collector) hang() (goOn func()) {
	hanging := make(chan struct{})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hanging = hanging
	return func() { close(hanging) }
}

func (c *collector) hear(what string) {
	c.mu.Lock()
	c.heard = append(c.heard, what)
	hanging := c.hanging
	c.mu.Unlock()
	if hanging != nil {
		<-hanging
	}
}

func (c *collector) Away(error) { c.hear("away") }

func (c *collector) Back() { c.hear("back") }

func (c *collector) RoomEvent(room string, ev chat.Event) { c.hear(fmt.Sprint(room, " ", ev.Seq)) }

func (c *collector) UserEvent(user string) { c.hear(user) }

func (c *collector) Asked(question string)             { c.hear("asked " + question) }
func (c *collector) TokensChanged(users, ids []string) { c.hear(fmt.Sprint("tokens of ", users)) }

func (c *collector) Resumed() { c.hear("resumed") }

// want waits until the workers have nothing to do, compares what was received since the last time, and forgets it.
func (c *collector) want(heard ...string) {
	c.t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Equal(c.heard, heard) {
		c.t.Fatalf("heard %d: %.200q...; want %d: %.200q...", len(c.heard), c.heard, len(heard), heard)
	}
	c.heard = nil
}
