package room

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file tests order in rooms: no node stores a message that their rules forbid.

func muted(user string) chat.RulesChange {
	return chat.RulesChange{Set: []chat.Measure{{What: chat.Mute, Target: user, Until: chat.ForGood, ByRole: chat.RoleModerator}}}
}

func unmuted(user string) chat.RulesChange {
	return chat.RulesChange{Lift: []chat.Measure{{What: chat.Mute, Target: user}}}
}

func modes(fields ...string) chat.RulesChange {
	c := chat.RulesChange{Modes: map[string]string{}}
	for i := 0; i < len(fields); i += 2 {
		c.Modes[fields[i]] = fields[i+1]
	}
	return c
}

// moderateElsewhere changes the rules of room 1 over the other node.
func (f *fixture) moderateElsewhere(c chat.RulesChange) {
	f.t.Helper()
	if _, err := f.other.ChangeRules(f.t.Context(), "1", c); err != nil {
		f.t.Fatal(err)
	}
}

// purgeElsewhere takes messages away over another node.
func (f *fixture) purgeElsewhere(p chat.Purge) {
	f.t.Helper()
	if _, _, err := f.other.Purge(f.t.Context(), "1", chat.Position{}, p); err != nil {
		f.t.Fatal(err)
	}
}

// speaker is an author with a voice, who collects answers.
type speaker struct {
	mailbag
	voice Voice
}

func (s *speaker) Voice() Voice { return s.voice }

// says posts a body as a native client, and returns the code with which it is refused at once.
func (f *fixture) says(r *Room, from Author, user, id, body string) string {
	f.t.Helper()
	f.now = f.now.Add(time.Millisecond)
	err := r.PostNative(from, user, &codec.Op{ID: id, Body: body}, f.now)
	if no, ok := errors.AsType[*RefusedError](err); ok {
		return no.Code
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return ""
}

// TestRules_MutedElsewhereIsRefusedHere: a node that has not learned of it stores nothing of a muted user, and
// reports that; of others it stores all.
func TestRules_MutedElsewhereIsRefusedHere(t *testing.T) {
	for _, c := range []struct {
		name   string
		breaks func(f *fixture)
	}{
		{"its event comes late", func(f *fixture) { f.store.dawdle() }},
		{"its event is lost", func(f *fixture) { f.store.deafen() }},
		{"all is well", func(*fixture) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, nil, Callbacks{})
			r := f.open("1")
			f.join(r)
			var got mailbag
			f.sayHere(r, &got, "u", "1")
			f.settle()
			c.breaks(f)
			f.sayHere(r, &got, "u", "2") // on its way when the mute comes
			f.sayHere(r, &got, "v", "3")
			f.moderateElsewhere(muted("u"))
			f.settle()
			code := f.says(r, &got, "u", "4", "late")
			f.settle()
			if got := fmt.Sprint(infosOf(f.store.stored())); got != "[u1 v3]" {
				t.Errorf("stored %s; want what was said before, and by others", got)
			}
			if code != CodeMuted || !strings.Contains(fmt.Sprint(got), "2:muted:0:0") || len(got) != 3 {
				t.Errorf("answers %q, then %q; want muted twice", got, code)
			}
			f.moderateElsewhere(unmuted("u"))
			f.store.hurry()
			f.store.hear()
			f.tick(16 * time.Second) // it learns by its report
			f.hall.Report(t.Context())
			f.settle()
			if code := f.says(r, &got, "u", "5", "back"); code != "" {
				t.Errorf("who is not muted any more: %s", code)
			}
		})
	}
}

// TestRules_LostEventIsNoticedByTheNextChange: the next change shows that one is missing, and the rules are read at
// once.
func TestRules_LostEventIsNoticedByTheNextChange(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	f.store.deafen()
	f.moderateElsewhere(muted("u"))
	f.store.hear()
	f.moderateElsewhere(muted("v"))
	f.settle()
	if got := f.says(r, nil, "u", "1", "hi") + f.says(r, nil, "v", "2", "hi"); got != CodeMuted+CodeMuted {
		t.Errorf("two that are muted are answered %q; want muted twice", got)
	}
}

// TestRules_ChangedWhileTheLinkWasLostAreRead: rules that changed while no event arrived are read as soon as the link
// is back.
func TestRules_ChangedWhileTheLinkWasLostAreRead(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	for _, c := range []struct {
		change chat.RulesChange
		want   string
	}{{muted("u"), CodeMuted}, {unmuted("u"), ""}} {
		f.store.deafen()
		f.moderateElsewhere(c.change)
		f.store.hear()
		f.hall.Resumed()
		f.settle()
		if got := f.says(r, nil, "u", "1"+c.want, "hi"); got != c.want {
			t.Errorf("%+v, then a message: %q; want %q", c.change, got, c.want)
		}
	}
}

func infosOf(entries []chat.Entry) (bodies []string) {
	for _, e := range entries {
		m, _ := codec.ParseMessage(e.JSON)
		bodies = append(bodies, m.Info)
	}
	return bodies
}

// TestRules_StoredBeforeTheMuteIsAcknowledged: a message that was stored, whose answer was lost, and whose sender is
// muted since, is acknowledged.
func TestRules_StoredBeforeTheMuteIsAcknowledged(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	var got mailbag
	f.store.deafen()
	f.store.loseAnswers()
	f.sayHere(r, &got, "u", "1")
	f.settle()
	f.store.answers()
	f.moderateElsewhere(muted("u"))
	f.tick(time.Second)
	f.settle()
	if len(got) != 1 || !strings.HasPrefix(got[0], "1::1:") {
		t.Errorf("answers %q; want that message 1 is there", got)
	}
}

// TestRules_LastOnesStandWhileTheStoreIsAway: a message against newer ones is delivered here, and stored
// nowhere.
func TestRules_LastOnesStandWhileTheStoreIsAway(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.moderateElsewhere(muted("u"))
	f.store.away()
	f.hall.Away(errAway)
	var got mailbag
	if code := f.says(r, &got, "u", "1", "no"); code != CodeMuted {
		t.Errorf("muted before the store went: %q", code)
	}
	f.sayHere(r, &got, "v", "2")
	f.sayHere(r, &got, "w", "3")
	f.settle()
	f.moderateElsewhere(muted("v"))
	f.back()
	f.settle()
	f.tick(time.Second)
	f.settle()
	if got := fmt.Sprint(infosOf(f.store.stored())); got != "[w3]" {
		t.Errorf("stored %s; want w3", got)
	}
	wantInfos(t, m, "v2", "w3")
	if s := f.hall.Stats(); s.LocalOnly != 1 || s.RefusedRules != 2 || s.Waiting != 0 || r.writing != linked {
		t.Errorf("%d local only, %d refused by rules, %d wait, writing %d; want 1, 2, 0, linked", s.LocalOnly, s.RefusedRules, s.Waiting, r.writing)
	}
}

// TestRules_UnreadOnesHoldOnceTheStoreIsBack: a room that was opened while the store was away knows nothing; when it is
// back nothing is stored that is forbidden.
func TestRules_UnreadOnesHoldOnceTheStoreIsBack(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	f.moderateElsewhere(muted("u"))
	f.store.away()
	f.hall.Away(errAway)
	r := f.open("1")
	var got mailbag
	f.sayHere(r, &got, "u", "1")
	f.sayHere(r, &got, "v", "2")
	f.back()
	f.settle()
	if got := fmt.Sprint(infosOf(f.store.stored())); got != "[v2]" {
		t.Errorf("stored %s; want v2", got)
	}
	if code := f.says(r, &got, "u", "3", "no"); code != CodeMuted {
		t.Errorf("then: %q; want muted", code)
	}
}

// TestRules_LostByTheStoreArePutBack: a node that knows newer rules than the store puts them back.
func TestRules_LostByTheStoreArePutBack(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	f.native(r)
	f.moderateElsewhere(muted("u"))
	f.moderateElsewhere(modes("slow_ms", "5000"))
	f.settle()
	f.store.wipe()
	f.sayHere(r, nil, "v", "1")
	f.settle()
	rules, err := f.store.Rules(t.Context(), "1")
	if _, ok := rules.Find(chat.Mute, "u", 0); !ok || rules.Modes.SlowMS != 5000 || err != nil {
		t.Errorf("the store has %+v; want the rules of before", rules)
	}
	if got := fmt.Sprint(infosOf(f.store.stored())); got != "[v1]" {
		t.Errorf("stored %s; want v1", got)
	}
}

// TestRules_LostByTheStoreHoldBesideNewerOnes: the rules that a node knows and the newer ones both hold, however far
// the store has come again.
func TestRules_LostByTheStoreHoldBesideNewerOnes(t *testing.T) {
	for _, since := range []int{1, 2, 3} {
		f := newFixture(t, nil, Callbacks{})
		r := f.open("1")
		f.native(r)
		f.moderateElsewhere(muted("u"))
		f.moderateElsewhere(muted("v"))
		f.settle()
		f.store.wipe()
		for i := range since {
			f.moderateElsewhere(muted(fmt.Sprint("w", i)))
		}
		f.settle()
		f.sayHere(r, nil, "x", "1")
		f.settle()
		rules, err := f.store.Rules(t.Context(), "1")
		if got := len(rules.Measures(0)); got != 2+since || err != nil || r.rules.Version != rules.Version {
			t.Errorf("%d changes since: %d measures, the node has %s of %s; want %d", since, got, r.rules.Version, rules.Version, 2+since)
		}
		if got := fmt.Sprint(infosOf(f.store.stored())); got != "[x1]" {
			t.Errorf("%d changes since: stored %s; want x1", since, got)
		}
	}
}

// TestRules_MembersAreTold: native members are notified of modes, pins and a cleared room; newcomers too.
func TestRules_MembersAreTold(t *testing.T) {
	told, hit := 0, []string(nil)
	f := newFixture(t, nil, Callbacks{OnRules: func(_ *Room, targets []string) { told++; hit = append(hit, targets...) }})
	r := f.open("1")
	n, m := f.native(r), f.join(r)
	f.post(r, "one")
	f.settle()
	f.moderateElsewhere(modes("slow_ms", "5000"))
	f.moderateElsewhere(muted("u"))
	f.settle()
	f.purgeElsewhere(chat.Purge{})
	f.moderateElsewhere(chat.RulesChange{Pin: new(chat.Entry)}) // as the desk does
	f.settle()
	if code := f.says(r, nil, "v", "2", "two"); code != "" {
		t.Fatal(code)
	}
	f.settle()
	wantFrames(t, n, "1:one@e1/1", "room", "cleared", "room", "2:two@e1/2")
	wantInfos(t, m, "one", "two")
	_, a := f.joinNative(r, Since{}, chat.History{})
	if len(a.Messages) != 1 || a.Total != 1 || !strings.Contains(a.Modes, `"slow_ms":5000`) || !strings.Contains(a.Modes, `"cleared":1`) {
		t.Errorf("a newcomer is told %+v; want one message, and the modes", a)
	}
	if _, b := f.joinNative(r, f.since(1), chat.History{}); b.Recovered || len(b.Messages) != 1 {
		t.Errorf("who comes back from before the room was cleared is told %+v; want the newest, not recovered", b)
	}
	if told != 3 || fmt.Sprint(hit) != "[u]" {
		t.Errorf("OnRules was called %d times, about %q; want 3 times, about u", told, hit)
	}
}

// TestRules_APinGoesWithItsMessage: by a recall on any node; the store knows, too.
func TestRules_APinGoesWithItsMessage(t *testing.T) {
	for _, here := range []bool{true, false} {
		f := newFixture(t, nil, Callbacks{})
		r := f.open("1")
		n := f.native(r)
		f.post(r, "one")
		f.post(r, "two")
		f.settle()
		all := f.store.stored()
		f.moderateElsewhere(chat.RulesChange{Pin: &all[0]})
		f.settle()
		if here {
			f.store.recall("1", 2) // another one
			f.store.recall("1", 1)
		} else {
			f.store.deafen() // the node that took it back did the rest before
			ev, err := f.other.recallThat("1", func(e chat.Entry) bool { return e.Seq == 1 })
			if err != nil {
				t.Fatal(err)
			}
			f.store.hear()
			f.hall.RoomEvent("1", ev)
		}
		f.settle()
		if s := r.Modes(); !strings.Contains(s, `"pinned":null`) {
			t.Errorf("taken back here %v: modes %s; want nothing pinned", here, s)
		}
		frames := n.texts(t)
		if last := frames[len(frames)-1]; !strings.Contains(last, `"pinned":null`) && !strings.Contains(last, `"t":"recalled"`) {
			t.Errorf("taken back here %v: members were told %s last; want that nothing is pinned", here, last)
		}
		rules, _ := f.store.Rules(t.Context(), "1")
		if got := rules.Pinned.JSON != ""; got == here {
			t.Errorf("taken back here %v: the store has it pinned: %v", here, got)
		}
	}
}

// TestRules_ModesForbidOnlyWhatTheyName: the messages that each mode forbids, and to whom.
func TestRules_ModesForbidOnlyWhatTheyName(t *testing.T) {
	mod := Voice{Role: chat.RoleModerator}
	now := time.UnixMilli(1_648_368_380_132)
	for _, c := range []struct {
		name   string
		change chat.RulesChange
		voice  Voice
		body   string
		want   string
	}{
		{"nothing is in force", modes("slow_ms", "0"), Voice{}, "hi", ""},
		{"frozen", modes("frozen", "true"), Voice{}, "hi", CodeFrozen},
		{"frozen, a moderator", modes("frozen", "true"), mod, "hi", ""},
		{"mods only", modes("who", `"mods"`), Voice{Role: chat.RoleVIP}, "hi", CodeRestricted},
		{"tagged only, without a tag", modes("who", `"tagged"`, "tags", `["sub"]`), Voice{Tags: []string{"other"}}, "hi", CodeRestricted},
		{"tagged only, with a tag", modes("who", `"tagged"`, "tags", `["sub"]`), Voice{Tags: []string{"other", "sub"}}, "hi", ""},
		{"too early", modes("first_delay_ms", "5000"), Voice{Since: now.Add(-4 * time.Second)}, "hi", CodeTooEarly},
		{"in a room with a rule, within the millisecond they came in", modes("slow_ms", "5000"), Voice{Since: now.Add(2*time.Millisecond - 1)}, "hi", ""},
		{"not too early any more", modes("first_delay_ms", "5000"), Voice{Since: now.Add(-5 * time.Second)}, "hi", ""},
		{"a link", modes("links", `"deny"`), Voice{}, "see www.example", CodeLinks},
		{"a link by its ending", modes("links", `"mods"`), Voice{}, "see Spam-Site.COM now", CodeLinks},
		{"a short link", modes("links", `"deny"`), Voice{}, "t.me/x", CodeLinks},
		{"a link with what browsers leave out", modes("links", `"deny"`), Voice{}, "evil\u200b.\u00adcom", CodeLinks},
		{"a link in wide letters", modes("links", `"deny"`), Voice{}, "ｅｖｉｌ。com", CodeLinks},
		{"no link", modes("links", `"deny"`), Voice{}, "well.then, 3.5: fine... really", ""},
		{"links are allowed", modes("links", `"allow"`), Voice{}, "https://x.example", ""},
		{"no level", modes("min_level", "5"), Voice{}, "hi", CodeRestricted},
		{"a lower level", modes("min_level", "5"), Voice{Level: 4}, "hi", CodeRestricted},
		{"the level", modes("min_level", "5"), Voice{Level: 5}, "hi", ""},
		{"a moderator without a level", modes("min_level", "5"), Voice{Role: chat.RoleModerator}, "hi", ""},
		{"capitals", modes("max_caps", "50"), Voice{}, "HELLO there YOU", CodeCaps},
		{"few capitals", modes("max_caps", "50"), Voice{}, "Hello There You", ""},
		{"a short shout", modes("max_caps", "50"), Voice{}, "GG WP", ""},
		{"emotes", modes("emote_only", "true"), Voice{}, "😀 ❤️ 👩🏽‍🚒 🇫🇷 :gg_1: 1️⃣ ‼️", ""},
		{"emotes and a word", modes("emote_only", "true"), Voice{}, "😀 gg", CodeEmoteOnly},
		{"no emote", modes("emote_only", "true"), Voice{}, " ", CodeEmoteOnly},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, nil, Callbacks{})
			r := f.open("1")
			f.moderateElsewhere(c.change)
			f.settle()
			if got := f.says(r, &speaker{voice: c.voice}, "u", "1", c.body); got != c.want {
				t.Errorf("%q is answered %q; want %q", c.body, got, c.want)
			}
		})
	}
}

// TestRules_MeasuresHitOnlyThoseBelow: the users whom measures hit, and those whom they do not.
func TestRules_MeasuresHitOnlyThoseBelow(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	measure := func(what chat.What, user string, by chat.Role, until int64) {
		f.moderateElsewhere(chat.RulesChange{Set: []chat.Measure{{What: what, Target: user, Until: until, ByRole: by}}})
	}
	end := f.now.Add(time.Minute).UnixMilli()
	measure(chat.Mute, "m", chat.RoleModerator, end)
	measure(chat.Shadow, "s", chat.RoleModerator, end)
	measure(chat.Kick, "k", chat.RoleModerator, end)
	measure(chat.Mute, "a", chat.RoleModerator, end)
	if got := r.Appointed(chat.RoleViewer); len(got) != 0 {
		t.Errorf("appointed are %v; want nobody", got)
	}
	for user, role := range map[string]chat.Role{"a": chat.RoleModerator, "o": chat.RoleOwner} {
		f.moderateElsewhere(chat.RulesChange{Set: []chat.Measure{{What: chat.Appoint, Target: user, Until: chat.ForGood, Role: role}}})
	}
	f.settle()
	for least, want := range map[chat.Role]string{chat.RoleVIP: "[a o]", chat.RoleModerator: "[a o]", chat.RoleOwner: "[o]"} {
		if got := fmt.Sprint(slices.Sorted(maps.Keys(r.Appointed(least)))); got != want {
			t.Errorf("appointed to %s and above are %s; want %s", least, got, want)
		}
	}
	for _, c := range []struct {
		user string
		role chat.Role
		want string
	}{
		{"m", chat.RoleViewer, CodeMuted},
		{"m", chat.RoleVIP, CodeMuted},
		{"m", chat.RoleModerator, ""}, // nobody acts on an equal
		{"k", chat.RoleViewer, CodeMuted},
		{"a", chat.RoleViewer, ""}, // appointed by the room
		{"x", chat.RoleViewer, ""},
	} {
		if got := f.says(r, &speaker{voice: Voice{Role: c.role}}, c.user, c.user+c.role.String(), "hi"); got != c.want {
			t.Errorf("%s, a %s, is answered %q; want %q", c.user, c.role, got, c.want)
		}
	}
	var got mailbag
	if code := f.says(r, &got, "s", "1", "hi"); code != "" || len(got) != 1 || !strings.HasPrefix(got[0], "1::0:") {
		t.Errorf("who is shadowed is answered %q, then %q; want an ack without a number", code, got)
	}
	f.settle()
	if n := len(f.store.stored()); n != 3 {
		t.Errorf("%d messages are stored; want 3", n)
	}
	f.tick(time.Minute)
	if code := f.says(r, nil, "m", "later", "hi"); code != "" {
		t.Errorf("when the time is over: %q", code)
	}
	if _, ok := r.Against("k", chat.RoleViewer, chat.Ban, chat.Kick); ok {
		t.Error("a kick lasts for longer than it said")
	}
}

// TestRules_SlowModeHoldsWhileTheStoreIsAway: the store keeps messages apart for all nodes; while it is away, each node
// does.
func TestRules_SlowModeHoldsWhileTheStoreIsAway(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	f.moderateElsewhere(modes("slow_ms", "5000", "unique_s", "60"))
	f.settle()
	var got mailbag
	f.says(r, &got, "u", "1", "a")
	f.says(r, &got, "u", "2", "b")
	f.says(r, &got, "v", "3", " A ")
	f.settle()
	if len(got) != 3 || !strings.HasPrefix(got[1], "2:slow_mode") || !strings.HasPrefix(got[2], "3:duplicate") {
		t.Errorf("answers %q; want one stored, slow_mode and duplicate", got)
	}
	giver := &speaker{voice: Voice{High: true}}
	if err := r.PostNative(giver, "w", &codec.Op{ID: "4", Body: "a", Kind: "gift"}, f.now); err != nil {
		t.Error(err)
	}
	f.says(r, &got, "w", "5", "a") // an author who may not send gifts has none
	f.settle()
	got = append(got[:3:3], giver.mailbag...)
	if len(got) != 4 || !strings.HasPrefix(got[3], "4::2:") {
		t.Errorf("a gift is answered %q; want that it was stored", got)
	}
	f.store.away()
	f.hall.Away(errAway)
	if code := f.says(r, &got, "x", "5", "c") + f.says(r, &got, "x", "6", "d") + f.says(r, &got, "y", "7", "c"); code != CodeSlow+CodeDuplicate {
		t.Errorf("while the store is away: %q; want one taken, slow_mode, duplicate", code)
	}
}

// TestRules_CostNothingWhereThereAreNone: no call but the first, and no allocation beside what a message takes.
func TestRules_CostNothingWhereThereAreNone(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	d := codec.NewDraft("1", "u", "hi", 5)
	if n := testing.AllocsPerRun(100, func() { _ = r.judgeLocked(nil, &d, f.now) }); n != 0 {
		t.Errorf("judging allocates %v times where there are no rules; want 0", n)
	}
	for range 10 {
		f.post(r, "x")
		f.settle()
	}
	if n := f.store.callsOf("Rules"); n != 1 {
		t.Errorf("Rules was called %d times; want once", n)
	}
}

// BenchmarkRules_Memory is what a node keeps of a room's rules. They are modes as a lively show has them, and ten users
// who are muted besides. A room without rules is the measure.
func BenchmarkRules_Memory(b *testing.B) {
	const rooms = 10_000
	lively := func(i int) chat.RulesChange {
		c := modes("slow_ms", "3000", "links", `"mods"`, "dup_s", "30", "who", `"tagged"`, "tags", `["fan","vip"]`, "max_caps", "70")
		c.Version = fmt.Sprintf("1-%010d", i)
		return c
	}
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	for _, c := range []struct {
		name   string
		change func(i int) chat.RulesChange
	}{{"modes", lively}, {"mutes=10", func(i int) chat.RulesChange {
		c := lively(i)
		for k := range 10 {
			c.Set = append(c.Set, chat.Measure{
				What: chat.Mute, Target: fmt.Sprintf("user-%06d-%d", i, k), Until: chat.ForGood, At: 1_700_000_000_000,
				By: "moderator-1", ByRole: chat.RoleModerator, Reason: "spam",
			})
		}
		return c
	}}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				f := newFixture(b, nil, Callbacks{})
				empty := heap()
				all := make([]*Room, rooms)
				for i := range all {
					all[i] = f.open(fmt.Sprint("room-", i))
					f.settle()
				}
				without := heap()
				for i, r := range all {
					change := c.change(i)
					f.hall.RoomEvent(r.ID(), chat.Event{Kind: chat.EventRules, Rules: &change})
					f.settle()
					if r.rules.Version != change.Version || r.rules.Modes.SlowMS != 3000 {
						b.Fatalf("%s has the rules %+v", r.ID(), r.rules.Rules)
					}
				}
				b.ReportMetric((heap()-without)/rooms, "B/room")
				b.ReportMetric((without-empty)/rooms, "B/room-without")
				runtime.KeepAlive(all)
			}
		})
	}
}
