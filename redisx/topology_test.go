package redisx_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
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

// This file is about sentinels, clusters and TLS.

// newConfigured is a harness of a store with DefaultConfig as changed.
func newConfigured(t *testing.T, change func(c *redisx.Config)) *harness {
	t.Helper()
	cfg := redisx.DefaultConfig()
	cfg.Timeout = callTimeout
	change(&cfg)
	noError(t, cfg.Validate())
	store := redisx.NewRedis(cfg, limits, slog.New(slog.NewTextHandler(t.Output(), nil)))
	t.Cleanup(store.Close)
	h := &harness{Store: store, recorder: newRecorder(t), now: time.Now, tagged: cfg.Topology() == "cluster"}
	h.Start(h.recorder)
	return h
}

// wantAll sees that a store does what stores do, in some rooms, and leaves these subscribed.
func (h *harness) wantAll(t *testing.T, rooms ...string) {
	t.Helper()
	h.wantReady(t)
	noError(t, h.SetToken(t.Context(), "u", "token"))
	right, err := isRight(h.CheckToken(t.Context(), chat.Credential{UserID: "u", Token: "token"}))
	wantEqual(t, "CheckToken", right, err, true)
	noError(t, h.SubscribeUser(t.Context(), "u"))
	for _, room := range rooms {
		noError(t, h.SubscribeRoom(t.Context(), room))
		before := h.newest(t, room, 1)
		h.wantFlow(t, room)
		if got := h.newest(t, room, 1); got.Seq != before.Seq+1 || len(got.Entries) != 1 {
			t.Errorf("room %q after a message: %+v; before: %+v", room, got, before)
		}
	}
	_, err = h.Join(t.Context(), "u", fmt.Sprint("new at ", time.Now()))
	noError(t, err)
	eventually(t, "the user's event has come", func() (bool, string) {
		h.mu.Lock()
		defer h.mu.Unlock()
		return slices.Contains(h.users, "u"), fmt.Sprint(h.users)
	})
	creds := []chat.Credential{{UserID: "u", Token: "token"}, {UserID: "v", Token: "x"}, {UserID: "w", Token: "x"}}
	all, err := areRight(h.CheckTokens(t.Context(), creds))
	wantEqual(t, "CheckTokens", all, err, []bool{true, false, false})
	h.joinAll(t, chat.Membership{UserID: "v", Room: "r"}, chat.Membership{UserID: "w", Room: "r"})
}

// passStale waits until earlier events of others have gone by: a cluster passes events on from node to node, those of
// one master in order. Else a test would receive events of the one before it.
func (h *harness) passStale(t *testing.T) {
	t.Helper()
	for _, room := range clusterRooms() {
		noError(t, h.SubscribeRoom(t.Context(), room))
		h.wantFlow(t, room)
		h.UnsubscribeRoom(room)
	}
}

func TestRedis_SentinelFailoverLosesNoMessage(t *testing.T) {
	own := redistest.StartSentinels(t)
	h := newConfigured(t, func(c *redisx.Config) {
		c.Addrs, c.SentinelMaster = own.Addrs(), redistest.MasterName
	})
	h.wantAll(t, "r", "s")
	h.wantAway(t, 0, 0)
	own.KillMaster(t)
	start := time.Now()
	h.wantAway(t, 1, 1)
	h.wantResumed(t, 1)
	h.wantAll(t, "r", "s")
	t.Logf("all works %v after the failover", time.Since(start))
	if got := h.newest(t, "r", 5); got.Seq != 2 || len(got.Entries) != 2 {
		t.Errorf("history after the failover: %+v; want both messages", got)
	}
}

func TestRedis_SentinelUnknownMasterNamesTheSetting(t *testing.T) {
	own := redistest.StartSentinels(t)
	h := newConfigured(t, func(c *redisx.Config) { c.Addrs, c.SentinelMaster = own.Addrs(), "nobody" })
	h.wantState(t, "the sentinels do not know redis.sentinel_master")
}

// wantState waits until State says what is wanted.
func (h *harness) wantState(t *testing.T, want string) {
	t.Helper()
	eventually(t, "State says: "+want, func() (bool, string) {
		err := h.State()
		return err != nil && strings.Contains(err.Error(), want), fmt.Sprint(err)
	})
}

// clusterRooms are rooms whose slots the three masters share.
func clusterRooms() []string {
	var rooms []string
	for i := range 24 {
		rooms = append(rooms, fmt.Sprint("room-", i))
	}
	return rooms
}

func TestRedis_ClusterServesThroughAllChanges(t *testing.T) { testCluster(t, false) }

func TestRedis_ClusterShardedServesThroughAllChanges(t *testing.T) { testCluster(t, true) }

func testCluster(t *testing.T, sharded bool) {
	t.Helper()
	own := redistest.StartCluster(t)
	some := func(c *redisx.Config) {
		c.Addrs, c.ShardedPubSub = own.Addrs()[:2], sharded
		if sharded { // whichever of the two
			c.MinReplicas = 1
		}
	}
	h := newConfigured(t, some)
	rooms := clusterRooms()
	h.wantAll(t, rooms...)
	wantNoSuchRoom(t, h, "}x")

	t.Run("conformance", func(t *testing.T) {
		testClusterConformance(t, func(t *testing.T) *harness {
			t.Helper()
			return newConfigured(t, some)
		}, func() {
			for _, s := range own.Nodes { // Replicas refuse, and follow their masters.
				_, _ = s.Do("FLUSHALL")
			}
		})
	})
	t.Run("failover", func(t *testing.T) {
		resumed := h.resumedSoFar()
		old := own.KillMaster(t, 0)
		start := time.Now()
		eventually(t, "Resumed was called", func() (bool, string) { return h.resumedSoFar() > resumed, "" })
		h.wantAllSoon(t, rooms...)
		t.Logf("all works %v after the failover", time.Since(start))
		old.Restart(t)
		own.AwaitReady(t)
		h.wantAllSoon(t, rooms...)
	})
	t.Run("hang", func(t *testing.T) { testHang(t, h, own, rooms) })
	t.Run("migration", func(t *testing.T) { testMigration(t, h, own, sharded, rooms[:6]) })
}

// testMigration moves slots while messages are sent to rooms, some of whose slots move.
func testMigration(t *testing.T, h *harness, own *redistest.Cluster, sharded bool, rooms []string) {
	t.Helper()
	to := own.Master(t, 8000)
	ctx, stop := context.WithCancel(t.Context())
	var working sync.WaitGroup
	defer working.Wait()
	defer stop()
	sent, before := make([]uint64, len(rooms)), make([]uint64, len(rooms))
	for i, room := range rooms {
		before[i] = h.newest(t, room, 1).Seq
		working.Go(func() { // Ends with ctx; waited for below.
			for ctx.Err() == nil {
				sent[i]++
				batch := fmt.Sprintf("moving.%d", sent[i])
				// A slot that is half here, half there answers TRYAGAIN.
				eventually(t, "a message is published to "+room, func() (bool, string) {
					_, err := h.put(t.Context(), room, batch, drafts(room, "u", time.Now().UnixMilli()))
					return err == nil, fmt.Sprint(err)
				})
			}
		})
	}
	resumed := h.resumedSoFar()
	for slot := 16380; slot < 16384; slot++ { // Slots without a room.
		own.MigrateSlot(t, slot, to)
	}
	moved := 0
	for _, room := range rooms {
		if slot := own.Slot(t, "mq:{"+room+"}"); own.Master(t, slot) != to {
			own.MigrateSlot(t, slot, to)
			moved++
		}
	}
	stop()
	working.Wait()
	if moved == 0 || sent[0] == 0 {
		t.Fatalf("%d slots of rooms were moved, %d messages sent; want some", moved, sent[0])
	}
	h.wantReady(t)
	for i, room := range rooms {
		sent[i] += h.wantFlowEnds(t, room)
		if got := h.newest(t, room, 1).Seq; got != before[i]+sent[i] {
			t.Errorf("%d messages are in room %q; want %d", got-before[i], room, sent[i])
		}
	}
	if sharded {
		eventually(t, "Resumed was called, since subscriptions moved", func() (bool, string) { return h.resumedSoFar() > resumed, "" })
	}
}

// wantNoSuchRoom sees that a cluster refuses a room.
func wantNoSuchRoom(t *testing.T, h *harness, room string) {
	t.Helper()
	_, err := h.Read(t.Context(), room, chat.Position{}, 1, 1)
	for what, err := range map[string]error{
		"SubscribeRoom": h.SubscribeRoom(t.Context(), room),
		"Publish":       h.send(t.Context(), room, drafts(room, "u", 1)),
		"Read":          err,
	} {
		if err == nil || !strings.Contains(err.Error(), "begins with a closing brace") {
			t.Errorf("%s of room %q: error %v; want: begins with a closing brace", what, room, err)
		}
		wantRefused(t, err, true)
	}
	_, err = h.Report(t.Context(), "n", []chat.Report{{Room: room, Online: 1}})
	wantRefused(t, err, true)
	h.UnsubscribeRoom(room)
}

// testHang stops a master that the probes do not go to. The rooms of the others go on, and all works in the end.
func testHang(t *testing.T, h *harness, own *redistest.Cluster, rooms []string) {
	t.Helper()
	probed := own.Master(t, own.Slot(t, "gmn:\x00node:"+h.Store.(*redisx.Redis).Node()))
	var hung *redistest.Server
	here, there := "", ""
	for _, room := range rooms {
		switch m := own.Master(t, own.Slot(t, "gml:{"+room+"}")); {
		case m == probed:
			here = room
		case hung == nil || m == hung:
			hung, there = m, room
		}
	}
	hung.Pause(t)
	var working sync.WaitGroup
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	for range 1500 { // More than any ring holds.
		working.Go(func() { // Ends with the call; waited for below.
			if _, err := h.Read(ctx, there, chat.Position{}, 1, 1); err == nil {
				t.Errorf("Read of %q succeeded while its master hung", there)
			}
		})
	}
	reading := await.Start()
	h.newest(t, here, 1)
	reading.WantWithin(t, "a room of another master was read", time.Second)
	working.Wait()
	reading.WantWithin(t, "the last of the calls had ended", 3*time.Second) // 300ms, or 3s where it had to connect
	hung.Resume(t)
	own.AwaitReady(t)
	h.wantAllSoon(t, rooms...)
	for range 200 { // All places are free again.
		h.newest(t, there, 1)
	}
}

// wantAllSoon is wantAll for a store that may need time until everything works.
func (h *harness) wantAllSoon(t *testing.T, rooms ...string) {
	t.Helper()
	for _, room := range rooms {
		before := len(h.events(room))
		eventually(t, "a message can be published to "+room+" and heard", func() (bool, string) {
			err := h.send(t.Context(), room, drafts(room, "u", time.Now().UnixMilli()))
			return err == nil && len(h.events(room)) > before, fmt.Sprint(err, " State: ", h.State())
		})
	}
	h.wantAll(t)
}

// wantFlowEnds publishes to a room until that is received, and waits until the last message is the last event. It
// returns how many it sent.
func (h *harness) wantFlowEnds(t *testing.T, room string) (sent uint64) {
	t.Helper()
	looks, before := 0, 0
	var text []string
	eventually(t, "what is published to "+room+" is heard", func() (bool, string) {
		if looks%50 == 0 { // It may come, or not: then there is another one 0.1 s later.
			sent++
			before = len(h.events(room))
			text = h.publish(t, room, fmt.Sprint("last ", sent), time.Now().UnixMilli())
		}
		looks++
		got := h.events(room)
		return len(got) > before && slices.Equal(got[len(got)-1].Messages, text), fmt.Sprint(before)
	})
	return sent
}

// TestRedis_TLSFilesAreReadAnew: a node goes on by itself when certificates are renewed in their files.
func TestRedis_TLSFilesAreReadAnew(t *testing.T) {
	own := redistest.StartTLS(t, true)
	dir := t.TempDir()
	renew := func() {
		t.Helper()
		for to, from := range map[string]string{"cert.pem": own.CertFile, "key.pem": own.KeyFile} {
			text, err := os.ReadFile(from)
			noError(t, err)
			noError(t, os.WriteFile(filepath.Join(dir, to), text, 0o600))
		}
	}
	renew()
	h := newConfigured(t, func(c *redisx.Config) {
		c.Addrs, c.TLS, c.TLSCAFile = []string{own.Addr}, true, filepath.Join(dir, "cert.pem")
		c.TLSCertFile, c.TLSKeyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	})
	h.wantAll(t, "r")
	own.Renew(t)
	if _, err := h.Rooms(t.Context(), "u"); err == nil {
		t.Error("a call was answered by a server that the node cannot trust yet")
	}
	renew()
	h.wantReady(t)
	h.wantAllSoon(t, "r")
}

func TestRedis_TLSNamesTheSettingThatIsWrong(t *testing.T) {
	own := redistest.StartTLS(t, true)
	h := newConfigured(t, func(c *redisx.Config) {
		c.Addrs, c.TLS, c.TLSCAFile = []string{own.Addr}, true, own.CertFile
		c.TLSCertFile, c.TLSKeyFile = own.CertFile, own.KeyFile
	})
	h.wantAll(t, "r")
	for want, change := range map[string]func(c *redisx.Config){
		"certificate signed by unknown authority": func(c *redisx.Config) { c.TLSCAFile = "" },
		"redis.tls_ca_file: open /nowhere":        func(c *redisx.Config) { c.TLSCAFile = "/nowhere" },
		"redis.tls_ca_file: no certificate":       func(c *redisx.Config) { c.TLSCAFile = "/dev/null" },
		"redis.tls_cert_file, redis.tls_key_file": func(c *redisx.Config) { c.TLSCertFile, c.TLSKeyFile = "/nowhere", "/nowhere" },
		"certificate required":                    func(c *redisx.Config) { c.TLSCertFile, c.TLSKeyFile = "", "" },
		"but wanted to match other":               func(c *redisx.Config) { c.TLSServerName = "other" },
	} {
		bad := newConfigured(t, func(c *redisx.Config) {
			c.Addrs, c.TLS, c.TLSCAFile = []string{own.Addr}, true, own.CertFile
			c.TLSCertFile, c.TLSKeyFile = own.CertFile, own.KeyFile
			change(c)
		})
		bad.wantState(t, want)
	}
}
