package desk

import (
	"bytes"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"barrage/codec"
	"barrage/internal/chat"
)

// FuzzParse: a verb that is taken is one of all, with nothing in it that is larger than its bound. Modes in it can be
// set.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"verb":"mute","user_id":"u","for_ms":60000,"reason":"spam"}`, `{"verb":"ban","address":"192.0.2.0/24"}`, `{"verb":"ban","address":"::ffff:192.0.2.7"}`,
		`{"verb":"modes","modes":{"slow_ms":5000,"tags":["a"],"links":"deny"}}`, `{"verb":"delete","seq":1,"user_id":"u","ts":5}`,
		`{"verb":"announce","body":"hi","ext":{"a":1}}`, `{"verb":"approve","held":"a-b"}`, `{"verb":"role","user_id":"u","role":"vip"}`, `{"verb":"purge","user_id":"u","since":1}`,
	} {
		f.Add([]byte(seed))
	}
	words := Verbs()
	others := []string{"announce", "approve", "clear", "deny", "modes", "pin", "unpin"} // which look at no user
	f.Fuzz(func(t *testing.T, text []byte) {
		v, no := Parse(bytes.Clone(text))
		if no != nil {
			return
		}
		now := time.UnixMilli(1_700_000_000_000)
		if !slices.Contains(words, v.Verb) || utf8.RuneCountInString(v.Reason) > chat.MaxReason || len(v.UserID) > chat.MaxID && !slices.Contains(others, v.Verb) ||
			len(v.ID) > codec.MaxSendID || len(v.Epoch) > codec.MaxEpoch || v.until(now) < now.UnixMilli() || v.until(now) > chat.ForGood {
			t.Errorf("%q is taken: %+v", text, v)
		}
		if v.Verb == "announce" && (v.Body == "" || len(v.Body) > maxBody || len(v.Ext) > codec.MaxExt) {
			t.Errorf("%q is announced with %d bytes, and ext of %d", text, len(v.Body), len(v.Ext))
		}
		if v.Verb == "modes" {
			var m chat.Modes
			for name, value := range v.Modes {
				if err := codec.SetMode(&m, name, string(value)); err != nil {
					t.Errorf("%q: mode %s: %v", text, name, err)
				}
			}
		}
		if v.Verb == "ban" && v.Address != "" {
			if p, ok := parsePrefix(v.Address); !ok || p.String() != v.Address {
				t.Errorf("%q: the address %q is no prefix in its own form", text, v.Address)
			}
		}
	})
}
