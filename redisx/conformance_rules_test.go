package redisx_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is the part of the conformance suite about keeping order: rules, the marks of messages, messages that
// moderators take away, and the log.

// change changes the rules of room r, which must go well.
func (h *harness) change(c chat.RulesChange) chat.Event {
	h.t.Helper()
	ev, err := h.ChangeRules(h.t.Context(), "r", c)
	noError(h.t, err)
	if ev.Kind != chat.EventRules || ev.Rules.Version == "" {
		h.t.Fatalf("ChangeRules = %+v; want an event with a version", ev)
	}
	return ev
}

// rules are those of room r.
func (h *harness) rules() chat.Rules {
	h.t.Helper()
	r, err := h.Rules(h.t.Context(), "r")
	noError(h.t, err)
	return r
}

func mute(user string, until int64) chat.Measure {
	return chat.Measure{What: chat.Mute, Target: user, Until: until, Reason: "why\n\"so\"", By: "mod", ByRole: chat.RoleModerator, At: 7}
}

// testRules changes rules in all ways, reads them back, and tells of each change.
func testRules(s *harness) {
	t := s.t
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	if r := s.rules(); r.Version != "" || !r.Empty() {
		t.Errorf("rules that nobody has set: %+v", r)
	}
	all := s.publish(t, "r", "u", 10)
	owner := chat.Measure{What: chat.Appoint, Target: "o", Until: chat.ForGood, Role: chat.RoleOwner}
	ban := chat.Measure{What: chat.BanAddress, Target: "192.0.2.0/24", Until: 50}
	var told []chat.Event
	told = append(told, s.change(chat.RulesChange{
		Modes: map[string]string{"slow_ms": "3000", "who": `"mods"`}, Set: []chat.Measure{mute("u:1", 100), owner, ban},
		Pin: &chat.Entry{Seq: 1, JSON: all[0]},
	}))
	told = append(told, s.change(chat.RulesChange{Modes: map[string]string{"slow_ms": "0", "tags": `["a","b"]`}, Lift: []chat.Measure{{What: chat.BanAddress, Target: ban.Target}}}))
	r := s.rules()
	wantEqual(t, "Modes", r.Modes, nil, chat.Modes{Who: chat.WhoMods, Tags: []string{"a", "b"}})
	wantEqual(t, "Measures", r.Measures(99), nil, []chat.Measure{mute("u:1", 100), owner})
	wantEqual(t, "Measures that are not over", r.Measures(100), nil, []chat.Measure{owner})
	wantEqual(t, "Pinned", r.Pinned, nil, chat.Entry{Seq: 1, JSON: all[0]})
	told = append(told, s.change(chat.RulesChange{Pin: &chat.Entry{}}))
	wantEqual(t, "what is pinned no more", s.rules().Pinned, nil, chat.Entry{})
	wantEqual(t, "the version of Report", s.report("n", 1, 0).Rules, nil, s.rules().Version)

	s.settle(t)
	var want, got []string
	version := ""
	for _, ev := range told {
		if ev.Rules.Prev != version || !chat.Newer(ev.Rules.Version, version) {
			t.Errorf("version %s comes after %s; want it to come after %s", ev.Rules.Version, ev.Rules.Prev, version)
		}
		version = ev.Rules.Version
		want = append(want, string(codec.AppendEvent(nil, &ev)))
	}
	for _, ev := range s.events("r") {
		if ev.Kind == chat.EventRules {
			got = append(got, string(codec.AppendEvent(nil, &ev)))
		}
	}
	wantEqual(t, "events", got, nil, want)
	wantEqual(t, "Version", s.rules().Version, nil, version)
}

// testRulesBarrier has batches that were judged by other rules: nothing of them is stored.
func testRulesBarrier(s *harness) {
	t := s.t
	put := func(batch, version string, want error) {
		t.Helper()
		_, err := s.Publish(t.Context(), "r", chat.Batch{ID: batch, Rules: version, Drafts: drafts("r", "u", 10)})
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("Publish of %s, judged by %q: %v; want %v", batch, version, err, want)
		}
	}
	put("n.1", "?", chat.ErrStale)
	put("n.1", "", nil)
	first := s.change(chat.RulesChange{Set: []chat.Measure{mute("u", 100)}}).Rules.Version
	put("n.2", "", chat.ErrStale)
	put("n.2", first, nil)
	second := s.change(chat.RulesChange{}).Rules.Version
	put("n.3", first, chat.ErrStale)
	put("n.2", first, nil) // it was stored: its answer was lost
	put("n.3", second, nil)
	wantEqual(t, "messages", len(s.newest(t, "r", 10).Entries), nil, 3)
}

// testRulesRestored has a node that knows other rules than the store, no older ones: both hold from then on.
func testRulesRestored(s *harness) {
	t := s.t
	s.change(chat.RulesChange{Set: []chat.Measure{mute("u", 100), mute("v", 100)}})
	known := s.rules()
	known.Version = "5-known"
	known.Lift(chat.Mute, "u")
	known.Take(mute("w", 200))
	known.Modes.Frozen = true
	restore := codec.AllRules(&known)
	for _, number := range []string{"6-", "7-"} { // above a store that went back; beside one that has come as far again
		ev, err := s.ChangeRules(t.Context(), "r", restore)
		noError(t, err)
		r := s.rules()
		if !strings.HasPrefix(r.Version, number) || ev.Rules.Version != r.Version || !r.Modes.Frozen {
			t.Errorf("restored: version %s, told %s, frozen %v; want %s, and frozen", r.Version, ev.Rules.Version, r.Modes.Frozen, number)
		}
		wantEqual(t, "measures restored", r.Measures(0), nil, []chat.Measure{mute("u", 100), mute("v", 100), mute("w", 200)})
		restore.Version = "6-other"
	}
	now := s.rules().Version
	for _, version := range []string{"6-older", now} {
		restore.Version = version
		if _, err := s.ChangeRules(t.Context(), "r", restore); !errors.Is(err, chat.ErrStale) {
			t.Errorf("restoring %s over %s: %v; want %v", version, now, err, chat.ErrStale)
		}
	}
}

// testClear empties the history: numbers go on, the total begins anew, and no epoch does.
func testClear(s *harness) {
	t := s.t
	s.change(chat.RulesChange{Clear: true}) // A room that never had a message.
	wantEqual(t, "Cleared of nothing", s.rules().Cleared, nil, chat.Place{})
	version := s.rules().Version
	put := func(batch string, d []chat.Draft) chat.Stored {
		t.Helper()
		got, err := s.Publish(t.Context(), "r", chat.Batch{ID: batch, Rules: version, Drafts: d})
		noError(t, err)
		return got
	}
	put("n.1", sends("u", 10, "1", "2", "3"))
	before := s.newest(t, "r", 10)
	version = s.change(chat.RulesChange{Clear: true}).Rules.Version
	wantEqual(t, "Cleared", s.rules().Cleared, nil, chat.Place{Epoch: before.Epoch, Seq: 3})
	h := s.newest(t, "r", 10)
	wantEqual(t, "the history", len(h.Entries), nil, 0)
	want := before.Position
	want.Total = 0
	wantEqual(t, "the position", h.Position, nil, want)
	wantEqual(t, "what is said again", len(put("n.2", sends("u", 12, "1")).Repeats), nil, 1)
	got := put("n.3", sends("u", 20, "4", "5"))
	wantEqual(t, "the next message's number and total", []uint64{got.Event.Seq, got.Event.Total}, nil, []uint64{4, 2})
	wantEqual(t, "the epoch", got.Event.Epoch, nil, before.Epoch)
	wantEqual(t, "the change before", got.Event.Prev, nil, before.Tip)
	wantEqual(t, "what is there", len(s.newest(t, "r", 10).Entries), nil, 2)
}

// testPurge takes a user's messages away, each by a recall.
func testPurge(s *harness) {
	t := s.t
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	all := append(s.publish(t, "r", "u", 10, 20, 30), s.publish(t, "r", "uu", 40)...)
	all = append(all, s.publish(t, "r", "u", 50)...)
	events, err := s.Purge(t.Context(), "r", "u", 20)
	noError(t, err)
	at := s.newest(t, "r", 10)
	wantEqual(t, "what is left", at.Entries, nil, []chat.Entry{{Seq: 1, JSON: all[0]}, {Seq: 4, JSON: all[3]}})
	var seqs []uint64
	for _, ev := range events {
		seqs = append(seqs, ev.Seq)
		if !strings.HasPrefix(ev.Tip, codec.ModeratedMark) {
			t.Errorf("the recall of message %d is called %s, as its sender's", ev.Seq, ev.Tip)
		}
	}
	wantEqual(t, "recalled", seqs, nil, []uint64{5, 3, 2})
	s.settle(t)
	end := s.follow(t, "r", chat.Position{})
	wantEqual(t, "where events lead", end, nil, at.Position)
	wantEqual(t, "recalls by Read", at.Recalls, nil, events)
	events, err = s.Purge(t.Context(), "r", "u", 20)
	wantEqual(t, "recalls of what is gone", len(events), err, 0)
	events, err = s.Purge(t.Context(), "nowhere", "u", 0)
	wantEqual(t, "recalls in a room without messages", len(events), err, 0)
}

// testRecallAnybody has a moderator take a message away, whoever wrote it.
func testRecallAnybody(s *harness) {
	t := s.t
	all := s.publish(t, "r", `u"{}`, 10, 20)
	ev, err := s.RecallSeq(t.Context(), "r", chat.Anybody, chat.Position{}, "", 1, 0)
	noError(t, err)
	wantEqual(t, "the husk", ev.Messages, nil, husks(all[0]))
	if !strings.HasPrefix(ev.Tip, codec.ModeratedMark) {
		t.Errorf("the recall is called %s, as its sender's", ev.Tip)
	}
	again, err := s.RecallSeq(t.Context(), "r", chat.Anybody, chat.Position{}, "", 1, 0)
	wantEqual(t, "the recall said again", again.Tip, err, ev.Tip)
	wantEqual(t, "what is left", s.newest(t, "r", 10).Entries, nil, []chat.Entry{{Seq: 2, JSON: all[1]}})
}

// testMarks has messages with marks: while one lasts, no other message with it is taken.
func testMarks(s *harness) {
	t := s.t
	batch := 0
	say := func(d ...chat.Draft) string {
		t.Helper()
		batch++
		got, err := s.put(t.Context(), "r", fmt.Sprint("n.", batch), d)
		noError(t, err)
		var refused []string
		for _, no := range got.Refused {
			if no.Wait <= 0 || no.Wait > time.Hour {
				t.Errorf("the wait is %v; want at most an hour", no.Wait)
			}
			refused = append(refused, fmt.Sprintf("%d%c", no.Index, no.Mark))
		}
		return fmt.Sprint(len(got.Event.Messages), len(got.Repeats), refused)
	}
	draft := func(id, user string, names ...string) chat.Draft {
		d := sends(user, 10, id)[0]
		for _, name := range names {
			d.SetMarks(append(d.Marks(), chat.Mark{Kind: chat.MarkKind(name[0]), Name: name[1:], Life: time.Hour}))
		}
		return d
	}
	for _, c := range []struct{ what, got, want string }{
		{"a mark, twice in a batch", say(draft("1", "u", "su"), draft("2", "u", "su"), draft("3", "v", "sv")), "2 0 [1s]"},
		{"a mark, and none", say(draft("4", "u", "su"), draft("5", "u")), "1 0 [0s]"},
		{"what was stored, said again", say(draft("1", "u", "su")), "0 1 []"},
		{"what was refused, said again", say(draft("2", "u", "su")), "0 0 [0s]"},
		{"the second mark lasts", say(draft("6", "w", "sw", "sv")), "0 0 [0s]"},
		{"a refused one left no mark", say(draft("7", "w", "sw")), "1 0 []"},
		{"another kind of the same name", say(draft("8", "w", "uw", "dw")), "1 0 []"},
		{"the same text", say(draft("9", "x", "dx", "uw")), "0 0 [0u]"},
		{"one refused, twice in a batch", say(draft("2", "u", "su"), draft("2", "u", "su")), "0 0 [0s 1s]"},
	} {
		if c.got != c.want {
			t.Errorf("%s: stored, repeated, refused %s; want %s", c.what, c.got, c.want)
		}
	}
	s.pass(time.Hour + time.Second)
	if got := say(draft("a", "u", "su"), draft("b", "u", "su")); got != "1 0 [1s]" {
		t.Errorf("an hour later: %s; want one stored", got)
	}
}

// testNotices has what is told without being a change, and the log.
func testNotices(s *harness) {
	t := s.t
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	noError(t, s.Notify(t.Context(), "r", `{"t":"x"}`))
	s.settle(t)
	s.wantEvents(t, "r", chat.Event{Kind: chat.EventNotice, Messages: []string{`{"t":"x"}`}})
	wantEqual(t, "the position", s.newest(t, "r", 1).Position, nil, chat.Position{})
	entries, err := s.ReadLog(t.Context(), "r", "", 10)
	wantEqual(t, "an empty log", len(entries), err, 0)
	for i := range chat.LogKept + 2 {
		noError(t, s.WriteLog(t.Context(), "r", fmt.Sprintf(`{"n":%d}`, i)))
	}
	entries, err = s.ReadLog(t.Context(), "r", "", 2)
	wantEqual(t, "the newest of the log", entries, err, []string{fmt.Sprintf(`{"n":%d}`, chat.LogKept+1), fmt.Sprintf(`{"n":%d}`, chat.LogKept)})
	entries, err = s.ReadLog(t.Context(), "r", "", 2*chat.LogKept)
	wantEqual(t, "entries of the log", len(entries), err, chat.LogKept)
	for _, id := range []string{"a", "ab", "b", "c"} {
		noError(t, s.WriteLog(t.Context(), "r", `{"id":"`+id+`","n":0}`))
	}
	entries, err = s.ReadLog(t.Context(), "r", "b", 2)
	wantEqual(t, "those before b", entries, err, []string{`{"id":"ab","n":0}`, `{"id":"a","n":0}`})
	entries, err = s.ReadLog(t.Context(), "r", "a", 1)
	wantEqual(t, "the one before a", entries, err, []string{fmt.Sprintf(`{"n":%d}`, chat.LogKept+1)})
	entries, err = s.ReadLog(t.Context(), "r", "x", 2)
	wantEqual(t, "those before one that is not there", len(entries), err, 0)
}

// testManyMeasures fills a room: those that are over make room for others, and then nobody is taken out for another.
func testManyMeasures(s *harness) {
	t := s.t
	now := s.now().Add(24 * time.Hour).UnixMilli()
	var set []chat.Measure
	for i := range chat.MaxMeasures - 3 { // the version and two modes are fields, too
		set = append(set, mute(fmt.Sprint("u", i), now+int64(i)))
	}
	set[0].Until = 1
	for part := set; len(part) > 0; part = part[min(1000, len(part)):] {
		s.change(chat.RulesChange{Set: part[:min(1000, len(part))], Modes: map[string]string{"frozen": "true", "slow_ms": "5"}})
	}
	full := func(user string) error {
		_, err := s.ChangeRules(t.Context(), "r", chat.RulesChange{Set: []chat.Measure{mute(user, chat.ForGood)}})
		return err
	}
	taken := 0
	for i := range 10 {
		err := full(fmt.Sprint("late", i))
		if err == nil {
			taken++
		} else if !errors.Is(err, chat.ErrFull) {
			t.Errorf("one more than fits: %v; want %v", err, chat.ErrFull)
		}
	}
	if taken < 1 || taken > 5 {
		t.Errorf("%d more were taken; want the one whose place was free, and some", taken)
	}
	noError(t, full("u1")) // which is there
	r := s.rules()
	for user, want := range map[string]bool{"u0": false, "u1": true, "u100": true, "late0": true, "late9": false} {
		if _, ok := r.Find(chat.Mute, user, 0); ok != want {
			t.Errorf("%s is muted: %v; want %v", user, ok, want)
		}
	}
	if !r.Modes.Frozen {
		t.Error("a mode went with the measures")
	}
}

// TestRedis_RulesLoseAKey: rules hold, and nodes come to know them, when the room's meta goes; when the rules go, a
// node that knows them is told that the store has none.
func TestRedis_RulesLoseAKey(t *testing.T) {
	s := newRedis(t)
	raw := newRaw(t, server.Addr)
	s.publish(t, "r", "u", 10)
	version := s.change(chat.RulesChange{Set: []chat.Measure{mute("u", 100)}}).Rules.Version
	publish := func(batch, rules string, want error) {
		t.Helper()
		_, err := s.Publish(t.Context(), "r", chat.Batch{ID: batch, Rules: rules, Drafts: drafts("r", "v", 20)})
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("Publish of %s, judged by %q: %v; want %v", batch, rules, err, want)
		}
	}
	raw.do("DEL", "gmm:r")
	publish("n.1", version, chat.ErrStale)
	wantEqual(t, "the version of Report", s.report("n", 1, 0).Rules, nil, version)
	wantEqual(t, "Rules", s.rules().Version, nil, version)
	publish("n.1", version, nil)
	publish("n.2", "", chat.ErrStale)
	raw.do("DEL", "gmd:r")
	wantEqual(t, "Rules that were lost", s.rules().Version, nil, "")
	publish("n.2", version, chat.ErrStale)
	publish("n.2", "", nil)
}

// testTerms keeps lists of terms apart by name, whatever is in them, and names them in rules.
func testTerms(s *harness) {
	t := s.t
	read := func(name, want string) {
		t.Helper()
		got, err := s.ReadTerms(t.Context(), name)
		wantEqual(t, "ReadTerms "+name, got, err, want)
	}
	read("a", "")
	large := strings.Repeat("赌博 =mask\r\n", 60_000)
	noError(t, s.WriteTerms(t.Context(), "a", large))
	noError(t, s.WriteTerms(t.Context(), "b_2-c", "\x00\xff"))
	read("a", large)
	read("b_2-c", "\x00\xff")
	noError(t, s.WriteTerms(t.Context(), "a", "x"))
	read("a", "x")
	for range 2 {
		noError(t, s.WriteTerms(t.Context(), "a", ""))
	}
	read("a", "")
	read("b_2-c", "\x00\xff")

	noError(t, s.SubscribeRoom(t.Context(), "r"))
	changes := []map[string]string{{"a": "1", "b": "2"}, {"a": "3", "b": "", "c": "4"}, {"c": ""}}
	for _, c := range changes {
		s.change(chat.RulesChange{Terms: c})
	}
	wantEqual(t, "Terms", s.rules().Terms, nil, map[string]string{"a": "3"})
	s.settle(t)
	var told []map[string]string
	for _, ev := range s.events("r") {
		told = append(told, ev.Rules.Terms)
	}
	wantEqual(t, "events", told, nil, changes)
	if s.pass != nil { // lists live on, whoever keeps silent
		s.pass(chat.RulesLife + time.Hour)
		read("b_2-c", "\x00\xff")
	}
}

// testScreen asks about drafts that somebody is to look at: what the room has, what marks keep apart, and the same once
// more, as where the answer was lost.
func testScreen(s *harness) {
	t := s.t
	draft := func(id, user string, names ...string) chat.Draft {
		d := sends(user, 10, id)[0]
		for _, name := range names {
			d.SetMarks(append(d.Marks(), chat.Mark{Kind: chat.MarkKind(name[0]), Name: name[1:], Life: time.Hour}))
		}
		return d
	}
	screen := func(batch string, d ...chat.Draft) string {
		t.Helper()
		all, err := s.Screen(t.Context(), "r", batch, d)
		noError(t, err)
		var words []string
		for _, said := range all {
			switch {
			case said.Wait > time.Hour || said.Wait < 0 || (said.Wait == 0) != (said.Mark == 0):
				t.Errorf("the wait is %v for %q; want at most an hour, with a mark", said.Wait, said.Mark)
			case said.Wait > 0:
				words = append(words, string(said.Mark))
			case said.TS != 0:
				words = append(words, fmt.Sprint(said.Seq, "@", said.TS, " ", said.Epoch != ""))
			default:
				words = append(words, "look")
			}
		}
		return strings.Join(words, ", ")
	}
	wantEqual(t, "a room that nobody has written to", screen("n.1", draft("1", "u", "su")), nil, "look")
	wantEqual(t, "the same try", screen("n.1", draft("1", "u", "su")), nil, "look")
	wantEqual(t, "another batch", screen("n.2", draft("1", "u", "su"), draft("2", "v", "sv")), nil, "s, look")
	stored, err := s.put(t.Context(), "r", "n.3", []chat.Draft{draft("3", "u", "su"), draft("4", "w")})
	noError(t, err)
	wantEqual(t, "stored over the marks", fmt.Sprint(len(stored.Event.Messages), stored.Refused[0].Index), nil, "1 0")
	wantEqual(t, "what the room has", screen("n.4", draft("5", "w"), draft("4", "w", "sw", "su"), draft("6", "w", "sw")), nil, "look, 1@10 true, look")
	all, err := s.Screen(t.Context(), "r", "n.5", []chat.Draft{draft("4", "w")})
	noError(t, err)
	wantEqual(t, "the epoch", all[0].Epoch, nil, s.newest(t, "r", 1).Epoch)
	nameless := drafts("r", "x", 10)[0]
	nameless.SetOrigin("~a")
	nameless.SetMarks([]chat.Mark{{Kind: chat.MarkUser, Name: "x", Life: time.Hour}})
	wantEqual(t, "without an id", screen("n.6", nameless), nil, "look")
	wantEqual(t, "without an id, the same try", screen("n.6", nameless), nil, "look")
	wantEqual(t, "without an id, another batch", screen("n.7", nameless), nil, "s")
	s.pass(time.Hour + time.Second)
	wantEqual(t, "an hour later", screen("n.8", draft("1", "u", "su"), draft("4", "w")), nil, "look, look")
}
