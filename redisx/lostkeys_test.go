package redisx_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is about rooms that lost some of their keys. A message that is sent again is stored once all the same. A
// user's ts stay unique, and an ack names a number of the present epoch.

// lostRoom is a room whose keys are taken away, and what was sent to it.
type lostRoom struct {
	*harness
	raw *rawClient
	t   *testing.T
	// known is where a node knows the room to stand.
	known chat.Position
	batch chat.Batch // its answer was lost
	next  int
	// sentAgain has the batches of again.
	sentAgain []chat.Stored
}

// newLostRoom is a room with two batches, the later of which had no answer, and a message that
// was recalled. With twoBuckets the first is in the earlier sets of last ts and of ids.
func newLostRoom(t *testing.T, raw *rawClient, s *harness, twoBuckets bool) *lostRoom {
	t.Helper()
	raw.early(t)
	raw.do("FLUSHALL")
	r := &lostRoom{harness: s, raw: raw, t: t}
	_, err := s.put(t.Context(), "r", "n.1", append(sends("u", 1000, "c", "g"), madeIDs("u", 1000, "a")...))
	noError(t, err)
	s.wantRecall(t, "r", "u", 1001, true)
	if twoBuckets {
		raw.shift("gmu:", "ub", -1)
		raw.shift("gmi:", "ib", -1)
	}
	r.batch = chat.Batch{ID: "n.2", Try: 1, Drafts: append(sends("v", 1000, "d"), madeIDs("u", 1000, "e")...)}
	stored, err := s.put(t.Context(), "r", r.batch.ID, r.batch.Drafts)
	noError(t, err)
	s.report("n", 1, 1)
	r.known = stored.Event.After(chat.Position{})
	return r
}

// publish publishes a batch and checks what any answer must fulfil.
func (r *lostRoom) publish(b chat.Batch) chat.Stored {
	r.t.Helper()
	stored, err := r.Publish(r.t.Context(), "r", b)
	noError(r.t, err)
	h := r.read(r.t, "r", chat.Position{}, 100, 100)
	if stored.Event.Epoch != h.Epoch {
		r.t.Errorf("batch %s: answered in epoch %s; it is %s", b.ID, stored.Event.Epoch, h.Epoch)
	}
	for _, repeat := range stored.Repeats {
		for _, e := range h.Entries {
			if e.Seq == repeat.Seq && e.JSON != "" && codec.Timestamp(e.JSON) != repeat.TS {
				r.t.Errorf("batch %s: %+v is another message than %s", b.ID, repeat, e.JSON)
			}
		}
	}
	return stored
}

// resend sends an id again that another node had taken.
func (r *lostRoom) resend(id string, seq uint64, ts int64) {
	r.t.Helper()
	r.next++
	stored := r.publish(chat.Batch{ID: fmt.Sprintf("m.%d", r.next), Known: r.known, Drafts: sends("u", 2000, id)})
	want := []chat.Repeat{{Index: 0, Seq: seq, TS: ts}}
	if !slices.Equal(stored.Repeats, want) && (id != "g" || len(stored.Repeats) != 1 || stored.Repeats[0].Seq != 0) {
		r.t.Errorf("id %s sent again: %+v; want %+v", id, stored, want)
	}
}

// retry publishes the batch whose answer was lost.
func (r *lostRoom) retry() {
	r.t.Helper()
	r.batch.Known = r.known
	stored := r.publish(r.batch)
	switch {
	case len(stored.Event.Messages) == 2: // the first answer
		wantEqual(r.t, "number of the batch", stored.Event.Seq, nil, 4)
	default:
		wantEqual(r.t, "repeats of the batch", stored.Repeats, nil, []chat.Repeat{{Index: 0, Seq: 4, TS: 1000}, {Index: 1, Seq: 5, TS: 1003}})
	}
}

// again sends twice what a user sends in a millisecond that is taken.
func (r *lostRoom) again() {
	r.t.Helper()
	for range 2 {
		r.next++
		b := chat.Batch{ID: fmt.Sprintf("o.%d", r.next), Known: r.known, Drafts: drafts("r", "u", 1000)}
		r.sentAgain = append(r.sentAgain, r.publish(b))
	}
}

// wantNothingTwice looks at the whole history.
func (r *lostRoom) wantNothingTwice(messages int) {
	r.t.Helper()
	ids, times := make(map[string]int), make(map[string]int)
	h := r.read(r.t, "r", chat.Position{}, 100, 100)
	n := 0
	for _, e := range h.Entries {
		if e.JSON == "" {
			continue
		}
		n++
		m, err := codec.ParseMessage(e.JSON)
		noError(r.t, err)
		times[fmt.Sprint("ts ", m.UserID, " ", m.TS)]++
		if user, id, ok := codec.SendKey(e.JSON); ok {
			ids["id "+user+id]++
		}
	}
	for _, counts := range []map[string]int{ids, times} {
		for what, n := range counts {
			if n != 1 {
				r.t.Errorf("%s is there %d times", what, n)
			}
		}
	}
	if n != messages {
		r.t.Errorf("%d messages are in the history; want %d: %v", n, messages, h.Entries)
	}
}

func TestRedis_LostKeysStoreNothingTwice(t *testing.T) {
	s, raw := newPair(t)
	for _, twoBuckets := range []bool{false, true} {
		newLostRoom(t, raw, s, twoBuckets)
		keys := raw.strings("KEYS", "gm*")
		slices.Sort(keys)
		if want := map[bool]int{false: 6, true: 8}[twoBuckets]; len(keys) != want {
			t.Fatalf("the room has %q; want %d keys", keys, want)
		}
		for i := range keys {
			for k := i; k < len(keys); k++ {
				if i != k && slices.Contains([]string{keys[i], keys[k]}, "gml:r") {
					continue // Nothing is left to go by.
				}
				for name, first := range firstAfterLoss {
					t.Run(fmt.Sprintf("%s %s/%s", keys[i], keys[k], name), func(t *testing.T) {
						testLostKeys(newLostRoom(t, raw, s, twoBuckets), i, k, first)
					})
				}
			}
		}
	}
}

// firstAfterLoss is what may meet the loss.
var firstAfterLoss = map[string]func(r *lostRoom){
	"resend": func(r *lostRoom) { r.resend("c", 1, 1000) },
	"retry":  func(r *lostRoom) { r.retry() },
	"again":  func(r *lostRoom) { r.again() },
	"read":   func(r *lostRoom) { r.read(r.t, "r", r.known, 1, 1) },
	"since": func(r *lostRoom) {
		_, err := r.Since(r.t.Context(), "r", 0, 1)
		noError(r.t, err)
	},
	"report": func(r *lostRoom) {
		_, err := r.Report(r.t.Context(), "n", []chat.Report{{Room: "r", Known: r.known}})
		noError(r.t, err)
	},
}

// testLostKeys takes two of the room's keys away, or one, in the order of their names.
func testLostKeys(r *lostRoom, i, k int, first func(r *lostRoom)) {
	keys := r.raw.strings("KEYS", "gm*")
	slices.Sort(keys)
	lost := keys[i] + " " + keys[k]
	for _, key := range []string{keys[i], keys[k]} {
		r.raw.do("DEL", key)
	}
	messages := func() (n int) {
		for _, e := range r.read(r.t, "r", chat.Position{}, 100, 100).Entries {
			if e.JSON != "" {
				n++
			}
		}
		return n
	}
	want := 4
	if strings.Contains(lost, "gml:r") {
		want = 0
	}
	first(r)
	want += len(r.sentAgain)
	r.resend("c", 1, 1000)
	if !strings.Contains(lost, "gmr:r") || !strings.Contains(lost, "gmi:") {
		r.resend("g", 2, 1001) // Else nobody knows that the recalled message was there.
	}
	r.retry()
	wantEqual(r.t, "messages", messages(), nil, want)
	r.again()
	r.wantNothingTwice(want + 2)
	_, err := r.put(r.t.Context(), "r", "n.1", sends("u", 1, ""))
	wantRefused(r.t, err, true) // The fence stands again.
}

// TestRedis_ClockThatWentBackStoresNothingTwice has sets in buckets that lie in the future.
func TestRedis_ClockThatWentBackStoresNothingTwice(t *testing.T) {
	s, raw := newPair(t)
	for _, lost := range []bool{false, true} {
		for _, trimmed := range []bool{false, true} {
			t.Run(fmt.Sprintf("lost=%v trimmed=%v", lost, trimmed), func(t *testing.T) {
				r := newLostRoom(t, raw, s, false)
				if trimmed { // Then only the sets know.
					raw.do("LTRIM", "gml:r", "-1", "-1")
					raw.do("HSET", "gmm:r", "n", "1")
				}
				raw.shift("gmu:", "ub", 5)
				raw.shift("gmi:", "ib", 5)
				if lost {
					for _, key := range append(raw.strings("KEYS", "gmu:*"), raw.strings("KEYS", "gmi:*")...) {
						raw.do("DEL", key)
					}
				}
				if lost && trimmed {
					r.again() // No more can be asked of it.
					r.wantNothingTwice(3)
					return
				}
				r.resend("c", 1, 1000)
				r.retry()
				r.again()
				r.resend("g", 2, 1001)
				if trimmed {
					r.wantNothingTwice(3)
				} else {
					r.wantNothingTwice(6)
				}
				_, err := r.put(t.Context(), "r", "n.1", sends("u", 1, ""))
				wantRefused(t, err, true)
				// It was restored once: the sets are those of the present.
				raw.do("CONFIG", "RESETSTAT")
				r.next++
				stored, err := r.Publish(t.Context(), "r", chat.Batch{ID: fmt.Sprintf("m.%d", r.next), Drafts: sends("u", 9000, "new")})
				noError(t, err)
				wantEqual(t, "Repeats", len(stored.Repeats), nil, 0)
				if strings.Contains(raw.text("INFO", "commandstats"), "cmdstat_hgetall:") {
					t.Error("the sets are restored again and again")
				}
			})
		}
	}
}

// TestRedis_LostIDsCountNoLongerThanBefore: after a loss an id counts no longer than it would have.
func TestRedis_LostIDsCountNoLongerThanBefore(t *testing.T) {
	s, raw := newPair(t)
	s.wantStored("n.1", sends("u", 1000, "a"), 1)
	for _, key := range raw.strings("KEYS", "gmi:*") {
		raw.do("DEL", key)
	}
	s.wantStored("n.2", sends("u", 1000+4*60_000, "a"), 1, chat.Repeat{Index: 0, Seq: 1, TS: 1000})
	for _, key := range raw.strings("KEYS", "gmi:*") {
		raw.do("DEL", key)
	}
	s.wantStored("n.3", sends("u", 1001+4*60_000, "a"), 2)
}
