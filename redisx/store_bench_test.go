package redisx_test

import (
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/internal/redistest"
	"barrage/redisx"
)

// benchLimits are those of config.yaml.
var benchLimits = redisx.Limits{HistoryMessages: 1000, HistoryTTL: historyTTL}

// deaf is a handler that does nothing.
type deaf struct{}

func (deaf) Away(error)                       {}
func (deaf) Back()                            {}
func (deaf) RoomEvent(string, chat.Event)     {}
func (deaf) UserEvent(string)                 {}
func (deaf) Asked(string)                     {}
func (deaf) TokensChanged([]string, []string) {}
func (deaf) Resumed()                         {}

// The ids of messages that are published.
const (
	bare   = iota // none, as beside original FastIM nodes
	madeID        // the node's, as of FastIM's clients
	once          // the sender's, as of native clients: stored once
)

func BenchmarkMemory_Publish(b *testing.B) { benchmarkPublish(b, benchMemory(), bare, 1, 50) }

func BenchmarkMemory_PublishOnce(b *testing.B) { benchmarkPublish(b, benchMemory(), once, 1, 50) }

func BenchmarkMemory_Read(b *testing.B) { benchmarkRead(b, benchMemory()) }

func BenchmarkMemory_Range(b *testing.B) { benchmarkRange(b, benchMemory()) }

func BenchmarkMemory_Report(b *testing.B) { benchmarkReport(b, benchMemory()) }

func BenchmarkRedis_Publish(b *testing.B) { benchmarkPublish(b, benchRedis(b), bare, 1, 5, 50) }

func BenchmarkRedis_PublishMadeID(b *testing.B) {
	benchmarkPublish(b, benchRedis(b), madeID, 1, 5, 50)
}

func BenchmarkRedis_PublishOnce(b *testing.B) { benchmarkPublish(b, benchRedis(b), once, 1, 5, 50) }

func BenchmarkRedis_Read(b *testing.B) { benchmarkRead(b, benchRedis(b)) }

func BenchmarkRedis_Range(b *testing.B) { benchmarkRange(b, benchRedis(b)) }

// BenchmarkRedis_Large reads what a client may ask for at once of a history of 4 MiB, or of 1000 messages.
func BenchmarkRedis_Large(b *testing.B) {
	s := benchRedis(b)
	for _, size := range []int{48_000, 1000, 150} {
		room := fmt.Sprintf("large-%d-%d", size, time.Now().UnixNano()) // Another one in each run.
		for i := range min(4<<20/size, 1000) {
			d := codec.NewDraft(room, "u", strings.Repeat("x", size), int64(i+1))
			if _, err := s.Publish(b.Context(), room, chat.Batch{ID: fmt.Sprint("n.", i+1), Drafts: []chat.Draft{d}}); err != nil {
				b.Fatal(err)
			}
		}
		run := func(name string, read func() (int, error)) {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				for b.Loop() {
					if n, err := read(); err != nil || n == 0 {
						b.Fatalf("%d messages, %v", n, err)
					}
				}
			})
		}
		run("range", func() (int, error) {
			msgs, err := s.Range(b.Context(), room, 0, -1)
			return len(msgs), err
		})
		run("page", func() (int, error) {
			h, err := s.Page(b.Context(), room, 0, 0, 1000)
			return len(h.Entries), err
		})
		run("since", func() (int, error) {
			h, err := s.Since(b.Context(), room, 0, 1000)
			return len(h.Entries), err
		})
	}
}

func BenchmarkRedis_Report(b *testing.B) { benchmarkReport(b, benchRedis(b)) }

func benchMemory() redisx.Store {
	s := redisx.NewMemory(benchLimits, nil)
	s.Start(deaf{})
	return s
}

// benchRedis is a store on the shared server.
func benchRedis(b *testing.B) redisx.Store {
	b.Helper()
	return benchConfigured(b, func(*redisx.Config) {})
}

// benchConfigured is benchRedis with a changed config.
func benchConfigured(b *testing.B, change func(*redisx.Config)) redisx.Store {
	b.Helper()
	cfg := redisx.DefaultConfig()
	cfg.Addrs = []string{server.Addr}
	change(&cfg)
	s := redisx.NewRedis(cfg, benchLimits, slog.New(slog.DiscardHandler))
	s.Start(deaf{})
	b.Cleanup(s.Close)
	return s
}

// redisCPU is what the shared server has used of a CPU so far.
func redisCPU(b *testing.B) time.Duration {
	b.Helper()
	raw := newRaw(b, server.Addr)
	defer raw.client.Close()
	var sum time.Duration
	for line := range strings.Lines(raw.text("INFO", "cpu")) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if key == "used_cpu_user" || key == "used_cpu_sys" {
			seconds, err := strconv.ParseFloat(value, 64)
			if err != nil {
				b.Fatal(err)
			}
			sum += time.Duration(seconds * float64(time.Second))
		}
	}
	return sum
}

// measureRedis reports how much CPU Redis has used for each of n units until the
// function it returns is called.
func measureRedis(b *testing.B, s redisx.Store) (done func(n int, unit string)) {
	b.Helper()
	if _, ok := s.(*redisx.Redis); !ok {
		return func(int, string) {}
	}
	before := redisCPU(b)
	return func(n int, unit string) {
		b.ReportMetric(float64((redisCPU(b)-before).Nanoseconds())/1000/float64(n), "redis-us/"+unit)
	}
}

// benchmarkPublish has one room per goroutine, as one call per room is in flight.
func benchmarkPublish(b *testing.B, s redisx.Store, ids int, sizes ...int) {
	b.Helper()
	for _, size := range sizes {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			rooms := make(chan string, 32)
			for i := range cap(rooms) {
				room := fmt.Sprintf("room-%d", i)
				if err := s.SubscribeRoom(b.Context(), room); err != nil {
					b.Fatal(err)
				}
				rooms <- room
			}
			var mu sync.Mutex
			var all []time.Duration // Guarded by mu.
			done := measureRedis(b, s)
			b.ReportAllocs()
			b.SetParallelism(16)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				took := publishBatches(b, s, <-rooms, size, ids, pb)
				mu.Lock()
				defer mu.Unlock()
				all = append(all, took...)
			})
			b.StopTimer()
			done(b.N*size, "msg")
			slices.Sort(all)
			b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-us")
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

// publishBatches publishes while pb says so, and returns how long each batch took.
func publishBatches(b *testing.B, s redisx.Store, room string, size, ids int, pb *testing.PB) (took []time.Duration) {
	b.Helper()
	batch := make([]chat.Draft, size)
	for i := range batch {
		batch[i] = codec.NewDraft(room, fmt.Sprintf("user-%d", i), "hello, this is a message of the usual length", 1_700_000_000_000)
	}
	heads := make([]string, size)
	for i := range batch {
		heads[i] = batch[i].Head
	}
	node := fmt.Sprintf("node-%d.", time.Now().UnixNano())
	var known chat.Position
	for n := 0; pb.Next(); n++ {
		for i := range batch {
			batch[i].TS++
			switch ids {
			case madeID:
				batch[i].Head = heads[i]
				batch[i].SetMadeID(codec.MadeIDPrefix + strconv.Itoa(10_000_000+n))
			case once:
				batch[i].ID = node + strconv.Itoa(n)
			}
		}
		start := time.Now()
		stored, err := s.Publish(b.Context(), room, chat.Batch{ID: node + strconv.Itoa(n), Known: known, Drafts: batch})
		if err != nil {
			b.Fatal(err)
		}
		known = stored.Event.After(known)
		took = append(took, time.Since(start))
	}
	return took
}

// benchmarkReport reports 10,000 rooms at a time.
func benchmarkReport(b *testing.B, s redisx.Store) {
	b.Helper()
	reports := make([]chat.Report, 10_000)
	for i := range reports {
		reports[i].Room = fmt.Sprintf("room-%d", i)
		reports[i].Online = uint64(i)
		if _, err := s.Publish(b.Context(), reports[i].Room, chat.Batch{ID: "n.1", Drafts: drafts("r", "u", 1)}); err != nil {
			b.Fatal(err)
		}
	}
	for _, what := range []string{"same", "changed", "liked"} {
		b.Run(what, func(b *testing.B) {
			done := measureRedis(b, s)
			b.ReportAllocs()
			for b.Loop() {
				for i := range reports {
					switch what {
					case "changed":
						reports[i].Online++
					case "liked":
						reports[i].Likes = 1
					}
				}
				for part := range slices.Chunk(reports, 500) { // As package room does.
					if _, err := s.Report(b.Context(), "node", part); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.StopTimer()
			done(b.N*len(reports), "room")
		})
	}
}

// BenchmarkRedis_Subscribe subscribes 10,000 rooms on a new store, and has them back
// after the connections were killed.
func BenchmarkRedis_Subscribe(b *testing.B) {
	benchmarkSubscribe(b, func(*redisx.Config) {}, 1, server)
}

// BenchmarkRedis_SubscribeCluster is BenchmarkRedis_Subscribe for a cluster of three masters
// with a replica each, all on this machine.
func BenchmarkRedis_SubscribeCluster(b *testing.B) {
	own := redistest.StartCluster(b)
	for _, c := range []struct {
		sharded bool
		links   uint64
	}{{false, 1}, {true, 4}} {
		b.Run(fmt.Sprintf("sharded=%v", c.sharded), func(b *testing.B) {
			change := func(cfg *redisx.Config) { cfg.Addrs, cfg.ShardedPubSub = own.Addrs(), c.sharded }
			benchmarkSubscribe(b, change, c.links, own.Nodes...)
		})
	}
}

// benchmarkSubscribe does so with stores that have as many connections for events as links
// says.
func benchmarkSubscribe(b *testing.B, change func(*redisx.Config), links uint64, servers ...*redistest.Server) {
	b.Helper()
	const rooms = 10_000
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			subscribeAll(b, benchConfigured(b, change), rooms)
		}
	})
	b.Run("again", func(b *testing.B) {
		s := benchConfigured(b, change)
		subscribeAll(b, s, rooms)
		var raws []*rawClient
		for _, own := range servers {
			raws = append(raws, newRaw(b, own.Addr))
		}
		for b.Loop() {
			want := s.Stats().Reconnects + links
			for _, raw := range raws {
				raw.do("CLIENT", "KILL", "TYPE", "pubsub")
			}
			for s.Stats().Reconnects < want || s.State() != nil {
				runtime.Gosched()
			}
		}
	})
}

// subscribeAll returns when s has subscribed to n rooms.
func subscribeAll(b *testing.B, s redisx.Store, n int) {
	b.Helper()
	var working sync.WaitGroup
	for i := range n {
		working.Go(func() { // Ends with its subscription; waited for below.
			if err := s.SubscribeRoom(b.Context(), fmt.Sprintf("room-%d", i)); err != nil {
				b.Error(err)
			}
		})
	}
	working.Wait()
}

// BenchmarkRedis_CheckTokens checks 100 users whose tokens the node knows, and as many
// by one MGET.
func BenchmarkRedis_CheckTokens(b *testing.B) {
	s := benchRedis(b)
	raw := newRaw(b, server.Addr)
	creds := make([]chat.Credential, 100)
	mget := []string{"MGET"}
	for i := range creds {
		creds[i] = chat.Credential{UserID: fmt.Sprintf("user-%d", i), Token: "0123456789abcdef0123456789abcdef"}
		mget = append(mget, "login:"+creds[i].UserID)
		if err := s.SetToken(b.Context(), creds[i].UserID, creds[i].Token); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("known", func(b *testing.B) {
		done := measureRedis(b, s)
		b.ReportAllocs()
		for b.Loop() {
			if right, err := areRight(s.CheckTokens(b.Context(), creds)); err != nil || slices.Contains(right, false) {
				b.Fatal(right, err)
			}
		}
		b.StopTimer()
		done(b.N, "op")
	})
	b.Run("mget", func(b *testing.B) {
		done := measureRedis(b, s)
		b.ReportAllocs()
		for b.Loop() {
			if values := raw.strings(mget...); len(values) != len(creds) {
				b.Fatal(values)
			}
		}
		b.StopTimer()
		done(b.N, "op")
	})
}

func benchmarkRead(b *testing.B, s redisx.Store) {
	b.Helper()
	node := fmt.Sprintf("node-%d.", time.Now().UnixNano()) // Another one in each run.
	for i := range benchLimits.HistoryMessages / 50 {
		if _, err := s.Publish(b.Context(), "r", chat.Batch{ID: node + strconv.Itoa(i), Drafts: drafts("r", "u", make([]int64, 50)...)}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if h, err := s.Read(b.Context(), "r", chat.Position{}, 50, 50); err != nil || len(h.Entries) != 50 {
				b.Fatalf("Read = %d entries, %v", len(h.Entries), err)
			}
		}
	})
}

// benchmarkRange reads the newest 50 of a full history. It does so where nothing is recalled, where one message in the
// middle is, and where every other one of the newest hundred is.
func benchmarkRange(b *testing.B, s redisx.Store) {
	b.Helper()
	times := make([]int64, benchLimits.HistoryMessages)
	for i := range times {
		times[i] = int64(i + 1)
	}
	newest := len(times)
	for _, c := range []struct{ recalled, first int }{{0, newest}, {1, newest / 2}, {50, newest - 100}} {
		name := fmt.Sprintf("recalled=%d", c.recalled)
		room := fmt.Sprintf("%s-%d", name, time.Now().UnixNano()) // Another one in each run.
		if _, err := s.Publish(b.Context(), room, chat.Batch{ID: "node.1", Drafts: drafts(room, "u", times...)}); err != nil {
			b.Fatal(err)
		}
		for i := range c.recalled {
			if ev, err := s.Recall(b.Context(), room, "u", times[c.first+2*i]); err != nil {
				b.Fatalf("Recall = %v, %v", ev, err)
			}
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if msgs, err := s.Range(b.Context(), room, -50, -1); err != nil || len(msgs) != 50 {
						b.Fatalf("Range = %d messages, %v", len(msgs), err)
					}
				}
			})
		})
	}
}
