package swarm

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/gobwas/ws/wsflate"
)

// deflate is a text as a server sends it, without what the wire leaves out.
func deflate(tb testing.TB, text string) []byte {
	tb.Helper()
	b, err := wsflate.DefaultHelper.Compress([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// batchOf is a batch of messages, the first of which has number first.
func batchOf(first, messages int) string {
	var texts []string
	for i := range messages {
		texts = append(texts, fmt.Sprintf(`{"seq":%d,"body":"b 1648368380132000 %d ..............................."}`, first+i, first+i))
	}
	return `{"t":"batch","epoch":"e","messages":[` + strings.Join(texts, ",") + `]}`
}

// TestInflater_ReadsWhatIsKnownOnce: the same payload gives the same text, even when it was forgotten meanwhile, and
// the known payloads stay bounded.
func TestInflater_ReadsWhatIsKnownOnce(t *testing.T) {
	f := newInflater(nativeMessage)
	f.known = 16 << 10
	var payloads [][]byte
	for i := range 100 {
		payloads = append(payloads, deflate(t, batchOf(100*i, 1+i%30)))
	}
	for round := range 3 {
		for i, p := range payloads {
			first, err1 := f.inflate(p)
			again, err2 := f.inflate(bytes.Clone(p))
			if err1 != nil || err2 != nil || string(first.text) != batchOf(100*i, 1+i%30) || first.messages != 1+i%30 {
				t.Fatalf("round %d: batch %d = %.80q with %d messages, %v, %v", round, i, first.text, first.messages, err1, err2)
			}
			if &first.text[0] != &again.text[0] {
				t.Fatalf("round %d: batch %d was inflated twice", round, i)
			}
			if f.held > f.known || len(f.recent)+len(f.older) > 40 {
				t.Fatalf("round %d: %d payloads of %d bytes are known; want at most %d bytes", round, len(f.recent)+len(f.older), f.held, f.known)
			}
		}
	}
}

func TestInflater_RefusesWhatNoServerMaySend(t *testing.T) {
	f := newInflater(nativeMessage)
	f.most = 1000
	for payload, want := range map[string]string{
		"\xff\xff\xff": "the server sent 3 bytes that cannot be inflated to at most 1000: cannot read frame: the message says it is compressed",
		string(deflate(t, strings.Repeat("x", 2000))): "that cannot be inflated to at most 1000: cannot read frame: the message is larger",
	} {
		if got, err := f.inflate([]byte(payload)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("inflate(%.10q) = %.80q, %v; want an error with %q", payload, got.text, err, want)
		}
	}
	if got, err := f.inflate(deflate(t, batchOf(1, 2))); err != nil || got.messages != 2 {
		t.Errorf("inflate = %+v, %v after what was refused; want 2 messages", got, err)
	}
}

// TestScanner_DeflatedOnlyAtTheBeginningOfAText: the bit that says so is taken where it was agreed on, and only at
// the beginning of a text.
func TestScanner_DeflatedOnlyAtTheBeginningOfAText(t *testing.T) {
	f := func(b string, want bool, wantErr string) {
		t.Helper()
		s := scanner{deflates: true}
		_, _, _, err := s.next([]byte(b))
		if s.deflated != want || (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("next(%q): deflated = %v, %v; want %v, %q", b, s.deflated, err, want, wantErr)
		}
	}
	f("\xc1\x01x", true, "")
	f("\x81\x01x", false, "")
	f("\xc2\x01x", false, "0xc2") // barrage.v1 is text
	f("\xc9\x00", false, "0xc9")  // a control frame never is
	f("\xa1\x00", false, "0xa1")  // another reserved bit
}

// BenchmarkInflater is what a batch costs in a process that has read it already, as for nearly every viewer.
func BenchmarkInflater(b *testing.B) {
	f := newInflater(nativeMessage)
	const messages = 16
	payload := deflate(b, batchOf(1, messages))
	b.ReportAllocs()
	for b.Loop() {
		if got, err := f.inflate(payload); err != nil || got.messages != messages {
			b.Fatal(got, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/messages, "ns/message")
}
