package gateway

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"barrage/codec"
	"barrage/gateway/edge"
)

// endings are the ways in which a client leaves.
var endings = []struct {
	name  string
	leave func(*wire) error
}{
	{"reset", func(w *wire) error {
		return errors.Join(w.conn.SetLinger(0), w.conn.Close())
	}},
	{"plain", func(w *wire) error {
		return w.conn.Close()
	}},
	{"half", func(w *wire) error {
		if err := w.conn.CloseWrite(); err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, w.in) // however it ends
		return w.conn.Close()
	}},
	{"proper", func(w *wire) error {
		if err := w.send(codec.OpClose, "\x03\xE8"); err != nil {
			return err
		}
		return w.leave(codec.CloseNormal)
	}},
}

// texts reads n texts.
func (w *wire) texts(n int) (last string, err error) {
	for range n {
		if last, err = w.text(); err != nil {
			return "", err
		}
	}
	return last, nil
}

// stormed is how many connections come and go: 40,000 are a storm of ten seconds.
var stormed = flag.Int("stormed", 4000, "how many connections come and go in TestSocket_DescriptorsAreNotConfused")

// Connections come and go as fast as they can, so that descriptors are used again and
// again. Nobody gets a byte of another room or user, and nobody who is well is closed.
func TestSocket_DescriptorsAreNotConfused(t *testing.T) {
	overWriters(t, testDescriptorsAreNotConfused)
}

func testDescriptorsAreNotConfused(t *testing.T) {
	t.Helper()
	const atOnce, residents = 64, 24
	s := newServer(t, nil)
	rooms := []string{"left-room", "right-room"}
	ctx, stop := context.WithCancel(t.Context())
	var flood, storm sync.WaitGroup
	var readers sync.WaitGroup
	for i, id := range rooms {
		for n := range residents { // these stay: full volleys, also when few others are there
			resident := join(t, s, id, fmt.Sprint("resident", n))
			readers.Go(func() { // ends with its connection
				if err := resident.reside(rooms[1-i]); err != nil {
					t.Errorf("resident %d of %s: %v", n, id, err)
				}
			})
		}
		talker := join(t, s, id, "talker")
		flood.Go(func() { // ends with ctx
			for i := 0; ctx.Err() == nil; i++ {
				err := talker.send(codec.OpText, strings.Repeat(id+" ", 1+i%50))
				if err == nil {
					_, err = talker.text()
				}
				if err != nil {
					t.Errorf("the talker of %s: %v", id, err)
					return
				}
			}
		})
	}
	var next atomic.Int64
	for range atOnce {
		storm.Go(func() { // ends when all connections were made, or one went wrong
			for !t.Failed() {
				i := int(next.Add(1)) - 1
				if i >= *stormed {
					return
				}
				how := endings[i/len(rooms)%len(endings)]
				if err := visit(s, rooms[i%2], rooms[1-i%2], i, how.leave); err != nil {
					t.Errorf("connection %d, to end %s: %v", i, how.name, err)
				}
			}
		})
	}
	storm.Wait()
	stop()
	flood.Wait()
	wantSessions(t, s, len(rooms)*(1+residents))
	if h := s.edge.Hall.Stats(); (h.Volleyed > 0) != (s.edge.RingedLanes() > 0) {
		t.Errorf("%d of %d writes in volleys, by %d lanes", h.Volleyed, h.Writes, s.edge.RingedLanes())
	}
	eachSession(s, func(c edge.Peek) { c.Close(edge.CloseRestart) })
	readers.Wait()
	eventually(t, func() error {
		h := s.edge.Hall.Stats()
		return differ("copies that have met their end", h.Sent+h.Skipped+h.Left, h.Offered)
	})
}

// reside reads until the node sends a close frame; nothing may be of the foreign room.
func (w *wire) reside(foreign string) error {
	for {
		f, err := w.next()
		switch {
		case err != nil:
			return err
		case f.op == codec.OpClose:
			return differ("code of the close frame", closedError(f.payload).code(), codec.CloseRestart)
		case f.op != codec.OpText, strings.Contains(f.payload, foreign):
			return errorf("a frame %v %.100q", f.op, f.payload)
		}
	}
}

// visit connects to room id, looks at what comes, and leaves.
func visit(s *Server, id, foreign string, i int, leave func(*wire) error) error {
	user := fmt.Sprint("user", i)
	w, err := connect(s, chatPath(id, user))
	if err != nil {
		return err
	}
	defer func() { _ = w.conn.Close() }() // leave may have closed it
	if err := w.send(codec.OpPing, user); err != nil {
		return err
	}
	for seen, ponged := 0, false; seen < 1+i%4 || !ponged; {
		f, err := w.next()
		switch {
		case err != nil:
			return err
		case f.op == codec.OpPong && f.payload == user && !ponged:
			ponged = true
		case f.op == codec.OpText && !strings.Contains(f.payload, foreign):
			seen++
		default:
			return errorf("a frame %v %.100q", f.op, f.payload)
		}
	}
	return leave(w)
}
