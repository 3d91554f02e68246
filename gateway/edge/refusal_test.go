package edge

import "testing"

// TestRefusal_EachHasAWordOfItsOwn has everything that refuses have a word for it.
func TestRefusal_EachHasAWordOfItsOwn(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 405, 413, 415, 426, 429, 500, 503} {
		if got := Refuse(status, "x").Word(); got == "" || got == Answered.Word() {
			t.Errorf("the word of status %d is %q; want one of its own", status, got)
		}
	}
	if got := Refuse(503, "x").As("full").Word(); got != "full" {
		t.Errorf("the word is %q; want the refusal's own code", got)
	}
	if got := Answered.Word(); got != "broken" {
		t.Errorf("the word of a connection that broke is %q; want broken", got)
	}
}
