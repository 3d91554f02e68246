package room

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// storms has the store report that the room is offered more than it takes.
func (f *fixture) storms(s chat.Storm) {
	f.t.Helper()
	f.store.set(func(c *fakeStore) { c.storm = s })
	f.publishAsOther("first")
	f.settle()
}

// offers posts a message of a kind, and reports whether it is left out.
func (f *fixture) offers(r *Room, from Author, user, kind string) (shed bool) {
	f.t.Helper()
	if from == nil {
		from = &speaker{voice: Voice{High: true}}
	}
	f.others++
	err := r.PostNative(from, user, &codec.Op{ID: fmt.Sprint("i", f.others), Body: "x", Kind: kind}, f.now)
	no, ok := errors.AsType[*RefusedError](err)
	if err != nil && (!ok || no.Code != CodeShed || no.Wait <= 0 || no.Wait > chat.ShiftTime) {
		f.t.Fatalf("refused: %v; want that it is left out, and for how long", err)
	}
	return ok
}

// TestStorm_LevelLeavesOutLowBeforeNormal: all that is low goes before anything that is normal; nothing above is left
// out here.
func TestStorm_LevelLeavesOutLowBeforeNormal(t *testing.T) {
	for _, c := range []struct {
		level       uint16
		low, normal int // left out of 1,000 users, about
	}{{0, 0, 0}, {32, 250, 0}, {128, 1000, 0}, {160, 1000, 250}, {256, 1000, 1000}} {
		f := newFixture(t, nil, Callbacks{})
		r := f.open("1")
		f.storms(chat.Storm{Level: c.level, Offered: 9, Shown: 3})
		var low, normal, above int
		count := func(into *int, shed bool) {
			if shed {
				*into++
			}
		}
		for i := range 1000 {
			user := fmt.Sprint("user-", i)
			count(&low, f.offers(r, nil, user, "enter"))
			count(&normal, f.offers(r, nil, user, "chat"))
			count(&above, f.offers(r, nil, user, "gift"))
			count(&above, f.offers(r, &speaker{voice: Voice{Role: chat.RoleModerator}}, user, "chat"))
			if i%100 == 0 {
				f.settle()
			}
		}
		if above != 0 || max(low-c.low, c.low-low) > 50 || max(normal-c.normal, c.normal-normal) > 50 {
			t.Errorf("level %d leaves out %d low, %d normal, %d above; want about %d, %d, and 0", c.level, low, normal, above, c.low, c.normal)
		}
		want := Shed{byLevel: {chat.ClassNormal: uint64(normal), chat.ClassLow: uint64(low)}}
		if got := f.hall.Stats().Shed; got != want {
			t.Errorf("counted %v; want %v", got, want)
		}
	}
}

// TestStorm_ShiftsGiveEverybodyATurn: within a shift the same users are left out, again and again; over a minute
// everybody has one.
func TestStorm_ShiftsGiveEverybodyATurn(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	f.storms(chat.Storm{Level: 192, Offered: 9, Shown: 3})
	had := map[string]bool{}
	for range 6 {
		for i := range 50 {
			user := fmt.Sprint("user-", i)
			first := f.offers(r, nil, user, "chat")
			f.now = f.now.Add(time.Millisecond)
			if again := f.offers(r, nil, user, "chat"); again != first {
				t.Fatalf("%s is left out %v, then %v in the same shift", user, first, again)
			}
			had[user] = had[user] || !first
		}
		f.settle()
		f.now = f.now.Add(chat.ShiftTime)
	}
	if len(had) != 50 {
		t.Fatal("users are missing")
	}
	for user, ok := range had {
		if !ok {
			t.Errorf("%s had no turn in a minute, where one in two is left out", user)
		}
	}
}

// TestStorm_MembersAreTold: once a second while it lasts, and once when it is over. The store learns what was left out.
func TestStorm_MembersAreTold(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	n := f.native(r)
	f.storms(chat.Storm{Level: 256, Offered: 90, Shown: 30})
	if !f.offers(r, nil, "u", "chat") || !f.offers(r, nil, "u", "enter") || f.offers(r, nil, "u", "gift") {
		t.Error("level 256 leaves out chat and enter, and no gift")
	}
	var dropped [2]uint64
	f.store.set(func(s *fakeStore) { s.onPublish = func(b chat.Batch) { dropped = b.Dropped } })
	f.settle()
	if dropped != [2]uint64{1, 1} {
		t.Errorf("the store hears that %v were left out; want one of each", dropped)
	}
	f.tick(time.Second)
	f.tick(time.Second)
	f.tick(time.Second)
	f.tick(time.Second)
	f.settle()
	var storms []string
	for _, text := range n.texts(t) {
		if strings.HasPrefix(text, `{"t":"storm"`) {
			storms = append(storms, text)
		}
	}
	want := []string{codec.StormText(chat.Storm{Level: 256, Offered: 90, Shown: 30}), codec.StormText(chat.Storm{Level: 256, Offered: 90, Shown: 30}), codec.StormText(chat.Storm{})}
	if fmt.Sprint(storms) != fmt.Sprint(want) {
		t.Errorf("told\n%s\nwant\n%s", storms, want)
	}
	if f.offers(r, nil, "u", "chat") {
		t.Error("a message is left out when the storm is over")
	}
}

// TestStorm_OverloadLeavesOutLowFirst: a node whose queue of a room does not empty leaves out what is low, then what is
// normal. While the store is away it leaves out nothing.
func TestStorm_OverloadLeavesOutLowFirst(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.QueueMessages = 12 }, Callbacks{})
	r := f.open("1")
	f.settle()
	f.offers(r, nil, "u", "chat") // nobody carries it to the store
	for _, c := range []struct {
		after time.Duration
		want  string
	}{{0, "false false false"}, {501 * time.Millisecond, "true false false"}, {500 * time.Millisecond, "true true false"}} {
		f.now = f.now.Add(c.after)
		if got := fmt.Sprint(f.offers(r, nil, "u", "enter"), f.offers(r, nil, "v", "chat"), f.offers(r, nil, "v", "gift")); got != c.want {
			t.Errorf("low, normal and high are left out: %s; want %s", got, c.want)
		}
	}
	f.store.hang()
	f.work() // a batch is under way, and is not answered
	f.offers(r, nil, "w", "gift")
	f.tick(2 * time.Second)
	if f.offers(r, nil, "w", "enter") {
		t.Error("a message is left out because the store does not answer")
	}
	f.hall.Away(errAway)
	if f.offers(r, nil, "w", "enter") {
		t.Error("a message is left out because the store is away")
	}
	if got, want := f.hall.Stats().Shed, (Shed{byOverload: {chat.ClassNormal: 1, chat.ClassLow: 2}}); got != want {
		t.Errorf("counted %v; want %v", got, want)
	}
}

// TestStorm_QuotaRefusalsAreAnsweredAndCounted: a message that the store leaves out is answered and counted.
func TestStorm_QuotaRefusalsAreAnsweredAndCounted(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	var got mailbag
	f.store.set(func(s *fakeStore) { s.quota = 2 })
	for i := range 4 {
		f.sayHere(r, &got, "u", fmt.Sprint(i))
	}
	f.settle()
	codes := fmt.Sprint(got)
	if strings.Count(codes, ":shed:") != 2 || len(got) != 4 {
		t.Errorf("answers %s; want two stored, two left out", codes)
	}
	s := f.hall.Stats()
	if want := (Shed{byQuota: {chat.ClassNormal: 2}}); s.Shed != want || s.RefusedRules != 0 || s.Waiting != 0 {
		t.Errorf("counted %v, %d by rules; want %v and 0", s.Shed, s.RefusedRules, want)
	}
}

func TestStormConfig_RefusesWhatIsOutOfBounds(t *testing.T) {
	for _, c := range []struct {
		change func(*StormConfig)
		want   string
	}{
		{func(*StormConfig) {}, ""},
		{func(c *StormConfig) { c.RoomRate = -1 }, "room_rate"},
		{func(c *StormConfig) { c.RoomBurst = 0 }, "room_burst"},
		{func(c *StormConfig) { c.Reserved = 91 }, "reserved"},
		{func(c *StormConfig) { c.HighKinds = []string{"Gift"} }, "high_kinds"},
		{func(c *StormConfig) { c.LowKinds = []string{"chat"} }, "low_kinds"},
		{func(c *StormConfig) { c.LowKinds = []string{"gift"} }, "low_kinds"},
	} {
		cfg := DefaultStorm()
		c.change(&cfg)
		if err := cfg.Validate(); (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want+": ") {
			t.Errorf("Validate(%+v) = %v; want one about %q", cfg, err, c.want)
		}
	}
}

// TestStorm_GoesOn: a storm of which each batch reports the same is not over.
func TestStorm_GoesOn(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	same := chat.Storm{Level: 3, Offered: 9, Shown: 1}
	for range 2 * chat.StormOver {
		f.storms(same)
		f.tick(time.Second)
		f.settle()
	}
	if r.storm.Storm != same {
		t.Errorf("the room has a storm of %+v; want %+v, which goes on", r.storm.Storm, same)
	}
	f.tick(chat.StormOver * time.Second)
	if r.storm.Storm != (chat.Storm{}) {
		t.Errorf("a storm of which nothing is said is still %+v", r.storm.Storm)
	}
}

func TestFanout_ConfigRefusesWhatIsOutOfBounds(t *testing.T) {
	for _, c := range []struct {
		change func(*FanoutConfig)
		want   string
	}{
		{func(*FanoutConfig) {}, ""},
		{func(c *FanoutConfig) { c.Lanes = 1025 }, "lanes"},
		{func(c *FanoutConfig) { c.WriteBytes = 4<<10 - 1 }, "write_bytes"},
		{func(c *FanoutConfig) { c.LogBytes = 2*c.WriteBytes - 1 }, "log_bytes"},
		{func(c *FanoutConfig) { c.LogBytes = 2 * c.WriteBytes }, ""},
		{func(c *FanoutConfig) { c.TotalLogBytes = c.LogBytes - 1 }, "total_log_bytes"},
		{func(c *FanoutConfig) { c.TotalLogBytes = c.LogBytes }, ""},
		{func(c *FanoutConfig) { c.Interval = time.Second + 1 }, "interval"},
		{func(c *FanoutConfig) { c.StuckTimeout = time.Second - 1 }, "stuck_timeout"},
	} {
		cfg := DefaultFanout()
		c.change(&cfg)
		if err := cfg.Validate(); (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want+": ") {
			t.Errorf("Validate(%+v) = %v; want one about %q", cfg, err, c.want)
		}
	}
}
