package redisx_test

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"barrage/internal/await"
	"barrage/internal/chat"
	"barrage/internal/redistest"
	"barrage/redisx"
)

// wantKept publishes a batch, and wants it to be on as many replicas as min_replicas says, or not.
func (h *harness) wantKept(t *testing.T, room string, b chat.Batch, kept bool) chat.Stored {
	t.Helper()
	got, err := h.Publish(t.Context(), room, b)
	noError(t, err)
	if got.Doubtful == kept {
		t.Errorf("batch %s, try %d: doubtful is %v; want %v", b.ID, b.Try, got.Doubtful, !kept)
	}
	return got
}

// monitored gives the commands that a server gets from now on, until the result is called: a line each, as MONITOR has
// them.
func monitored(t *testing.T, s *redistest.Server) (commands func() []string) {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr)
	noError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = conn.Write([]byte("MONITOR\r\n"))
	noError(t, err)
	in := bufio.NewReader(conn)
	_, err = in.ReadString('\n') // OK
	noError(t, err)
	return func() (all []string) {
		const last = "the last one"
		_, err := s.Do("ECHO", last)
		noError(t, err)
		for {
			line, err := in.ReadString('\n')
			noError(t, err)
			if strings.Contains(line, last) {
				return all
			}
			all = append(all, strings.TrimSpace(line))
		}
	}
}

// TestRedis_MinReplicasMustKeepAMessage: a message counts as kept once a replica has it, and not before, however often
// it is sent again. A replica that is away is not waited for by every call.
func TestRedis_MinReplicasMustKeepAMessage(t *testing.T) {
	master := redistest.Start(t)
	replica := redistest.StartReplica(t, master)
	h := newConfigured(t, func(c *redisx.Config) { c.Addrs, c.MinReplicas = []string{master.Addr}, 1 })
	h.wantReady(t)
	node := h.Store.(*redisx.Redis).Node()
	first := h.wantKept(t, "r", chat.Batch{ID: node + ".1", Drafts: sends("u", 1, "a")}, true)

	replica.Pause(t)
	late := chat.Batch{ID: node + ".2", Drafts: sends("u", 2, "b")}
	stored := h.wantKept(t, "r", late, false)
	if stored.Event.Seq != first.Event.Seq+1 {
		t.Errorf("the message has number %d; want %d, as if it was kept", stored.Event.Seq, first.Event.Seq+1)
	}
	late.Try = 1
	fresh := newConfigured(t, func(c *redisx.Config) { c.Addrs, c.MinReplicas = []string{master.Addr}, 1 })
	fresh.wantReady(t)
	fresh.wantKept(t, "r", late, false) // it stores nothing any more, over a connection that has written nothing before
	var calls sync.WaitGroup
	const more = 32 // publishers, by default: each call has a connection of its own
	commands, start := monitored(t, master), time.Now()
	for i := range more {
		calls.Go(func() {
			again := h.wantKept(t, fmt.Sprint("r", i), chat.Batch{ID: node + ".3", Drafts: sends("v", 2, "x")}, false)
			if len(again.Event.Messages) != 1 {
				t.Errorf("batch %d: %+v; want it to be stored", i, again)
			}
		})
	}
	calls.Wait()
	waits := slices.DeleteFunc(commands(), func(line string) bool { return !strings.Contains(line, `"WAIT"`) })
	if len(waits) < more {
		t.Errorf("Redis saw %d waits for the replica; want one of each of %d calls at least", len(waits), more)
	}
	long := slices.DeleteFunc(waits, func(line string) bool { return strings.HasSuffix(line, ` "1"`) })
	// One call at a time looks for the replica, for half of its time. Beyond these: the last one.
	if took := time.Since(start); len(long) > 1+int(took/(callTimeout/2)) {
		t.Errorf("%d of %d calls waited in %v for a replica that was known to be away: %q", len(long), more, took, long)
	}
	if n := h.Stats().FewReplicas; n != more+1 {
		t.Errorf("%d calls are counted that saw too few replicas; want %d", n, more+1)
	}

	replica.Resume(t)
	next := 3
	eventually(t, "the message is kept", func() (bool, string) {
		got, err := h.Publish(t.Context(), "r", chat.Batch{ID: fmt.Sprintf("%s.%d", node, next), Drafts: sends("u", 2, "b")})
		next++
		noError(t, err)
		if len(got.Repeats) != 1 || got.Repeats[0].Seq != stored.Event.Seq {
			t.Fatalf("said again it is %+v; want a repeat of number %d", got, stored.Event.Seq)
		}
		return !got.Doubtful, ""
	})
	master.Pause(t)
	hanging := await.Start()
	if _, err := h.Publish(t.Context(), "r", chat.Batch{ID: fmt.Sprintf("%s.%d", node, next), Drafts: sends("u", 3, "c")}); err == nil {
		t.Error("a message is published, and nobody answered")
	}
	hanging.WantWithin(t, "a call to a master that hangs has ended", callTimeout+time.Second)
	master.Resume(t)
	h.wantReady(t)
	eventually(t, "messages are kept again", func() (bool, string) {
		got, err := h.Publish(t.Context(), "r", chat.Batch{ID: fmt.Sprintf("%s.%d", node, next), Try: 1, Drafts: sends("u", 3, "c")})
		return err == nil && !got.Doubtful, fmt.Sprint(err)
	})
	if _, err := replica.Do("REPLICAOF", "NO", "ONE"); err != nil {
		t.Fatal(err)
	}
	after := newNode(t, replica.Addr, newRaw(t, replica.Addr))
	if got := after.newest(t, "r", historyMessages); got.Seq != 3 {
		t.Errorf("after the failover the room is at %+v; want all three messages", got.Position)
	}
}

// TestRedis_MinReplicasHoldWithANewScript: a Redis that has neither replicas nor the script answers in time, too: as
// after a failover.
func TestRedis_MinReplicasHoldWithANewScript(t *testing.T) {
	master := redistest.Start(t)
	h := newConfigured(t, func(c *redisx.Config) { c.Addrs, c.MinReplicas = []string{master.Addr}, 1 })
	h.wantReady(t)
	node := h.Store.(*redisx.Redis).Node()
	h.wantKept(t, "r", chat.Batch{ID: node + ".1", Drafts: sends("u", 1, "a")}, false)
	if n := h.Stats().FewReplicas; n != 1 {
		t.Errorf("%d calls are counted that saw too few replicas; want 1", n)
	}
}
