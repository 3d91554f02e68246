package redisx

import (
	"testing"
	"time"

	"barrage/codec"
)

func TestPlainEntry_TakesMessagesInBothForms(t *testing.T) {
	f := func(entry, want string, wantOK bool) {
		t.Helper()
		if got, ok := plainEntry(entry); got != want || ok != wantOK {
			t.Errorf("plainEntry(%q) = %q, %v; want %q, %v", entry, got, ok, want, wantOK)
		}
	}
	message := func(info string) string {
		return `{"groupId":"r","userId":"u","info":` + info + `,"x":{"id":"1"},"ts":1}`
	}
	for _, info := range []string{`"hi"`, `""`, `"\""`, `"弹幕 \ud83d\ude00"`} {
		f(message(info), message(info), true)
		f(quoted(message(info)), message(info), true)
	}
	f(`{"ts":1,"info":"","userId":"u","groupId":"r"}`, `{"ts":1,"info":"","userId":"u","groupId":"r"}`, true)
	for _, bad := range []string{
		`{"a":1}`, `{}`, tombstone, message(`null`), message(`1`), message("\"\n\""), message(`"`), message(`"",`), message(`"","y":"\x"`),
		`{"userId":"u","info":"","ts":1}`, `{"groupId":"r","info":"","ts":1}`, `{"groupId":"r","userId":"u","ts":1}`,
		`{"groupId":"r","userId":"u","info":""}`, `{"groupId":"r","userId":"","info":"","ts":1}`, `{"groupId":"","userId":"u","info":"","ts":1}`,
		`{"groupId":"r","userId":"u","info":"","ts":"1"}`, `{"groupId":"r","userId":"u","info":"","ts":null}`, `{"groupId":"r","userId":"u","info":"","TS":1}`,
		message(`""`) + "}", message(`""`) + message(`""`),
	} {
		f(bad, ``, false)
		f(quoted(bad), ``, false)
	}
	f(``, ``, false)
	f(`{`, ``, false)
	f(`"{"`, ``, false)
	f(`"{\"a\":1}`, ``, false)
	f(`"text"`, ``, false)
	f(`[{}]`, ``, false)
	f(`text`, ``, false)
}

func TestPlainText_UndoesOnlyWholeQuotes(t *testing.T) {
	f := func(value, want string) {
		t.Helper()
		if got := plainText(value); got != want {
			t.Errorf("plainText(%q) = %q; want %q", value, got, want)
		}
		if got := plainText(quoted(value)); got != value {
			t.Errorf("plainText(quoted(%q)) = %q", value, got)
		}
	}
	f(`a`, `a`)
	f(`"a"`, `a`)
	f(`"a\"\\"`, `a"\`)
	f(`"a`, `"a`)
	f(`"<弹幕>"`, `<弹幕>`)
	f(``, ``)
}

func TestNeedle_FindsItsOwnMessageAlone(t *testing.T) {
	f := func(room, user, info string, ts int64) {
		t.Helper()
		d := codec.NewDraft(room, user, info, ts)
		text := string(d.AppendJSON(nil, ts))
		n := newNeedle(room, user, ts)
		if !n.in(text) || !n.quoted().in(quoted(text)) {
			t.Errorf("needle %q is not in %q", n, text)
		}
		if n.in(quoted(text)) || n.quoted().in(text) {
			t.Errorf("needle %q is in the other form of %q", n, text)
		}
		for _, other := range []needle{
			newNeedle(room, user, ts+1), newNeedle(room, user+"x", ts), newNeedle(room+"x", user, ts), newNeedle(user, room, ts),
		} {
			if other.in(text) || other.quoted().in(quoted(text)) {
				t.Errorf("needle %q is in %q", other, text)
			}
		}
	}
	f("1", "2", "hi", 1648368380132)
	f("r", `u"`, `","ts":5}`, 4)
	f(`\`, `"`, `x","ts":1}\`, 0)
	f("弹", "<幕>", "", -1)
	f("a", "b", `{"groupId":"b","userId":"a","info":"","ts":1}`, 2)
}

func TestBackoff_GrowsToABoundAndSpreads(t *testing.T) {
	for failures, most := range map[int]time.Duration{
		1: 20 * time.Millisecond, 2: 40 * time.Millisecond, 7: 1280 * time.Millisecond, 8: 2 * time.Second, 1 << 40: 2 * time.Second,
	} {
		seen := make(map[time.Duration]bool)
		for range 100 {
			d := backoff(failures)
			if d > most || d < most/2 {
				t.Fatalf("backoff(%d) = %v; want %v to %v", failures, d, most/2, most)
			}
			seen[d] = true
		}
		if len(seen) < 50 {
			t.Errorf("backoff(%d) has %d values in 100; want them spread", failures, len(seen))
		}
	}
}
