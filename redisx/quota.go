package redisx

import (
	"fmt"
	"math"
	"time"

	"barrage/internal/chat"
)

// This file is the quota of rooms, see chat.Quota. memoryQuota does what lua/lib_quota.lua does.

// quotaOf is for how many ms a message uses a quota up, and how many ms may be used up. The result low is for how many
// ms one of class normal or low uses up its share. Where there is no quota, every is 0.
func quotaOf(q chat.Quota) (every, low, burst float64) {
	if q.PerSecond <= 0 {
		return 0, 0, 0
	}
	every = 1000 / float64(q.PerSecond)
	low = every / (1 - float64(q.Reserved)/100)
	return every, low, max(every*float64(q.Burst), low)
}

// quotaSettings are a quota as the scripts want it.
func quotaSettings(q chat.Quota) string {
	every, low, burst := quotaOf(q)
	return fmt.Sprintf("%.6f, %.6f, %.6f, %d, %d, %d, %d", every, low, burst, chat.ShiftTime.Milliseconds(), chat.StormLow, chat.StormFalls, chat.StormOver)
}

// memoryQuota is what a room has used of its quota. The zero value: nothing.
type memoryQuota struct {
	all, most              float64 // Unix ms until which the quota of all, and of normal and low messages, is used up
	second                 int64   // that is counted below
	offered                [4]uint64
	taken                  uint64
	level                  int
	lastOffered, lastTaken uint64 // in the second before
}

// judge returns which of the drafts that fresh has the room does not take, by index, and for how long they have to
// wait.
func (m *memoryQuota) judge(q chat.Quota, b *chat.Batch, fresh func(i int) bool, now time.Time) map[int]time.Duration {
	every, low, burst := quotaOf(q)
	if every == 0 {
		return nil
	}
	ms := now.UnixMilli()
	m.begin(ms/1000, low)
	m.offered[chat.ClassNormal] += b.Dropped[0]
	m.offered[chat.ClassLow] += b.Dropped[1]
	at := float64(ms)
	// the clock went back
	if step := 2 * max(burst, float64(chat.ShiftTime.Milliseconds())); m.all-at > step || m.most-at > step {
		m.all, m.most = at, at
	}
	m.all, m.most = max(m.all, at), max(m.most, at)
	shed := map[int]time.Duration{}
	for _, class := range []chat.Class{chat.ClassSystem, chat.ClassHigh, chat.ClassNormal, chat.ClassLow} {
		bound := class == chat.ClassNormal || class == chat.ClassLow
		for i := range b.Drafts {
			if b.Drafts[i].Class != class || !fresh(i) {
				continue
			}
			m.offered[class]++
			if class != chat.ClassSystem && m.all+every-at > burst || bound && m.most+low-at > burst {
				_, shed[i] = chat.Shift(now)
				continue
			}
			m.all += every
			m.taken++
			if bound {
				m.most += low
			}
		}
	}
	return shed
}

// begin begins to count another second.
func (m *memoryQuota) begin(second int64, low float64) {
	passed := second - m.second
	if passed == 0 {
		return
	}
	level := 0
	m.lastOffered, m.lastTaken = 0, 0
	if passed == 1 {
		for _, n := range m.offered {
			m.lastOffered += n
		}
		if m.lastTaken = m.taken; m.lastTaken < m.lastOffered { // else the burst had room for all of it
			level = levelOf(m.offered[chat.ClassNormal], m.offered[chat.ClassLow], 1000/low)
		}
	}
	m.level = max(level, m.level-chat.StormFalls*int(max(1, min(passed, 8))))
	m.second, m.offered, m.taken = second, [4]uint64{}, 0
}

// levelOf is the level at which so many of what was offered a second would be taken, see chat.Storm.
func levelOf(normal, low uint64, takes float64) int {
	n, l := float64(normal), float64(low)
	switch {
	case n+l <= takes:
		return 0
	case n <= takes:
		return int(math.Ceil(chat.StormLow * (1 - (takes-n)/l)))
	}
	return min(chat.StormMost, chat.StormLow+int(math.Ceil(chat.StormLow*(1-takes/n))))
}

// storm is the storm as an event carries it.
func (m *memoryQuota) storm() chat.Storm {
	if m.level == 0 && m.lastOffered == m.lastTaken {
		return chat.Storm{}
	}
	return chat.Storm{Level: uint16(m.level), Offered: m.lastOffered, Shown: m.lastTaken}
}

// give gives the place of a message back that was taken, and is refused for another reason: it was not offered, either.
func (m *memoryQuota) give(q chat.Quota, class chat.Class) {
	every, low, _ := quotaOf(q)
	if every == 0 {
		return
	}
	m.all -= every
	m.taken--
	m.offered[class]--
	if class == chat.ClassNormal || class == chat.ClassLow {
		m.most -= low
	}
}
