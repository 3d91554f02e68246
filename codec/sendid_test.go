package codec_test

import (
	"encoding/json"
	"testing"

	"barrage/codec"
	"barrage/internal/chat"
)

func TestSendKey_FindsTheSendersIDInStoredText(t *testing.T) {
	for _, c := range []struct{ user, kind, id string }{
		{"u\"1", "", "c-\\1"},
		{"u", "gift", "c"},
		{"u", `,"id":"no"`, "yes"},
		{"é\u2028", "", "<&>"},
	} {
		for _, ext := range []string{"", `{"id":"no"}`} {
			op := codec.Op{ID: c.id, Kind: c.kind, Body: `,"x":{"id":"no"}`, Ext: json.RawMessage(ext)}
			if ext == "" {
				op.Ext = nil
			}
			d := codec.NewNativeDraft("r", c.user, &op, 5)
			user, id, ok := codec.SendKey(string(d.AppendJSON(nil, 5)))
			var gotUser, gotID string
			if err := json.Unmarshal([]byte("["+user+","+id+"]"), &[]any{&gotUser, &gotID}); err != nil || !ok || gotUser != c.user || gotID != c.id {
				t.Errorf("SendKey of %+v = %s, %s, %v; %v", op, user, id, ok, err)
			}
		}
	}
	d := codec.NewNativeDraft("r", "u", &codec.Op{Kind: "gift", Body: `,"x":{"id":"no"}`}, 5)
	for _, s := range []string{string(d.AppendJSON(nil, 5)), "", `{"groupId":"1","userId":"2","info":"3","ts":4}`, `{"x":1,"x":{`, `{"groupId":"1","userId":"2","info":"3","x":{"kind":"a},"ts":4}`} {
		if user, id, ok := codec.SendKey(s); ok || user+id != "" {
			t.Errorf("SendKey(%q) = %q, %q, %v; want none", s, user, id, ok)
		}
	}
}

func BenchmarkSendKey(b *testing.B) {
	named := codec.NewNativeDraft("room", "user-1", &codec.Op{ID: "c-1234567890", Body: "what a voice, what a night"}, 5)
	plain := codec.NewDraft("room", "user-1", "what a voice, what a night", 5)
	for name, d := range map[string]chat.Draft{"named": named, "plain": plain} {
		stored := string(d.AppendJSON(nil, 5))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				codec.SendKey(stored)
			}
		})
	}
}
