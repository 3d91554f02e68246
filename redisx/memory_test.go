package redisx

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"barrage/codec"
	"barrage/internal/chat"
)

// TestMemory_Forgets has other rooms and users come and go: entries that nobody touches any more must not stay.
func TestMemory_Forgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // for a clock that is fast
		// Enough that no shard stays without a write, which is when it looks for what has expired. With 256 shards the chance
		// is one in a million.
		const life, batch = time.Hour, 5000
		m := NewMemory(Limits{HistoryMessages: 10, HistoryTTL: life}, nil)
		round := func(n int) {
			for i := range batch {
				id := fmt.Sprintf("%d-%d", n, i)
				if _, err := m.Publish(t.Context(), id, chat.Batch{ID: "node.1", Drafts: []chat.Draft{codec.NewDraft(id, "u", "hi", 1)}}); err != nil {
					t.Fatal(err)
				}
				if err := m.SetToken(t.Context(), id, "token"); err != nil {
					t.Fatal(err)
				}
			}
		}
		round(0)
		time.Sleep(2 * tsBucket)
		round(1)
		if histories, rooms, times, tokens := m.sizes(); histories != 2*batch || rooms != 2*batch || tokens != 2*batch || times > batch {
			t.Errorf("at first there are %d histories, %d rooms, %d ts, %d tokens; want %d, %[5]d, %d, %[5]d", histories, rooms, times, tokens, 2*batch, batch)
		}
		time.Sleep(life)
		round(2)
		if histories, rooms, _, _ := m.sizes(); histories != batch || rooms != 3*batch {
			t.Errorf("after the histories' life there are %d of them and %d rooms; want %d, %d", histories, rooms, batch, 3*batch)
		}
		time.Sleep(life + metaGrace)
		round(3)
		if histories, rooms, times, tokens := m.sizes(); histories != batch || rooms != batch || tokens != batch || times != batch {
			t.Errorf("in the end there are %d histories, %d rooms, %d ts, %d tokens; want %d each", histories, rooms, times, tokens, batch)
		}
	})
}

// sizes counts what m holds: rooms with a history, all rooms, last ts, tokens.
func (m *Memory) sizes() (histories, rooms, times, tokens int) {
	for i := range memoryShards {
		for _, r := range m.rooms[i].rooms {
			rooms++
			if r.len() > 0 {
				histories++
			}
			times += len(r.last.now) + len(r.last.earlier)
		}
		tokens += len(m.users[i].tokens)
	}
	return histories, rooms, times, tokens
}

func TestLastTS_NeverGoesBackUntilForgotten(t *testing.T) {
	var l lastTS
	start := time.Unix(0, 0).Add(1000 * tsBucket)
	f := func(after time.Duration, user string, ts, want int64) {
		t.Helper()
		l.expire(start.Add(after))
		if got := l.next(user, ts); got != want {
			t.Errorf("after %v: next(%s, %d) = %d; want %d", after, user, ts, got, want)
		}
	}
	f(0, "u", 5, 5)
	f(0, "u", 5, 6)
	f(0, "v", 5, 5)
	f(tsBucket-1, "u", 3, 7)
	f(tsBucket, "u", 3, 8) // known from the earlier set
	f(tsBucket, "v", 9, 9) // later than there
	f(2*tsBucket, "v", 9, 10)
	f(3*tsBucket, "u", 3, 3) // forgotten
	f(5*tsBucket, "v", 9, 9) // two sets at once
}

// TestMemory_ForgetsRoomsOfUsers: users who never come back leave nothing for good.
func TestMemory_ForgetsRoomsOfUsers(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	m := NewMemory(Limits{HistoryMessages: 10, HistoryTTL: time.Hour, MembershipTTL: 48 * time.Hour}, func() time.Time { return now })
	join := func(from, to int) {
		for i := from; i < to; i++ {
			if _, err := m.Join(t.Context(), fmt.Sprint(i), "r"); err != nil {
				t.Fatal(err)
			}
		}
	}
	join(0, 10_000)
	now = now.Add(49 * time.Hour)
	join(10_000, 20_000) // each shard is written to
	held := 0
	for i := range m.users {
		held += len(m.users[i].joined)
	}
	if held != 10_000 {
		t.Errorf("rooms of %d users are held; want the 10000 of the living", held)
	}
}

// TestMemory_MembershipIsSmall: each user who has spoken has one, beside 16 bytes of their name.
func TestMemory_MembershipIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(memoryJoined{}); size > 24 {
		t.Errorf("a user's memberships have %d bytes; want at most 24", size)
	}
}
