package room

import (
	"fmt"
	"testing"
	"time"

	"barrage/internal/chat"
)

// A room's account says how many messages a second it has of late, and how the last second of a storm was.
func TestAccount_ShowsRateAndStormUntilCalm(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	for range 20 {
		for range 10 {
			f.post(r, "x")
			f.settle()
		}
		f.tick(time.Second)
	}
	if got := r.Account().Rate; got < 9.9 || got > 10.1 {
		t.Errorf("rate = %v after 20 s of 10 messages a second; want 10", got)
	}
	f.storms(chat.Storm{Level: 160, Offered: 900, Shown: 200})
	if got := r.Account(); got.Level != 160 || got.Wanted != 900 || got.Shown != 200 || got.Total != 201 {
		t.Errorf("account = %+v; want the storm's", got)
	}
	f.tick(2 * time.Second)
	if got := r.Account().Rate; got < 4 || got > 6 {
		t.Errorf("rate = %v two seconds later; want about half", got)
	}
	f.tick(time.Minute)
	if got := r.Account(); got.Rate != 0 || got.Level != 0 {
		t.Errorf("account = %+v a minute later; want it calm", got)
	}
}

// Lists of rooms are sorted by what was asked for, and by nothing else.
func TestLargest_SortsOnlyByWhatWasAsked(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	for i, id := range []string{"b", "a", "c"} {
		r := f.open(id)
		for range i {
			f.join(r)
		}
	}
	for by, want := range map[string]string{"members": "[c a b]", "id": "[a b c]", "online": "[c a b]", "rate": "[a b c]"} {
		var ids []string
		for _, a := range f.hall.Largest(3, by, "") {
			ids = append(ids, a.ID)
		}
		if got := fmt.Sprint(ids); got != want {
			t.Errorf("by %s: %s; want %s", by, got, want)
		}
	}
	if got := f.hall.Largest(1, "members", ""); len(got) != 1 || got[0].ID != "c" {
		t.Errorf("the largest is %+v; want c", got)
	}
	if got := f.hall.Largest(3, "id", "a"); len(got) != 2 || got[0].ID != "b" {
		t.Errorf("behind a are %+v; want b and c", got)
	}
	if SortAccounts(nil, "beauty") {
		t.Error("rooms can be sorted by beauty")
	}
}
