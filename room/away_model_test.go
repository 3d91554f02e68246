package room

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

var seeds = flag.Uint64("seeds", 150, "seeds of each set of weights that the model of the away protocol runs")

// weights say how often each thing happens to the model.
type weights struct {
	name  string
	steps int
	// What people do.
	post, native, again, recall, join int
	// What befalls links: a store that does not answer, loses answers, hangs, is deaf or slow, or is said to be away.
	fail, lose, hang, deaf, slow, back, tick, resumed, between int
	// What befalls the data: they go back, a key is lost, or all.
	goBack, loseKey, wipe int
}

var allWeights = []weights{
	{name: "away", steps: 200, post: 30, native: 10, join: 10, fail: 10, lose: 10, deaf: 10, slow: 6, back: 15, tick: 10, resumed: 8, between: 5},
	{name: "hung", steps: 200, post: 10, native: 20, again: 25, fail: 8, lose: 8, hang: 15, deaf: 6, slow: 6, back: 10, tick: 20, resumed: 3, between: 5},
	{name: "recalled", steps: 200, post: 20, native: 20, recall: 20, join: 5, fail: 8, lose: 8, deaf: 8, slow: 8, back: 15, tick: 10, resumed: 5, between: 5},
	{name: "lost", steps: 200, post: 20, native: 20, recall: 8, join: 5, fail: 6, lose: 6, deaf: 8, slow: 8, back: 15, tick: 10, resumed: 5, between: 5, goBack: 6, loseKey: 6, wipe: 1},
	{name: "all", steps: 300, post: 15, native: 15, again: 15, recall: 8, join: 3, fail: 6, lose: 6, hang: 8, deaf: 8, slow: 8, back: 15, tick: 12, resumed: 5, between: 5, goBack: 4, loseKey: 4, wipe: 1},
}

// TestModel_Away lets a store fail in every way while three nodes talk through it, in random order, and holds
// what their members got against what the store has in the end.
func TestModel_Away(t *testing.T) {
	for _, w := range allWeights {
		t.Run(w.name, func(t *testing.T) {
			for seed := range *seeds {
				runWorld(t, w, seed)
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
		})
	}
}

// world is three nodes and one store.
type world struct {
	t     *testing.T
	w     weights
	rnd   *rand.Rand
	cloud *cloud
	nodes []*worldNode
	now   time.Time
	// begun is where the room stood when the nodes opened it: half of the worlds have a history then, of bodies that
	// begin with h.
	begun chat.Position
	// posted are all bodies; taken those that were answered well, or went in without an id.
	posted   int
	ids      int
	answers  map[string]Answer // by id
	refused  map[string]bool   // bodies that went nowhere
	recalled map[string]bool   // bodies whose recall was answered
	tried    map[string]bool   // bodies whose recall was asked for
	by       map[string]string // the node on which a body was posted, the last one
	twice    map[string]bool   // bodies that were posted on several nodes
	losses   int               // times that the store lost something
	husks    map[string]string // of recalled
	// forgotten are recalls that the store lost before all nodes knew of them.
	forgotten map[string]bool
}

type worldNode struct {
	*fixture
	room         *Room
	elders, late []*member
	natives      []*member
}

func runWorld(t *testing.T, w weights, seed uint64) {
	t.Helper()
	x := &world{
		t: t, w: w, rnd: rand.New(rand.NewPCG(seed, 13)), cloud: newCloud(), now: time.UnixMilli(1_648_368_380_132),
		answers: map[string]Answer{}, refused: map[string]bool{}, recalled: map[string]bool{}, tried: map[string]bool{}, by: map[string]string{}, twice: map[string]bool{},
		husks: map[string]string{}, forgotten: map[string]bool{},
	}
	if seed%2 == 1 {
		x.fill(x.rnd.IntN(130))
	}
	for i := range 3 {
		f := newFixture(t, func(c *Config) { c.Node, c.QueueAge, c.OnJoin = fmt.Sprint("n", i), 5*time.Second, 100 }, Hooks{})
		f.store = x.cloud.node()
		f.hall.store, f.store.hall = f.store, f.hall
		n := &worldNode{fixture: f, room: f.open("1")}
		n.elders, n.natives = []*member{f.join(n.room)}, []*member{f.native(n.room)}
		x.nodes = append(x.nodes, n)
	}
	for range w.steps {
		x.step()
		x.checkStates()
	}
	x.rest()
	x.check()
}

// fill puts messages into the store before anybody is there.
func (x *world) fill(messages int) {
	node := x.cloud.node()
	for i := range messages {
		x.now = x.now.Add(time.Millisecond)
		d := codec.NewDraft("1", "h", fmt.Sprint("h", i), x.now.UnixMilli())
		d.SetOrigin(fmt.Sprint(codec.OriginMark, "h", i))
		if _, err := node.Publish(x.t.Context(), "1", chat.Batch{ID: fmt.Sprint("h.", i), Drafts: []chat.Draft{d}}); err != nil {
			x.t.Fatal(err)
		}
	}
	x.begun = x.cloud.room("1").position()
}

// pick is one of what is in the list, by its weight.
func (x *world) pick() int {
	w := &x.w
	list := []int{w.post, w.native, w.again, w.recall, w.join, w.fail, w.lose, w.hang, w.deaf, w.back, w.tick, w.resumed, w.between, w.goBack, w.loseKey, w.wipe, w.slow}
	sum := 60 // to go on by a step
	for _, n := range list {
		sum += n
	}
	k := x.rnd.IntN(sum)
	for i, n := range list {
		if k -= n; k < 0 {
			return i
		}
	}
	return -1
}

func (x *world) step() {
	n := x.nodes[x.rnd.IntN(len(x.nodes))]
	x.now = x.now.Add(time.Millisecond)
	for _, o := range x.nodes {
		o.now = x.now
	}
	switch x.pick() {
	case 0:
		body := fmt.Sprint("p", x.posted)
		x.posted++
		x.by[body] = n.hall.cfg.Node
		if n.room.Post(nil, n.hall.cfg.Node, body, x.now) != nil {
			x.refused[body] = true
		}
	case 1:
		x.say(n, fmt.Sprint("i", x.ids))
		x.ids++
	case 2: // somebody who heard nothing says it again, here or elsewhere
		if x.ids > 0 {
			id := fmt.Sprint("i", max(0, x.ids-1-x.rnd.IntN(4)))
			if a, told := x.answers[id]; !told || a.Code != "" {
				x.say(n, id)
			}
		}
	case 3:
		x.recall(n)
	case 4:
		n.late = append(n.late, n.join(n.room))
		n.natives = append(n.natives, n.native(n.room))
	case 5:
		n.store.away()
		if x.rnd.IntN(2) == 0 {
			n.hall.Away(errAway)
		}
	case 6:
		n.store.set(func(s *fakeStore) { s.loseAnswer = !s.loseAnswer })
	case 7:
		if x.rnd.IntN(2) == 0 {
			n.store.hang()
		} else {
			n.store.unhang()
		}
	case 8:
		deaf := false
		n.store.set(func(s *fakeStore) { s.deaf, s.coming = !s.deaf, nil; deaf = s.deaf })
		if !deaf {
			n.hall.Resumed()
		}
	case 9:
		n.back()
	case 10:
		x.tick(time.Duration(x.rnd.IntN(3)) * time.Second)
	case 11:
		n.hall.Resumed()
	case 12: // the answer is held while others go on
		other := x.nodes[x.rnd.IntN(len(x.nodes))]
		n.store.set(func(s *fakeStore) {
			s.between = func() {
				for range 3 {
					if other != n {
						other.work()
					}
				}
			}
		})
	case 13:
		x.lose()
		n.store.set(func(s *fakeStore) { s.goBackAny("1", func(k int) int { return max(0, k-1-x.rnd.IntN(8)) }) })
	case 14:
		x.lose()
		n.store.lose(x.rnd.IntN(keyCount))
	case 15:
		x.lose()
		n.store.wipe()
	case 16: // events come, but later than answers
		if n.store.slow {
			n.store.hurry()
		} else {
			n.store.set(func(s *fakeStore) { s.slow = true })
		}
	default:
		for range x.rnd.IntN(6) {
			n.step()
			n.store.deliver(x.rnd.IntN(2))
		}
	}
}

func (x *world) say(n *worldNode, id string) {
	hear := teller(func(a Answer) { x.answers[a.ID] = a })
	if n.room.PostNative(hear, "u", &codec.Op{ID: id, Body: id}, x.now) == nil {
		delete(x.answers, id)
		x.twice[id] = x.twice[id] || x.by[id] != "" && x.by[id] != n.hall.cfg.Node
		x.by[id] = n.hall.cfg.Node
	}
}

// recall takes back one of the newest messages, as the gateway does.
func (x *world) recall(n *worldNode) {
	stored := n.store.stored()
	if len(stored) == 0 {
		return
	}
	e := stored[len(stored)-1-x.rnd.IntN(min(5, len(stored)))]
	body := infos(x.t, []string{e.JSON})[0]
	x.tried[body] = true
	ev, err := n.store.Recall(x.t.Context(), "1", codec.Sender(e.JSON), codec.Timestamp(e.JSON))
	if err == nil {
		n.hall.Recalled("1", ev)
		x.recalled[body], x.husks[body] = true, ev.Messages[0]
	}
}

// lose notes that the store is about to lose something: the recalls that not all nodes know of may be among that.
func (x *world) lose() {
	x.losses++
	for body, husk := range x.husks {
		for _, n := range x.nodes {
			if !n.room.recalls.has(n.hall.keyOf(husk), codec.Timestamp(husk)) {
				x.forgotten[body] = true
			}
		}
	}
}

func (x *world) tick(d time.Duration) {
	x.now = x.now.Add(d)
	for _, n := range x.nodes {
		n.tick(d)
	}
}

// rest heals all and lets it come to rest.
func (x *world) rest() {
	settle := func() {
		for range 3 {
			for _, n := range x.nodes {
				n.settle()
			}
		}
	}
	for _, n := range x.nodes {
		n.store.hear()
		n.store.hurry()
		n.store.answers()
		n.store.set(func(s *fakeStore) { s.between = nil })
		n.store.unhang()
		n.back()
	}
	settle()
	x.tick(time.Second)
	settle()
	for _, n := range x.nodes {
		n.hall.Resumed()
	}
	settle()
	x.tick(chat.ReportEvery) // all tell where they stand
	for range 2 {
		for _, n := range x.nodes {
			n.hall.Report(x.t.Context())
		}
		settle()
		x.tick(driftAfter*time.Second + chat.ReportEvery)
	}
	settle()
}

// checkStates holds what is true at any time (I2 is held by checkPosts, I1 by giveLocked being alone).
func (x *world) checkStates() {
	for _, n := range x.nodes {
		r := n.room
		heard, open := 0, 0
		for _, posts := range [][]post{r.outbox.flight.posts, r.outbox.waiting} {
			for _, p := range posts {
				if p.end == notYet {
					open++
					if p.heard {
						heard++
					}
				}
			}
		}
		if r.follower.reading == following && len(r.follower.held) > 0 {
			x.t.Errorf("I3: %d events are held while following", len(r.follower.held))
		}
		if r.writing == linked && heard > 0 {
			x.t.Errorf("I4: %d messages that wait were heard while linked", heard)
		}
		if heard != r.outbox.heard || open != r.outbox.size() {
			x.t.Errorf("the outbox says that %d of %d were heard; it is %d of %d", r.outbox.heard, r.outbox.size(), heard, open)
		}
	}
}

func (x *world) check() {
	stored := x.nodes[0].store.stored()
	var history []string
	for _, e := range stored {
		history = append(history, infos(x.t, []string{e.JSON})[0])
	}
	if d := doubles(history); d != "" {
		if x.losses == 0 {
			x.t.Errorf("%s is stored twice: %v", d, history)
		}
	}
	if now := x.cloud.room("1").Epoch; x.losses == 0 && now != "" && now != "e1" {
		x.t.Errorf("the store has lost nothing, and the room is in epoch %s", now)
	}
	for body := range x.recalled {
		if slices.Contains(history, body) {
			x.t.Errorf("%s was taken back and is in the history", body)
		}
	}
	for id, a := range x.answers {
		if a.Code == "" && x.losses == 0 && !x.tried[id] && !slices.Contains(history, id) {
			x.t.Errorf("%s was acknowledged and is not stored", id)
		}
		if a.Code == "" && a.Seq > 0 && x.losses == 0 {
			for _, e := range stored {
				if e.Seq == a.Seq && infos(x.t, []string{e.JSON})[0] != id {
					x.t.Errorf("%s was acknowledged with number %d, which is %s", id, a.Seq, e.JSON)
				}
			}
		}
	}
	for i, n := range x.nodes {
		x.checkNode(i, n, history)
	}
}

func (x *world) checkNode(i int, n *worldNode, history []string) {
	r, s := n.room, n.hall.Stats()
	if s.Waiting != 0 || n.hall.stats.tally.bytes.Load() != 0 || n.hall.stats.awaiting.Load() != 0 || r.outbox.heard != 0 || r.writing != linked || r.follower.reading != following {
		x.t.Errorf("n%d at rest: %d wait (%d bytes), %d rooms await theirs, heard %d, writing %d, reading %d", i, s.Waiting,
			n.hall.stats.tally.bytes.Load(), n.hall.stats.awaiting.Load(), r.outbox.heard, r.writing, r.follower.reading)
	}
	if pos := x.cloud.room("1").position(); !pos.Same(r.follower.pos) {
		x.t.Errorf("n%d stands at %+v; the store at %+v", i, r.follower.pos, pos)
	}
	var newest []string
	for _, e := range r.newest.last(50) {
		newest = append(newest, infos(x.t, []string{codec.FastIMText(e.JSON)})[0])
	}
	if want := history[max(0, len(history)-50):]; !slices.Equal(newest, want) {
		x.t.Errorf("n%d gives newcomers %v; the store has %v", i, newest, want)
	}
	for _, m := range n.elders {
		had := infos(x.t, m.texts(x.t))
		x.checkHad(fmt.Sprintf("n%d's member", i), had, history)
		x.checkOwn(n.hall.cfg.Node, had)
		if s.Unconfirmed == 0 { // else what was given up, and never heard, may come late
			x.checkOrder(n.hall.cfg.Node, had, history)
		}
	}
	for _, m := range n.late {
		if d := doubles(infos(x.t, m.texts(x.t))); d != "" {
			x.t.Errorf("a later member of n%d had %s twice", i, d)
		}
	}
	for k, m := range n.natives {
		had := x.checkNative(fmt.Sprintf("n%d's native member %d", i, k), m, k == 0)
		if k == 0 {
			x.checkHad(fmt.Sprintf("n%d's native member", i), had, history)
		}
	}
}

// checkHad: nothing twice, and all that the store has.
func (x *world) checkHad(who string, had, history []string) {
	if d := doubles(had); d != "" {
		x.t.Errorf("%s had %s twice: %v", who, d, had)
	}
	for _, h := range had {
		if h[0] == 'h' {
			x.t.Errorf("%s had %s as news, which was there before", who, h)
			return
		}
	}
	for _, h := range history {
		if h[0] != 'h' && !slices.Contains(had, h) {
			x.t.Errorf("%s lacks %s: had %v; the store %v", who, h, had, history)
			return
		}
	}
}

// checkOwn: the members of a node have what was acknowledged there, also what the store has lost.
func (x *world) checkOwn(node string, had []string) {
	for id, a := range x.answers {
		if a.Code == "" && x.by[id] == node && !x.twice[id] && !x.tried[id] && !slices.Contains(had, id) {
			x.t.Errorf("a member of %s lacks %s, which was acknowledged there as %+v: %v", node, id, a, had)
		}
	}
}

// checkOrder: the messages of a node are in order for its members, and so are those of all others.
func (x *world) checkOrder(node string, had, history []string) {
	if x.losses > 0 {
		return
	}
	last := map[bool]int{}
	for _, body := range had {
		at := slices.Index(history, body)
		if at < 0 || body[0] != 'p' { // others may have been sent on several nodes
			continue
		}
		mine := x.by[body] == node
		if at < last[mine] {
			x.t.Errorf("a member of %s had %s of %s, number %d of the history, behind %d: %v; the store %v", node, body, x.by[body], at+1, last[mine]+1, had, history)
			return
		}
		last[mine] = at
	}
}

// checkNative reads a native member's frames as a client does: numbers go on, or an epoch or a gap says why
// not, and no gap names what the store has. It returns the bodies.
func (x *world) checkNative(who string, m *member, first bool) (had []string) {
	epoch, last, begun := x.begun.Epoch, x.begun.Seq, first
	if !first {
		epoch, last = "", 0
	}
	screen := map[string]string{} // body by key
	inStore := map[uint64]bool{}
	room := x.cloud.room("1")
	for _, e := range room.entries {
		inStore[e.Seq] = e.JSON != ""
	}
	for _, text := range m.texts(x.t) {
		var f struct {
			frame
			UserID string `json:"user_id"`
			ID     string `json:"id"`
		}
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			x.t.Fatal(err)
		}
		switch f.T {
		case "epoch":
			epoch, last, begun = f.Epoch, f.Seq, true
		case "gap":
			if begun && f.From != last+1 {
				x.t.Errorf("%s: %s where %d was due", who, text, last+1)
			}
			for seq := f.From; seq <= f.To && epoch == room.Epoch && x.losses <= 1; seq++ { // else what was lost may have come back
				if inStore[seq] {
					x.t.Errorf("%s: %s, but the store has it", who, text)
				}
			}
			last, begun = f.To, true
		case "recalled":
			delete(screen, f.UserID+" "+f.ID)
		case "batch":
			if epoch == "" || !begun {
				epoch, last, begun = f.Epoch, f.Seq-1, true
			}
			if f.Epoch != epoch {
				x.t.Errorf("%s: a batch of %s while in %s", who, f.Epoch, epoch)
			}
			for _, msg := range f.Messages {
				if msg.Seq != last+1 {
					x.t.Errorf("%s: message %d of %s where %d was due", who, msg.Seq, epoch, last+1)
				}
				last = msg.Seq
				had = append(had, msg.Body)
				screen[msg.UserID+" "+msg.ID] = msg.Body
			}
		}
	}
	for _, body := range screen {
		if x.recalled[body] && !x.forgotten[body] {
			x.t.Errorf("%s still shows %s, which was taken back", who, body)
		}
	}
	return had
}

// doubles is one of those that are there twice.
func doubles(all []string) string {
	seen := map[string]bool{}
	for _, s := range all {
		if seen[s] {
			return s
		}
		seen[s] = true
	}
	return ""
}
