package gateway

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/redisx"
	"barrage/room"
)

// takesAll is a socket.
type takesAll struct{}

func (takesAll) Send(p []byte) (int, bool) { return len(p), false }

// BenchmarkRoom_InPlace is one message of a small room, from its outbox through the memory store to sockets that take
// everything. That is what a message costs beside reading it and the writes. The rooms take turns, so that each is out
// of the processor's caches, as on a node.
func BenchmarkRoom_InPlace(b *testing.B) {
	for name, of := range map[string]struct {
		id       string
		encoding room.Encoding
	}{"fastim": {"", room.FastIM}, "native": {"c-1234567", room.Native}} {
		b.Run(name, func(b *testing.B) {
			cfg := room.DefaultConfig()
			cfg.Instant = true
			store := redisx.NewMemory(redisx.Limits{HistoryMessages: 50, HistoryTTL: time.Hour}, time.Now)
			s := New(DefaultConfig(), cfg, store, slog.New(slog.DiscardHandler))
			store.Start(s)
			defer s.edge.Hall.Close()
			var rooms [1000]*room.Room
			for i := range rooms {
				rooms[i] = roomOf(b, s, fmt.Sprint(i))
				for range 10 {
					m := new(room.Member)
					if of.encoding == room.FastIM {
						rooms[i].Enter(m, takesAll{})
					} else {
						rooms[i].EnterNative(m, takesAll{}, of.encoding, room.Since{}, chat.History{})
					}
					rooms[i].Attach(m)
				}
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				r, user, now := rooms[i%len(rooms)], "user"+string(rune('a'+i%8)), time.Now()
				var err error
				if of.id == "" {
					err = r.Post(nil, user, "hello, this is a message of the usual length", now)
				} else {
					err = r.PostNative(nil, user, &codec.Op{ID: of.id + fmt.Sprint(i), Body: "hello, this is a message of the usual length"}, now)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
