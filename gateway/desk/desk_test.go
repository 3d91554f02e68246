package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/redisx"
)

// fixture is a desk over a store in memory.
type fixture struct {
	*Desk
	t     *testing.T
	store *brokenStore
	said  []string
	// tokens are the roles that tokens of users give.
	tokens map[string]chat.Role
	hall   fakeHall
	// batches counts those of approve.
	batches int
}

// brokenStore fails where its test wants it.
type brokenStore struct {
	*redisx.Memory
	fail   error // of Rules
	failed error // of ChangeRules
}

func (s *brokenStore) Rules(ctx context.Context, room string) (chat.Rules, error) {
	if s.fail != nil {
		return chat.Rules{}, s.fail
	}
	return s.Memory.Rules(ctx, room)
}

func (s *brokenStore) ChangeRules(ctx context.Context, room string, c chat.RulesChange) (chat.Event, error) {
	if s.failed != nil {
		return chat.Event{}, s.failed
	}
	return s.Memory.ChangeRules(ctx, room, c)
}

// fakeHall notes the events that it receives.
type fakeHall struct{ rules, recalls []chat.Event }

func (*fakeHall) Live(string) bool                       { return false }
func (*fakeHall) Position(string) chat.Position          { return chat.Position{} }
func (h *fakeHall) RulesChanged(_ string, ev chat.Event) { h.rules = append(h.rules, ev) }
func (h *fakeHall) Recalled(_ string, ev chat.Event)     { h.recalls = append(h.recalls, ev) }

var day = time.UnixMilli(1_700_000_000_000)

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t}
	limits := redisx.Limits{HistoryMessages: 5000, HistoryTTL: time.Hour}
	f.store = &brokenStore{Memory: redisx.NewMemory(limits, func() time.Time { return day })}
	ids := map[string]bool{}
	say := func(_ context.Context, room, user string, op *codec.Op) (at Placed, err error) {
		at.Before, at.Place.Seq = ids[user+op.ID], 7
		if ids[user+op.ID] = true; !at.Before {
			f.said = append(f.said, fmt.Sprint(room, " ", user, " ", op.Kind, " ", op.Body))
		}
		return at, nil
	}
	f.Desk = New(f.store, &f.hall, say, f.approve, func(_, user string) chat.Role { return f.tokens[user] }, func() time.Time { return day }, slog.New(slog.DiscardHandler))
	return f
}

// approve stores a held message as a room does.
func (f *fixture) approve(ctx context.Context, room string, h *chat.Held) (at Placed, err error) {
	d, err := codec.HeldDraft(h, day.UnixMilli())
	if err != nil {
		return at, err
	}
	rules, _ := f.store.Rules(ctx, room)
	if _, muted := rules.Find(chat.Mute, d.UserID, day.UnixMilli()); muted {
		return at, ErrSilenced
	}
	f.batches++
	stored, err := f.store.Publish(ctx, room, chat.Batch{ID: fmt.Sprintf("a.%d", f.batches), Rules: rules.Version, Drafts: []chat.Draft{d}})
	if err == nil && len(stored.Refused) > 0 {
		err = chat.ErrNoMessage
	}
	at.Place, at.Before = chat.Place{Epoch: stored.Event.Epoch, Seq: stored.Event.Seq}, len(stored.Repeats) > 0
	if at.Before {
		at.Place.Seq = stored.Repeats[0].Seq
	}
	return at, err
}

// do carries out a verb as a user with a role, and returns the code with which it is refused.
func (f *fixture) do(name string, role chat.Role, room, text string) (Done, string) {
	f.t.Helper()
	v, no := Parse([]byte(text))
	var done Done
	if no == nil {
		done, no = f.Do(f.t.Context(), Actor{Name: name, Role: role, Via: "socket"}, room, &v)
	}
	if no != nil {
		return done, no.Code
	}
	return done, ""
}

// must is do of what must go well.
func (f *fixture) must(name string, role chat.Role, text string) Done {
	f.t.Helper()
	done, code := f.do(name, role, "r", text)
	if code != "" {
		f.t.Fatalf("%s by a %s: %s", text, role, code)
	}
	return done
}

// publish puts messages of users into the room.
func (f *fixture) publish(users ...string) {
	f.t.Helper()
	r, err := f.store.Rules(f.t.Context(), "r")
	if err != nil {
		f.t.Fatal(err)
	}
	for i, user := range users {
		d := codec.NewDraft("r", user, fmt.Sprint(user, i), day.UnixMilli()+int64(i))
		if _, err := f.store.Publish(f.t.Context(), "r", chat.Batch{ID: fmt.Sprintf("n.%d", f.store.Stats().Calls), Rules: r.Version, Drafts: []chat.Draft{d}}); err != nil {
			f.t.Fatal(err)
		}
	}
}

// order is what is in force, as "what target until role".
func (f *fixture) order() string {
	f.t.Helper()
	o, no := f.Rules(f.t.Context(), Actor{Name: "m", Role: chat.RoleModerator}, "r")
	if no != nil {
		f.t.Fatal(no)
	}
	var all []string
	for _, m := range o.Users {
		until := "ever"
		if m.Until != chat.ForGood {
			until = fmt.Sprint(m.Until - day.UnixMilli())
		}
		all = append(all, strings.TrimSpace(fmt.Sprint(m.What, " ", m.UserID+m.Address, " ", until, " ", m.Role)))
	}
	return strings.Join(all, ", ")
}

func TestDesk_MeasuresHoldUntilTheyAreLifted(t *testing.T) {
	f := newFixture(t)
	const mod = chat.RoleModerator
	f.must("m", mod, `{"verb":"mute","user_id":"a","for_ms":5000,"reason":"spam"}`)
	f.must("m", mod, `{"verb":"mute","user_id":"a","for_ms":7000}`) // the later one counts
	f.must("m", mod, `{"verb":"shadow","user_id":"b"}`)
	f.must("m", mod, `{"verb":"kick","user_id":"c"}`)
	f.must("m", mod, `{"verb":"ban","user_id":"d","for_ms":9007199254740991}`)
	f.must("m", mod, `{"verb":"ban","address":"192.0.2.77/24"}`)
	f.must("m", mod, `{"verb":"ban","address":"::ffff:198.51.100.7"}`)
	f.must("o", chat.RoleOwner, `{"verb":"role","user_id":"e","role":"vip"}`)
	want := "mute a 7000, shadow b ever, kick c 60000, ban d ever, ban_address 192.0.2.0/24 ever, ban_address 198.51.100.7/32 ever, role e ever vip"
	if got := f.order(); got != want {
		t.Errorf("in force: %s\nwant: %s", got, want)
	}
	if n := len(f.hall.rules); n != 8 {
		t.Errorf("this node was told of %d changes; want 8", n)
	}
	for _, text := range []string{
		`{"verb":"unmute","user_id":"a"}`, `{"verb":"unmute","user_id":"nobody"}`, `{"verb":"unshadow","user_id":"b"}`, `{"verb":"unban","user_id":"c"}`,
		`{"verb":"unban","user_id":"d"}`, `{"verb":"unban","address":"192.0.2.0/24"}`, `{"verb":"unban","address":"198.51.100.7"}`,
	} {
		f.must("m", mod, text)
	}
	f.must("o", chat.RoleOwner, `{"verb":"role","user_id":"e","role":""}`)
	if got := f.order(); got != "" {
		t.Errorf("in force: %s; want nothing", got)
	}
}

// TestDesk_NobodyActsOnTheirEquals: the rights of users over others.
func TestDesk_NobodyActsOnTheirEquals(t *testing.T) {
	f := newFixture(t)
	f.must("o", chat.RoleOwner, `{"verb":"role","user_id":"m2","role":"moderator"}`)
	f.publish("m2", "u", "m")
	for _, c := range []struct {
		name string
		role chat.Role
		text string
		want string
	}{
		{"u", chat.RoleViewer, `{"verb":"mute","user_id":"x"}`, "forbidden"},
		{"v", chat.RoleVIP, `{"verb":"clear"}`, "forbidden"},
		{"m", chat.RoleModerator, `{"verb":"mute","user_id":"m2"}`, "forbidden"},
		{"m", chat.RoleModerator, `{"verb":"delete","seq":1}`, "forbidden"},
		{"m", chat.RoleModerator, `{"verb":"role","user_id":"x","role":"vip"}`, "forbidden"},
		{"o", chat.RoleOwner, `{"verb":"role","user_id":"x","role":"owner"}`, "forbidden"},
		{"m2", chat.RoleViewer, `{"verb":"mute","user_id":"x"}`, ""}, // the room has appointed them
		{"m2", chat.RoleViewer, `{"verb":"delete","seq":1}`, ""},     // their own message
		{"m", chat.RoleModerator, `{"verb":"delete","seq":2}`, ""},
		{"o", chat.RoleOwner, `{"verb":"mute","user_id":"m2"}`, ""},
		{"m", chat.RoleModerator, `{"verb":"delete","seq":9}`, "not_found"},
		{"m", chat.RoleModerator, `{"verb":"delete","seq":3,"epoch":"9-x"}`, "other_epoch"},
	} {
		if _, got := f.do(c.name, c.role, "r", c.text); got != c.want {
			t.Errorf("%s, a %s: %s is refused with %q; want %q", c.name, c.role, c.text, got, c.want)
		}
	}
	v, _ := Parse([]byte(`{"verb":"role","user_id":"x","role":"owner"}`))
	if _, no := f.Do(t.Context(), Actor{Name: "key", Via: ViaAdmin}, "r", &v); no != nil {
		t.Errorf("a server key gives the role of owners: %v", no)
	}
	if _, got := f.do("m", chat.RoleOwner, chat.Everywhere, `{"verb":"mute","user_id":"x"}`); got != "bad_request" {
		t.Errorf("a mute everywhere is refused with %q; want bad_request", got)
	}
	if _, got := f.do("m", chat.RoleOwner, chat.Everywhere, `{"verb":"ban","user_id":"x"}`); got != "" {
		t.Errorf("a ban everywhere is refused with %q", got)
	}
}

// TestDesk_NobodyEndsWhatAHigherRoleTook: nobody takes its place either. A moderator who is kept out by a higher role
// keeps no order. A role that a token gives on this node counts as one that the room gives.
func TestDesk_NobodyEndsWhatAHigherRoleTook(t *testing.T) {
	f := newFixture(t)
	f.tokens = map[string]chat.Role{"olga": chat.RoleOwner}
	f.publish("olga")
	f.must("o", chat.RoleOwner, `{"verb":"ban","user_id":"bob"}`)
	f.must("o", chat.RoleOwner, `{"verb":"ban","user_id":"mo"}`)
	f.must("o", chat.RoleOwner, `{"verb":"mute","user_id":"mu"}`)
	for _, c := range []struct{ name, text string }{
		{"m", `{"verb":"unban","user_id":"bob"}`},
		{"m", `{"verb":"ban","user_id":"bob","for_ms":1}`},
		{"mo", `{"verb":"unban","user_id":"mo"}`},
		{"mo", `{"verb":"mute","user_id":"x"}`},
		{"mu", `{"verb":"announce","body":"x"}`},
		{"m", `{"verb":"ban","user_id":"olga","purge":true}`},
		{"m", `{"verb":"delete","seq":1}`},
	} {
		if _, got := f.do(c.name, chat.RoleModerator, "r", c.text); got != "forbidden" {
			t.Errorf("%s: %s is refused with %q; want forbidden", c.name, c.text, got)
		}
	}
	if _, no := f.Rules(t.Context(), Actor{Name: "mo", Role: chat.RoleModerator}, "r"); no == nil {
		t.Error("who is banned reads what is in force")
	}
	f.must("m", chat.RoleModerator, `{"verb":"mute","user_id":"bob"}`) // another kind
	f.must("o", chat.RoleOwner, `{"verb":"unban","user_id":"bob"}`)
}

func TestDesk_MessagesArePurgedPinnedOrCleared(t *testing.T) {
	f := newFixture(t)
	f.publish("a", "b", "a", "a")
	if done := f.must("m", chat.RoleModerator, fmt.Sprintf(`{"verb":"purge","user_id":"a","since":%d}`, day.UnixMilli()+1)); done.N != 2 || len(f.hall.recalls) != 1 {
		t.Errorf("purged %d, this node was told of %d; want 2, and one purge", done.N, len(f.hall.recalls))
	}
	f.must("m", chat.RoleModerator, `{"verb":"pin","seq":2}`)
	if _, code := f.do("m", chat.RoleModerator, "r", `{"verb":"pin","seq":3}`); code != "not_found" {
		t.Errorf("pinning what is gone: %q; want not_found", code)
	}
	if done := f.must("m", chat.RoleModerator, `{"verb":"ban","user_id":"a","purge":true}`); done.N != 1 || done.V == "" {
		t.Errorf("a ban that purges: %+v; want one message and a version", done)
	}
	f.must("m", chat.RoleModerator, `{"verb":"announce","body":"hello","ext":{"a":1}}`)
	if fmt.Sprint(f.said) != "[r m system hello]" {
		t.Errorf("said %q; want the announcement", f.said)
	}
	f.must("m", chat.RoleModerator, `{"verb":"modes","modes":{"slow_ms":5000,"links":"deny"}}`)
	o, _ := f.Rules(t.Context(), Actor{Name: "m", Role: chat.RoleModerator}, "r")
	if _, no := f.Rules(t.Context(), Actor{Name: "v", Role: chat.RoleVIP}, "r"); no == nil || no.Code != "forbidden" {
		t.Errorf("a vip who wants to know what is in force: %v; want forbidden", no)
	}
	if _, no := f.Log(t.Context(), Actor{Name: "v"}, "r", LogPage{Limit: 1}); no == nil || no.Code != "forbidden" {
		t.Errorf("a viewer who wants to read the log: %v; want forbidden", no)
	}
	if s := string(o.Modes); !strings.Contains(s, `"slow_ms":5000`) || !strings.Contains(s, `"links":"deny"`) || !strings.Contains(s, `"body":"b1"`) {
		t.Errorf("modes %s; want those that were set, and what is pinned", s)
	}
	f.must("m", chat.RoleModerator, `{"verb":"delete","seq":2}`)
	if o, _ := f.Rules(t.Context(), Actor{Name: "m", Role: chat.RoleModerator}, "r"); !strings.Contains(string(o.Modes), `"pinned":null`) {
		t.Errorf("modes %s; want nothing pinned: it was taken away", o.Modes)
	}
	f.must("m", chat.RoleModerator, `{"verb":"unpin"}`)
	f.must("m", chat.RoleModerator, `{"verb":"clear"}`)
	h, err := f.store.Page(t.Context(), "r", 0, 0, 10)
	if err != nil || len(h.Entries) != 0 {
		t.Errorf("a cleared room has %v, %v", h.Entries, err)
	}
	if o, _ := f.Rules(t.Context(), Actor{Name: "m", Role: chat.RoleModerator}, "r"); !strings.Contains(string(o.Modes), `"cleared":4`) {
		t.Errorf("modes %s; want it cleared up to 4", o.Modes)
	}
}

// TestDesk_DeletesWhatTheStoreHasLost: such a message stands on screens still, and all nodes are notified whose it is
// and when it was sent. Its sender's role counts.
func TestDesk_DeletesWhatTheStoreHasLost(t *testing.T) {
	f := newFixture(t)
	f.tokens = map[string]chat.Role{"olga": chat.RoleOwner}
	f.publish("a")
	for _, c := range []struct{ text, want string }{
		{`{"verb":"delete","seq":7}`, "not_found"},
		{`{"verb":"delete","seq":7,"user_id":"a"}`, "not_found"},
		{`{"verb":"delete","seq":1,"epoch":"gone"}`, "other_epoch"},
		{`{"verb":"delete","seq":7,"user_id":"olga","ts":5}`, "forbidden"},
		{`{"verb":"delete","seq":7,"user_id":"a","ts":5}`, ""},
		{`{"verb":"delete","seq":1,"epoch":"gone","user_id":"m","ts":6}`, ""}, // one's own
	} {
		if _, got := f.do("m", chat.RoleModerator, "r", c.text); got != c.want {
			t.Errorf("%s is refused with %q; want %q", c.text, got, c.want)
		}
	}
	var told []chat.Purge
	for _, ev := range f.hall.recalls {
		told = append(told, *ev.Purge)
	}
	if len(told) != 2 || told[0].User != "a" || told[0].Since != 5 || told[0].Until != 5 || told[1].User != "m" || told[1].Until != 6 {
		t.Errorf("this node was told of %+v; want the messages of a at 5, and of m at 6", told)
	}
	if h, err := f.store.Page(t.Context(), "r", 0, 0, 10); err != nil || len(h.Entries) != 1 || h.Entries[0].JSON == "" {
		t.Errorf("the history has %v, %v; want what nobody deleted", h.Entries, err)
	}
}

// TestDesk_LogHasEachVerbCarriedOut: each verb that was carried out is an entry, with who and what and until when.
func TestDesk_LogHasEachVerbCarriedOut(t *testing.T) {
	f := newFixture(t)
	f.publish("a")
	f.must("m", chat.RoleModerator, `{"verb":"mute","user_id":"a","for_ms":5000,"reason":"spam"}`)
	f.must("m", chat.RoleModerator, `{"verb":"delete","seq":1,"reason":"rude"}`)
	f.must("m", chat.RoleModerator, `{"verb":"modes","modes":{"frozen":true}}`)
	_, _ = f.do("m", chat.RoleViewer, "r", `{"verb":"clear"}`) // refused: no entry
	m := Actor{Name: "m", Role: chat.RoleModerator}
	log, no := f.Log(t.Context(), m, "r", LogPage{Limit: 10})
	entries := log.Entries
	if no != nil || len(entries) != 3 || log.Next != "" {
		t.Fatalf("%d entries, next %q, %v; want 3, and no more", len(entries), log.Next, no)
	}
	newest, no1 := f.Log(t.Context(), m, "r", LogPage{Limit: 2})
	oldest, no2 := f.Log(t.Context(), m, "r", LogPage{Limit: 2, Before: newest.Next})
	if no1 != nil || no2 != nil || !reflect.DeepEqual(append(newest.Entries, oldest.Entries...), entries) || oldest.Next != "" {
		t.Errorf("in two pages %+v, %+v, %v, %v; want all of %s", newest, oldest, no1, no2, entries)
	}
	var got [3]LogEntry
	for i := range entries {
		if err := json.Unmarshal(entries[i], &got[i]); err != nil {
			t.Fatal(err)
		}
		if e := got[i]; e.ID == "" || e.At != day.UnixMilli() || e.By != "m" || e.Role != "moderator" || e.Via != "socket" {
			t.Errorf("entry %+v; want who, when and how", e)
		}
	}
	if e := got[2]; e.Verb != "mute" || e.Target != "a" || e.Until != day.UnixMilli()+5000 || e.Reason != "spam" || e.V == "" {
		t.Errorf("the mute's entry is %+v", e)
	}
	if e := got[1]; e.Verb != "delete" || e.Target != "a" || e.Seq != 1 || e.N != 1 || e.Reason != "rude" {
		t.Errorf("the delete's entry is %+v", e)
	}
	if e := got[0]; e.Verb != "modes" || string(e.Modes) != `{"frozen":true}` {
		t.Errorf("the entry of the modes is %+v", e)
	}
}

// TestDesk_AnnouncedOnce: an announcement with an id that is given again is the same one, and one entry of the log. The
// same id of another moderator is another announcement.
func TestDesk_AnnouncedOnce(t *testing.T) {
	f := newFixture(t)
	const named = `{"verb":"announce","id":"a-1","body":"hello"}`
	if done := f.must("m", chat.RoleModerator, named); done.Seq != 7 || done.Before {
		t.Errorf("announced: %+v; want message 7", done)
	}
	if done := f.must("m", chat.RoleModerator, named); !done.Before {
		t.Errorf("announced again: %+v; want that it was there", done)
	}
	f.must("n", chat.RoleModerator, named)
	f.must("m", chat.RoleModerator, `{"verb":"announce","body":"hello"}`)
	f.must("m", chat.RoleModerator, `{"verb":"announce","body":"hello"}`)
	log, no := f.Log(t.Context(), Actor{Name: "m", Role: chat.RoleModerator}, "r", LogPage{Limit: 10})
	if no != nil || len(log.Entries) != 4 || len(f.said) != 4 || !strings.Contains(string(log.Entries[0]), `"seq":7`) {
		t.Errorf("said %q, the log has %s, %v; want four of each, with their numbers", f.said, log.Entries, no)
	}
}

// TestDesk_RolesElsewhereCountWhereTheyMatter: a user's role on other nodes counts, and is asked for where it may
// matter alone.
func TestDesk_RolesElsewhereCountWhereTheyMatter(t *testing.T) {
	f := newFixture(t)
	f.publish("o")
	var asked []string
	f.RoleElsewhere = func(_ context.Context, room, user string) chat.Role {
		asked = append(asked, room+" "+user)
		return map[string]chat.Role{"o": chat.RoleOwner, "v": chat.RoleVIP}[user]
	}
	for _, verb := range []string{`{"verb":"mute","user_id":"o"}`, `{"verb":"purge","user_id":"o"}`, `{"verb":"delete","seq":1}`} {
		if _, code := f.do("m", chat.RoleModerator, "r", verb); code != "forbidden" {
			t.Errorf("%s is answered %q; want forbidden", verb, code)
		}
	}
	f.must("m", chat.RoleModerator, `{"verb":"mute","user_id":"v"}`)
	if fmt.Sprint(asked) != "[r o r o r o r v]" {
		t.Errorf("asked about %q; want each of them", asked)
	}
	asked = nil
	f.tokens = map[string]chat.Role{"here": chat.RoleModerator}
	_, _ = f.do("m", chat.RoleModerator, "r", `{"verb":"mute","user_id":"here"}`) // known already
	_, _ = f.do("x", chat.RoleViewer, "r", `{"verb":"mute","user_id":"o"}`)       // no moderator
	f.must("m", chat.RoleModerator, `{"verb":"modes","modes":{"frozen":true}}`)
	v, _ := Parse([]byte(`{"verb":"mute","user_id":"o"}`))
	if _, no := f.Do(t.Context(), Actor{Name: "key", Via: ViaAdmin}, "r", &v); no != nil || len(asked) > 0 {
		t.Errorf("a server key: %v, asked about %q; want it done, and nobody asked", no, asked)
	}
}

func TestDesk_StoreThatDoesNotAnswerIsUnavailable(t *testing.T) {
	f := newFixture(t)
	f.store.fail = errors.New("away")
	if _, code := f.do("m", chat.RoleModerator, "r", `{"verb":"clear"}`); code != "unavailable" {
		t.Errorf("refused with %q; want unavailable", code)
	}
	m := Actor{Name: "m", Role: chat.RoleModerator}
	_, noOrder := f.Rules(t.Context(), m, "r")
	_, noLog := f.Log(t.Context(), m, "r", LogPage{Limit: 1})
	_, noHeld := f.Held(t.Context(), m, "r")
	for _, no := range []*Refused{noOrder, noLog, noHeld} {
		if no == nil || no.Code != "unavailable" || no.Message != "cannot read the rules now, try again" {
			t.Errorf("who only looks is refused with %+v; want no word of what may have been done", no)
		}
	}
}

// TestDesk_SaysWhatItCouldNotDo: a refusal says that a verb may have been done only where some of it may have been. A
// verb that is a noun is called by what it does.
func TestDesk_SaysWhatItCouldNotDo(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct{ verb, does string }{
		{`{"verb":"mute","user_id":"a"}`, "mute"},
		{`{"verb":"modes","modes":{"frozen":true}}`, "change modes"},
		{`{"verb":"role","user_id":"a","role":"vip"}`, "give roles"},
	} {
		v, no := Parse([]byte(c.verb))
		if no != nil {
			t.Fatal(no.Message)
		}
		do := func(role chat.Role) string {
			if _, no = f.Do(t.Context(), Actor{Name: "o", Role: role}, "r", &v); no == nil {
				return ""
			}
			return no.Message
		}
		f.store.fail, f.store.failed = nil, errors.New("away")
		if got, want := do(chat.RoleOwner), "cannot "+c.does+" now, try again. It may have been done all the same"; got != want {
			t.Errorf("%s is refused with %q; want %q", c.verb, got, want)
		}
		f.store.fail = errors.New("away")
		if got, want := do(chat.RoleOwner), "cannot read the rules now, try again"; got != want {
			t.Errorf("%s is refused with %q; want %q", c.verb, got, want)
		}
		f.store.fail = nil
		if got, want := do(chat.RoleViewer), "only moderators "+c.does; got != want {
			t.Errorf("%s is refused with %q; want %q", c.verb, got, want)
		}
	}
}

func TestParse_BadVerbsAreRefusedBriefly(t *testing.T) {
	for _, text := range []string{
		``, `[]`, `{`, `{"verb":1}`, `{"verb":""}`, `{"verb":"Mute","user_id":"a"}`, `{"verb":"mute"}`, `{"verb":"mute","address":"192.0.2.0/24"}`,
		`{"verb":"ban","user_id":"a","address":"192.0.2.0/24"}`, `{"verb":"ban","user_id":"` + strings.Repeat("x", 129) + `"}`, `{"verb":"ban","user_id":"` + strings.Repeat(`\u0000`, 128) + `"}`, `{"verb":"ban","address":"1.2.3"}`, `{"verb":"ban","address":"0.0.0.0/0"}`,
		`{"verb":"ban","address":"::/0"}`, `{"verb":"ban","address":"::ffff:1.2.3.4/120"}`, `{"verb":"ban","address":"fe80::1%eth0"}`,
		`{"verb":"mute","user_id":"a","for_ms":-1}`, `{"verb":"mute","user_id":"a","for_ms":1e3}`, `{"verb":"delete"}`, `{"verb":"pin","seq":-1}`,
		`{"verb":"modes"}`, `{"verb":"modes","modes":{}}`, `{"verb":"modes","modes":{"slow":1}}`, `{"verb":"modes","modes":{"slow_ms":-1}}`,
		`{"verb":"announce"}`, `{"verb":"announce","body":"` + strings.Repeat("x", maxBody+1) + `"}`, `{"verb":"announce","body":"x","ext":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`,
		`{"verb":"role","user_id":"a","role":"server"}`, `{"verb":"role","user_id":"a","role":"king"}`, `{"verb":"clear","epoch":"` + strings.Repeat("x", 200) + `"}`,
		`{"verb":"mute","user_id":"a","reason":"` + strings.Repeat("弹", chat.MaxReason+1) + `"}`,
	} {
		if v, no := Parse([]byte(text)); no == nil || no.Code != "bad_request" || len(no.Message) > 300 {
			t.Errorf("Parse(%.80s) = %+v, %v; want a short bad_request", text, v, no)
		}
	}
	for _, word := range Verbs() {
		_, no := Parse(fmt.Appendf(nil, `{"verb":%q,"user_id":"a","seq":1,"modes":{"frozen":true},"body":"x","held":"h"}`, word))
		if no != nil {
			t.Errorf("%s, which is one of the verbs: %v", word, no)
		}
	}
}
