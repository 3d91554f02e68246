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

// testRules changes rules in all ways, reads them back, and is notified of each change.
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

// clears clears room r up to a place, all of it at the zero value, and returns how many messages went.
func (h *harness) clears(upTo chat.Place) (chat.Event, int) {
	h.t.Helper()
	ev, n, err := h.Purge(h.t.Context(), "r", chat.Position{}, chat.Purge{UpTo: upTo})
	noError(h.t, err)
	return ev, n
}

// testClear empties the history: numbers go on, the total begins anew, and no epoch does. It is a change of the room.
func testClear(s *harness) {
	t := s.t
	if _, _, err := s.Purge(t.Context(), "r", chat.Position{}, chat.Purge{}); !errors.Is(err, chat.ErrNoMessage) {
		t.Errorf("clearing a room that never had a message: %v; want %v", err, chat.ErrNoMessage)
	}
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	put := func(batch string, d []chat.Draft) chat.Stored {
		t.Helper()
		got, err := s.Publish(t.Context(), "r", chat.Batch{ID: batch, Drafts: d})
		noError(t, err)
		return got
	}
	put("n.1", sends("u", 10, "1", "2", "3"))
	before := s.newest(t, "r", 10)
	cleared, n := s.clears(chat.Place{})
	place := chat.Place{Epoch: before.Epoch, Seq: 3}
	wantEqual(t, "taken", n, nil, 3)
	wantEqual(t, "Cleared of the rules", s.rules().Cleared, nil, place)
	wantEqual(t, "what the event says", cleared.Purge.UpTo, nil, place)
	h := s.newest(t, "r", 10)
	wantEqual(t, "the history", len(h.Entries), nil, 0)
	wantEqual(t, "the position", h.Position, nil, cleared.After(before.Position))
	wantEqual(t, "the total", h.Total, nil, 0)
	wantEqual(t, "Cleared", h.Cleared, nil, 3)
	wantEqual(t, "Recalls", h.Recalls, nil, []chat.Event{cleared})
	wantEqual(t, "what is said again", len(put("n.2", sends("u", 12, "1")).Repeats), nil, 1)
	got := put("n.3", sends("u", 20, "4", "5"))
	wantEqual(t, "the next message's number and total", []uint64{got.Event.Seq, got.Event.Total}, nil, []uint64{4, 2})
	wantEqual(t, "the epoch", got.Event.Epoch, nil, before.Epoch)
	wantEqual(t, "the change before", got.Event.Prev, nil, cleared.Tip)
	wantEqual(t, "what is there", len(s.newest(t, "r", 10).Entries), nil, 2)
	s.settle(t)
	end := s.follow(t, "r", chat.Position{})
	wantEqual(t, "where events lead", end, nil, s.newest(t, "r", 1).Position)

	if again, n := s.clears(chat.Place{Epoch: before.Epoch, Seq: 2}); again.Rev != 0 || again.Seq != 3 || n != 0 {
		t.Errorf("cleared again: %+v, %d; want the same place, and no change", again, n)
	}
	_, n = s.clears(chat.Place{Epoch: before.Epoch, Seq: 4})
	at := s.newest(t, "r", 10)
	if n != 1 || len(at.Entries) != 1 || at.Entries[0].Seq != 5 || at.Total != 1 || at.Cleared != 4 {
		t.Errorf("cleared up to 4: took %d, there is %+v; want message 5 alone", n, at)
	}
	if _, _, err := s.Purge(t.Context(), "r", chat.Position{}, chat.Purge{UpTo: chat.Place{Epoch: "other", Seq: 5}}); !errors.Is(err, chat.ErrNoMessage) {
		t.Errorf("clearing another epoch: %v; want %v", err, chat.ErrNoMessage)
	}
	next, err := s.Read(t.Context(), "r", chat.Position{Epoch: at.Epoch, Seq: 9, Rev: 90, Tip: "x"}, 1, 1)
	noError(t, err)
	if next.Epoch == at.Epoch || next.Before != at.Epoch || next.Cleared != 4 || next.Begun != 5 {
		t.Errorf("in the next epoch the room is %+v; want it cleared up to 4", next)
	}
}

// testPurge takes a user's messages away at once, also such that nobody has: their next message is younger.
func testPurge(s *harness) {
	t := s.t
	purge := func(p chat.Purge) (chat.Event, int) {
		t.Helper()
		ev, n, err := s.Purge(t.Context(), "r", chat.Position{}, p)
		noError(t, err)
		return ev, n
	}
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	all := append(s.publish(t, "r", "u", 10, 20, 30), s.publish(t, "r", "uu", 40)...)
	all = append(all, s.publish(t, "r", "u", 50)...)
	ev, n := purge(chat.Purge{User: "u", Since: 20})
	at := s.newest(t, "r", 10)
	wantEqual(t, "taken", n, nil, 3)
	wantEqual(t, "what is left", at.Entries, nil, []chat.Entry{{Seq: 1, JSON: all[0]}, {Seq: 4, JSON: all[3]}})
	if !strings.HasPrefix(ev.Tip, codec.ModeratedPrefix) || ev.Purge.User != "u" || ev.Purge.Since != 20 || ev.Purge.Until < 50 || ev.Purge.UpTo.Seq != 5 {
		t.Errorf("the purge is %+v, %+v", ev, ev.Purge)
	}
	wantEqual(t, "Recalls", at.Recalls, nil, []chat.Event{ev})
	s.settle(t)
	wantEqual(t, "where events lead", s.follow(t, "r", chat.Position{}), nil, at.Position)
	s.publish(t, "r", "u", 60)
	said := s.newest(t, "r", 1).Entries[0]
	if ts := codec.Timestamp(said.JSON); ts <= ev.Purge.Until || ev.Purge.Takes("u", ts, ev.Epoch, said.Seq) {
		t.Errorf("what the user says next has the timestamp %d; want one behind %d", ts, ev.Purge.Until)
	}
	_, n = purge(chat.Purge{User: "u", Since: codec.Timestamp(said.JSON), Until: codec.Timestamp(said.JSON)})
	wantEqual(t, "one message by its timestamp", n, nil, 1)

	rev := s.newest(t, "r", 1).Rev
	for i := range 2 { // a node makes it again, and so does another
		again, n := purge(chat.Purge{User: "u", Since: 20, Until: ev.Purge.Until})
		if n != 0 || again.Rev != 0 || *again.Purge != *ev.Purge || s.newest(t, "r", 1).Rev != rev {
			t.Errorf("made again, time %d: %+v, %d; want the first one, and no change", i, again, n)
		}
	}
	lost, n := purge(chat.Purge{User: "nobody", Since: 7, Until: 7})
	if n != 0 || lost.Rev != rev+1 || lost.Purge.Until != 7 {
		t.Errorf("what nobody has: %+v, %d; want a purge all the same", lost, n)
	}
	if _, err := s.Publish(t.Context(), "r", chat.Batch{ID: "other.1", Try: 1, Drafts: sends("v", 70, "x")}); err != nil {
		t.Errorf("a batch that is looked for behind a purge: %v", err)
	}
	if _, _, err := s.Purge(t.Context(), "nowhere", chat.Position{}, chat.Purge{User: "u"}); !errors.Is(err, chat.ErrNoMessage) {
		t.Errorf("in a room without messages: %v; want %v", err, chat.ErrNoMessage)
	}
}

// testPurgeIsOne: a purge is one change and one entry of the log, whatever it takes.
func testPurgeIsOne(s *harness) {
	t := s.t
	const many = historyMessages - 1
	var ts []int64
	for i := range many {
		ts = append(ts, int64(i+1))
	}
	s.publish(t, "r", "u", ts...)
	before := s.newest(t, "r", 1).Position
	_, n, err := s.Purge(t.Context(), "r", before, chat.Purge{User: "u"})
	wantEqual(t, "taken", n, err, many)
	h, err := s.Read(t.Context(), "r", before, 1, 1)
	noError(t, err)
	if len(h.Recalls) != 1 || h.Forgot || h.Rev != before.Rev+1 {
		t.Errorf("a node that stood at %+v is told %+v, forgot %v; want one purge", before, h.Recalls, h.Forgot)
	}
}

// testRecallsForgotten: a node that has missed more recalls than the log keeps is notified of that, and others are not.
func testRecallsForgotten(s *harness) {
	t := s.t
	s.publish(t, "r", "u", 1)
	before := s.newest(t, "r", 1).Position
	var late chat.Position
	for i := range chat.RecallsKept + 1 {
		if i == 1 {
			late = s.newest(t, "r", 1).Position
		}
		_, _, err := s.Purge(t.Context(), "r", before, chat.Purge{User: "u", Since: int64(i + 1), Until: int64(i + 1)})
		noError(t, err)
	}
	for _, c := range []struct {
		known chat.Position
		want  bool
	}{{before, true}, {late, false}, {s.newest(t, "r", 1).Position, false}, {chat.Position{}, true}} {
		if h, err := s.Read(t.Context(), "r", c.known, 1, 1); err != nil || h.Forgot != c.want {
			t.Errorf("a node that stands at %+v: forgot %v, %v; want %v", c.known, h.Forgot, err, c.want)
		}
	}
}

// testRecallAnybody has a moderator take a message away, whoever wrote it.
func testRecallAnybody(s *harness) {
	t := s.t
	all := s.publish(t, "r", `u"{}`, 10, 20)
	ev, err := s.RecallSeq(t.Context(), "r", chat.Anybody, chat.Position{}, "", 1, 0)
	noError(t, err)
	wantEqual(t, "the husk", ev.Messages, nil, husks(all[0]))
	if !strings.HasPrefix(ev.Tip, codec.ModeratedPrefix) {
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

// testModLog has the log of moderation.
func testModLog(s *harness) {
	t := s.t
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

// TestRedis_RulesLoseAKeyAndNodesAreTold: rules hold, and nodes come to know them, when the room's meta goes. When the
// rules go, a node that knows them learns that the store has none.
func TestRedis_RulesLoseAKeyAndNodesAreTold(t *testing.T) {
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
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	s.settle(t)
	if _, err := s.Rules(t.Context(), "r"); !errors.Is(err, chat.ErrRulesLost) {
		t.Errorf("Rules that were lost just now: %v; want %v", err, chat.ErrRulesLost)
	}
	s.settle(t)
	told := s.events("r")
	if n := len(told); n == 0 || told[n-1].Kind != chat.EventRules || chat.Newer(told[n-1].Rules.Version, version) {
		t.Errorf("nodes are told %+v; want an event of older rules", told)
	}
	publish("n.2", "", chat.ErrStale) // nobody who does not know them stores anything
	publish("n.2", version, nil)
	restore := chat.RulesChange{Version: version, Set: []chat.Measure{mute("u", 100)}}
	if _, err := s.ChangeRules(t.Context(), "r", restore); err != nil {
		t.Errorf("restoring rules that were lost: %v", err)
	}
	if r := s.rules(); len(r.Measures(0)) != 1 {
		t.Errorf("restored: %+v; want the one measure", r)
	}

	raw.do("DEL", "gmd:r")
	if _, err := s.Rules(t.Context(), "r"); !errors.Is(err, chat.ErrRulesLost) {
		t.Errorf("Rules that were lost again: %v; want %v", err, chat.ErrRulesLost)
	}
	raw.do("HINCRBY", "gmm:r", "y", "-4") // as if nobody had brought them back for as many seconds
	wantEqual(t, "Rules that nobody knows", s.rules().Version, nil, "")
	publish("n.3", version, chat.ErrStale)
	publish("n.3", "", nil)
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
	if s.pass != nil { // lists live on in a silent room
		s.pass(chat.RulesLife + time.Hour)
		read("b_2-c", "\x00\xff")
	}
}

// testScreen asks about drafts that somebody is to look at. The cases are what the room has, what marks keep apart, and
// the same once more, as where the answer was lost.
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
	nameless.SetMadeID("~a")
	nameless.SetMarks([]chat.Mark{{Kind: chat.MarkUser, Name: "x", Life: time.Hour}})
	wantEqual(t, "without an id", screen("n.6", nameless), nil, "look")
	wantEqual(t, "without an id, the same try", screen("n.6", nameless), nil, "look")
	wantEqual(t, "without an id, another batch", screen("n.7", nameless), nil, "s")
	s.pass(time.Hour + time.Second)
	wantEqual(t, "an hour later", screen("n.8", draft("1", "u", "su"), draft("4", "w")), nil, "look, look")
}
