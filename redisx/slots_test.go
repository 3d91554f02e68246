package redisx

import (
	"maps"
	"testing"
)

func TestSlotTable_KnowsMastersAndHoles(t *testing.T) {
	table := slotTable{{0, 99, "a"}, {100, 100, "b"}, {200, 16383, "a"}}
	for slot, want := range map[uint16]string{0: "a", 99: "a", 100: "b", 101: "", 199: "", 200: "a", 16383: "a"} {
		if got := table.master(slot); got != want {
			t.Errorf("master(%d) = %q; want %q", slot, got, want)
		}
	}
	if got := table.masters(); !maps.Equal(got, map[string]bool{"a": true, "b": true}) {
		t.Errorf("masters() = %v; want a and b", got)
	}
	if !table.holes() || !(slotTable{}).holes() || (slotTable{{0, 9, "a"}, {10, 16383, "b"}}).holes() {
		t.Error("holes() is wrong")
	}
	if got := (slotTable{}).master(0); got != "" {
		t.Errorf("master(0) of nobody = %q", got)
	}
}

func TestKeys_TaggedOnesAreReadBack(t *testing.T) {
	k := keys{tagged: true}
	for _, room := range []string{"r", "", "a}b", "{a}", "{"} {
		if err := k.check(room); err != nil {
			t.Errorf("check(%q) = %v; want nil", room, err)
		}
		if got := k.untag(k.tag(room)); got != room {
			t.Errorf("untag(tag(%q)) = %q", room, got)
		}
	}
	if k.check("}") == nil || k.check("}x") == nil {
		t.Error("check of a room that begins with } is nil")
	}
	if err := (keys{}).check("}"); err != nil {
		t.Errorf("check without a cluster = %v; want nil", err)
	}
}
