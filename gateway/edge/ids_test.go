package edge

import (
	"fmt"
	"strings"
	"testing"

	"barrage/internal/chat"
)

func TestCheckID_EveryRuleRefusesWithItsReason(t *testing.T) {
	f := func(id, why string) {
		t.Helper()
		bad := CheckID("userId", id)
		if why == "" && bad != nil || why != "" && (bad == nil || bad.Status != 400 || bad.Why != why) {
			t.Errorf("checkID(%q) = %+v; want %q", id, bad, why)
		}
	}
	f("7", "")
	f("用户 7/{a}?", "")
	f(strings.Repeat("x", chat.MaxID), "")
	f("张三", "")
	f("José", "")
	f("🎉", "")
	f("", "userId is missing")
	f("__node:x", `userId "__node:x" begins with __, which is reserved`)
	f("alice ", `userId "alice " begins or ends with a space, or has two in a row`)
	f("a  b", `userId "a  b" begins or ends with a space, or has two in a row`)
	f("a b", "")
	f("नमस्ते", "") // marks behind letters
	const invisible = " has invisible or unassigned characters, or is not in Unicode's normal form NFC"
	for _, twin := range []string{"al\u200bice", "alice\u200d", "\u202ealice", "al\u00adice", "alice\ufe0f", "alice\u2066", "Jose\u0301", "a\u00a0b", "\u2060alice", "\U000e0061lice", "alice\u2800", "al\u2800ice", "alice\U0001d159", "\u0332alice", "\u3164"} {
		f(twin, fmt.Sprintf("userId %q", twin)+invisible)
	}
	f(strings.Repeat("x", chat.MaxID+1), "userId has 129 bytes, at most 128 are allowed")
	f("a\nb", `userId "a\nb" has control characters or is not UTF-8`)
	f("a\x7f", `userId "a\x7f" has control characters or is not UTF-8`)
	f("\x00", `userId "\x00" has control characters or is not UTF-8`)
	f("a\xff", `userId "a\xff" has control characters or is not UTF-8`)
	f("\uFFFD", "userId \"\uFFFD\" has control characters or is not UTF-8")
}
