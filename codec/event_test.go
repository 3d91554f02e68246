package codec_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"barrage/codec"
	"barrage/internal/chat"
)

// sameEvent compares two events.
func sameEvent(a, b chat.Event) bool {
	return a.Kind == b.Kind && a.Epoch == b.Epoch && a.Seq == b.Seq && a.Total == b.Total && a.Rev == b.Rev && a.Prev == b.Prev && a.Tip == b.Tip && a.Counters == b.Counters && a.Storm == b.Storm && slices.Equal(a.Messages, b.Messages)
}

func TestEvent_ComesBackAsItWasWritten(t *testing.T) {
	f := func(e chat.Event, wire string) {
		t.Helper()
		got := string(codec.AppendEvent([]byte("before"), &e))
		if got != "before"+wire {
			t.Errorf("AppendEvent(%+v) = %q; want %q", e, got, "before"+wire)
		}
		back, err := codec.ParseEvent(wire)
		if err != nil || !sameEvent(back, e) {
			t.Errorf("ParseEvent(%q) = %+v, %v; want %+v", wire, back, err, e)
		}
	}
	f(chat.Event{Kind: chat.EventMessages, Epoch: "1a2b", Seq: 7, Total: 9, Rev: 3, Prev: "m.2", Tip: "n.12", Messages: []string{`{"a":1}`, `{"b":"弹幕"}`, `{}`}},
		"m2 1a2b 7 9 3 m.2 n.12\n{\"a\":1}\n{\"b\":\"弹幕\"}\n{}")
	f(chat.Event{Kind: chat.EventMessages, Epoch: "e", Seq: 1, Total: 1, Rev: 1, Tip: "n.1", Messages: []string{`{}`}}, "m2 e 1 1 1 - n.1\n{}")
	f(chat.Event{Kind: chat.EventMessages, Epoch: "e", Seq: 1<<64 - 1, Total: 1<<64 - 1, Rev: 1<<64 - 1, Prev: "n.0", Tip: "n.1", Messages: []string{`{}`}},
		"m2 e 18446744073709551615 18446744073709551615 18446744073709551615 n.0 n.1\n{}")
	f(chat.Event{Kind: chat.EventMessages, Epoch: "e", Seq: 7, Total: 9, Rev: 3, Tip: "n.1", Storm: chat.Storm{Level: 256, Offered: 9, Shown: 2}, Messages: []string{`{}`}},
		"m3 e 7 9 3 - n.1 256 9 2\n{}")
	f(chat.Event{Kind: chat.EventRecall, Epoch: "e", Seq: 7, Total: 0, Rev: 2, Prev: "n.1", Tip: "x", Messages: []string{`{"a":1}`}}, "r2 e 7 0 2 n.1 x\n{\"a\":1}")
	// repeated
	f(chat.Event{Kind: chat.EventRecall, Epoch: "e", Seq: 7, Total: 9, Tip: "x", Messages: []string{`{}`}}, "r2 e 7 9 0 - x\n{}")
	f(chat.Event{Kind: chat.EventCounters, Counters: chat.Counters{Online: 12, Likes: 0}}, "c1 12 0")
}

func TestEvent_CarriesDrafts(t *testing.T) {
	e := chat.Event{Kind: chat.EventMessages, Epoch: "e", Seq: 3, Total: 4, Rev: 1, Tip: "n.1"}
	for _, info := range []string{"line\nbreak\r\n", "two\u2028lines", `"quoted"`, ""} {
		d := codec.NewDraft("1", "3", info, 5)
		e.Messages = append(e.Messages, string(d.AppendJSON(nil, d.TS)))
	}
	back, err := codec.ParseEvent(string(codec.AppendEvent(nil, &e)))
	if err != nil || !sameEvent(back, e) {
		t.Errorf("ParseEvent(AppendEvent(e)) = %+v, %v; want %+v", back, err, e)
	}
}

func TestParseEvent_RefusesBadHeaders(t *testing.T) {
	f := func(s, complaint string) {
		t.Helper()
		e, err := codec.ParseEvent(s)
		if err == nil || errors.Is(err, codec.ErrForeignEvent) || !strings.Contains(err.Error(), complaint) {
			t.Errorf("ParseEvent(%q) = %+v, %v; want an error with %q", s, e, err, complaint)
			return
		}
		head, _, _ := strings.Cut(s, "\n")
		if want := fmt.Sprintf("cannot parse event: header %.60q", head); !strings.HasPrefix(err.Error(), strings.TrimSuffix(want, `"`)) {
			t.Errorf("ParseEvent(%q) = %v; want it to begin with %s", s, err, want)
		}
		if !sameEvent(e, chat.Event{}) {
			t.Errorf("ParseEvent(%q) = %+v beside an error; want the zero event", s, e)
		}
	}
	const form, numbers = "has not the form", "must be whole numbers, a sequence number at least 1"
	f("m2", form)
	f("m2 e 1 1 1 -\n{}", form) // no tip
	f("m2 e 1 1 1 - \n{}", form)
	f("m2 e 1 1 1 - -\n{}", form)
	f("m2 e 1 1 1  n.1\n{}", form) // no prev
	f("m3 e 1 1 1 - n.1\n{}", form)
	f("m3 e 1 1 1 - n.1 1 2\n{}", form)
	f("m2 e 1 1 1 - n.1 1\n{}", form)
	f("m2  1 1 1 - n.1\n{}", form) // no epoch
	f("m2 e  1 1 - n.1\n{}", form) // no number
	f("m2 e 1 1 1 - n.1", form)    // no messages
	f("m2 e 1 1 n.1\n{}", form)    // as m1 was
	f("r2 e 1 1", form)            // as r1 was
	f("r2 e 1 1 1 - x", form)      // no husk
	f("r2 e 1 1 1 - -\n{}", form)
	f("c1", form)
	f("c1 1", form)
	f("c1 1 2 3", form)
	f("c1 1 2\n{}", form)
	f("c1 1 x", numbers)
	f("c1 -1 1", numbers)
	f("m2 e x 1 1 - n.1\n{}", numbers)
	f("m2 e 1 x 1 - n.1\n{}", numbers)
	f("m2 e 1 1 x - n.1\n{}", numbers)
	f("m2 e -1 1 1 - n.1\n{}", numbers)
	f("m2 e 1.5 1 1 - n.1\n{}", numbers)
	f("m2 e 0 1 1 - n.1\n{}", numbers)
	f("m2 e 1 1 0 - n.1\n{}", numbers) // a batch is a change
	f("m3 e 1 1 1 - n.1 257 2 3\n{}", numbers)
	f("m3 e 1 1 1 - n.1 1 x 3\n{}", numbers)
	f("m2 e 18446744073709551616 1 1 - n.1\n{}", numbers)
	f("m2 e 1 1 18446744073709551616 - n.1\n{}", numbers)
	f("r2 e 0 1 1 - x\n{}", numbers)
	f("r2 e 1 \xFF 1 - x\n{}", numbers)
	f("r2 e 1 1 1 - x\n{}\n{}", numbers) // a recall has one husk
	f("m2 e "+strings.Repeat("9", 1000)+" 1 1 - n.1\n{}", numbers)
	if _, err := codec.ParseEvent("m2 " + strings.Repeat("e", 100_000) + " 0 0 1 - n.1\n{}"); err == nil || len(err.Error()) > 300 {
		t.Errorf("a header of 100,000 bytes gives an error of %d bytes; want it cut", len(err.Error()))
	}
}

func TestParseEvent_TellsForeignEventsApart(t *testing.T) {
	for _, s := range []string{
		"", "\n", " ", "m", "m1 e 1 1 n.1\n{}", "r1 e 1 1", "m4 e 1 1\n{}", "M2 e 1 1 1 - n\n{}", "r2x e 1 1 1 - n\n{}", " m2 e 1 1 1 - n\n{}",
		`{"groupId":"1","userId":"3","info":"hello","ts":1648368380132}`,
		`"{\"groupId\":\"1\",\"userId\":\"3\",\"info\":\"hello\",\"ts\":1648368380132}"`,
	} {
		if e, err := codec.ParseEvent(s); !errors.Is(err, codec.ErrForeignEvent) {
			t.Errorf("ParseEvent(%q) = %+v, %v; want ErrForeignEvent", s, e, err)
		}
	}
}
