package redisx_test

import (
	"errors"
	"fmt"
	"testing"

	"barrage/internal/chat"
	"barrage/internal/pace"
)

// TestRedis_FindIsBoundedByAge: a search for a message that is not there reads no history of long before. A message
// that is there is found, however old it is.
func TestRedis_FindIsBoundedByAge(t *testing.T) {
	node, raw := newPaced(t, pace.Rate{})
	a := node()
	const hour, now = 3_600_000, 1_700_000_000_000
	for batch := range 20 { // 2,000 messages over twenty hours
		times := make([]int64, 100)
		for i := range times {
			times[i] = int64(now + batch*hour + i)
		}
		_, err := a.Publish(t.Context(), "r", chat.Batch{ID: fmt.Sprint("n.", batch+1), Drafts: drafts("r", "u", times...)})
		noError(t, err)
	}
	reads := func(ts int64) (chunks int, err error) {
		raw.do("CONFIG", "RESETSTAT")
		_, err = a.Recall(t.Context(), "r", "u", ts)
		return raw.statOf("lrange"), err
	}
	if chunks, err := reads(now + 22*hour); !errors.Is(err, chat.ErrNoMessage) || chunks > 2 { // the log of recalls, too
		t.Errorf("a message that was never there: %v after %d reads of 256 entries; want none after 1", err, chunks)
	}
	if chunks, err := reads(now + 17*hour + 500); !errors.Is(err, chat.ErrNoMessage) || chunks > 4 {
		t.Errorf("one that is not there among older ones: %v after %d reads; want none after 2", err, chunks)
	}
	if _, err := reads(now + 5); err != nil {
		t.Errorf("the oldest: %v", err)
	}
	msgs, found, err := a.Before(t.Context(), "r", "u", now+hour, 3)
	if err != nil || !found || len(msgs) != 3 {
		t.Errorf("before one of long ago: %d messages, found %v, %v; want 3", len(msgs), found, err)
	}
}

// TestRedis_FindsMessagesByOtherClocks: nodes' clocks are an hour behind and an hour ahead; a message is found all the
// same.
func TestRedis_FindsMessagesByOtherClocks(t *testing.T) {
	s := newRedis(t)
	const hour, now = 3_600_000, 1_700_000_000_000
	for i := range int64(5) {
		s.publish(t, "r", "behind", now-hour+i)
		s.publish(t, "r", "ahead", now+hour+i)
		s.publish(t, "r", "right", now+2*i, now+2*i+1)
	}
	s.publish(t, "r", "behind", now-hour+5, now-hour+6)
	for user, ts := range map[string]int64{"ahead": now + hour, "right": now, "behind": now - hour} {
		if _, err := s.Recall(t.Context(), "r", user, ts); err != nil {
			t.Errorf("a message of whose clock is %s: %v", user, err)
		}
	}
}

// TestRedis_FindsMessagesBesideTombstones: a purge has left a row of them, of any length; messages on either side are
// found.
func TestRedis_FindsMessagesBesideTombstones(t *testing.T) {
	s, raw := newPair(t)
	const n = 10_000
	for _, row := range []int{3_000, 5_000, 8_000} {
		for _, from := range []int{10, 777, n - row - 20} {
			all := make([]string, n)
			for i := range all {
				all[i] = fmt.Sprintf(`{"groupId":"r","userId":"u","info":"hi","ts":%d}`, 1000*(i+1))
				if i >= from && i < from+row {
					all[i] = `{"recalled":true}`
				}
			}
			raw.do("DEL", "gml:r")
			raw.do(append([]string{"RPUSH", "gml:r"}, all...)...)
			for _, i := range []int{0, from - 1, from + row, n - 1} {
				if _, found, err := s.Before(t.Context(), "r", "u", int64(1000*(i+1)), 1); err != nil || !found {
					t.Errorf("%d tombstones from %d on: message %d is found: %v, %v", row, from, i, found, err)
				}
			}
		}
	}
}

// TestRedis_FindsMessagesBesideThoseThatWaited: of 100 messages a second a node with a third of them was cut off for 15
// s. Its messages stand behind those that were stored meanwhile; all of either are found.
func TestRedis_FindsMessagesBesideThoseThatWaited(t *testing.T) {
	s, raw := newPair(t)
	const rate, cutAt, back, n = 100, 2_000, 2_000 + 100*15, 8_000
	var all, waiting []int64
	for i := range int64(n) {
		ts := 1000*3600 + i*1000/rate
		switch {
		case i >= cutAt && i < back && i%3 == 0:
			waiting = append(waiting, ts)
		case i == back:
			all, waiting = append(append(all, waiting...), ts), nil
		default:
			all = append(all, ts)
		}
	}
	entries := []string{"RPUSH", "gml:r"}
	for _, ts := range all {
		entries = append(entries, fmt.Sprintf(`{"groupId":"r","userId":"u","info":"hi","ts":%d}`, ts))
	}
	raw.do(entries...)
	missed := 0
	for _, ts := range all[cutAt-200 : back+200] {
		_, found, err := s.Before(t.Context(), "r", "u", ts, 1)
		noError(t, err)
		if !found {
			missed++
		}
	}
	if missed > 0 {
		t.Errorf("%d of %d messages are not found", missed, back-cutAt+400)
	}
}
