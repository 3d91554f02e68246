package admin

import (
	"regexp"
	"testing"
)

// Comments at one time fly in lanes of their own.
func TestExport_LanesDoNotTouch(t *testing.T) {
	form := exportForms["ass"]()
	seen := map[string]bool{}
	for i := range 17 {
		m := exported{Seq: uint64(i), UserID: "u", Body: "hello"}
		lane := regexp.MustCompile(`move\(1920,(\d+),`).FindStringSubmatch(string(form.line(nil, &m)))[1]
		if seen[lane] {
			t.Errorf("two comments in lane %s", lane)
		}
		seen[lane] = true
	}
}
