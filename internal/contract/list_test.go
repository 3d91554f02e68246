package contract

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Contract section 3.

// entry is a room in the list.
func entry(newest string, total int) string {
	return fmt.Sprintf(`{"newMessage":%s,"total":%d}`, newest, total)
}

func list(entries ...string) string { return "[" + strings.Join(entries, ",") + "]" }

// wantList waits for a list of these entries, in any order.
func (c *client) wantList(want ...string) {
	c.tb.Helper()
	slices.Sort(want)
	for {
		text, err := c.next()
		if err != nil {
			c.tb.Fatalf("want the list %s; got %v", want, err)
		}
		if got := c.entries(text); slices.Equal(got, want) {
			return
		}
		c.tb.Logf("not yet the list: %s", text)
	}
}

// entries are what a list is made of, to the letter, sorted.
func (c *client) entries(text string) []string {
	c.tb.Helper()
	var raw []json.RawMessage
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		c.tb.Fatalf("cannot parse the list %q: %v", text, err)
	}
	entries := make([]string, len(raw))
	for i := range raw {
		entries[i] = string(raw[i])
	}
	slices.Sort(entries)
	return entries
}

const listInterval = 200 * time.Millisecond

func TestList_ShowsTheNewestOfEachRoom(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := startOn(t, store, "list.update_interval="+listInterval.String())
			t.Run("waits for the first message", func(t *testing.T) {
				t.Parallel()
				n.wantEnvelope(t, "/user/joinGroup", n.login(t, "patient"), params{"groupId": "silent"}, done)
				l := n.dial(t, listPath("patient", "t"))
				m := n.member(t, "silent", "2")
				m.say("hi")
				l.wantText(list(entry(m.wantMessage("silent", "2", "hi"), 1)))
			})
			t.Run("of nobody's rooms waits for a room", func(t *testing.T) {
				t.Parallel()
				l := n.dial(t, listPath("newcomer", "t"))
				m := n.member(t, "first room", "2")
				m.say("hi")
				message := m.wantMessage("first room", "2", "hi")
				n.wantEnvelope(t, "/user/joinGroup", n.login(t, "newcomer"), params{"groupId": "first room"}, done)
				l.wantText(list(entry(message, 1)))
			})
			t.Run("comes at once if a room has a message", func(t *testing.T) {
				t.Parallel()
				m := n.member(t, "talk", "talker")
				m.say("1")
				m.say("2")
				last := m.wantMessages(2)[1]
				n.dial(t, listPath("talker", "t")).wantText(list(entry(last, 2)))
			})
			t.Run("shows rooms without messages", func(t *testing.T) {
				t.Parallel()
				m := n.member(t, "spoken", "shown")
				m.say("hi")
				message := m.wantMessage("spoken", "shown", "hi")
				n.wantEnvelope(t, "/user/joinGroup", n.login(t, "shown"), params{"groupId": "unspoken"}, done)
				l := n.dial(t, listPath("shown", "t"))
				if got, want := l.entries(l.text()), []string{entry("null", 0), entry(message, 1)}; !slices.Equal(got, want) {
					t.Errorf("first list = %s; want %s", got, want)
				}
			})
			t.Run("comes on new messages of any room", func(t *testing.T) {
				t.Parallel()
				one, two := n.member(t, "one", "both"), n.member(t, "two", "both")
				one.say("1")
				first := one.wantMessage("one", "both", "1")
				tabs := []*client{n.dial(t, listPath("both", "t")), n.dial(t, listPath("both", "t"))}
				for _, l := range tabs {
					l.wantList(entry(first, 1), entry("null", 0))
				}
				two.say("2")
				second := two.wantMessage("two", "both", "2")
				for _, l := range tabs {
					l.wantList(entry(first, 1), entry(second, 1))
				}
				one.say("3")
				third := one.wantMessage("one", "both", "3")
				for _, l := range tabs {
					l.wantList(entry(third, 2), entry(second, 1))
				}
			})
			t.Run("comes when the user joins a room", func(t *testing.T) {
				t.Parallel()
				other, own := n.member(t, "known room", "x"), n.member(t, "own", "joining")
				other.say("there")
				there := other.wantMessage("known room", "x", "there")
				own.say("here")
				here := own.wantMessage("own", "joining", "here")
				l := n.dial(t, listPath("joining", "t"))
				l.wantText(list(entry(here, 1)))
				n.wantEnvelope(t, "/user/joinGroup", n.login(t, "joining"), params{"groupId": "known room"}, done)
				l.wantList(entry(here, 1), entry(there, 1))
				n.member(t, "through a socket", "joining")
				l.wantList(entry(here, 1), entry(there, 1), entry("null", 0))
			})
			t.Run("comes when a message is recalled", func(t *testing.T) {
				t.Parallel()
				m := n.member(t, "regret", "sorry")
				m.say("1")
				m.say("2")
				messages := m.wantMessages(2)
				l := n.dial(t, listPath("sorry", "t"))
				l.wantText(list(entry(messages[1], 2)))
				a := n.login(t, "sorry")
				n.wantEnvelope(t, "/group/delMessage", a, params{"groupId": "regret", "ts": fmt.Sprint(timestamp(t, messages[1]))}, recalled)
				l.wantList(entry(messages[0], 2))
				n.wantEnvelope(t, "/group/delMessage", a, params{"groupId": "regret", "ts": fmt.Sprint(timestamp(t, messages[0]))}, recalled)
				l.wantList(entry("null", 2))
			})
			t.Run("does not listen", func(t *testing.T) {
				t.Parallel()
				m := n.member(t, "deaf", "deaf")
				m.say("1")
				first := m.wantMessage("deaf", "deaf", "1")
				l := n.dial(t, listPath("deaf", "t"))
				l.wantText(list(entry(first, 1)))
				l.say("is anybody there?")
				m.say("2")
				l.wantText(list(entry(m.wantMessage("deaf", "deaf", "2"), 2)))
			})
			t.Run("comes at most once per interval", func(t *testing.T) {
				t.Parallel()
				wantBoundedRate(t, n)
			})
		})
	}
}

// wantBoundedRate keeps a room busy for some intervals and counts the lists.
func wantBoundedRate(t *testing.T, n *node) {
	t.Helper()
	const count, every = 200, 5 * time.Millisecond
	m, l := n.member(t, "busy", "busy"), n.dial(t, listPath("busy", "t"))
	finished, start := make(chan struct{}), time.Now()
	go func() { // Ends after its messages; the test waits for it.
		defer close(finished)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for i := range count {
			m.say(strconv.Itoa(i))
			<-ticker.C
		}
	}()
	messages := m.wantMessages(count)
	lists := 0
	for want := entry(messages[count-1], count); ; {
		lists++
		if l.text() == list(want) {
			break
		}
	}
	<-finished
	took := time.Since(start)
	// The first may come at once, and the last be late by one interval.
	if most := int(took/listInterval) + 1; lists > most || lists < 2 {
		t.Errorf("%d lists came in %v; want 2 to %d: one per %v", lists, took, most, listInterval)
	}
}
