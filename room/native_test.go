package room

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// frame is what native clients read.
type frame struct {
	T        string `json:"t"`
	Epoch    string `json:"epoch"`
	Seq      uint64 `json:"seq"`
	From     uint64 `json:"from"`
	To       uint64 `json:"to"`
	TS       int64  `json:"ts"`
	Reason   string `json:"reason"`
	By       string `json:"by"`
	Online   uint64 `json:"online"`
	Likes    uint64 `json:"likes"`
	Messages []struct {
		Seq    uint64          `json:"seq"`
		Kind   string          `json:"kind"`
		UserID string          `json:"user_id"`
		Body   string          `json:"body"`
		TS     int64           `json:"ts"`
		ID     string          `json:"id"`
		Ext    json.RawMessage `json:"ext"`
	} `json:"messages"`
}

// brief is a frame for people.
func (f frame) brief() string {
	switch f.T {
	case "batch":
		var b []string
		for _, m := range f.Messages {
			b = append(b, fmt.Sprintf("%d:%s", m.Seq, m.Body))
		}
		return fmt.Sprintf("%s@%s/%d", strings.Join(b, ","), f.Epoch, f.Seq)
	case "gap":
		return fmt.Sprintf("gap %d-%d %s", f.From, f.To, f.Reason)
	case "epoch":
		return fmt.Sprintf("epoch %s/%d", f.Epoch, f.Seq)
	case "recalled":
		return fmt.Sprintf("recalled %d by %s", f.Seq, f.By)
	case "counters":
		return fmt.Sprintf("counters %d %d", f.Online, f.Likes)
	}
	return f.T
}

// frames are what the member got.
func (m *member) frames(tb testing.TB) (all []frame) {
	tb.Helper()
	for _, text := range m.texts(tb) {
		var f frame
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			tb.Fatalf("%s: %v", text, err)
		}
		all = append(all, f)
	}
	return all
}

func wantFrames(tb testing.TB, m *member, want ...string) {
	tb.Helper()
	got := []string{}
	for _, f := range m.frames(tb) {
		got = append(got, f.brief())
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		tb.Errorf("member got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// joinNative enters and attaches a native member.
func (f *fixture) joinNative(r *Room, since Since, read chat.History) (*member, Welcome) {
	f.t.Helper()
	m := &member{fakeSocket: fakeSocket{room: -1}}
	a := r.EnterNative(&m.Member, &m.fakeSocket, Native, since, read)
	r.Attach(&m.Member)
	return m, a
}

func (f *fixture) native(r *Room) *member {
	f.t.Helper()
	m, _ := f.joinNative(r, Since{}, chat.History{})
	return m
}

func TestNative_OneFrameASweep(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m, old := f.native(r), f.join(r)
	for i := range 5 {
		f.post(r, fmt.Sprint("a", i))
	}
	f.deliverAll()
	f.settle()
	f.post(r, "b")
	f.settle()
	wantFrames(t, m, "1:a0,2:a1,3:a2,4:a3,5:a4@e1/1", "6:b@e1/6")
	wantInfos(t, old, "a0", "a1", "a2", "a3", "a4", "b")
	if s := f.hall.Stats(); s.Offered != 12 || s.Sent != 12 {
		t.Errorf("offered %d, sent %d copies; want 12 and 12: copies are messages, not frames", s.Offered, s.Sent)
	}
}

// TestNative_NewcomersBatchBeginsWithThem: a member that enters while a batch gathers does not get
// the messages of its welcome again.
func TestNative_NewcomersBatchBeginsWithThem(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	f.native(r)
	f.settle()
	f.post(r, "before")
	f.deliverAll() // gathers; no lane has come
	m, a := f.joinNative(r, Since{}, chat.History{})
	if len(a.Messages) != 1 || a.Seq != 1 {
		t.Errorf("welcome has %d messages and seq %d; want 1 and 1", len(a.Messages), a.Seq)
	}
	f.post(r, "after")
	f.settle()
	wantFrames(t, m, "2:after@e1/2")
}

func TestNative_NothingIsEncodedForAnEncodingWithoutMembers(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.native(r)
	for range 3 {
		f.post(r, "x")
	}
	f.settle()
	if r.streams[FastIM] != nil || r.streams[Deflated] != nil {
		t.Error("there are logs for encodings that no member ever had")
	}
	r.Leave(&m.Member)
	f.join(r)
	f.settle()
	before := r.streams[Native].log.count()
	f.post(r, "y")
	f.settle()
	if got := r.streams[Native].log.count(); got != before {
		t.Error("a message was encoded for native members, who have all left")
	}
}

func TestNative_SlowMemberIsToldWhatItSkipped(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Fanout.LogBytes, c.Fanout.WriteBytes = 8<<10, 4<<10 }, Callbacks{})
	r := f.open("1")
	m := f.native(r)
	f.settle()
	f.post(r, "first")
	f.settle()
	m.stall(0)
	for range 40 {
		f.post(r, strings.Repeat("x", 1000))
		f.settle()
	}
	m.stall(-1)
	r.Drained(&m.Member)
	f.settle()
	f.post(r, "last")
	f.settle()
	all := m.frames(t)
	skipped := uint64(0)
	next := uint64(1)
	for _, fr := range all {
		switch fr.T {
		case "gap":
			if fr.From != next || fr.Reason != codec.GapSlow {
				t.Errorf("%s; want a gap from %d", fr.brief(), next)
			}
			skipped += fr.To - fr.From + 1
			next = fr.To + 1
		case "batch":
			for _, msg := range fr.Messages {
				if msg.Seq != next {
					t.Fatalf("message %d came where %d was due", msg.Seq, next)
				}
				next++
			}
		}
	}
	if s := f.hall.Stats(); next != 43 || skipped == 0 || s.Skipped != skipped {
		t.Errorf("the member knows of %d messages, %d skipped, %d counted; want 42 and the same", next-1, skipped, s.Skipped)
	}
}

// TestNative_SlowMemberHearsOfRecalls: a message whose recall it skips stands on its screen.
func TestNative_SlowMemberHearsOfRecalls(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Fanout.LogBytes, c.Fanout.WriteBytes = 8<<10, 4<<10 }, Callbacks{})
	r := f.open("1")
	m := f.native(r)
	f.post(r, "first")
	f.settle()
	m.stall(0)
	f.store.recall("1", 1)
	for range 40 {
		f.post(r, strings.Repeat("x", 1000))
		f.settle()
	}
	f.store.recall("1", 30)
	m.stall(-1)
	r.Drained(&m.Member)
	f.settle()
	var got []string
	for _, fr := range m.frames(t) {
		if fr.T == "recalled" {
			got = append(got, fr.brief())
		}
	}
	// A recall that it had received when it stopped reading may come again.
	if fmt.Sprint(slices.Compact(got)) != "[recalled 1 by u recalled 30 by u]" {
		t.Errorf("a member that skipped heard %v; want of both recalls", got)
	}
}

// TestNative_ResumedMemberHearsOfRecalls that were made while it was away, whether it is recovered or not.
func TestNative_ResumedMemberHearsOfRecalls(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.OnJoin = 10 }, Callbacks{})
	r := f.open("1")
	for i := range chat.RecallsKept + 10 {
		f.post(r, fmt.Sprint(i))
	}
	f.settle()
	for seq := range uint64(chat.RecallsKept + 2) {
		f.store.recall("1", seq+1)
		f.settle()
	}
	seqs := func(a Welcome) (all []uint64) {
		for _, ev := range a.Recalled {
			all = append(all, ev.Seq)
		}
		return all
	}
	_, a := f.joinNative(r, Since{}, chat.History{})
	if a.Recalled != nil {
		t.Errorf("a member that begins anew is told of recalls %v", seqs(a))
	}
	f.post(r, "behind the recalls")
	f.settle()
	// A client that had not received the last message before that may have missed one of the forgotten recalls.
	for _, since := range []Since{f.since(chat.RecallsKept + 11), f.since(chat.RecallsKept + 10), {Epoch: "gone", Seq: 1, TS: 1}} {
		_, a = f.joinNative(r, since, chat.History{})
		got := seqs(a)
		if n := len(got); a.Recovered != (since.Seq == chat.RecallsKept+11) || n != chat.RecallsKept || got[0] != 3 || got[n-1] != chat.RecallsKept+2 {
			t.Errorf("%+v: recovered %v, recalled %v; want 3 to %d", since, a.Recovered, got, chat.RecallsKept+2)
		}
	}
	fresh := newFixture(t, nil, Callbacks{}) // another node loads the room
	fresh.store.cloud = f.store.cloud
	if _, a = fresh.joinNative(fresh.open("1"), f.since(chat.RecallsKept+4), chat.History{}); len(a.Recalled) != chat.RecallsKept || a.Recovered {
		t.Errorf("a node that has just loaded the room tells of %d recalls; want %d", len(a.Recalled), chat.RecallsKept)
	}
}

func TestNative_ResumeRecoversWhatTheRoomStillHas(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.OnJoin = 3 }, Callbacks{})
	r := f.open("1")
	for i := 1; i <= 6; i++ {
		f.post(r, fmt.Sprint("m", i))
	}
	f.settle()
	stamps := map[uint64]int64{}
	for seq := uint64(1); seq <= 6; seq++ {
		stamps[seq] = f.since(seq).TS
	}
	resume := func(epoch string, seq uint64, wantRecovered bool, want ...string) {
		t.Helper()
		since := Since{Epoch: epoch, Seq: seq, TS: stamps[seq]}
		var read chat.History
		if r.Lacks(since) {
			read, _ = f.store.Since(t.Context(), "1", max(seq, 1)-1, MaxResume+1)
		}
		_, a := f.joinNative(r, since, read)
		got := []string{}
		for _, e := range a.Messages {
			got = append(got, infos(t, []string{e.JSON})...)
		}
		if a.Recovered != wantRecovered || fmt.Sprint(got) != fmt.Sprint(want) || a.Epoch != "e1" || a.Seq != 6 {
			t.Errorf("resume from %s/%d: %v, recovered %v, at %s/%d; want %v, %v", epoch, seq, got, a.Recovered, a.Epoch, a.Seq, want, wantRecovered)
		}
	}
	resume("", 0, false, "m4", "m5", "m6")
	resume("e1", 6, true)
	resume("e1", 5, true, "m6")
	resume("e1", 0, true, "m1", "m2", "m3", "m4", "m5", "m6")
	resume("e1", 1, true, "m2", "m3", "m4", "m5", "m6")
	resume("e1", 7, false, "m4", "m5", "m6")   // from the future
	resume("gone", 5, false, "m4", "m5", "m6") // another epoch
	f.store.set(func(s *fakeStore) { s.room("1").entries = s.room("1").entries[2:] })
	r.mu.Lock()
	r.newest.entries = r.newest.entries[3:]
	r.mu.Unlock()
	resume("e1", 1, false, "m4", "m5", "m6") // m2 is not in the history any more
	resume("e1", 2, false, "m4", "m5", "m6") // nor m2: it is not known whether the number means the same
	resume("e1", 3, true, "m4", "m5", "m6")
	delete(stamps, 5)
	resume("e1", 5, false, "m4", "m5", "m6") // without its timestamp neither
}

func TestNative_IsToldWhatChangesBesidesMessages(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.native(r)
	f.post(r, "one")
	f.settle()
	f.store.recall("1", 1)
	f.settle()
	f.hall.RoomEvent("1", chat.Event{Kind: chat.EventCounters, Counters: chat.Counters{Online: 5, Likes: 2}})
	f.hall.RoomEvent("1", chat.Event{Kind: chat.EventCounters, Counters: chat.Counters{Online: 6, Likes: 2}})
	f.hall.Tick(f.now, 0) // at most one a tick
	f.hall.Tick(f.now, 0)
	f.settle()
	f.store.wipe()
	f.publishUnheard("new")
	f.post(r, "newer")
	f.settle()
	wantFrames(t, m, "1:one@e1/1", "recalled 1 by u", "counters 6 2", "epoch e2/0", "1:new,2:newer@e2/1")
}

// TestNative_LocalChatHasAnEpochOfItsOwn while the store is away, and the members are notified
// when the room's is back.
func TestNative_LocalChatHasAnEpochOfItsOwn(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Node = "n1" }, Callbacks{})
	r := f.open("1")
	m := f.native(r)
	f.post(r, "one")
	f.settle()
	f.store.away()
	f.hall.Away(errAway)
	f.post(r, "two")
	f.settle()
	_, a := f.joinNative(r, Since{Epoch: "e1", Seq: 1}, chat.History{})
	if a.Epoch != "l-n1-1" || a.Seq != 1 || a.Recovered {
		t.Errorf("a newcomer stands at %s/%d, recovered %v; want the local epoch, message 1, not recovered", a.Epoch, a.Seq, a.Recovered)
	}
	f.post(r, "three")
	f.settle()
	f.back()
	f.settle()
	f.post(r, "four")
	f.settle()
	wantFrames(t, m, "1:one@e1/1", "epoch l-n1-1/0", "1:two@l-n1-1/1", "2:three@l-n1-1/2", "epoch e1/3", "4:four@e1/4")
	places := slices.DeleteFunc(m.frames(t), func(fr frame) bool { return fr.T != "epoch" })
	if places[0].TS != 0 || places[1].TS != f.since(3).TS {
		t.Errorf("the places have the timestamps %d and %d; want none in a local epoch, then that of message 3", places[0].TS, places[1].TS)
	}
}

// TestNative_TriedAgainIsHeardOnce: while the store is away a client is cut and sends again
// a message that was not acknowledged. It had gone to the store before in one case, and waits in the other.
func TestNative_TriedAgainIsHeardOnce(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Node = "n1" }, Callbacks{})
	r := f.open("1")
	m, old := f.native(r), f.join(r)
	say := func(user, id string) {
		t.Helper()
		f.now = f.now.Add(time.Millisecond)
		if err := r.PostNative(nil, user, &codec.Op{ID: id, Body: user + id}, f.now); err != nil {
			t.Fatal(err)
		}
	}
	f.store.deafen()
	say("u", "1")
	f.settle()
	f.store.away()
	f.hall.Away(errAway)
	say("u", "1")
	say("u", "2")
	say("u", "2")
	say("v", "2")
	f.settle()
	if r.outbox.ahead != 3 { // a waiting message does not wait twice
		t.Errorf("%d messages are ahead of the store; want 3", r.outbox.ahead)
	}
	wantFrames(t, m, "1:u1@e1/1", "epoch l-n1-1/0", "1:u2,2:v2@l-n1-1/1")
	wantInfos(t, old, "u1", "u2", "v2")
	f.store.hear()
	f.back()
	f.settle()
	if s := f.hall.Stats(); s.Waiting != 0 || r.outbox.ahead != 0 || r.writing != linked {
		t.Errorf("at rest %d messages wait, heard %d, writing %v", s.Waiting, r.outbox.ahead, r.writing)
	}
}

// TestNative_TriedAgainWaitsOnce: a client that is cut again and again while the store is away does not fill the queue.
// It receives over its last connection what became of its message.
func TestNative_TriedAgainWaitsOnce(t *testing.T) {
	for _, noLocal := range []bool{false, true} {
		t.Run(fmt.Sprintf("NoLocal=%v", noLocal), func(t *testing.T) {
			var got []string
			f := newFixture(t, func(c *Config) { c.QueueMessages, c.NoLocal = 2, noLocal },
				Callbacks{})
			by := func(name string) Author {
				return teller(func(a Outcome) { got = append(got, fmt.Sprintf("%s %s %s %d", name, a.ID, a.Code, a.Seq)) })
			}
			r := f.open("1")
			m := f.join(r)
			f.store.away()
			say := func(from, user, id string) error {
				return r.PostNative(by(from), user, &codec.Op{ID: id, Body: user + id}, f.now)
			}
			if err := say("1st", "u", "in flight"); err != nil {
				t.Fatal(err)
			}
			f.settle() // a try fails
			f.hall.Away(errAway)
			for _, from := range []string{"1st", "2nd", "3rd"} {
				for _, id := range []string{"in flight", "waits"} {
					if err := say(from, "u", id); err != nil {
						t.Fatalf("the %s try of %q: %v", from, id, err)
					}
				}
			}
			if err := say("1st", "v", "waits"); !errors.Is(err, ErrBusy) {
				t.Errorf("another's message: %v; want that the queue is full", err)
			}
			f.back()
			f.settle()
			if want := "[3rd in flight  1 3rd waits  2]"; fmt.Sprint(got) != want {
				t.Errorf("answers %v; want %v", got, want)
			}
			wantInfos(t, m, "uin flight", "uwaits")
			if s := f.hall.Stats(); s.Waiting != 0 || s.Repeats != 0 || s.RefusedBusy != 1 {
				t.Errorf("%d wait, %d were repeats, %d refused; want 0, 0, 1", s.Waiting, s.Repeats, s.RefusedBusy)
			}
		})
	}
}

func TestNative_AnswersAuthors(t *testing.T) {
	var got []string
	f := newFixture(t, nil, Callbacks{})
	ann := teller(func(a Outcome) { got = append(got, fmt.Sprintf("ann %s %s %d %d", a.ID, a.Code, a.Seq, a.TS%1000)) })
	r := f.open("1")
	post := func(id string, ts int64) {
		t.Helper()
		if err := r.PostNative(ann, "u", &codec.Op{ID: id, Body: "hi"}, time.UnixMilli(f.now.UnixMilli()/1000*1000+ts)); err != nil {
			t.Fatal(err)
		}
	}
	want := func(what string, answers ...string) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(answers) {
			t.Errorf("%s: answers %q; want %q", what, got, answers)
		}
		got = nil
	}
	f.join(r)
	post("a", 200)
	want("before the store has it")
	f.settle()
	want("stored", "ann a  1 200")
	f.store.deafen()
	post("b", 201)
	f.settle()
	want("stored, not come back", "ann b  2 201")
	f.store.hear()
	f.hall.Resumed()
	f.settle()
	want("fetched")
	f.store.refuse("no")
	post("c", 202)
	f.settle()
	want("refused", "ann c "+CodeStore+" 0 0")
	f.store.away()
	f.hall.Away(errAway)
	post("d", 203)
	f.settle()
	want("heard here, not stored")
	f.clock.add(time.Minute)
	f.hall.Tick(f.now.Add(time.Minute), 0)
	want("given up", "ann d "+CodeExpired+" 0 0")
	if err := r.Post(ann, "u", "no id", f.now); err != nil {
		t.Fatal(err)
	}
	f.hall.Tick(f.now.Add(time.Minute), 0)
	want("a FastIM client")
}

func BenchmarkStream_Append(b *testing.B) {
	for name, fl := range map[string]Encoding{"fastim": FastIM, "native": Native, "deflated": Deflated} {
		b.Run(name, func(b *testing.B) {
			f := newFixture(b, nil, Callbacks{})
			r := f.open("1")
			var m Member
			r.mu.Lock()
			r.enterLocked(&m, nullSocket{}, fl)
			r.mu.Unlock()
			r.Attach(&m)
			f.settle()
			const batch = 20
			d := codec.NewDraft("1", "3", "hello, 弹幕", 1648368380132)
			text := string(d.AppendJSON(nil, d.TS))
			entries := make([]chat.Entry, batch)
			seq := uint64(0)
			b.ReportAllocs()
			for b.Loop() {
				for i := range entries {
					seq++
					entries[i] = chat.Entry{Seq: seq, JSON: text}
				}
				r.mu.Lock()
				r.fanOutLocked(entries)
				r.mu.Unlock()
				for f.work() {
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch, "ns/message")
		})
	}
}

// TestLane_NewcomerAndBatchInOneTurn: a batch gathers while a newcomer waits for its first turn: those who were there
// get it in the same sweep.
func TestLane_NewcomerAndBatchInOneTurn(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Fanout.Lanes = 1 }, Callbacks{})
	r := f.open("1")
	m := f.native(r)
	f.settle()
	f.hall.RoomEvent("1", chat.Event{Kind: chat.EventCounters, Counters: chat.Counters{Online: 5}})
	r.mu.Lock()
	r.sendCountersLocked()
	r.unlock()
	late := &member{fakeSocket: fakeSocket{room: -1}}
	r.mu.Lock()
	r.enterLocked(&late.Member, &late.fakeSocket, Native)
	late.cursor = m.cursor // it came in before the counters
	r.unlock()
	r.Attach(&late.Member)
	f.post(r, "hi")
	f.deliverAll()
	f.settle()
	wantFrames(t, m, "counters 5 0", "1:hi@e1/1")
}
