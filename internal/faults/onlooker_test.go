package faults

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/room"
)

// onlooker is a native member of one room on one node, which keeps a screen.
type onlooker struct {
	room.Member

	// Immutable.
	node  *node
	room  int
	elder bool

	mu sync.Mutex // guards the fields below
	// epoch and last are where it stands; stamp is the timestamp of that message, 0 where it does not know.
	epoch  string
	last   uint64
	stamp  int64
	left   bool // later frames are not for it
	screen map[msgKey]*shown
	order  []*shown // all that was ever shown, oldest first
	gaps   []gap
	bad    []string // the errors in frames
}

// shown is a message on a screen.
type shown struct {
	room  int
	key   msgKey
	id    string
	ts    int64
	epoch string
	seq   uint64
}

// gap is numbers that an onlooker will not get, as a frame has named them to it.
type gap struct {
	epoch    string
	from, to uint64
}

var _ room.Socket = (*onlooker)(nil)

// nativeFrame is any frame that a room's stream has.
type nativeFrame struct {
	T        string          `json:"t"`
	Epoch    string          `json:"epoch"`
	Seq      uint64          `json:"seq"`
	From     uint64          `json:"from"`
	To       uint64          `json:"to"`
	TS       int64           `json:"ts"`
	UserID   string          `json:"user_id"`
	ID       string          `json:"id"`
	Since    int64           `json:"since"`
	Until    int64           `json:"until"`
	Messages []nativeMessage `json:"messages"`
}

type nativeMessage struct {
	Seq    uint64 `json:"seq"`
	UserID string `json:"user_id"`
	ID     string `json:"id"`
	Body   string `json:"body"`
	TS     int64  `json:"ts"`
}

// view brings a native member into the room with index r.
func (n *node) view(r int, elder bool) *onlooker {
	m := &onlooker{node: n, room: r, elder: elder, screen: map[msgKey]*shown{}}
	a := n.rooms[r].EnterNative(&m.Member, m, room.Native, room.Since{}, chat.History{})
	m.mu.Lock()
	m.epoch, m.last = a.Epoch, a.Seq
	for _, msg := range welcomed(a) {
		m.showLocked(msg)
	}
	m.mu.Unlock()
	n.rooms[r].Attach(&m.Member)
	return m
}

// welcomed are the messages of a welcome.
func welcomed(a room.Welcome) (all []nativeMessage) {
	for _, e := range a.Messages {
		var msg nativeMessage
		if err := json.Unmarshal(codec.AppendNativeMessage(nil, e.Seq, e.JSON), &msg); err != nil {
			panic(fmt.Sprintf("BUG: a welcome has %q: %v", e.JSON, err))
		}
		all = append(all, msg)
	}
	return all
}

// Send takes all frames, as a fast socket does.
func (m *onlooker) Send(p []byte) (int, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.left {
		eachFrame(p, m.readLocked)
	}
	return len(p), false
}

// readLocked does what a client does with a frame: numbers go on, or the frame says why not. m.mu must be held.
func (m *onlooker) readLocked(text string) {
	var f nativeFrame
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		m.bad = append(m.bad, fmt.Sprintf("%s: %v", text, err))
		return
	}
	switch f.T {
	case "epoch":
		m.epoch, m.last, m.stamp = f.Epoch, f.Seq, f.TS
	case "gap":
		if f.From != m.last+1 {
			m.bad = append(m.bad, fmt.Sprintf("%s where %d of %s was due", text, m.last+1, m.epoch))
		}
		m.gaps = append(m.gaps, gap{m.epoch, f.From, f.To})
		m.last, m.stamp = f.To, 0
	case "recalled":
		delete(m.screen, msgKey{f.UserID, f.ID})
	case "purged":
		maps.DeleteFunc(m.screen, func(k msgKey, s *shown) bool { return k.user == f.UserID && f.Since <= s.ts && s.ts <= f.Until })
	case "cleared": // of an epoch that is to come, too: earlier messages go
		maps.DeleteFunc(m.screen, func(_ msgKey, s *shown) bool { return s.seq <= f.Seq || s.epoch != f.Epoch })
	case "batch":
		if m.epoch == "" { // a room without messages has none
			m.epoch = f.Epoch
		}
		if f.Epoch != m.epoch {
			m.bad = append(m.bad, fmt.Sprintf("a batch of %s while in %s", f.Epoch, m.epoch))
		}
		for _, msg := range f.Messages {
			if msg.Seq != m.last+1 {
				m.bad = append(m.bad, fmt.Sprintf("message %d of %s where %d was due", msg.Seq, m.epoch, m.last+1))
			}
			m.last, m.stamp = msg.Seq, msg.TS
			m.showLocked(msg)
		}
	}
}

// showLocked puts a message on the screen. m.mu must be held.
func (m *onlooker) showLocked(msg nativeMessage) {
	s := &shown{m.room, msgKey{msg.UserID, msg.ID}, idOf(msg.Body), msg.TS, m.epoch, msg.Seq}
	m.node.site.undone.name(s.key, s.id)
	m.screen[s.key] = s
	m.order = append(m.order, s)
}

// pick is one of the newest messages on the screen; nil where it is empty.
func (m *onlooker) pick() *shown {
	m.mu.Lock()
	defer m.mu.Unlock()
	var newest []*shown
	for _, s := range slices.Backward(m.order) {
		if m.screen[s.key] == s {
			newest = append(newest, s)
		}
		if len(newest) == recallNewest {
			break
		}
	}
	if len(newest) == 0 {
		return nil
	}
	return newest[rand.IntN(len(newest))]
}
