package codec_test

import (
	"testing"

	"barrage/codec"
)

func TestSendID(t *testing.T) {
	for _, c := range []struct {
		user, kind, id   string
		wantUser, wantID string
	}{
		{"u\"1", "", "c-\\1", "u\"1", "c-\\1"},
		{"u", "gift", "c", "u", "c"},
		{"u", "gift", "", "", ""},
		{"u", "", "", "", ""},
	} {
		d := codec.NewNativeDraft("r", c.user, &codec.Op{ID: c.id, Kind: c.kind, Body: `,"x":{"id":"no"}`}, 5)
		if user, id := codec.SendID(string(d.AppendJSON(nil, 5))); user != c.wantUser || id != c.wantID {
			t.Errorf("SendID of %+v = %q, %q", c, user, id)
		}
	}
	for _, s := range []string{"", `{"groupId":"1","userId":"2","info":"3","ts":4}`, `{"x":1,"x":{`} {
		if user, id := codec.SendID(s); user+id != "" {
			t.Errorf("SendID(%q) = %q, %q; want none", s, user, id)
		}
	}
}
