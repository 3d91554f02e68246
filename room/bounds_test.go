package room

import (
	"strings"
	"testing"

	"barrage/codec"
	"barrage/internal/chat"
)

// TestWelcome_IsBoundedInBytes: newcomers are given the newest messages that 256 KiB hold, and one at least.
func TestWelcome_IsBoundedInBytes(t *testing.T) {
	entry := func(seq, size int) chat.Entry {
		d := codec.NewDraft("r", "u", strings.Repeat("x", size), 1)
		return chat.Entry{Seq: uint64(seq), JSON: string(d.AppendJSON(nil, 1))}
	}
	var n newest
	for i := range 50 {
		n.entries = append(n.entries, entry(i+1, 20_000))
	}
	got := n.last(50)
	if size := bytesOf(got); size > welcomeBytes || size < welcomeBytes-21_000 || got[len(got)-1].Seq != 50 {
		t.Errorf("%d messages of %d bytes, the last is %d; want the newest, just below %d bytes", len(got), size, got[len(got)-1].Seq, welcomeBytes)
	}
	n.entries = append(n.entries, entry(51, 2*welcomeBytes))
	if got := n.last(50); len(got) != 1 || got[0].Seq != 51 {
		t.Errorf("of a huge one %d messages; want it alone", len(got))
	}
	n.entries = n.entries[:10]
	for i := range n.entries {
		n.entries[i] = entry(i+1, 10)
	}
	if got := n.last(5); len(got) != 5 || got[0].Seq != 6 {
		t.Errorf("of small ones %d messages; want the newest 5", len(got))
	}
	if got := n.last(0); len(got) != 0 {
		t.Errorf("%d messages; want none", len(got))
	}
}
