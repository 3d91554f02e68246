package gateway

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/room"
)

// place is message seq of an epoch of room r as what a client comes back with.
func place(tb testing.TB, s *Server, epoch string, seq uint64) string {
	tb.Helper()
	h, err := s.store.Since(tb.Context(), "r", max(seq, 1)-1, 1)
	if err != nil {
		tb.Fatal(err)
	}
	ts := int64(1)
	if len(h.Entries) > 0 && h.Entries[0].Seq == seq {
		ts = codec.Timestamp(h.Entries[0].JSON)
	}
	return fmt.Sprintf("&epoch=%s&since=%d&ts=%d", epoch, seq, ts)
}

// TestNative_ResumeReadsOnToWhatTheClientHas: a client that had a message of another node has this one read of it. Else
// it would begin anew, and get the message twice.
func TestNative_ResumeReadsOnToWhatTheClientHas(t *testing.T) {
	s := newServerV1(t, manualCheck)
	epoch := publishMany(t, s, 1).Epoch
	other, _ := dialV1(t, s, "r", "user_id=v&token=t", false)
	publishEvent(t, s, "two")
	other.want("batch")
	s.store.UnsubscribeRoom("r") // events are late
	three := publishEvent(t, s, "three")
	if _, w := dialV1(t, s, "r", fmt.Sprintf("user_id=u&token=t&epoch=%s&since=3&ts=1", epoch), false); w.Recovered || w.Seq != 2 {
		t.Errorf("with a place that the store has not: %+v; want to begin anew", w)
	}
	n, w := dialV1(t, s, "r", "user_id=u&token=t"+place(t, s, epoch, 3), false)
	if !w.Recovered || w.Seq != 3 || len(w.seqs(t)) != 0 {
		t.Errorf("welcome = %+v; want to be resumed at 3", w)
	}
	s.RoomEvent("r", three)
	s.RoomEvent("r", publishEvent(t, s, "four"))
	for _, c := range []struct {
		*native
		seq uint64
	}{{n, 4}, {other, 3}} {
		if b := c.want("batch"); b.Seq != c.seq {
			t.Errorf("batch = %+v; want %d", b, c.seq)
		}
	}

	goOn := storeOf(s).hold("Read")
	defer goOn()
	query := "user_id=u&token=t" + place(t, s, epoch, publishEvent(t, s, "five").Seq)
	if _, w := dialV1(t, s, "r", query, false); w.Recovered || w.Seq != 4 {
		t.Errorf("the history cannot be read: %+v; want to begin anew", w)
	}
}

// TestNative_ResumeRecoversOnlyWithoutAGap: recovered is set only where nothing lies between what the client has and
// what it gets.
func TestNative_ResumeRecoversOnlyWithoutAGap(t *testing.T) {
	const onJoin = 2
	s := newServerV1(t, func(c *setup) { manualCheck(c); c.rooms.OnJoin = onJoin; c.history = 2000 })
	epoch := publishMany(t, s, 1500).Epoch
	resume := func(t *testing.T, s *Server, query string) frameV1 {
		t.Helper()
		_, w := dialV1(t, s, "r", "user_id=u&token=t"+query, false)
		return w
	}
	f := func(name, query string, recovered bool, from uint64) {
		t.Run(name, func(t *testing.T) {
			w := resume(t, s, query)
			var want []uint64
			for seq := from; seq <= 1500; seq++ {
				want = append(want, seq)
			}
			if got := w.seqs(t); w.Recovered != recovered || w.Seq != 1500 || w.Epoch != epoch || !slices.Equal(got, want) {
				t.Errorf("resumed with %d messages %.40v…, recovered %v; want those from %d, %v", len(got), fmt.Sprint(got), w.Recovered, from, recovered)
			}
		})
	}
	at := func(epoch string, seq uint64) string { return place(t, s, epoch, seq) }
	const newest = 1500 - onJoin + 1
	f("a newcomer", "", false, newest)
	f("nothing missed", at(epoch, 1500), true, 1501)
	f("one missed", at(epoch, 1499), true, 1500)
	f("more than the node remembers", at(epoch, 1400), true, 1401)
	f("1,000 missed", at(epoch, 500), true, 501)
	f("1,001 missed", at(epoch, 499), false, newest)
	f("all missed", at(epoch, 0), false, newest)
	f("since beyond the head", at(epoch, 1501), false, newest)
	f("since in the far future", at(epoch, math.MaxUint64), false, newest)
	f("without a timestamp", fmt.Sprintf("&epoch=%s&since=1499", epoch), false, newest)
	f("foreign epoch", at("foreign", 1499), false, newest)
	f("local epoch of a node", at("l-node-1", 1499), false, newest)
	f("since without an epoch", "&since=1499", false, newest)

	t.Run("the store does not answer", func(t *testing.T) {
		from := at(epoch, 1400)
		storeOf(s).fail(errAway, "Since")
		defer storeOf(s).fail(nil, "Since")
		if w := resume(t, s, from); w.Recovered || len(w.Messages) != onJoin {
			t.Errorf("welcome = %+v; want the newest, not recovered", w)
		}
	})
	t.Run("some of them recalled", func(t *testing.T) {
		gone := at(epoch, 1450)
		for _, seq := range []uint64{1450, 1460} {
			if _, err := s.store.RecallSeq(t.Context(), "r", "u", chat.Position{}, "", seq, 0); err != nil {
				t.Fatal(err)
			}
		}
		w := resume(t, s, at(epoch, 1400))
		if got := w.seqs(t); !w.Recovered || len(got) != 98 || slices.Contains(got, 1450) || slices.Contains(got, 1460) {
			t.Errorf("resumed with %d, recovered %v; want all but the recalled ones", got, w.Recovered)
		}
		if w := resume(t, s, at(epoch, 1470)); !w.Recovered || fmt.Sprint(w.recalled()) != "[1450 1460]" {
			t.Errorf("welcome = %+v; want it recovered, and what was taken back of what the client has", w)
		}
		if w := resume(t, s, at(epoch, 1449)); !w.Recovered || len(w.Messages) != 49 {
			t.Errorf("welcome with %d messages, recovered %v; want the 49 behind the recalled one, whose neighbour is there", len(w.Messages), w.Recovered)
		}
		// That the first ones are not there any more could as well mean that the history was cut.
		if w := resume(t, s, gone); !w.Recovered {
			t.Errorf("welcome = %+v; want it recovered: what comes next is there", w)
		}
	})
	t.Run("the number means another message", func(t *testing.T) {
		h, err := s.store.Since(t.Context(), "r", 1399, 1)
		if err != nil {
			t.Fatal(err)
		}
		ts := codec.Timestamp(h.Entries[0].JSON)
		for wrong, recovered := range map[int64]bool{0: true, 1: false} {
			if w := resume(t, s, fmt.Sprintf("&epoch=%s&since=1400&ts=%d", epoch, ts+wrong)); w.Recovered != recovered {
				t.Errorf("timestamp off by %d: recovered %v; want %v", wrong, w.Recovered, recovered)
			}
			newest, err := s.store.Since(t.Context(), "r", 1499, 1)
			if err != nil {
				t.Fatal(err)
			}
			if w := resume(t, s, fmt.Sprintf("&epoch=%s&since=1500&ts=%d", epoch, codec.Timestamp(newest.Entries[0].JSON)+wrong)); w.Recovered != recovered {
				t.Errorf("timestamp of the newest off by %d: recovered %v; want %v", wrong, w.Recovered, recovered)
			}
		}
	})
	t.Run("a new room", func(t *testing.T) {
		_, w := dialV1(t, s, "new", "user_id=u&token=t"+at(epoch, 0), false)
		if w.Recovered || w.Epoch != "" {
			t.Errorf("welcome = %+v; want it not recovered", w)
		}
	})
	t.Run("history trimmed", func(t *testing.T) {
		s := newServer(t, func(c *setup) { manualCheck(c); c.rooms.OnJoin = onJoin; c.history = 100 })
		epoch := publishMany(t, s, 300).Epoch
		at := func(seq uint64) string { return place(t, s, epoch, seq) }
		if w := resume(t, s, at(201)); !w.Recovered || len(w.Messages) != 99 {
			t.Errorf("with all of them left: %d messages, recovered %v; want 99, true", len(w.Messages), w.Recovered)
		}
		if w := resume(t, s, at(200)); w.Recovered || len(w.Messages) != onJoin {
			t.Errorf("with one cut off: %d messages, recovered %v; want %d, false", len(w.Messages), w.Recovered, onJoin)
		}
	})
	if room.MaxResume != 1000 {
		t.Errorf("MaxResume = %d; docs/protocol.md says 1,000", room.MaxResume)
	}
}

// The batch after the welcome begins right behind it.
func TestNative_ResumedGoesOn(t *testing.T) {
	s := newServer(t, func(c *setup) { manualCheck(c); c.rooms.OnJoin = 2 })
	stays := joinV1(t, s, "a")
	epoch := publishMany(t, s, 30).Epoch
	stays.want("batch")
	for _, deflate := range []bool{false, true} {
		n, w := dialV1(t, s, "r", "user_id=b&token=t"+place(t, s, epoch, 10), deflate)
		pos := publishMany(t, s, 20)
		if b := n.want("batch"); !w.Recovered || b.Seq != w.Seq+1 || b.Seq != pos.Seq-19 || len(w.Messages) != int(w.Seq)-10 {
			t.Errorf("deflate %v: welcome up to %d, recovered %v, then a batch from %d", deflate, w.Seq, w.Recovered, b.Seq)
		}
	}
}

// A client with much to catch up with is answered all the same, behind the welcome.
func TestNative_AnswersWaitBehindALargeWelcome(t *testing.T) {
	s := newServer(t, func(c *setup) { manualCheck(c); tight(c); c.rooms.OnJoin = 1 })
	pos := publishAll(t, s, slices.Repeat([]string{strings.Repeat("x", 4000)}, 180)...)
	w, err := dialWire(s, smallWindow)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.conn.Close() }()
	c := &client{w, t}
	c.mustWrite(requestV1("r", fmt.Sprintf("user_id=u&token=t&since=0&epoch=%s", pos.Epoch), offerV1))
	if err := c.upgraded(); err != nil {
		t.Fatal(err)
	}
	c.mustSend(codec.OpText, `{"t":"ping","ts":5}`)
	eventually(t, func() error { return differ("messages received", s.edge.Stats.MessagesIn.Load(), 1) })
	for _, want := range []string{"welcome", "pong"} {
		if f, err := c.nextV1(); err != nil || f.T != want || want == "welcome" && len(f.Messages) != 180 {
			t.Fatalf("next frame = a %s with %d messages, %v; want a %s", f.T, len(f.Messages), err, want)
		}
	}
}

// TestNative_ResumeIsBoundedInBytes: a client that missed more than 768 KiB is not resumed, so that a few that come
// back do not take a node's memory. Such clients page through the history.
func TestNative_ResumeIsBoundedInBytes(t *testing.T) {
	s := newServerV1(t, func(c *setup) { manualCheck(c); c.rooms.OnJoin = 2; c.history = 2000 })
	body := strings.Repeat("x", 8000)
	epoch := ""
	for i := range 300 { // 2.4 MB
		stored, err := s.store.Publish(t.Context(), "r", chat.Batch{
			ID: fmt.Sprint("n.", i+1), Drafts: []chat.Draft{codec.NewDraft("r", "u", body, int64(1000+i))},
		})
		if err != nil {
			t.Fatal(err)
		}
		epoch = stored.Event.Epoch
	}
	resume := func(since uint64) frameV1 {
		t.Helper()
		_, w := dialV1(t, s, "r", "user_id=u&token=t"+place(t, s, epoch, since), false)
		return w
	}
	if w := resume(205); !w.Recovered || len(w.Messages) != 95 {
		t.Errorf("765 KB missed: recovered %v, %d messages; want all 95", w.Recovered, len(w.Messages))
	}
	if w := resume(100); w.Recovered || len(w.Messages) != 2 {
		t.Errorf("1.6 MB missed: recovered %v, %d messages; want the newest 2", w.Recovered, len(w.Messages))
	}
	// Also where the room has them at hand.
	big := newServerV1(t, func(c *setup) { manualCheck(c); c.rooms.OnJoin = 1000; c.history = 2000 })
	r := roomOf(t, big, "r")
	for range 300 {
		if err := r.Post(nobody{}, "u", body, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() error { return differ("messages waiting", big.edge.Hall.Stats().Waiting, 0) })
	pos, _, _ := r.Standing()
	h, err := big.store.Since(t.Context(), "r", 0, 1)
	if err != nil || len(h.Entries) != 1 {
		t.Fatal(h, err)
	}
	since := fmt.Sprintf("&epoch=%s&since=1&ts=%d", pos.Epoch, codec.Timestamp(h.Entries[0].JSON))
	if _, w := dialV1(t, big, "r", "user_id=u&token=t"+since, false); w.Recovered || len(w.Messages) > 40 {
		t.Errorf("2.4 MB missed that are at hand: recovered %v, %d messages; want those of 256 KiB", w.Recovered, len(w.Messages))
	}
}

// nobody is an author who is notified of nothing.
type nobody struct{}

func (nobody) RateName() string     { return "" }
func (nobody) Settled(room.Outcome) {}
