//nolint:thelper // its functions are no helpers but cases, each a subtest of its own
package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// TestNative_FramesHaveTheFieldsOfTheirRows has every frame from the server. That each has the fields of its row,
// and no other, is held by readV1.
func TestNative_FramesHaveTheFieldsOfTheirRows(t *testing.T) { runCases(t, nativeFrames) }

var nativeFrames = and(and(authOps, modFrames), map[string]func(*testing.T){
	"welcome":   frameWelcome,
	"batch":     frameBatch,
	"gap":       func(t *testing.T) { t.Run("lost", gapLost); t.Run("slow", gapSlow) },
	"ack":       frameAck,
	"refused":   refusedByStore,
	"counters":  frameCounters,
	"recalled":  frameRecalled,
	"reconnect": frameReconnect,
	"epoch":     frameEpoch,
	"pong":      frameAnswersInOrder,
})

// joinV1 opens a native socket of room r for user.
func joinV1(tb testing.TB, s *Server, user string) *native {
	tb.Helper()
	n, _ := dialV1(tb, s, "r", "user_id="+user+"&token=t", false)
	return n
}

// publishAll puts messages of user u into room r, in one batch.
func publishAll(tb testing.TB, s *Server, bodies ...string) chat.Position {
	tb.Helper()
	ev := publishEvent(tb, s, bodies...)
	return ev.After(chat.Position{})
}

// publishEvent is publishAll; it returns the event.
func publishEvent(tb testing.TB, s *Server, bodies ...string) chat.Event {
	tb.Helper()
	var drafts []chat.Draft
	for _, body := range bodies {
		drafts = append(drafts, codec.NewDraft("r", "u", body, time.Now().UnixMilli()))
	}
	stored, err := s.store.Publish(tb.Context(), "r", chat.Batch{ID: fmt.Sprint("test.", published.Add(1)), Drafts: drafts})
	if err != nil {
		tb.Fatal(err)
	}
	return stored.Event
}

// publishMany puts n messages into room r.
func publishMany(tb testing.TB, s *Server, n int) (pos chat.Position) {
	tb.Helper()
	bodies := make([]string, n)
	for i := range bodies {
		bodies[i] = fmt.Sprint("m", i+1)
	}
	for some := range slices.Chunk(bodies, 500) {
		pos = publishAll(tb, s, some...)
	}
	return pos
}

// countOther is the report of another node about room r.
func countOther(tb testing.TB, s *Server, online, likes uint64) {
	tb.Helper()
	if _, err := s.store.Report(tb.Context(), "other", []chat.Report{{Room: "r", Online: online, Likes: likes}}); err != nil {
		tb.Fatal(err)
	}
}

func frameWelcome(t *testing.T) {
	s := newServer(t, func(c *setup) {
		manualCheck(c)
		c.rooms.OnJoin, c.Server.MaxMessageBytes, c.RecallLimit = 2, 3000, 90*time.Second
	})
	pos := publishMany(t, s, 3)
	first, _ := dialV1(t, s, "r", "user_id=a&token=t", false)
	countOther(t, s, 5, 7)
	_, w := dialV1(t, s, "r", "user_id=弹&token=t", false)
	if w.Room != "r" || w.UserID != "弹" || w.Node != s.edge.Hall.Node() || w.Epoch != pos.Epoch || w.Seq != 3 || w.Total != 3 {
		t.Errorf("welcome = %+v; want room r, user 弹, node %s, %+v", w, s.edge.Hall.Node(), pos)
	}
	limits := codec.Limits{MaxBodyBytes: 1500, MaxFrameBytes: 3000, RecallMS: 90_000}
	if w.Online != 5 || w.Likes != 7 || w.Recovered || w.Heartbeat != 30_000 || w.Limits != limits {
		t.Errorf("welcome = %+v; want 5 online, 7 likes, not recovered, 30 s, limits %+v", w, limits)
	}
	if m := w.messages(t); len(m) != 2 || m[0].Seq != 2 || m[0].Body != "m2" || m[0].UserID != "u" || m[0].Kind != "chat" || m[0].TS == 0 || m[1].Seq != 3 {
		t.Errorf("messages = %+v; want 2 and 3, oldest first", m)
	}
	if _, w := dialV1(t, s, "new", "user_id=a&token=t", false); w.Messages == nil || len(w.Messages) != 0 || w.Epoch != "" || w.Seq+w.Total != 0 {
		t.Errorf("welcome of a new room = %+v; want no messages, as [], and no epoch", w)
	}
	_ = first
}

// The page shows the limits of a node with default settings.
func TestNative_LimitsAreThoseOfThePage(t *testing.T) {
	_, w := dialV1(t, limited(t, nil), "r", "user_id=a&token=t", false)
	limits, err := json.Marshal(w.Limits)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../docs/protocol.md")
	if want := "`limits` is `" + string(limits) + "`"; err != nil || !strings.Contains(string(text), want) {
		t.Errorf("docs/protocol.md does not say %s (%v)", want, err)
	}
}

func frameBatch(t *testing.T) {
	s := newServer(t, manualCheck)
	n := joinV1(t, s, "a")
	pos := publishAll(t, s, "one", "two", "three")
	b := n.want("batch")
	if b.Epoch != pos.Epoch || b.Seq != 1 || !slices.Equal(b.seqs(t), []uint64{1, 2, 3}) || b.messages(t)[1].Body != "two" {
		t.Errorf("batch = %+v; want 1 to 3 of %s", b, pos.Epoch)
	}
	publishAll(t, s, "four")
	if b := n.want("batch"); b.Epoch != pos.Epoch || b.Seq != 4 || len(b.Messages) != 1 {
		t.Errorf("batch = %+v; want 4 alone", b)
	}
}

// Messages that the history has lost before this node could read them.
func gapLost(t *testing.T) {
	s := newServer(t, func(c *setup) { manualCheck(c); c.history = 10 })
	n := joinV1(t, s, "a")
	publishMany(t, s, 1)
	n.want("batch")
	storeOf(s).UnsubscribeRoom("r")
	publishMany(t, s, 50)
	if err := storeOf(s).SubscribeRoom(t.Context(), "r"); err != nil {
		t.Fatal(err)
	}
	s.Resumed()
	if g := n.want("gap"); g.From != 2 || g.To != 41 || g.Reason != "lost" {
		t.Errorf("gap = %+v; want 2 to 41, lost", g)
	}
	for next := uint64(42); next < 52; { // a batch ends where a sweep begins, which may be between two of them
		b := n.want("batch")
		if b.Seq != next || len(b.Messages) == 0 || b.Seq+uint64(len(b.Messages)) > 52 {
			t.Fatalf("batch = %+v; want %d to at most 51", b, next)
		}
		next += uint64(len(b.Messages))
	}
	publishMany(t, s, 1)
	if b := n.want("batch"); b.Seq != 52 {
		t.Errorf("batch = %+v; want 52", b)
	}
}

// A member that is too slow is notified of each number that it does not get.
func gapSlow(t *testing.T) {
	s := newServer(t, func(c *setup) { tight(c); manualCheck(c) })
	slow := wireV1(t, s, "user_id=slow&token=t", "", smallWindow)
	talker := join(t, s, "r", "talker")
	c := sessionOf(t, s, "slow")
	said := 0
	for behind := 0; behind < 40; said++ { // more than a log holds
		talker.say(body(said))
		_ = talker.wantText()
		if c.Pending() > 0 {
			behind++
		}
	}
	next, skipped := uint64(1), uint64(0)
	for next <= uint64(said) {
		f, err := slow.nextV1()
		switch {
		case err != nil:
			t.Fatalf("behind message %d: %v", next-1, err)
		case f.T == "gap":
			if f.From != next || f.To < f.From || f.Reason != "slow" {
				t.Fatalf("gap = %+v; want one from %d, slow", f, next)
			}
			skipped += f.To - f.From + 1
			next = f.To + 1
		case f.T == "batch":
			if f.Seq != next {
				t.Fatalf("batch begins with %d; want %d", f.Seq, next)
			}
			for _, m := range f.messages(t) {
				if m.Seq != next || m.Body != body(int(next-1)) {
					t.Fatalf("message %d %.40q came where %d was due", m.Seq, m.Body, next)
				}
				next++
			}
		}
	}
	if skipped == 0 {
		t.Error("the gaps name no message")
	}
	// A sweep counts at its end what members may have by then.
	eventually(t, func() error { return differ("messages skipped", s.edge.Hall.Stats().Skipped, skipped) })
}

// An ack says that the message is in the history, and not before it is.
func frameAck(t *testing.T) {
	s := newServerV1(t, manualCheck)
	n := joinV1(t, s, "u")
	goOn := storeOf(s).hold("Publish")
	defer goOn()
	n.send(`{"t":"send","id":"é\"\n","body":"hi"}`)
	n.send(`{"t":"ping","ts":1}`)
	n.want("pong") // before the ack
	goOn()
	got := n.wantAll("ack", "batch")
	h, seqs := historyV1(t, s, "")
	if ack := got["ack"]; ack.ID != "é\"\n" || ack.Seq != 1 || !slices.Equal(seqs, []uint64{1}) || h.messages(t)[0].TS != ack.TS {
		t.Errorf("ack = %+v; history has %s", ack, h.Messages)
	}
}

// Counters come when they changed, at most one frame a second: the session check is the second.
func frameCounters(t *testing.T) {
	s := newServer(t, manualCheck)
	n, w := dialV1(t, s, "r", "user_id=a&token=t", false)
	if w.Online != 1 {
		t.Errorf("the first member's welcome says %d online; want 1", w.Online)
	}
	wantNext := func(want string) {
		t.Helper()
		f, err := n.next()
		if got := fmt.Sprintf("%s %d %d %v", f.T, f.Online, f.Likes, f.seqs(t)); err != nil || got != want {
			t.Errorf("next frame = %s, %v; want %s", got, err, want)
		}
	}
	s.checkAt(1)
	roomOf(t, s, "r")
	eventually(t, func() error { return differ("this node has reported", s.edge.Hall.Stats().Reports > 0, true) })
	s.checkAt(2) // the welcome had them
	countOther(t, s, 5, 7)
	countOther(t, s, 6, 0)
	s.checkAt(3)
	wantNext("counters 7 7 []") // one of both
	s.checkAt(4)
	s.checkAt(5)
	publishAll(t, s, "x")
	wantNext("batch 0 0 [1]") // nothing changed
	countOther(t, s, 5, 0)
	publishAll(t, s, "y")
	wantNext("batch 0 0 [2]") // the second is not over
	s.checkAt(6)
	wantNext("counters 6 7 []")
}

// The first member of a room does not receive the counters of its welcome again.
func TestNative_CountersOfTheWelcomeAreNotRepeated(t *testing.T) {
	s := newServer(t, manualCheck)
	roomOf(t, s, "r")
	countOther(t, s, 5, 7)
	n, w := dialV1(t, s, "r", "user_id=a&token=t", false)
	if w.Online != 5 || w.Likes != 7 {
		t.Errorf("welcome = %+v; want 5 online, 7 likes", w)
	}
	s.edge.Hall.Tick(time.Now(), 0)
	publishAll(t, s, "x")
	if f, err := n.next(); err != nil || f.T != "batch" {
		t.Errorf("next frame = %+v, %v; want the batch", f, err)
	}
}

func frameRecalled(t *testing.T) {
	s := newServer(t, func(c *setup) { manualCheck(c); c.rooms.OnJoin = 1 }) // the node remembers two
	both := []*native{joinV1(t, s, "u"), joinV1(t, s, "v")}
	publishMany(t, s, 5)
	for _, n := range both {
		n.want("batch")
	}
	for seq, by := range map[uint64]string{5: "u", 1: "u"} {
		both[0].send(fmt.Sprintf(`{"t":"recall","seq":%d}`, seq))
		for _, n := range both {
			if f := n.want("recalled"); f.Seq != seq || f.By != by {
				t.Errorf("recalled = %+v; want %d by %q", f, seq, by)
			}
		}
	}
}

func frameReconnect(t *testing.T) {
	s := newServer(t, func(c *setup) { c.Server.DrainSpread = 10 * time.Millisecond })
	n := joinV1(t, s, "a")
	publishMany(t, s, 1)
	n.want("batch") // its lane knows it
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(ctx) }() // waited for below
	if f := n.want("reconnect"); f.AfterMS != 10 || f.Reason != "the node is leaving" {
		t.Errorf("reconnect = %+v; want within 10 ms, for the node is leaving", f)
	}
	n.wantClose(codec.CloseRestart)
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

// While the store is away a node has an epoch of its own, and acks wait.
func frameEpoch(t *testing.T) {
	s := newServer(t, manualCheck)
	n := joinV1(t, s, "u")
	pos := publishMany(t, s, 3)
	n.want("batch")
	s.Away(errAway)
	n.send(`{"t":"send","id":"1","body":"among us"}`)
	local := n.want("epoch")
	if local.Epoch != "l-"+s.edge.Hall.Node()+"-1" || local.Seq != 0 {
		t.Errorf("epoch = %+v; want a local one, from 0", local)
	}
	if b := n.want("batch"); b.Epoch != local.Epoch || b.Seq != 1 {
		t.Errorf("batch = %+v; want the first of %s", b, local.Epoch)
	}
	_, w := dialV1(t, s, "r", fmt.Sprintf("user_id=v&token=t&epoch=%s&since=1", local.Epoch), false)
	if w.Epoch != local.Epoch || w.Seq != 1 || w.Recovered {
		t.Errorf("welcome meanwhile = %+v; want where the others stand, not recovered", w)
	}
	n.send(`{"t":"ping"}`)
	n.want("pong") // no ack yet
	s.Back()
	got := n.wantAll("ack", "epoch")
	if got["ack"].Seq != 4 || got["epoch"].Epoch != pos.Epoch || got["epoch"].Seq != 4 {
		t.Errorf("got %+v; want message 4 acknowledged, and %s from 4", got, pos.Epoch)
	}
	publishMany(t, s, 1)
	if b := n.want("batch"); b.Epoch != pos.Epoch || b.Seq != 5 {
		t.Errorf("batch = %+v; want 5 of %s", b, pos.Epoch)
	}
}

func frameAnswersInOrder(t *testing.T) {
	n := joinV1(t, newServer(t, nil), "a")
	for ts := range int64(20) {
		n.send(fmt.Sprintf(`{"t":"ping","ts":%d}`, ts))
	}
	for ts := range int64(20) {
		if f := n.want("pong"); f.TS != ts {
			t.Errorf("pong = %+v; want %d", f, ts)
		}
	}
}
