package redisx_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"barrage/internal/await"
	"barrage/internal/chat"
	"barrage/internal/redistest"
	"barrage/redisx"
)

// This file is about a Redis that is away, hangs or refuses.

// callTimeout is the Timeout of stores under test.
const callTimeout = 2 * time.Second

func TestRedis_StartsWithoutServer(t *testing.T) {
	own := redistest.Start(t)
	own.Kill(t)
	s := &harness{Store: openRedis(t, own.Addr), recorder: newRecorder(t)}
	if err := s.State(); err == nil || !strings.HasSuffix(err.Error(), ": not connected yet") {
		t.Errorf("State before Start = %v; want: not connected yet", err)
	}
	s.Start(s.recorder)
	want := "cannot reach Redis at " + own.Addr + ": connection refused"
	s.wantState(t, want)
	s.wantAway(t, 1, 0)
	if err := s.SetToken(t.Context(), "u", "x"); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("SetToken: error %v; want one that ends in %s", err, want)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.SubscribeRoom(ctx, "r"); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), want) {
		t.Errorf("SubscribeRoom: error %v; want the deadline's, and %s", err, want)
	}
	if got := s.Stats(); got.Connected || got.Errors == 0 || got.Subscriptions != 1 {
		t.Errorf("Stats = %+v; want not connected, errors, 1 subscription", got)
	}

	own.Restart(t)
	s.wantReady(t)
	s.wantResumed(t, 1)
	s.wantFlow(t, "r")
}

// wantFlow publishes to a room that is subscribed and waits for the event.
func (h *harness) wantFlow(t *testing.T, room string) {
	t.Helper()
	before := len(h.events(room))
	text := h.publish(t, room, "u", time.Now().UnixMilli())
	eventually(t, "an event has come to "+room, func() (bool, string) {
		got := h.events(room)
		return len(got) == before+1 && got[before].Messages[0] == text[0], fmt.Sprint(got)
	})
}

func TestRedis_SubscriptionsKilledComeBack(t *testing.T) {
	s, raw := newPair(t)
	const rooms = 1200 // three batches
	var working sync.WaitGroup
	for r := range rooms {
		working.Go(func() { // Ends when subscribed; waited for below.
			if err := s.SubscribeRoom(t.Context(), fmt.Sprintf("r%d", r)); err != nil {
				t.Error(err)
			}
		})
	}
	working.Wait()
	for round := 1; round <= 3; round++ {
		if killed := raw.int("CLIENT", "KILL", "TYPE", "pubsub"); killed != 1 {
			t.Fatalf("killed %d connections; want 1", killed)
		}
		s.wantResumed(t, round)
		s.wantReady(t)
		for _, r := range []int{0, rooms / 2, rooms - 1} {
			s.wantFlow(t, fmt.Sprintf("r%d", r))
		}
	}
	channels := raw.strings("PUBSUB", "CHANNELS")
	wantEqual(t, "number of channels", len(channels), nil, rooms+2) // and those of the probes and of the nodes
	for r := range rooms {
		s.UnsubscribeRoom(fmt.Sprintf("r%d", r))
	}
	eventually(t, "no channel of a room is left", func() (bool, string) {
		left := raw.strings("PUBSUB", "CHANNELS")
		return len(left) == 2, fmt.Sprint(left)
	})
	if got := s.Stats().Reconnects; got != 3 {
		t.Errorf("Stats().Reconnects = %d; want 3", got)
	}
}

// TestRedis_BufferOverrunIsResumed: Redis cuts a subscriber that does not take what it is sent.
func TestRedis_BufferOverrunIsResumed(t *testing.T) {
	own := redistest.Start(t, "--client-output-buffer-limit", "pubsub 64kb 0 0")
	raw := newRaw(t, own.Addr)
	s := newNode(t, own.Addr, raw)
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	raw.do("PUBLISH", "mq:r", strings.Repeat("x", 1<<20))
	s.wantResumed(t, 1)
	s.wantReady(t)
	s.wantFlow(t, "r")
}

// TestRedis_CommandsKilledComeBack: the other connection comes back by itself.
func TestRedis_CommandsKilledComeBack(t *testing.T) {
	s, raw := newPair(t)
	noError(t, s.SubscribeRoom(t.Context(), "r")) // So its connection is not "normal".
	for range 3 {
		raw.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		eventually(t, "a call succeeds", func() (bool, string) {
			err := s.SetToken(t.Context(), "u", "x")
			return err == nil, fmt.Sprint(err)
		})
	}
	s.wantReady(t)
	s.settle(t)
	s.wantResumed(t, 0)
}

func TestRedis_RestartedServerIsUsedInANewEpoch(t *testing.T) {
	own := redistest.Start(t)
	s := newNode(t, own.Addr, newRaw(t, own.Addr))
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	s.wantFlow(t, "r")
	epoch := s.newest(t, "r", 1).Epoch

	own.Kill(t)
	eventually(t, "State is an error", func() (bool, string) { return s.State() != nil, "" })
	own.Restart(t)
	restarted := await.Start()
	s.wantReady(t)
	s.wantResumed(t, 1)
	s.wantFlow(t, "r")
	restarted.WantWithin(t, "the store was usable again", 5*time.Second)
	if got := s.newest(t, "r", 1).Epoch; got == epoch {
		t.Errorf("epoch is still %q although Redis lost its data", got)
	}
}

// TestRedis_HangingServerEndsEachCallInTime has more calls waiting than rueidis can hold.
func TestRedis_HangingServerEndsEachCallInTime(t *testing.T) {
	own := redistest.Start(t)
	s := newNode(t, own.Addr, newRaw(t, own.Addr))
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	own.Pause(t)
	var working sync.WaitGroup
	hanging := await.Start()
	for range 1500 {
		working.Go(func() { // Ends with the call; waited for below.
			if _, err := isRight(s.CheckToken(t.Context(), chat.Credential{UserID: "u", Token: "x"})); err == nil {
				t.Error("CheckToken succeeded while Redis hung")
			}
		})
	}
	working.Wait()
	// All wait at once. Where those without a place had their time after the others', it would be twice as long.
	hanging.WantWithin(t, "the last of the calls had ended", callTimeout*3/2)
	eventually(t, "State is an error", func() (bool, string) { return s.State() != nil, "" })
	if err := s.State(); !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("State = %v; want: no answer in time", err)
	}
	own.Resume(t)
	s.wantReady(t)
	s.wantFlow(t, "r")
	for range 1500 { // All places are free again.
		_, err := isRight(s.CheckToken(t.Context(), chat.Credential{UserID: "u", Token: "x"}))
		noError(t, err)
	}
}

// TestRedis_MemoryFullIsNamedUntilItIsOver: Redis answers all that reads, and refuses what needs memory.
func TestRedis_MemoryFullIsNamedUntilItIsOver(t *testing.T) {
	own := redistest.Start(t)
	raw := newRaw(t, own.Addr)
	s := newNode(t, own.Addr, raw)
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	s.wantFlow(t, "r")
	raw.do("CONFIG", "SET", "maxmemory", "1kb")
	wantRefused(t, s.send(t.Context(), "r", drafts("r", "u", 1)), false)
	s.wantState(t, "cannot use Redis at "+own.Addr+": its memory is full: see its setting maxmemory: OOM command not allowed")
	s.wantAway(t, 1, 0)
	raw.do("CONFIG", "SET", "maxmemory", "0")
	s.wantAway(t, 1, 1)
	s.wantReady(t)
	s.wantFlow(t, "r")
	wantEqual(t, "keys of probes", raw.strings("KEYS", "gmn:*"), nil, []string{})
}

func TestRedis_CloseWhileServerHangsEndsInTime(t *testing.T) {
	own := redistest.Start(t)
	store := openRedis(t, own.Addr)
	h := &harness{Store: store, recorder: newRecorder(t)}
	h.Start(h.recorder)
	h.wantReady(t)
	noError(t, h.SubscribeRoom(t.Context(), "r"))
	own.Pause(t)
	closing := await.Start()
	store.Close()
	closing.WantWithin(t, "Close had returned", 4*time.Second)
}

func TestRedis_UnsubscribeEndsWaiting(t *testing.T) {
	own := redistest.Start(t)
	own.Kill(t)
	s := &harness{Store: openRedis(t, own.Addr), recorder: newRecorder(t)}
	s.Start(s.recorder)
	result := make(chan error)
	go func() { result <- s.SubscribeRoom(t.Context(), "r") }() // Ends by UnsubscribeRoom; waited for below.
	eventually(t, "it is subscribed", func() (bool, string) { return s.Stats().Subscriptions == 1, "" })
	s.UnsubscribeRoom("r")
	select {
	case err := <-result:
		if err == nil || !strings.Contains(err.Error(), "unsubscribed meanwhile") {
			t.Errorf("SubscribeRoom: error %v; want: unsubscribed meanwhile", err)
		}
	case <-time.After(patience):
		t.Fatal("SubscribeRoom still waits")
	}
}

func TestRedis_PasswordThatIsWrongIsNamed(t *testing.T) {
	own := redistest.Start(t, "--requirepass", "secret")
	cfg := redisx.DefaultConfig()
	cfg.Addrs = []string{own.Addr}
	for password, want := range map[string]string{"secret": "", "wrong": "WRONGPASS", "": "NOAUTH"} {
		cfg.Password = password
		s := redisx.NewRedis(cfg, limits, slog.New(slog.DiscardHandler))
		s.Start(newRecorder(t))
		if want == "" {
			(&harness{Store: s}).wantReady(t)
			noError(t, s.SetToken(t.Context(), "u", "x"))
		} else {
			prefix := "cannot use Redis at " + own.Addr + ": " + want
			eventually(t, "State is "+prefix, func() (bool, string) {
				err := s.State()
				return err != nil && strings.HasPrefix(err.Error(), prefix), fmt.Sprint(err)
			})
		}
		s.Close()
	}
}

// TestRedis_LogsChangesOnce counts the lines over an outage with many attempts.
func TestRedis_LogsChangesOnce(t *testing.T) {
	own := redistest.Start(t)
	var log syncBuffer
	cfg := redisx.DefaultConfig()
	cfg.Addrs = []string{own.Addr}
	s := &harness{
		Store:    redisx.NewRedis(cfg, limits, slog.New(slog.NewTextHandler(&log, nil))),
		recorder: newRecorder(t),
	}
	s.Start(s.recorder)
	s.wantReady(t)
	own.Kill(t)
	eventually(t, "State is an error", func() (bool, string) { return s.State() != nil, "" })
	// State is refreshed four times a second; two attempts at least go by.
	ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer cancel()
	_ = s.SubscribeRoom(ctx, "r")
	own.Restart(t)
	s.wantReady(t)
	s.Close()
	got := log.String()
	if ready, not := strings.Count(got, "redis is ready"), strings.Count(got, "redis cannot be used"); ready != 2 || not != 1 {
		t.Errorf("log has %d lines of ready, %d of not ready; want 2 and 1:\n%s", ready, not, got)
	}
}

// syncBuffer is a strings.Builder for many goroutines.
type syncBuffer struct {
	mu   sync.Mutex // guards the field below
	text strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
