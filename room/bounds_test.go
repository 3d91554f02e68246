package room

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/internal/pace"
)

// TestWelcome_IsBoundedInBytes: newcomers are given the newest messages that 256 KiB hold, and one at least.
func TestWelcome_IsBoundedInBytes(t *testing.T) {
	entry := func(seq, size int) chat.Entry {
		d := codec.NewDraft("r", "u", strings.Repeat("x", size), 1)
		return chat.Entry{Seq: uint64(seq), JSON: string(d.AppendJSON(nil, 1))}
	}
	var n newest
	for i := range 50 {
		n.entries = append(n.entries, entry(i+1, 20_000))
	}
	got := n.last(50)
	if size := bytesOf(got); size > welcomeBytes || size < welcomeBytes-21_000 || got[len(got)-1].Seq != 50 {
		t.Errorf("%d messages of %d bytes, the last is %d; want the newest, just below %d bytes", len(got), size, got[len(got)-1].Seq, welcomeBytes)
	}
	n.entries = append(n.entries, entry(51, 2*welcomeBytes))
	if got := n.last(50); len(got) != 1 || got[0].Seq != 51 {
		t.Errorf("of a huge one %d messages; want it alone", len(got))
	}
	n.entries = n.entries[:10]
	for i := range n.entries {
		n.entries[i] = entry(i+1, 10)
	}
	if got := n.last(5); len(got) != 5 || got[0].Seq != 6 {
		t.Errorf("of small ones %d messages; want the newest 5", len(got))
	}
	if got := n.last(0); len(got) != 0 {
		t.Errorf("%d messages; want none", len(got))
	}
}

// TestRoom_QueueIsSharedByUsers: while the store is slow, a few who flood are refused, and nobody else loses a message.
func TestRoom_QueueIsSharedByUsers(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.QueueMessages = 4096 }, Callbacks{})
	r := f.open("1")
	taken := map[string]int{}
	say := func(user string) bool {
		err := r.Post(nil, user, "", f.now)
		if err == nil {
			taken[user]++
		}
		return err == nil
	}
	for range 3000 { // two sockets flood with empty texts
		say("flood1")
		say("flood2")
	}
	if got := taken["flood1"] + taken["flood2"]; got < 2048 || got > 2300 {
		t.Errorf("of the floods %d messages wait; want about half of the queue, 2048", got)
	}
	for i := range 250 {
		if user := fmt.Sprint("legit", i%5); !say(user) {
			t.Fatalf("message %d of somebody who does not flood was refused", i)
		}
		say("flood1")
	}
	f.settle()
	if stored := len(f.store.stored()); stored != taken["flood1"]+taken["flood2"]+250 {
		t.Errorf("%d messages are stored; want all that were taken", stored)
	}
	if len(r.outbox.users) != 0 || r.outbox.bytes != 0 {
		t.Errorf("when nothing waits, %d users have %d bytes", len(r.outbox.users), r.outbox.bytes)
	}
	for range 100 {
		if !say("flood1") {
			t.Fatal("when nothing waits, somebody is refused")
		}
	}
}

// TestRoom_WhoIsQuietIsHeard: however many flood, in whatever order, a user with nothing in the queue has a place.
func TestRoom_WhoIsQuietIsHeard(t *testing.T) {
	for _, floods := range []int{1, 16, 60, 300} {
		f := newFixture(t, func(c *Config) { c.QueueMessages = 4096 }, Callbacks{})
		r := f.open("1")
		posts := 0
		say := func(user, times int) {
			d := codec.NewDraft("1", fmt.Sprint("flood", user), "", f.now.UnixMilli())
			for range times {
				if r.post(nil, d, f.now, posted) == nil {
					posts++
				}
			}
		}
		for user := range floods { // one after the other
			say(user, max(300, 4096/(user+1)))
		}
		for range 20 { // in turn
			for user := range floods {
				say(user, 1)
			}
		}
		if posts < 2048 {
			t.Errorf("%d who flood have %d messages in the queue; want at least half of it", floods, posts)
		}
		for i := range 50 {
			if err := r.Post(nil, fmt.Sprint("quiet", i), "", f.now); err != nil {
				t.Errorf("beside %d who flood, with %d messages, the %d. who is quiet: %v", floods, posts, i+1, err)
				break
			}
		}
	}
}

// TestRoom_UserRateBoundsWhatViewersSay: the messages of a user in a room have a rate, whichever socket they come from.
// The room forgets a user when the rate is over.
func TestRoom_UserRateBoundsWhatViewersSay(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.UserRate = pace.Rate{Every: 200, Burst: 3} }, Callbacks{})
	r, other := f.open("1"), f.open("2")
	say := func(r *Room, user string, want time.Duration) {
		t.Helper()
		err := r.Post(nil, user, "", f.now)
		fast, ok := errors.AsType[*TooFastError](err)
		if ok != (want > 0) || ok && fast.Wait != want || !ok && err != nil {
			t.Errorf("%s says something in %s: %v; want a wait of %v", user, r.id, err, want)
		}
	}
	for range 3 {
		say(r, "u", 0)
	}
	say(r, "u", 200*time.Millisecond)
	say(r, "v", 0)
	say(other, "u", 0)
	f.now = f.now.Add(200 * time.Millisecond)
	say(r, "u", 0)
	say(r, "u", 200*time.Millisecond)
	f.settle()
	if got := f.hall.Stats().RefusedRate; got != 2 || len(f.store.stored()) != 5 {
		t.Errorf("%d refused, %d stored; want 2 and 5 of room 1", got, len(f.store.stored()))
	}
	f.hall.Tick(f.now, 0)
	if got := len(r.outbox.users); got != 1 {
		t.Errorf("%d users are remembered; want 1, whose rate is used up in part", got)
	}
	f.hall.Tick(f.now.Add(time.Second), 0)
	if got := len(r.outbox.users); got != 0 {
		t.Errorf("%d users are remembered a second later; want none", got)
	}
	for i := range 5 { // moderators wait for nobody
		if code := f.says(r, &speaker{voice: Voice{Role: chat.RoleModerator}}, "m", fmt.Sprint(i), "hi"); code != "" {
			t.Errorf("a moderator is refused: %s", code)
		}
	}
	for i := range 4 { // messages of the room itself have none
		if err := r.PostNative(nil, "u", &codec.Op{ID: fmt.Sprint(i), Kind: codec.KindSystem, Body: "x"}, f.now); err != nil {
			t.Errorf("message %d of the room itself: %v", i, err)
		}
	}
}

// TestRoom_QueueIsSharedByRooms: rooms that are flooded do not take the others' part of the node's queue.
func TestRoom_QueueIsSharedByRooms(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.QueueBytes = 4 << 20 }, Callbacks{})
	body := strings.Repeat("x", 4000)
	for room := range 8 {
		r := f.open(fmt.Sprint("flooded", room))
		for user := range 40 {
			for range 10 {
				_ = r.Post(nil, fmt.Sprint(user), body, f.now) // many are refused
			}
		}
	}
	if all := f.hall.stats.tally.bytes.Load(); all < 2<<20 || all >= 4<<20 {
		t.Errorf("%d bytes wait; want more than half of 4 MiB, and not all", all)
	}
	legit := f.open("legit")
	for i := range 50 {
		if err := legit.Post(nil, "u", body, f.now); err != nil {
			t.Fatalf("message %d of another room: %v", i, err)
		}
	}
	for room := range 100 {
		r := f.open(fmt.Sprint("more", room))
		for user := range 10 {
			for range 10 {
				_ = r.Post(nil, fmt.Sprint(user), body, f.now) // many are refused
			}
		}
	}
	for room := range 5 {
		if err := f.open(fmt.Sprint("quiet", room)).Post(nil, "u", body, f.now); err != nil {
			t.Errorf("beside 100 rooms more, in a quiet one: %v", err)
		}
	}
}

// TestNewest_IsBoundedInBytes: the messages that a room keeps for newcomers are bounded in bytes too. Of large messages
// the room has what a welcome takes, of small ones as many as ever.
func TestNewest_IsBoundedInBytes(t *testing.T) {
	n := newest{most: 50}
	seq := uint64(0)
	push := func(count, bytes int) {
		for range count {
			seq++
			n.push(chat.Entry{Seq: seq, JSON: strings.Repeat("x", bytes)})
		}
	}
	push(200, 100)
	if got := len(n.entries); got < 50 || got > 100 {
		t.Errorf("of small messages %d are kept; want 50 to 100", got)
	}
	most := 0
	for range 300 {
		push(1, 48_000)
		most = max(most, bytesOf(n.entries))
		if last := n.last(50); bytesOf(last) > welcomeBytes || len(last) == 0 || last[len(last)-1].Seq != seq {
			t.Fatalf("a welcome has %d messages of %d bytes; want the newest, in %d", len(last), bytesOf(last), welcomeBytes)
		}
	}
	if most > keptBytes {
		t.Errorf("%d bytes are kept; want at most %d", most, keptBytes)
	}
	push(1, 2*keptBytes)
	push(1, 48_000)
	if got := n.entries; len(got) != 2 || got[1].Seq != seq {
		t.Errorf("behind one that is larger than all may be %d are kept; want both", len(got))
	}
	push(200, 100)
	if got := len(n.entries); got < 50 || got > 100 {
		t.Errorf("of small messages %d are kept again; want 50 to 100", got)
	}
	all := make([]chat.Entry, 60)
	for i := range all {
		all[i] = chat.Entry{Seq: uint64(i + 1), JSON: strings.Repeat("x", 48_000)}
	}
	n.set(all, nil)
	if got := bytesOf(n.entries); got > keptBytes || got < keptBytes/2 || n.entries[len(n.entries)-1].Seq != 60 {
		t.Errorf("of a history of large messages %d bytes are kept; want the newest, in %d", got, keptBytes)
	}
}

// TestNewestRecalls_KeepsTheNewestThatFit: a client that comes back receives as many recalls as fit, the newest; the
// rest is reported as missing.
func TestNewestRecalls_KeepsTheNewestThatFit(t *testing.T) {
	events := make([]chat.Event, chat.RecallsKept)
	for i := range events {
		events[i] = chat.Event{Seq: uint64(i), Messages: []string{strings.Repeat("x", 200)}}
	}
	if got, all := newestRecalls(events); !all || len(got) != len(events) {
		t.Errorf("of %d usual ones %d, all %v; want all", len(events), len(got), all)
	}
	for i := range events {
		events[i].Messages[0] = strings.Repeat("x", 500)
	}
	got, all := newestRecalls(events)
	if all || len(got) != recallBytes/500 || got[len(got)-1].Seq != chat.RecallsKept-1 {
		t.Errorf("of large ones %d, all %v; want the newest %d", len(got), all, recallBytes/500)
	}
	if got, all := newestRecalls(nil); !all || len(got) != 0 {
		t.Errorf("of none %d, all %v", len(got), all)
	}
}
