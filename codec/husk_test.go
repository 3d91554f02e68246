package codec_test

import (
	"testing"

	"barrage/codec"
)

func TestHusk_EmptiesTextButKeepsTheID(t *testing.T) {
	for _, c := range []struct{ name, stored, want string }{
		{"plain", `{"groupId":"1","userId":"3","info":"hello","ts":5}`, `{"groupId":"1","userId":"3","info":"","ts":5}`},
		{"empty", `{"groupId":"1","userId":"3","info":"","ts":5}`, `{"groupId":"1","userId":"3","info":"","ts":5}`},
		{"an id", `{"groupId":"1","userId":"3","info":"a","x":{"id":"c-1"},"ts":5}`, `{"groupId":"1","userId":"3","info":"","x":{"id":"c-1"},"ts":5}`},
		{
			"an id among others", `{"groupId":"1","userId":"3","info":"a","x":{"kind":"gift","id":"c-1","ext":{"id":"no"}},"ts":5}`,
			`{"groupId":"1","userId":"3","info":"","x":{"id":"c-1"},"ts":5}`,
		},
		{"no id among others", `{"groupId":"1","userId":"3","info":"a","x":{"kind":"gift","ext":{"id":"no"}},"ts":5}`, `{"groupId":"1","userId":"3","info":"","ts":5}`},
		{
			"quotes everywhere", `{"groupId":"\"1","userId":"3\\","info":"\",\"x\":{\"id\":\"no\"},\"ts\":7}","x":{"id":"\"\\"},"ts":5}`,
			`{"groupId":"\"1","userId":"3\\","info":"","x":{"id":"\"\\"},"ts":5}`,
		},
		{"another order", `{"userId":"3","groupId":"1","info":"a","ts":5}`, ""},
		{"another field", `{"groupId":"1","userId":"3","info":"a","more":1,"ts":5}`, ""},
		{"a string literal", `"{\"groupId\":\"1\",\"userId\":\"3\",\"info\":\"a\",\"ts\":5}"`, ""},
		{"a tombstone", `{"recalled":true}`, ""},
		{"nothing", "", ""},
	} {
		got, ok := codec.Husk(c.stored)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s: Husk(%s) = %s, %v; want %s", c.name, c.stored, got, ok, c.want)
		}
	}
}

func TestDraft_SetMadeIDIsHiddenFromFastIM(t *testing.T) {
	for _, info := range []string{"hello", `"ts":7}`, `,"x":{"id":"no"}`, ""} {
		d := codec.NewDraft("r", `u"1`, info, 5)
		plain := string(d.AppendJSON(nil, 5))
		d.SetMadeID("~ABCDEFGH1z")
		stored := string(d.AppendJSON(nil, 5))
		user, id, ok := codec.SendKey(stored)
		if !ok || user != `"u\"1"` || id != `"~ABCDEFGH1z"` || d.ID != "" {
			t.Errorf("SendKey of %s = %s, %s, %v, and the draft's ID is %q; want the made id, and no ID", stored, user, id, ok, d.ID)
		}
		if got := codec.FastIMText(stored); got != plain {
			t.Errorf("FastIM clients see %s; want %s", got, plain)
		}
		if m, err := codec.ParseMessage(stored); err != nil || m.Info != info || m.TS != 5 {
			t.Errorf("ParseMessage(%s) = %+v, %v; want info %q at 5", stored, m, err, info)
		}
	}
}
