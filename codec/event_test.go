package codec_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"barrage/codec"
)

// sameEvent compares two events.
func sameEvent(a, b codec.Event) bool {
	return a.Kind == b.Kind && a.Epoch == b.Epoch && a.Seq == b.Seq && a.Total == b.Total && a.Batch == b.Batch && a.Counters == b.Counters && slices.Equal(a.Messages, b.Messages)
}

func TestEvent_RoundTrip(t *testing.T) {
	f := func(e codec.Event, wire string) {
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
	f(codec.Event{Kind: codec.EventMessages, Epoch: "1a2b", Seq: 7, Total: 9, Batch: "n.12", Messages: []string{`{"a":1}`, `{"b":"弹幕"}`, `{}`}},
		"m1 1a2b 7 9 n.12\n{\"a\":1}\n{\"b\":\"弹幕\"}\n{}")
	f(codec.Event{Kind: codec.EventMessages, Epoch: "e", Seq: 1, Total: 1, Batch: "n.1", Messages: []string{`{}`}}, "m1 e 1 1 n.1\n{}")
	f(codec.Event{Kind: codec.EventMessages, Epoch: "e", Seq: 1<<64 - 1, Total: 1<<64 - 1, Batch: "n.1", Messages: []string{`{}`}},
		"m1 e 18446744073709551615 18446744073709551615 n.1\n{}")
	f(codec.Event{Kind: codec.EventRecall, Epoch: "e", Seq: 7, Total: 0}, "r1 e 7 0")
	f(codec.Event{Kind: codec.EventCounters, Counters: codec.Counters{Online: 12, Likes: 0}}, "c1 12 0")
}

func TestEvent_CarriesDrafts(t *testing.T) {
	e := codec.Event{Kind: codec.EventMessages, Epoch: "e", Seq: 3, Total: 4, Batch: "n.1"}
	for _, info := range []string{"line\nbreak\r\n", "two\u2028lines", `"quoted"`, ""} {
		d := codec.NewDraft("1", "3", info, 5)
		e.Messages = append(e.Messages, string(d.AppendJSON(nil, d.TS)))
	}
	back, err := codec.ParseEvent(string(codec.AppendEvent(nil, &e)))
	if err != nil || !sameEvent(back, e) {
		t.Errorf("ParseEvent(AppendEvent(e)) = %+v, %v; want %+v", back, err, e)
	}
}

func TestParseEvent_BadHeader(t *testing.T) {
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
		if !sameEvent(e, codec.Event{}) {
			t.Errorf("ParseEvent(%q) = %+v beside an error; want the zero event", s, e)
		}
	}
	const form, numbers = "has not the form", "must be whole numbers, a sequence number at least 1"
	f("m1", form)
	f("m1 e 1\n{}", form)
	f("m1 e 1 1\n{}", form) // no batch
	f("m1 e 1 1 \n{}", form)
	f("m1 e 1 1 n.1 1\n{}", form)
	f("m1  1 1 n.1\n{}", form) // no epoch
	f("m1 e 1 1 n.1", form)    // no messages
	f("r1 e 1 1\n", form)
	f("r1 e 1 1\n{}", form) // a recall has none
	f("r1 e 1 1 n.1", form)
	f("c1", form)
	f("c1 1", form)
	f("c1 1 2 3", form)
	f("c1 1 2\n{}", form)
	f("c1 1 x", numbers)
	f("c1 -1 1", numbers)
	f("m1 e  1 n.1\n{}", numbers)
	f("m1 e x 1 n.1\n{}", numbers)
	f("m1 e 1 x n.1\n{}", numbers)
	f("m1 e -1 1 n.1\n{}", numbers)
	f("m1 e 1.5 1 n.1\n{}", numbers)
	f("m1 e 0 1 n.1\n{}", numbers)
	f("m1 e 18446744073709551616 1 n.1\n{}", numbers)
	f("r1 e 1 \xFF", numbers)
	f("m1 e "+strings.Repeat("9", 1000)+" 1 n.1\n{}", numbers)
	if _, err := codec.ParseEvent("m1 " + strings.Repeat("e", 100_000) + " 0 0 n.1\n{}"); err == nil || len(err.Error()) > 300 {
		t.Errorf("a header of 100,000 bytes gives an error of %d bytes; want it cut", len(err.Error()))
	}
}

func TestParseEvent_Foreign(t *testing.T) {
	for _, s := range []string{
		"", "\n", " ", "m", "m2 e 1 1\n{}", "M1 e 1 1\n{}", "r1x e 1 1", " m1 e 1 1\n{}",
		`{"groupId":"1","userId":"3","info":"hello","ts":1648368380132}`,
		`"{\"groupId\":\"1\",\"userId\":\"3\",\"info\":\"hello\",\"ts\":1648368380132}"`,
	} {
		if e, err := codec.ParseEvent(s); !errors.Is(err, codec.ErrForeignEvent) {
			t.Errorf("ParseEvent(%q) = %+v, %v; want ErrForeignEvent", s, e, err)
		}
	}
}
