package v1

import (
	"testing"

	"barrage/gateway/edge"
)

// Everything that refuses has a word for it.
func TestProblemCode_EveryStatus(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 405, 413, 415, 426, 429, 500, 503} {
		if got := codeOf(edge.Refuse(status, "x")); got == "" {
			t.Errorf("status %d has no code", status)
		}
	}
	if got := codeOf(edge.Refuse(503, "x").As("full")); got != "full" {
		t.Errorf("code = %q; want the refusal's own", got)
	}
}
