package redisx_test

import (
	"errors"
	"fmt"
	"testing"

	"barrage/internal/chat"
	"barrage/internal/pace"
)

// TestRedis_FindIsBoundedByAge: who looks for a message that is not there reads no history of long before; one that
// is there is found, however old it is.
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

// TestRedis_FindByOtherClocks: nodes' clocks are an hour behind and an hour ahead; a message is found all the same.
func TestRedis_FindByOtherClocks(t *testing.T) {
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
