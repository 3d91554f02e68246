package config

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"barrage/gateway/admin"
)

// TestReload_ConfigYAMLSaysWhatNeedsARestart holds the head of config.yaml against the list, and the list against the
// settings.
func TestReload_ConfigYAMLSaysWhatNeedsARestart(t *testing.T) {
	file, err := os.ReadFile("../../config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(file), "\n# ", " ")
	_, list, _ := strings.Cut(text, "Only a new start changes:")
	list, _, _ = strings.Cut(list, ".\n")
	var said []string
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if section, all := strings.CutPrefix(item, "all of "); all {
			item = section + "."
		}
		said = append(said, item)
	}
	if !slices.Equal(said, atStart) {
		t.Errorf("config.yaml says of a new start\n%q; want\n%q", said, atStart)
	}
	cfg := Default()
	for _, entry := range atStart {
		if !slices.ContainsFunc(settings(&cfg), func(s setting) bool {
			return s.key == entry || strings.HasSuffix(entry, ".") && strings.HasPrefix(s.key, entry)
		}) {
			t.Errorf("%q is no setting", entry)
		}
	}
}

// TestReload_EveryOtherSettingIsHandedOver: a setting that needs no restart is in what a reload gives to the packages.
func TestReload_EveryOtherSettingIsHandedOver(t *testing.T) {
	plain := Default()
	handed := func(c Config) []any {
		r := c.Rooms()
		return []any{
			// see edge.Edge.Reload and redisx.Store.Reload
			c.Gateway().Config, c.StoreLimits(), c.Log.Level, c.Traces.Sample, c.Traces.Follow,
			// and of Hall.Reload:
			r.OnJoin, r.Linger, r.UserRate, r.MaxRooms, r.Storm, r.QueueMessages, r.QueueBytes, r.QueueAge, r.Fanout.StuckTimeout,
		}
	}
	for i, s := range settings(&plain) {
		changed := Default()
		value := settings(&changed)[i].value
		change(value)
		if same := reflect.DeepEqual(handed(changed), handed(plain)); same && !NeedsRestart(s.key) {
			t.Errorf("%s: changed, and no package is given another value by a reload", s.key)
		}
		if all, restart := Changed(plain, changed); !slices.Equal(all, []string{s.key}) || (len(restart) == 1) != NeedsRestart(s.key) {
			t.Errorf("%s: Changed = %q, %q", s.key, all, restart)
		}
	}
	empty, none := Default(), Default()
	none.Filter.Files = nil
	if all, _ := Changed(empty, none); len(all) > 0 {
		t.Errorf("an empty list and none differ: %q", all)
	}
}

func TestAgainst_PartsChangesFromWhatNeedsARestart(t *testing.T) {
	has := []admin.Setting{
		{Key: "server.listen", Value: `":1"`, From: "file"},
		{Key: "limits.message_rate", Value: "5", From: "default"},
		{Key: "room.linger", Value: "1s", From: "environment"},
		{Key: "redis.password", Value: `"***"`, From: "file"},
		{Key: "auth.jwt_secret", Value: `""`, From: "default"},
		{Key: "hook.secret", Value: `"***"`, From: "file"},
		{Key: "traces.headers", Value: "[]", From: "default"},
	}
	wants := []admin.Setting{
		{Key: "server.listen", Value: `":2"`},
		{Key: "limits.message_rate", Value: "7"},
		{Key: "room.linger", Value: "30s"},
		{Key: "redis.password", Value: `"***"`},
		{Key: "auth.jwt_secret", Value: `"***"`},
		{Key: "hook.secret", Value: `""`},
		{Key: "traces.headers", Value: "[]"},
		{Key: "new.key", Value: "1"},
	}
	changes, refused, unseen := Against(has, wants)
	if !slices.Equal(changes, []Difference{{"limits.message_rate", "5", "7"}, {"auth.jwt_secret", `""`, `"***"`}, {"hook.secret", `"***"`, `""`}}) ||
		!slices.Equal(refused, []Difference{{"server.listen", `":1"`, `":2"`}}) || !slices.Equal(unseen, []string{"redis.password"}) {
		t.Errorf("Against = %+v, %+v, %q", changes, refused, unseen)
	}
}
