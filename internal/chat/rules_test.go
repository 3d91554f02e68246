package chat_test

import (
	"fmt"
	"testing"

	"barrage/internal/chat"
)

// Each mode that holds anybody to anything is named, those of a calm room are not.
func TestModes_OnNamesThoseInForce(t *testing.T) {
	all := chat.Modes{
		SlowMS: 1, Frozen: true, Who: chat.WhoMods, MinLevel: 1, FirstDelayMS: 1, DupS: 1, UniqueS: 1, Links: chat.LinksDeny, EmoteOnly: true, MaxCaps: 1,
		Review: chat.ReviewAll,
	}
	const want = "[slow_ms frozen who min_level first_delay_ms dup_s unique_s links emote_only max_caps review]"
	if got := fmt.Sprint(all.On()); got != want {
		t.Errorf("On = %s; want %s", got, want)
	}
	calm := chat.Modes{Who: chat.WhoAll, Links: chat.LinksAllow, Review: chat.ReviewOff, Tags: []string{"staff"}}
	for _, m := range []chat.Modes{{}, calm} {
		if got := m.On(); got != nil {
			t.Errorf("On of %+v = %v; want none", m, got)
		}
	}
}
