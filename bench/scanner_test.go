package bench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"barrage/codec"
)

const answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n"

// TestScanner_AnySplitCountsTheSame: however the stream is cut, the same frames are
// counted and the same payloads kept.
func TestScanner_AnySplitCountsTheSame(t *testing.T) {
	var want []string
	stream := []byte(answer)
	for i, size := range []int{0, 1, 125, 126, 300, 70_000, 5} {
		text := fmt.Sprint(i, strings.Repeat("x", size))
		want = append(want, text)
		stream = codec.AppendFrame(stream, codec.OpText, text)
		stream = codec.AppendFrame(stream, codec.OpPing, "p")
	}
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		var kept []byte
		var got []string
		s := scanner{keep: &kept}
		for b := stream; len(b) > 0; {
			n := 1 + rnd.IntN(min(len(b), 1+rnd.IntN(2000)))
			if err := s.feed(b[:n], func(p []byte) { got = append(got, string(p)) }); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			b = b[n:]
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || s.frames != uint64(len(want)) {
			t.Fatalf("seed %d: %d frames, payloads differ: %v", seed, s.frames, fmt.Sprint(got) != fmt.Sprint(want))
		}
	}
}

func TestScanner_SaysWhyTheStreamEnded(t *testing.T) {
	f := func(stream string, want error, text string) {
		t.Helper()
		var s scanner
		err := s.feed([]byte(stream), nil)
		if want != nil && !errors.Is(err, want) || err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("feed(%q) = %v; want %v with %q", stream, err, want, text)
		}
	}
	f("HTTP/1.1 503 Service Unavailable\r\n\r\n", errRefused, "503 Service Unavailable")
	f(answer+"\x88\x02\x03\xf4", errClosed, "closed")
	f(answer+"\xc1\x00", nil, "")
	f(answer+"\x83\x00", nil, "0x83")
}

func TestBody_ComesBackFromAMessage(t *testing.T) {
	due := time.UnixMicro(1_648_368_380_132_456)
	body := AppendBody(nil, due, 77, 60)
	if len(body) != 60 {
		t.Errorf("body has %d bytes; want 60", len(body))
	}
	d := codec.NewDraft("storm", "u", string(body), 1)
	got, number, ok := parseBody(d.AppendJSON(nil, 1))
	if !ok || got != due.UnixMicro() || number != 77 {
		t.Errorf("parseBody = %d, %d, %v; want %d, 77", got, number, ok, due.UnixMicro())
	}
	if _, _, ok := parseBody([]byte(`{"list":[` + string(d.AppendJSON(nil, 1)) + `],"total":1}`)); ok {
		t.Error("a welcome passed for a message")
	}
}

func TestSwarm_NoteFindsDoublesAndDisorder(t *testing.T) {
	s, err := NewSwarm(netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	v := &sample{seen: map[uint64]bool{}}
	now := time.Now()
	say := func(number uint64) {
		d := codec.NewDraft("storm", "u", string(AppendBody(nil, now.Add(-100*time.Millisecond), number, 60)), 1)
		s.note(v, d.AppendJSON(nil, 1), now.UnixMicro())
	}
	for _, number := range []uint64{0, 1, 2, senders, 3, 2, 2 * senders, 2*senders + 1, senders + 1} {
		say(number)
	}
	if v.double != 1 || v.outOfOrder != 1 {
		t.Errorf("%d doubled, %d out of order; want 1 (2 came twice) and 1 (%d after %d)", v.double, v.outOfOrder, senders+1, 2*senders+1)
	}
	if p := s.Latency.ValueAtQuantile(50); p < 99_000 || p > 101_000 {
		t.Errorf("a latency of 100 ms shows as %d µs", p)
	}
}
