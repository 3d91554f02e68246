package redisx_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"barrage/codec"
	"barrage/redisx"
)

// benchLimits are those of config.yaml.
var benchLimits = redisx.Limits{HistoryMessages: 1000, HistoryTTL: historyTTL}

// deaf is a handler that does nothing.
type deaf struct{}

func (deaf) RoomEvent(string, codec.Event) {}
func (deaf) UserEvent(string)              {}
func (deaf) Resumed()                      {}

func BenchmarkMemory_Publish(b *testing.B) {
	s := redisx.NewMemory(benchLimits, nil)
	s.Start(deaf{})
	benchmarkPublish(b, s, 1, 50)
}

func BenchmarkMemory_Newest(b *testing.B) {
	s := redisx.NewMemory(benchLimits, nil)
	s.Start(deaf{})
	benchmarkNewest(b, s)
}

func BenchmarkMemory_Range(b *testing.B) {
	s := redisx.NewMemory(benchLimits, nil)
	s.Start(deaf{})
	benchmarkRange(b, s)
}

func BenchmarkRedis_Publish(b *testing.B) { benchmarkPublish(b, benchRedis(b), 1, 5, 50) }

func BenchmarkRedis_Newest(b *testing.B) { benchmarkNewest(b, benchRedis(b)) }

func BenchmarkRedis_Range(b *testing.B) { benchmarkRange(b, benchRedis(b)) }

// benchRedis is a store on the shared server.
func benchRedis(b *testing.B) redisx.Store {
	b.Helper()
	cfg := redisx.DefaultConfig()
	cfg.Addrs = []string{server.Addr}
	s := redisx.NewRedis(cfg, benchLimits, slog.New(slog.DiscardHandler))
	s.Start(deaf{})
	b.Cleanup(s.Close)
	return s
}

// benchmarkPublish has one room per goroutine, as one call per room is in flight.
func benchmarkPublish(b *testing.B, s redisx.Store, sizes ...int) {
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
			b.ReportAllocs()
			b.SetParallelism(16)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				room := <-rooms
				batch := make([]codec.Draft, size)
				for i := range batch {
					batch[i] = codec.NewDraft(room, fmt.Sprintf("user-%d", i), "hello, this is a message of the usual length", 1_700_000_000_000)
				}
				for pb.Next() {
					for i := range batch {
						batch[i].TS++
					}
					if err := s.Publish(b.Context(), room, batch); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

func benchmarkNewest(b *testing.B, s redisx.Store) {
	b.Helper()
	for range benchLimits.HistoryMessages / 50 {
		if err := s.Publish(b.Context(), "r", drafts("r", "u", make([]int64, 50)...)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if h, err := s.Newest(b.Context(), "r", 50); err != nil || len(h.Entries) != 50 {
				b.Fatalf("Newest = %d entries, %v", len(h.Entries), err)
			}
		}
	})
}

// benchmarkRange reads the newest 50 of a full history where nothing is recalled, where
// one message in the middle is, and where every other one of the newest hundred is.
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
		if err := s.Publish(b.Context(), room, drafts(room, "u", times...)); err != nil {
			b.Fatal(err)
		}
		for i := range c.recalled {
			if found, err := s.Recall(b.Context(), room, "u", times[c.first+2*i]); err != nil || !found {
				b.Fatalf("Recall = %v, %v", found, err)
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
