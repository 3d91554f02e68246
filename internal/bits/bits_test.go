package bits

import (
	"slices"
	"strings"
	"testing"
)

func TestWords_ParseTakesBackWhatOfGives(t *testing.T) {
	w := Names{"read", "send", "like"}
	for set := range uint8(8) {
		got, err := w.Parse(w.Of(set))
		if err != nil || got != set {
			t.Errorf("Parse(Of(%d)) = %d, %v", set, got, err)
		}
	}
	if got := w.Of(5); !slices.Equal(got, []string{"read", "like"}) {
		t.Errorf("Of(5) = %q; want read and like", got)
	}
	if got := w.Of(0); got == nil || len(got) != 0 {
		t.Errorf("Of(0) = %v; want an empty list, which JSON writes as []", got)
	}
	if got, err := w.Parse([]string{"like", "like", "read"}); got != 5 || err != nil {
		t.Errorf("Parse of words in any order, one twice = %d, %v; want 5", got, err)
	}
	for _, word := range []string{"", "Read", "reads", strings.Repeat("x", 1000)} {
		_, err := w.Parse([]string{"read", word})
		if err == nil || !strings.HasSuffix(err.Error(), " is none of read, send, like") || len(err.Error()) > 120 {
			t.Errorf("Parse(%.10q) = %v; want that it is none of them", word, err)
		}
	}
}
