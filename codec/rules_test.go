package codec_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"barrage/codec"
	"barrage/internal/chat"
)

func TestRules_ChangesComeBackAsTheyWere(t *testing.T) {
	c := chat.RulesChange{
		Prev: "3-a", Version: "4-b",
		Modes: map[string]string{"slow_ms": "3000"},
		Set: []chat.Measure{
			{What: chat.BanAddress, Target: "2001:db8::/32", Until: 9},
			{What: chat.Mute, Target: "a:b\n\"", Until: chat.ForGood, Reason: "弹\n", By: "m", ByRole: chat.RoleOwner, At: 5},
			{What: chat.Appoint, Target: "c", Until: 1, Role: chat.RoleModerator},
		},
		Lift:  []chat.Measure{{What: chat.Ban, Target: "d"}},
		Pin:   &chat.Entry{Seq: 3, JSON: `{"a":"\n"}`},
		Terms: map[string]string{"spam": "0a", "old": ""},
	}
	for _, change := range []chat.RulesChange{c, {Version: "1-a", Modes: map[string]string{}}, {Version: "1-a", Pin: &chat.Entry{}, Modes: map[string]string{}}} {
		wire := string(codec.AppendEvent(nil, &chat.Event{Kind: chat.EventRules, Rules: &change}))
		back, err := codec.ParseEvent(wire)
		if err != nil || back.Kind != chat.EventRules || !reflect.DeepEqual(*back.Rules, change) {
			t.Errorf("ParseEvent(%q) = %+v, %v; want %+v", wire, back.Rules, err, change)
		}
	}
	for _, bad := range []string{
		"x2", "x2 - 1-a", "x2 - -\n{}", "x2 - 1-a -\n{}", "x2 1-a\n{}", "x2 - 1-a\n[]", "x2 - 1-a\n{\"m:u\":\"x {}\"}", "x2 - 1-a\n{\"pin\":\"1 x\"}",
	} {
		if ev, err := codec.ParseEvent(bad); err == nil {
			t.Errorf("ParseEvent(%q) = %+v; want an error", bad, ev)
		}
	}
	// Fields of a newer node are passed over.
	if got, err := codec.ParseRulesChange(map[string]string{"v": "1-a", "zz": "?", "z:u": "?"}); err != nil || got.Version != "1-a" {
		t.Errorf("fields that nobody knows: %+v, %v", got, err)
	}
}

// TestAllRules_ComeBackAsTheyWere: rules, written whole and read back, are the same.
func TestAllRules_ComeBackAsTheyWere(t *testing.T) {
	r := chat.Rules{
		Terms:   map[string]string{"spam": "0a"},
		Version: "2-a", Pinned: chat.Entry{Seq: 1, JSON: "{}"},
		Modes: chat.Modes{SlowMS: 5, Who: chat.WhoTagged, Tags: []string{"x"}, MinLevel: 7, Links: chat.LinksMods, EmoteOnly: true, MaxCaps: 3, DupS: 1, UniqueS: 2, FirstDelayMS: 4, Frozen: true},
	}
	r.Take(chat.Measure{What: chat.Kick, Target: "u", Until: 5})
	all := codec.AllRules(&r)
	var back chat.Rules
	codec.ApplyRules(&back, &all)
	if !reflect.DeepEqual(back, r) {
		t.Errorf("read back: %+v; want %+v", back, r)
	}
}

func TestSetMode_RefusesWhatIsOutOfBounds(t *testing.T) {
	for _, c := range []struct {
		name, value string
		ok          bool
	}{
		{"slow_ms", "0", true},
		{"slow_ms", "21600000", true},
		{"slow_ms", "21600001", false},
		{"slow_ms", "-1", false},
		{"slow_ms", `"5"`, false},
		{"slow_ms", "1.5", false},
		{"dup_s", "21600", true},
		{"dup_s", "21601", false},
		{"unique_s", "21601", false},
		{"first_delay_ms", "21600001", false},
		{"min_level", "1000000", true},
		{"min_level", "-1", false},
		{"max_caps", "100", true},
		{"max_caps", "101", false},
		{"frozen", "true", true},
		{"frozen", "1", false},
		{"emote_only", "false", true},
		{"who", `"tagged"`, true},
		{"who", `"nobody"`, false},
		{"links", `"mods"`, true},
		{"links", `""`, false},
		{"tags", `["a","b"]`, true},
		{"tags", `[""]`, false},
		{"tags", `["` + strings.Repeat("x", 65) + `"]`, false},
		{"tags", `[` + strings.Repeat(`"x",`, 16) + `"x"]`, false},
		{"Slow_ms", "0", false},
		{"v", `"1-a"`, false},
		{"pinned", "null", false},
	} {
		m := chat.Modes{SlowMS: 7, Tags: []string{"t"}}
		err := codec.SetMode(&m, c.name, c.value)
		if (err == nil) != c.ok {
			t.Errorf("SetMode(%s, %s): %v; want ok %v", c.name, c.value, err, c.ok)
		}
		if err != nil && (m.SlowMS != 7 || len(m.Tags) != 1) {
			t.Errorf("SetMode(%s, %s) failed, and changed the modes to %+v", c.name, c.value, m)
		}
	}
}

func TestModesObject_HasAllFields(t *testing.T) {
	d := codec.NewDraft("1", "u", "hi", 5)
	for _, r := range []chat.Rules{{}, {Version: "1-a", Pinned: chat.Entry{Seq: 7, JSON: string(d.AppendJSON(nil, 5))}}} {
		var got map[string]any
		if err := json.Unmarshal([]byte(codec.RoomText(codec.ModesObject(&r, 7))), &got); err != nil {
			t.Fatal(err)
		}
		modes := got["modes"].(map[string]any)
		for name := range strings.FieldsSeq("v slow_ms frozen who tags min_level first_delay_ms dup_s unique_s links emote_only max_caps pinned cleared") {
			if _, ok := modes[name]; !ok {
				t.Errorf("%s is missing in %v", name, modes)
			}
		}
		if modes["who"] != "all" || modes["links"] != "allow" || modes["tags"] == nil {
			t.Errorf("modes nobody has set: %v", modes)
		}
		if pinned, ok := modes["pinned"].(map[string]any); r.Version != "" && (!ok || pinned["body"] != "hi" || pinned["seq"] != 7.0) {
			t.Errorf("pinned is %v; want the message as native clients see it", modes["pinned"])
		}
	}
}

func TestDraftText_IsKindAndBodyAsSaid(t *testing.T) {
	for _, c := range []struct{ kind, body string }{{"chat", `say "hi"`}, {"gift", ""}, {"chat", `,"x":{"kind":"gift"`}} {
		d := codec.NewNativeDraft("1", "u", &codec.Op{ID: "1", Kind: c.kind, Body: c.body}, 5)
		if kind, body := codec.DraftText(&d); kind != c.kind || body != c.body {
			t.Errorf("DraftText = %q, %q; want %q, %q", kind, body, c.kind, c.body)
		}
		d = codec.NewDraft("1", "u", c.body, 5)
		if kind, body := codec.DraftText(&d); kind != "chat" || body != c.body {
			t.Errorf("DraftText of a FastIM message = %q, %q; want chat, %q", kind, body, c.body)
		}
	}
}
