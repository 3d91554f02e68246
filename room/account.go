package room

import (
	"cmp"
	"math"
	"slices"

	"barrage/internal/chat"
)

// This file is what operators see of single rooms.

// Account is one room's figures at one moment. Copies are counted since the room went live here:
// Offered = Sent + Skipped + Left + what is still on its way.
type Account struct {
	ID      string  `json:"id"`
	Members int     `json:"members"` // on this node
	Online  uint64  `json:"online"`  // members on all nodes
	Likes   uint64  `json:"likes"`   // ever, on all nodes
	Local   bool    `json:"local"`   // has messages, or members, that the store does not know of
	Total   uint64  `json:"total"`   // messages ever, on all nodes
	Rate    float64 `json:"rate"`    // messages a second of late, on all nodes, in tenths
	Level   uint16  `json:"level"`   // how much is left out in a storm, see chat.Storm
	// Wanted and Shown are the messages of the last second of a storm, on all nodes; 0 without one.
	Wanted  uint64 `json:"wanted"`
	Shown   uint64 `json:"shown"`
	Offered uint64 `json:"offered"`
	Sent    uint64 `json:"sent"`
	Skipped uint64 `json:"skipped"`
	Left    uint64 `json:"left"`
	// Modes are the names of those that are on, see chat.Modes.On.
	Modes []string `json:"modes,omitempty"`
}

// orders are by what accounts can be sorted, the largest first.
var orders = map[string]func(a, b *Account) int{
	"members": func(a, b *Account) int { return cmp.Compare(b.Members, a.Members) },
	"online":  func(a, b *Account) int { return cmp.Compare(b.Online, a.Online) },
	"rate":    func(a, b *Account) int { return cmp.Compare(b.Rate, a.Rate) },
	"level":   func(a, b *Account) int { return cmp.Compare(b.Level, a.Level) },
	"sent":    func(a, b *Account) int { return cmp.Compare(b.Sent, a.Sent) },
	"id":      func(*Account, *Account) int { return 0 },
}

// SortAccounts sorts by a name of members, online, rate, level, sent or id, and then by id. It returns false where
// there is no such name.
func SortAccounts(all []Account, by string) bool {
	order := orders[by]
	if order != nil {
		slices.SortFunc(all, func(a, b Account) int { return cmp.Or(order(&a, &b), cmp.Compare(a.ID, b.ID)) })
	}
	return order != nil
}

// Largest returns the figures of live rooms whose id is greater than after, at most n, sorted as SortAccounts does.
func (h *Hall) Largest(n int, by, after string) []Account {
	all := []Account{}
	h.each(func(r *Room) {
		if r.id != chat.Everywhere && r.id > after {
			all = append(all, r.Account())
		}
	})
	SortAccounts(all, by)
	return all[:min(n, len(all))]
}

// Account is the room's.
func (r *Room) Account() Account {
	r.mu.Lock()
	c := r.countersLocked()
	a := Account{
		ID: r.id, Members: r.members, Online: c.Online, Likes: c.Likes, Local: r.isLocalLocked(), Total: r.totalLocked(),
		Rate: math.Round(10*float64(r.pulse.rate)) / 10, Level: r.storm.Level, Wanted: r.storm.Offered, Shown: r.storm.Shown,
		Modes: r.rules.Modes.On(),
	}
	r.mu.Unlock()
	a.Offered, a.Sent, a.Skipped, a.Left = r.copies.offered.Load(), r.copies.sent.Load(), r.copies.skipped.Load(), r.copies.left.Load()
	return a
}

// pulse is how many messages a second a room has. Guarded by Room.mu.
type pulse struct {
	came uint32  // since the last tick
	rate float32 // of late: a message n seconds old counts half where n is 2
	at   int64   // hall.coarse at the last tick
}

// tick is called about once a second.
func (p *pulse) tick(now int64) {
	seconds := now - p.at
	if seconds <= 0 {
		return
	}
	keep := float32(math.Pow(0.7, float64(min(seconds, 60))))
	p.rate = p.rate*keep + float32(p.came)/float32(seconds)*(1-keep)
	if p.rate < 0.05 { // it is written in tenths
		p.rate = 0
	}
	p.came, p.at = 0, now
}
