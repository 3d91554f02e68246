package codec_test

import (
	"encoding/json"
	"strings"
	"testing"

	"barrage/codec"
	"barrage/internal/chat"
)

// TestHeld_ComesBackAsEventAndDraft has messages of all kinds be held, published, and become drafts again.
func TestHeld_ComesBackAsEventAndDraft(t *testing.T) {
	t.Parallel()
	native := codec.NewNativeDraft("1", "b\"o b", &codec.Op{ID: "c 1", Body: "a , b\n", Kind: "gift", Ext: json.RawMessage(`{"n":1}`), User: json.RawMessage(`{"name":"x"}`)}, 5)
	plain := codec.NewDraft("1", "bob", `,"x":{"id":"~1"}`, 5)
	plain.SetMadeID("~abc")
	for _, d := range []chat.Draft{native, codec.NewNativeDraft("1", "u", &codec.Op{ID: "c-1", Body: "hi", Kind: "chat"}, 5), plain} {
		want := chat.Event{
			Kind: chat.EventHeld, HeldState: chat.HeldWaiting,
			Held: chat.Held{ID: "abcdef-0", At: 1_700_000_000_000, Why: chat.HeldByFilter, JSON: string(d.AppendJSON(nil, 7))},
		}
		got, err := codec.ParseEvent(string(codec.AppendEvent(nil, &want)))
		if err != nil || got.Held != want.Held || got.HeldState != want.HeldState || got.Kind != want.Kind {
			t.Errorf("the event came back as %+v, %v; want %+v", got, err, want)
		}
		again, err := codec.HeldDraft(&want.Held, 9)
		if err != nil || again.UserID != d.UserID || again.ID != d.ID || again.TS != 9 || again.Held() != want.Held.ID {
			t.Errorf("the draft came back as %+v, %v; want %+v", again, err, d)
		}
		if d.ID != "" && again.Head != d.Head {
			t.Errorf("the head came back as %s; want %s", again.Head, d.Head)
		}
		if d.ID == "" && strings.Contains(again.Head, "~abc") {
			t.Errorf("the head %s has the made id of before: the next node gives it another one", again.Head)
		}
	}
}

// TestHeld_FramesTellSenderLessThanModerators has the frames of moderators and of senders.
func TestHeld_FramesTellSenderLessThanModerators(t *testing.T) {
	t.Parallel()
	d := codec.NewNativeDraft("1", "bob", &codec.Op{ID: "c-1", Body: "hi", Kind: "chat"}, 5)
	info := codec.ShowHeld(&chat.Held{ID: "h", At: 1000, Why: chat.HeldByReview, JSON: string(d.AppendJSON(nil, 7))}, chat.HeldWaiting)
	const waiting = `{"t":"held","held":"h","state":"waiting","user_id":"bob","id":"c-1","why":"review","until":3601000,` +
		`"messages":[{"seq":0,"kind":"chat","user_id":"bob","body":"hi","ts":7,"id":"c-1"}]}`
	if got := info.Text(); got != waiting {
		t.Errorf("the frame for moderators is %s; want %s", got, waiting)
	}
	info.State = chat.HeldDenied
	if got, want := info.Decided().Text(), `{"t":"held","held":"h","state":"denied","user_id":"bob","id":"c-1","why":"review","until":0,"messages":[]}`; got != want {
		t.Errorf("the frame for the sender is %s; want %s", got, want)
	}
}

// TestParseHeld_RefusesForeignEntries has entries that no node of ours writes.
func TestParseHeld_RefusesForeignEntries(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{"", "1 a filter", "x a filter {}", "1  filter {}", "1 a filter text"} {
		if h, err := codec.ParseHeld(entry); err == nil {
			t.Errorf("ParseHeld(%q) = %+v; want an error", entry, h)
		}
	}
	if d, err := codec.HeldDraft(&chat.Held{ID: "h", JSON: `{"ts":1}`}, 1); err == nil {
		t.Errorf("HeldDraft of no message = %+v; want an error", d)
	}
}
