package room

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"barrage/codec"
)

// TestRules_SameLooksAreTheSameText: texts that look the same are the same.
func TestRules_SameLooksAreTheSameText(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	f.moderateElsewhere(modes("dup_s", "60"))
	f.settle()
	var got mailbag
	for i, body := range []string{"Hello  World", "hello world", "hello\u200b world", "\uff48ello w\u00adorld", "hello worlds"} {
		f.says(r, &got, "u", fmt.Sprint(i), body)
		f.settle()
	}
	refused := 0
	for _, answer := range got {
		if strings.Contains(answer, CodeDuplicate) {
			refused++
		}
	}
	if len(got) != 5 || refused != 3 {
		t.Errorf("answers %q; want the three of the middle refused as duplicates", got)
	}
}

// TestRules_EmoteOnlyHoldsForAllButGifts: a text is a text, of whatever kind, but of one that not everybody may send.
func TestRules_EmoteOnlyHoldsForAllButGifts(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Storm.HighKinds, c.Storm.LowKinds = []string{"gift"}, []string{"enter"} }, Callbacks{})
	r := f.open("1")
	f.moderateElsewhere(modes("emote_only", "true"))
	f.settle()
	for i, c := range []struct{ kind, body, want string }{
		{"chat", "words", CodeEmoteOnly}, {"shout", "words", CodeEmoteOnly}, {"enter", "words", CodeEmoteOnly}, {"enter", "", ""}, {"shout", ":gg:", ""}, {"gift", "ten roses", ""},
	} {
		err := r.PostNative(&speaker{voice: Voice{High: true}}, "u", &codec.Op{ID: fmt.Sprint(i), Kind: c.kind, Body: c.body}, f.now)
		code := ""
		if no, ok := errors.AsType[*RefusedError](err); ok {
			code = no.Code
		}
		if code != c.want {
			t.Errorf("%s %q: %q, %v; want %q", c.kind, c.body, code, err, c.want)
		}
	}
}
