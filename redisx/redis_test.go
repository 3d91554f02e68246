package redisx_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is about the data in Redis: what other programs put there, and what two
// nodes make of it together.

// newPair is a harness on the shared server, and a client past it.
func newPair(t *testing.T) (*harness, *rawClient) {
	t.Helper()
	raw := newRaw(t, server.Addr)
	raw.do("FLUSHALL")
	return newNode(t, server.Addr, raw), raw
}

// fastIM is a message as an original FastIM node stores it: a JSON string literal
// around the object.
func fastIM(room, user, info string, ts int64) string {
	plain := fmt.Sprintf(`{"groupId":%q,"userId":%q,"info":%q,"ts":%d}`, room, user, info, ts)
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(plain) + `"`
}

func TestRedis_KeysHaveTheirFormsAndLives(t *testing.T) {
	s, raw := newPair(t)
	noError(t, s.SetToken(t.Context(), "u", "token"))
	_, err := s.Join(t.Context(), "u", "r")
	noError(t, err)
	text := s.publish(t, "r", "u", 7)

	wantEqual(t, "ugs", raw.strings("SMEMBERS", "ugs:u"), nil, []string{"r"})
	wantEqual(t, "gml", raw.strings("LRANGE", "gml:r", "0", "-1"), nil, text)
	wantEqual(t, "gmm", raw.strings("HMGET", "gmm:r", "s", "b"), nil, []string{"1", "0"})
	buckets := raw.strings("KEYS", "gmu:r:*")
	wantEqual(t, "number of gmu keys", len(buckets), nil, 1)
	wantEqual(t, "number of keys", len(raw.strings("KEYS", "*")), nil, 5)
	life := func(key string, want time.Duration) {
		t.Helper()
		got := time.Duration(raw.int("PTTL", key)) * time.Millisecond
		if got > want || got < want-10*time.Second {
			t.Errorf("life of %s = %v; want %v", key, got, want)
		}
	}
	life("login:u", chat.TokenLife)
	life("gml:r", historyTTL+30*time.Second) // messages that come within a bucket do not prolong it
	life("gmm:r", historyTTL+24*time.Hour)
	life(buckets[0], 90*time.Second)
	life("ugs:u", membershipTTL)
	raw.do("CONFIG", "RESETSTAT")
	for range 5 { // a use soon after another one is no write
		_, err := s.Rooms(t.Context(), "u")
		noError(t, err)
	}
	if info := raw.text("INFO", "commandstats"); strings.Contains(info, "cmdstat_pexpire") {
		t.Error("each use of the rooms is a write")
	}
	raw.do("PEXPIRE", "ugs:u", fmt.Sprint((membershipTTL * 22 / 24).Milliseconds()))
	_, err = s.Rooms(t.Context(), "u")
	noError(t, err)
	life("ugs:u", membershipTTL)
	raw.do("PEXPIRE", "ugs:u", fmt.Sprint((2 * membershipTTL).Milliseconds())) // the setting was lowered
	_, err = s.Rooms(t.Context(), "u")
	noError(t, err)
	life("ugs:u", membershipTTL)
	raw.do("PERSIST", "ugs:u") // as original nodes and earlier versions leave it
	_, err = s.Rooms(t.Context(), "u")
	noError(t, err)
	life("ugs:u", membershipTTL)
}

// TestRedis_WireFormIsThatOfCodec compares what the scripts publish with what codec writes.
func TestRedis_WireFormIsThatOfCodec(t *testing.T) {
	s, raw := newPair(t)
	payloads := raw.subscribe("mq:r")
	d := drafts("r", "u", 1, 2)
	d = append(d, sends("u", 5, "id \"\\7")...)
	d = append(d, codec.NewNativeDraft("r", "u", &codec.Op{ID: "a", Kind: "gi\"ft", Body: `,"x":{"id":"no"}`, Ext: []byte(`{"id":"no"}`)}, 6))
	d = append(d, codec.NewNativeDraft("r", "u", &codec.Op{Kind: "gift", Body: "", Ext: []byte(`{"id":"no"}`)}, 7))
	stored, err := s.put(t.Context(), "r", "n.1.7", d)
	noError(t, err)
	epoch := s.newest(t, "r", 1).Epoch
	want := []chat.Event{{
		Kind: chat.EventMessages, Epoch: epoch, Seq: 1, Total: 5, Rev: 1, Tip: "n.1.7.0", Messages: texts(d),
	}}
	wantEqual(t, "Publish", stored.Event, nil, want[0])
	for i := range d {
		ev, err := s.Recall(t.Context(), "r", "u", d[i].TS)
		last := want[len(want)-1]
		want = append(want, chat.Event{
			Kind: chat.EventRecall, Epoch: epoch, Seq: uint64(i + 1), Total: 5, Rev: last.Rev + 1, Prev: last.Tip, Tip: ev.Tip,
			Messages: husks(texts(d[i : i+1])...),
		})
		wantEqual(t, "Recall", ev, err, want[len(want)-1])
	}
	again, err := s.Recall(t.Context(), "r", "u", d[2].TS)
	repeated := want[3]
	repeated.Rev, repeated.Prev = 0, ""
	wantEqual(t, "Recall again", again, err, repeated)
	s.report("n", 3, 4)
	for _, ev := range append(want, []chat.Event{
		repeated,
		{Kind: chat.EventCounters, Counters: chat.Counters{Online: 3, Likes: 4}},
	}...) {
		select {
		case got := <-payloads:
			if want := string(codec.AppendEvent(nil, &ev)); got != want {
				t.Errorf("payload = %q; want %q", got, want)
			}
		case <-time.After(patience):
			t.Fatalf("no payload came; want %+v", ev)
		}
	}
}

func TestRedis_ReadsFastIM(t *testing.T) {
	s, raw := newPair(t)
	raw.do("SET", "login:u", `"to\"ken"`, "EX", "3600")
	ok, err := isRight(s.CheckToken(t.Context(), chat.Credential{UserID: "u", Token: `to"ken`}))
	wantEqual(t, "CheckToken", ok, err, true)
	oks, err := areRight(s.CheckTokens(t.Context(), []chat.Credential{{UserID: "u", Token: `to"ken`}, {UserID: "u", Token: "x"}}))
	wantEqual(t, "CheckTokens", oks, err, []bool{true, false})
	if got := raw.int("PTTL", "login:u"); got <= time.Hour.Milliseconds() {
		t.Errorf("CheckToken gave a quoted token no new life: PTTL = %d", got)
	}

	raw.do("SADD", "ugs:u", `"2"`, "1", "3", `"3"`)
	rooms, err := s.Rooms(t.Context(), "u")
	wantEqual(t, "Rooms", rooms, err, []string{"1", "2", "3"})
	ok, err = s.IsMember(t.Context(), "u", "2")
	wantEqual(t, "IsMember", ok, err, true)
	ok, err = s.Join(t.Context(), "u", "2")
	wantEqual(t, "Join", ok, err, false)

	for ts := range int64(4) {
		raw.do("RPUSH", "gml:1", fastIM("1", "u", `said "hi" \ `, ts))
	}
	want := func(ts int64) string {
		return fmt.Sprintf(`{"groupId":"1","userId":"u","info":"said \"hi\" \\ ","ts":%d}`, ts)
	}
	msgs, err := s.Range(t.Context(), "1", 0, -1)
	wantEqual(t, "Range", msgs, err, []string{want(0), want(1), want(2), want(3)})
	msgs, found, err := s.Before(t.Context(), "1", "u", 2, 5)
	wantEqual(t, "Before", found, err, true)
	wantEqual(t, "Before", msgs, nil, []string{want(0), want(1)})
	s.wantRecall(t, "1", "u", 1, true)
	s.wantRecall(t, "1", "u", 1, true) // recalled again
	h, err := s.Since(t.Context(), "1", 1, 5)
	noError(t, err)
	wantHistory(t, h, 4, 4, 3, want(2), want(3))
}

// TestRedis_CountsOnFastIMsList begins with a list that no Barrage node has seen.
func TestRedis_CountsOnFastIMsList(t *testing.T) {
	s, raw := newPair(t)
	old := func(room string) []string {
		var msgs []string
		for ts := range int64(3) {
			raw.do("RPUSH", "gml:"+room, fastIM(room, "u", "old", ts))
			msgs = append(msgs, fmt.Sprintf(`{"groupId":%q,"userId":"u","info":"old","ts":%d}`, room, ts))
		}
		return msgs
	}
	msgs := old("written") // is written to first
	msgs = append(msgs, s.publish(t, "written", "u", 10, 11)...)
	h := s.newest(t, "written", 50)
	wantHistory(t, h, 5, 5, 1, msgs...)

	msgs = old("read") // is read first
	h = s.newest(t, "read", 50)
	wantHistory(t, h, 3, 3, 1, msgs...)
	msgs = append(msgs, s.publish(t, "read", "u", 10)...)
	again := s.newest(t, "read", 50)
	wantHistory(t, again, 4, 4, 1, msgs...)
	if h.Epoch == "" || again.Epoch != h.Epoch {
		t.Errorf("epoch is %q when read first, then %q; want the same", h.Epoch, again.Epoch)
	}
}

// TestRedis_RangeSkipsTombstonesWithoutACount has tombstones in a list whose count was lost, and looks
// at it before and after the next message.
func TestRedis_RangeSkipsTombstonesWithoutACount(t *testing.T) {
	for _, first := range []string{"read", "written"} {
		t.Run(first+" first", func(t *testing.T) {
			s, raw := newPair(t)
			texts := s.publish(t, "r", "u", 1, 2, 3, 4)
			for _, ts := range []int64{2, 4} {
				s.wantRecall(t, "r", "u", ts, true)
			}
			left := []string{texts[0], texts[2]}
			raw.do("DEL", "gmm:r")
			for _, ts := range []int64{5, 6} {
				if first == "read" {
					msgs, err := s.Range(t.Context(), "r", -2, -1)
					wantEqual(t, "Range", msgs, err, left)
				}
				left = append(left[1:], s.publish(t, "r", "u", ts)...)
				msgs, err := s.Range(t.Context(), "r", -2, -1)
				wantEqual(t, "Range", msgs, err, left)
			}
		})
	}
}

// TestRedis_RangeIsPlain: only a room that has a tombstone in its list pays for it.
func TestRedis_RangeIsPlain(t *testing.T) {
	s, raw := newPair(t)
	searches := func() bool {
		t.Helper()
		raw.do("CONFIG", "RESETSTAT")
		_, err := s.Range(t.Context(), "r", -1, -1)
		noError(t, err)
		return strings.Contains(raw.text("INFO", "commandstats"), "cmdstat_lpos:")
	}
	s.publish(t, "r", "u", 1, 2, 3)
	wantEqual(t, "Range without recalls searches", searches(), nil, false)
	s.wantRecall(t, "r", "u", 2, true)
	for ts := int64(4); ts < historyMessages+2; ts++ {
		s.publish(t, "r", "u", ts)
	}
	wantEqual(t, "Range with the tombstone at the end searches", searches(), nil, true)
	s.publish(t, "r", "u", historyMessages+2)
	wantEqual(t, "Range with the tombstone gone searches", searches(), nil, false)
}

// TestRedis_RangeReadsAcrossManyTombstones reads across many tombstones, from both ends.
func TestRedis_RangeReadsAcrossManyTombstones(t *testing.T) {
	s, raw := newPair(t)
	const n, left = 3000, 7 // The messages stand far from each other and from the ends.
	entries := []string{"RPUSH", "gml:r"}
	var msgs []string
	for i := range n {
		entry := `{"recalled":true}`
		if i%(n/left+1) == 200 {
			entry = fmt.Sprintf(`{"groupId":"r","userId":"u","info":"hi","ts":%d}`, i)
			msgs = append(msgs, entry)
		}
		entries = append(entries, entry)
	}
	raw.do(entries...)
	for i := range int64(left) {
		for k := i; k < left; k++ {
			for _, r := range [][2]int64{{i, k}, {i - left, k - left}, {i, k - left}, {i - left, k}} {
				got, err := s.Range(t.Context(), "r", r[0], r[1])
				wantEqual(t, fmt.Sprintf("Range(%d, %d)", r[0], r[1]), got, err, msgs[i:k+1])
			}
		}
	}
}

// TestRedis_FindsByTheOrder looks for messages by their ts in a long history. A purge has left many tombstones in a row
// there, and one message waited for the store. A search for a message that is not there looks at few entries.
func TestRedis_FindsByTheOrder(t *testing.T) {
	s, raw := newPair(t)
	const n, waited, meanwhile = 20_000, 7_000, 2_000 // it was stored behind so many that came after it
	all := make([]string, n)
	for i := range all {
		ts := 1000 * (i + 1)
		if i < waited { // a busy room: 200 a second
			ts = 1000*waited - 5*(waited-i)
		}
		switch {
		case i > 9_000 && i < 15_000:
			all[i] = `{"recalled":true}`
			continue
		case i == waited:
			ts = 1000*waited - 5*meanwhile
		}
		all[i] = fmt.Sprintf(`{"groupId":"r","userId":"u%d","info":"hi","ts":%d}`, i%7, ts)
	}
	raw.do(append([]string{"RPUSH", "gml:r"}, all...)...)
	written := func(i int) int { return int(codec.Timestamp(all[i])) }
	before := func(i, ts int) (found bool, calls int) {
		t.Helper()
		raw.do("CONFIG", "RESETSTAT")
		msgs, found, err := s.Before(t.Context(), "r", fmt.Sprint("u", i%7), int64(ts), 1)
		noError(t, err)
		if found && i > 0 && !slices.Equal(msgs, all[i-1:i]) {
			t.Errorf("Before(the %d. message) = %v; want %v", i+1, msgs, all[i-1])
		}
		stats := raw.text("INFO", "commandstats")
		_, stats, _ = strings.Cut(stats, "cmdstat_lrange:calls=")
		_, err = fmt.Sscanf(stats, "%d,", &calls)
		noError(t, err)
		return found, calls
	}
	for _, i := range []int{0, 1, 5_000, 8_999, 15_001, 17_777, 18_976, 18_977, n - 1} {
		if found, _ := before(i, written(i)); !found {
			t.Errorf("Before finds nothing of the %d. of %d messages", i+1, n)
		}
	}
	if found, _ := before(waited, written(waited)); !found {
		t.Error("Before does not find the message that waited")
	}
	for _, ts := range []int{0, 500, 1000*n/3 + 1, 1000 * n / 2, 1000*n + 1, 1 << 50, written(3_000) + 1} {
		if found, calls := before(0, ts); found || calls > 100 {
			t.Errorf("Before(%d), which is not there, looked %d times, and found it: %v; want at most 100 times, and not", ts, calls, found)
		}
	}
}

func TestRedis_UnreadableEntriesAreSkippedAndCounted(t *testing.T) {
	s, raw := newPair(t)
	one := s.publish(t, "r", "u", 1)
	unreadable := []string{"garbage", `"half a literal`, `"no object"`, `{"half":`, "", `[1]`, `{"a":1}`, `"{\"a\":1}"`}
	raw.do(append([]string{"RPUSH", "gml:r"}, unreadable...)...)
	for _, field := range []string{"s", "n"} {
		raw.do("HINCRBY", "gmm:r", field, fmt.Sprint(len(unreadable)))
	}
	two := s.publish(t, "r", "u", 2)

	h := s.newest(t, "r", 50)
	n := uint64(len(unreadable))
	want := []chat.Entry{{Seq: 1, JSON: one[0]}, {Seq: n + 2, JSON: two[0]}}
	if !slices.Equal(h.Entries, want) || h.Seq != n+2 {
		t.Errorf("Read = %+v; want seq %d, %v", h, n+2, want)
	}
	msgs, err := s.Range(t.Context(), "r", 0, -1)
	wantEqual(t, "Range", msgs, err, append(one, two...))
	msgs, err = s.Range(t.Context(), "r", -2, -1) // They have an index all the same.
	wantEqual(t, "Range", msgs, err, two)
	if got := s.Stats().Unreadable; got != 2*n+1 {
		t.Errorf("Stats().Unreadable = %d; want %d", got, 2*n+1)
	}
}

func TestRedis_ForeignEventsAreLookedAtOrCounted(t *testing.T) {
	s, raw := newPair(t)
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	raw.do("PUBLISH", "mq:r", fastIM("r", "u", "hi", 1))
	raw.do("PUBLISH", "mq:r", "m2 broken")
	text := s.publish(t, "r", "u", 2)
	s.wantEvents(t, "r", chat.Event{Kind: chat.EventLook}, chat.Event{
		Kind: chat.EventMessages, Epoch: s.newest(t, "r", 1).Epoch, Seq: 1, Total: 1, Messages: text,
	})
	if got := s.Stats(); got.Foreign != 1 || got.Events != 2 {
		t.Errorf("Stats = %+v; want 1 foreign, 2 events", got)
	}
}

func TestRedis_TwoNodesOneOrder(t *testing.T) {
	raw := newRaw(t, server.Addr)
	raw.do("FLUSHALL")
	nodes := []*harness{newNode(t, server.Addr, raw), newNode(t, server.Addr, raw)}
	const batches, room = 50, "r"
	var working sync.WaitGroup
	for _, n := range nodes {
		noError(t, n.SubscribeRoom(t.Context(), room))
		noError(t, n.SubscribeUser(t.Context(), "u"))
	}
	for _, n := range nodes {
		working.Go(func() { // Ends after its batches; waited for below.
			for range batches { // The same user sends everything at the same moment.
				if err := n.send(t.Context(), room, drafts(room, "u", 1000, 1000)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	working.Wait()
	const want = 2 * batches
	for _, n := range nodes {
		eventually(t, "all events have come", func() (bool, string) {
			got := len(n.events(room))
			return got == want, fmt.Sprintf("%d of %d", got, want)
		})
	}
	one, two := nodes[0].events(room), nodes[1].events(room)
	for i, ev := range one {
		if ev.Seq != uint64(2*i+1) || !slices.Equal(ev.Messages, two[i].Messages) || two[i].Seq != ev.Seq {
			t.Fatalf("event %d is %+v on one node, %+v on the other", i, ev, two[i])
		}
		for k, text := range ev.Messages {
			m, err := codec.ParseMessage(text)
			wantEqual(t, "ts of message", m.TS, err, int64(1000+2*i+k))
		}
	}
	_, err := nodes[0].Join(t.Context(), "u", room)
	noError(t, err)
	for _, n := range nodes {
		n.wantUsers(t, "u")
	}
}

// TestRedis_TSGoesOnFromTheEarlierBucket moves what was written to the bucket before the present. A user's next message
// is later all the same, also where all others of its batch, and its node, have been here since.
func TestRedis_TSGoesOnFromTheEarlierBucket(t *testing.T) {
	s, raw := newPair(t)
	raw.early(t)
	for n, batch := range [][]chat.Draft{
		drafts("r", "u", 5000), drafts("r", "v", 1), slices.Concat(drafts("r", "v", 2), drafts("r", "u", 1000)),
	} {
		_, err := s.put(t.Context(), "r", fmt.Sprintf("n.%d", n+1), batch)
		noError(t, err)
		if n == 0 {
			raw.shift("gmu:", "ub", -1)
		}
	}
	m, err := codec.ParseMessage(s.newest(t, "r", 1).Entries[0].JSON)
	wantEqual(t, "ts", m.TS, err, 5001)
}

// TestRedis_ScriptsForgottenAreSentAgain: a Redis that was started anew knows no scripts.
func TestRedis_ScriptsForgottenAreSentAgain(t *testing.T) {
	s, raw := newPair(t)
	raw.do("SCRIPT", "FLUSH")
	standings, err := s.Report(t.Context(), "n", []chat.Report{{Room: "p", Online: 1}, {Room: "q", Online: 2}})
	wantEqual(t, "Report", standings, err, []chat.Standing{{Counters: counters(1, 0)}, {Counters: counters(2, 0)}})
	s.joinAll(t, chat.Membership{UserID: "u", Room: "p"}, chat.Membership{UserID: "v", Room: "q"})
	rooms, err := s.Rooms(t.Context(), "v")
	wantEqual(t, "Rooms", rooms, err, []string{"q"})
	s.publish(t, "r", "u", 1)
}

func TestRedis_WrongTypeIsRefusedWithTheKey(t *testing.T) {
	s, raw := newPair(t)
	for _, key := range []string{"login:u", "gml:r", "ugs:u"} {
		raw.do("HSET", key, "a", "b")
	}
	raw.do("SET", "gmm:q", "text")
	check := func(what, key string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "WRONGTYPE") || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: error %v; want WRONGTYPE and key %s", what, err, key)
		}
		if !errors.Is(err, chat.ErrRefused) {
			t.Errorf("%s: error %v; want %v", what, err, chat.ErrRefused)
		}
	}
	right, err := isRight(s.CheckToken(t.Context(), chat.Credential{UserID: "u", Token: "x"}))
	wantEqual(t, "CheckToken", right, err, false)
	_, err = s.Join(t.Context(), "u", "r")
	check("Join", "ugs:u", err)
	_, err = s.IsMember(t.Context(), "u", "r")
	check("IsMember", "ugs:u", err)
	_, err = s.Rooms(t.Context(), "u")
	check("Rooms", "ugs:u", err)
	check("Publish", "gml:r", s.send(t.Context(), "r", drafts("r", "u", 1)))
	_, err = s.Read(t.Context(), "r", chat.Position{}, 1, 1)
	check("Read", "gml:r", err)
	_, err = s.Read(t.Context(), "q", chat.Position{}, 1, 1)
	check("Read", "gmm:q", err)
	_, err = s.Since(t.Context(), "r", 0, 1)
	check("Since", "gml:r", err)
	_, err = s.Range(t.Context(), "r", 0, 1)
	check("Range", "gml:r", err)
	_, _, err = s.Before(t.Context(), "r", "u", 1, 1)
	check("Before", "gml:r", err)
	_, err = s.Recall(t.Context(), "r", "u", 1)
	check("Recall", "gml:r", err)
	standings, err := s.Report(t.Context(), "n", []chat.Report{{Room: "p", Online: 1}, {Room: "q", Online: 1}, {Room: "o", Online: 2}})
	check("Report", "gmm:q", err)
	wantEqual(t, "standings of a room that was refused and of others", standings, nil, []chat.Standing{
		{Counters: counters(1, 0)}, {}, {Counters: counters(2, 0)},
	})
	for _, what := range []string{"gml:r", "gmm:q"} { // The other rooms are unharmed.
		s.publish(t, "other than "+what, "u", 1)
	}
	if got := s.Stats().Errors; got != 12 {
		t.Errorf("Stats().Errors = %d; want 12", got)
	}
	noError(t, s.State())
}
