package room

import (
	"slices"
	"testing"
)

func TestQueue_ShortThingsOvertakeFourTimes(t *testing.T) {
	q := newQueue[int]()
	for _, long := range []int{100, 200} {
		q.pushLong(long)
	}
	for short := range 10 {
		q.push(short)
	}
	var got []int
	for !q.empty() {
		next, _ := q.pop()
		got = append(got, next)
	}
	want := []int{0, 1, 2, 3, 100, 4, 5, 6, 7, 200, 8, 9}
	if !slices.Equal(got, want) {
		t.Errorf("pop gave %v; want %v", got, want)
	}
	q.push(1) // nobody was overtaken since
	q.pushLong(100)
	if next, _ := q.pop(); next != 1 {
		t.Errorf("pop gave %d; want 1", next)
	}
}

// TestQueue_PushLastComesOutLast has something come out last, whatever waits in either line, and whoever was overtaken
// before.
func TestQueue_PushLastComesOutLast(t *testing.T) {
	const last = -1
	for shorts := range 3*mostOvertake + 1 {
		for longs := range 4 {
			for before := range mostOvertake + 1 {
				q := newQueue[int]()
				for range longs {
					q.pushLong(100)
				}
				for range before + shorts {
					q.push(1)
				}
				for range before {
					q.pop()
				}
				q.pushLast(last)
				for waiting(q) > 1 {
					if next, _ := q.pop(); next == last {
						t.Fatalf("%d short and %d long ones waited, %d came out before: %d came out behind it", shorts, longs, before, waiting(q))
					}
				}
			}
		}
	}
}

// TestLane_SmallRoomsGoFirst has both rooms wait for the one lane, the large one first.
func TestLane_SmallRoomsGoFirst(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Fanout.Lanes = 1 }, Callbacks{})
	large, small := f.open("large"), f.open("small")
	var crowd []*member
	for range shortTurn + 1 {
		crowd = append(crowd, f.join(large))
	}
	one := f.join(small)
	f.settle()
	f.post(large, "to many")
	f.post(small, "to one")
	for waiting(f.hall.lanes[0].queue) < 2 {
		f.work()
	}
	f.work()
	wantInfos(t, one, "to one")
	wantInfos(t, crowd[0])
	f.settle()
	wantInfos(t, crowd[shortTurn], "to many")
}
