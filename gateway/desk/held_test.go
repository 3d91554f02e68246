package desk

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"barrage/codec"
	"barrage/internal/chat"
)

// hold has messages of a user wait in room r, and returns their ids.
func (f *fixture) hold(user string, bodies ...string) (ids []string) {
	f.t.Helper()
	for i, body := range bodies {
		d := codec.NewNativeDraft("r", user, &codec.Op{ID: fmt.Sprint("c-", i), Body: body, Kind: "chat"}, day.UnixMilli())
		h := chat.Held{ID: fmt.Sprintf("%.6s-%d", user+"000000", i), Why: chat.HeldByFilter, JSON: string(d.AppendJSON(nil, d.TS))}
		if _, err := f.store.Hold(f.t.Context(), "r", []chat.Held{h}); err != nil {
			f.t.Fatal(err)
		}
		ids = append(ids, h.ID)
	}
	return ids
}

// TestHeld_ModeratorsAloneDecideOnceEach has messages be approved and denied, by moderators alone, once each.
func TestHeld_ModeratorsAloneDecideOnceEach(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ids := f.hold("bob", "one", "two", strings.Repeat("é", 300))
	approve, deny := `{"verb":"approve","held":"`+ids[0]+`","reason":"fine"}`, `{"verb":"deny","held":"`+ids[1]+`"}`
	if _, code := f.do("v", chat.RoleVIP, "r", approve); code != "forbidden" {
		t.Errorf("a vip approves: %q; want forbidden", code)
	}
	if all, no := f.Held(t.Context(), Actor{Name: "v", Role: chat.RoleVIP}, "r"); no == nil || no.Code != "forbidden" {
		t.Errorf("a vip sees %v, %v; want forbidden", all, no)
	}
	all, no := f.Held(t.Context(), Actor{Name: "m", Role: chat.RoleModerator}, "r")
	if no != nil || len(all) != 3 || all[0].Held != ids[0] || all[0].UserID != "bob" || all[0].ID != "c-0" || !strings.Contains(string(all[0].Messages[0]), `"one"`) {
		t.Errorf("a moderator sees %+v, %v; want all three, the oldest first", all, no)
	}
	f.must("m", chat.RoleModerator, approve)
	f.must("m", chat.RoleModerator, deny)
	for _, again := range []string{approve, deny, strings.Replace(approve, "approve", "deny", 1)} {
		if _, code := f.do("m2", chat.RoleModerator, "r", again); code != "not_found" {
			t.Errorf("%s once more: %q; want not_found", again, code)
		}
	}
	h, err := f.store.Page(t.Context(), "r", 0, 0, 10)
	if err != nil || len(h.Entries) != 1 || codec.Sender(h.Entries[0].JSON) != "bob" {
		t.Errorf("stored %+v, %v; want bob's first one", h.Entries, err)
	}
	f.must("m", chat.RoleModerator, `{"verb":"deny","held":"`+ids[2]+`"}`)

	var got []string
	log, no := f.Log(t.Context(), Actor{Name: "m", Role: chat.RoleModerator}, "r", LogPage{Limit: 10})
	if no != nil {
		t.Fatal(no)
	}
	for _, text := range log.Entries {
		var e LogEntry
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(e.Verb, " ", e.Target, " ", e.Held, " ", len([]rune(e.Body)), " ", e.By, " ", e.Reason, e.Seq))
	}
	want := []string{"deny bob " + ids[2] + " 200 m 0", "deny bob " + ids[1] + " 3 m 0", "approve bob " + ids[0] + " 3 m fine1"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the log has %q; want %q", got, want)
	}
}

// TestHeld_UnheardUsersAreNotApproved: a message of a user who is muted here, or banned everywhere, cannot be approved;
// it waits on.
func TestHeld_UnheardUsersAreNotApproved(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	approve := `{"verb":"approve","held":"` + f.hold("bob", "one")[0] + `"}`
	f.must("m", chat.RoleModerator, `{"verb":"mute","user_id":"bob"}`)
	if _, code := f.do("m", chat.RoleModerator, "r", approve); code != "muted" {
		t.Errorf("approving what the muted said: %q; want muted", code)
	}
	f.must("m", chat.RoleModerator, `{"verb":"unmute","user_id":"bob"}`)
	ban := chat.Measure{What: chat.Ban, Target: "bob", Until: chat.ForGood, ByRole: chat.RoleServer}
	if _, err := f.store.ChangeRules(t.Context(), chat.Everywhere, chat.RulesChange{Set: []chat.Measure{ban}}); err != nil {
		t.Fatal(err)
	}
	if _, code := f.do("m", chat.RoleModerator, "r", approve); code != "muted" {
		t.Errorf("approving what the banned said: %q; want muted", code)
	}
	if _, err := f.store.ChangeRules(t.Context(), chat.Everywhere, chat.RulesChange{Lift: []chat.Measure{ban}}); err != nil {
		t.Fatal(err)
	}
	f.must("m", chat.RoleModerator, approve)
}

// TestHeld_RefusedWithTheCodeThatFits has verbs without a message, and a store that is away.
func TestHeld_RefusedWithTheCodeThatFits(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.hold("bob", "one")
	for _, text := range []string{`{"verb":"approve"}`, `{"verb":"deny","held":"a b"}`, `{"verb":"deny","held":"` + strings.Repeat("a", 65) + `"}`} {
		if _, code := f.do("m", chat.RoleModerator, "r", text); code != "bad_request" {
			t.Errorf("%s: %q; want bad_request", text, code)
		}
	}
	f.store.fail = errors.New("away")
	for _, verb := range []string{"approve", "deny"} {
		if _, code := f.do("m", chat.RoleModerator, "r", `{"verb":"`+verb+`","held":"bob000-0"}`); code != "unavailable" {
			t.Errorf("%s while the store is away: %q; want unavailable", verb, code)
		}
	}
}
