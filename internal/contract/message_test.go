package contract

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Contract section 1.

func TestMessage_ArrivesInTheFormOfFastIM(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := startOn(t, store)
			for _, c := range []struct{ name, info, want string }{
				{"plain", "hello", `"hello"`},
				{"empty", "", `""`},
				{"with spaces", "  im  hello ", `"  im  hello "`},
				{"CJK", "你好，世界", `"你好，世界"`},
				{"emoji", "🎉 👩‍👩‍👧", `"🎉 👩‍👩‍👧"`},
				{"quotes and backslashes", `say "hi" \ and /`, `"say \"hi\" \\ and /"`},
				{"JSON", `{"a":[1]}`, `"{\"a\":[1]}"`},
				{"markup", `<b>1 & 2</b>`, `"<b>1 & 2</b>"`},
				{"control characters", "a\tb\nc\rd\x00e\x1ff\x7f", `"a\tb\nc\rd\u0000e\u001ff` + "\x7f" + `"`},
				{"line separators", "a\u2028b\u2029c", `"a` + "\u2028b\u2029" + `c"`},
				{"as long as allowed", strings.Repeat("弹", 8192), `"` + strings.Repeat("弹", 8192) + `"`},
				{"as long as allowed of letters", strings.Repeat("x", 8192), `"` + strings.Repeat("x", 8192) + `"`},
				{"as long as allowed of pairs", strings.Repeat("🎉", 4096), `"` + strings.Repeat("🎉", 4096) + `"`},
			} {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					m := n.member(t, c.name, "3")
					before := time.Now().UnixMilli()
					m.say(c.info)
					got := m.text()
					after := time.Now().UnixMilli()
					want := fmt.Sprintf(`{"groupId":"%s","userId":"3","info":%s,"ts":`, c.name, c.want)
					rest, ok := strings.CutPrefix(got, want)
					if !ok || !ending.MatchString(rest) {
						t.Fatalf("message:\n got %s\nwant %s<13 digits>}", got, want)
					}
					if ts := timestamp(t, got); ts < before || ts > after {
						t.Errorf("ts = %d; want %d to %d, when it was sent", ts, before, after)
					}
				})
			}
			t.Run("ids that need escapes", func(t *testing.T) {
				t.Parallel()
				m := n.member(t, `a"b\`, "<张三>")
				m.say("x")
				m.wantMessage(`a"b\`, "<张三>", "x")
			})
			t.Run("unique ts", func(t *testing.T) {
				t.Parallel()
				wantUniqueTimestamps(t, n)
			})
		})
	}
}

// wantUniqueTimestamps has one user send 2,000 messages at once over two connections.
func wantUniqueTimestamps(t *testing.T, n *node) {
	t.Helper()
	const each = 1000
	tabs := []*client{n.member(t, "burst", "7"), n.member(t, "burst", "7")}
	var senders sync.WaitGroup
	for i, tab := range tabs {
		senders.Go(func() { // Ends after its messages.
			for k := range each {
				tab.say(fmt.Sprintf("%d %d", i, k))
			}
		})
	}
	seen := map[int64]bool{}
	said := make([]int, len(tabs)) // by each tab so far
	for _, message := range tabs[0].wantMessages(each * len(tabs)) {
		f := chatMessage.FindStringSubmatch(message)
		tab, k, _ := strings.Cut(f[2], " ")
		i, _ := strconv.Atoi(tab)
		if want := strconv.Itoa(said[i]); k != want {
			t.Fatalf("message %s of connection %d came; want %s: order or loss", k, i, want)
		}
		said[i]++
		if ts := timestamp(t, message); seen[ts] {
			t.Fatalf("two messages of one user have ts %d", ts)
		} else {
			seen[ts] = true
		}
	}
	senders.Wait()
}
