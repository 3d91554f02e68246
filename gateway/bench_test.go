package gateway

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"barrage/codec"
	"barrage/gateway/edge"
	"barrage/internal/chat"
	"barrage/redisx"
	"barrage/room"
)

// nullStore takes messages and forgets them.
type nullStore struct{ *redisx.Memory }

func (nullStore) Publish(_ context.Context, _ string, b chat.Batch) (chat.Stored, error) {
	// Beside original nodes nothing comes back by the answer, and nothing is awaited.
	return chat.Stored{Event: chat.Event{Epoch: chat.Unnumbered, Seq: 1, Messages: make([]string, len(b.Drafts))}}, nil
}

// BenchmarkSession_Message is one chat message from the poller's buffer into the
// room's outgoing batch. The publishers that take it from there run beside it, over a
// store that forgets.
func BenchmarkSession_Message(b *testing.B) { benchMessage(b, nil) }

// BenchmarkSession_FilteredMessage is that with 10,000 terms, none of which is in the message.
func BenchmarkSession_FilteredMessage(b *testing.B) {
	list := make([]byte, 0, 10_000*len("term00000\n"))
	for i := range 10_000 {
		list = fmt.Appendf(list, "term%05d\n", i)
	}
	path := filepath.Join(b.TempDir(), "words.txt")
	if err := os.WriteFile(path, list, 0o600); err != nil {
		b.Fatal(err)
	}
	benchMessage(b, []string{path})
}

func benchMessage(b *testing.B, lists []string) {
	b.Helper()
	for _, size := range []int{20, 200, 2000} {
		b.Run(fmt.Sprint("size=", size), func(b *testing.B) {
			cfg := room.DefaultConfig()
			cfg.QueueMessages = 1 << 30
			store := nullStore{newFaultyStore(1000).Memory}
			edge := DefaultConfig()
			edge.Limits.Enabled = false // else it is a flood
			edge.Filter.Files = lists
			s := New(edge, cfg, store, slog.New(slog.DiscardHandler))
			store.Start(s)
			defer s.edge.Hall.Close()
			if err := s.edge.Words.Reload(s.edge.Config().Filter); err != nil {
				b.Fatal(err)
			}
			c := enterRoom(s, "user", roomOf(b, s, "room"))
			data := masked(codec.OpText, strings.Repeat("well said, ", size/11+1)[:size])
			buf := slices.Clone(data)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				copy(buf, data) // the reader unmasks in place
				c.Read(buf)
				for i%128 == 0 && s.edge.Hall.Stats().Waiting > 0 { // a queue that only grows costs more than the message
					runtime.Gosched()
				}
			}
			if got := s.edge.Stats.MessagesIn.Load(); got < uint64(b.N) {
				b.Fatalf("%d of %d messages arrived", got, b.N)
			}
		})
	}
}

// BenchmarkSocket_Send compares a lane's write with nbio's own. As in a sweep each write goes to another socket; the
// work of the peers to take it is not measured.
func BenchmarkSocket_Send(b *testing.B) {
	for _, size := range []int{200, 2000, 16000} {
		p := codec.AppendFrame(nil, codec.OpText, strings.Repeat("x", size))
		for _, how := range []struct {
			name  string
			write func(edge.Peek)
		}{
			{"Send", func(c edge.Peek) {
				if n, full := c.Send(p); n < len(p) || full {
					panic("a socket is full")
				}
			}},
			{"nbio.Write", func(c edge.Peek) {
				c.Expect(len(p)) // as queueLocked does; drained takes it back
				if _, err := c.Conn().Write(p); err != nil || c.Pending() > 0 {
					panic("a socket is full")
				}
			}},
		} {
			b.Run(fmt.Sprintf("size=%d/%s", size, how.name), func(b *testing.B) { benchSweep(b, len(p), how.write) })
		}
	}
}

// benchSweep measures write on one socket after the other.
func benchSweep(b *testing.B, size int, write func(edge.Peek)) {
	b.Helper()
	s := newServer(b, manualCheck)
	var peers [64]*client
	var sessions [64]edge.Peek
	for i := range peers {
		user := fmt.Sprint("u", i)
		peers[i] = join(b, s, "r", user)
		sessions[i] = sessionOf(b, s, user)
	}
	buf := make([]byte, size)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		write(sessions[i%len(sessions)])
		if i%len(sessions) < len(sessions)-1 {
			continue
		}
		b.StopTimer()
		for _, c := range peers {
			if _, err := io.ReadFull(c.in, buf); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
	}
}
