package room

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

var seeds = flag.Uint64("seeds", 140/fewer, "seeds of each set of weights that the model of the away protocol runs")

// weights say how often each thing happens to the model.
type weights struct {
	name  string
	steps int
	// Actions of people.
	// roam: leave with a place, or come back with it; doze: stop reading
	post, native, again, recall, purge, clear, join, roam, doze int
	// Faults of links: a store that does not answer, loses answers, hangs, is deaf or slow, or is reported as away.
	fail, lose, hang, deaf, slow, back, tick, resumed, between int
	// Faults of the data: they go back, a key is lost, or all.
	goBack, loseKey, wipe int
}

var allWeights = []weights{
	{name: "away", steps: 200, post: 30, native: 10, join: 10, fail: 10, lose: 10, deaf: 10, slow: 6, back: 15, tick: 10, resumed: 8, between: 5, roam: 6, doze: 3},
	{name: "hung", steps: 200, post: 10, native: 20, again: 25, fail: 8, lose: 8, hang: 15, deaf: 6, slow: 6, back: 10, tick: 20, resumed: 3, between: 5, roam: 4, doze: 3},
	{name: "recalled", steps: 200, post: 20, native: 20, recall: 20, purge: 4, clear: 2, join: 5, fail: 8, lose: 8, deaf: 8, slow: 8, back: 15, tick: 10, resumed: 5, between: 5, roam: 6, doze: 3},
	{name: "lost", steps: 200, post: 20, native: 20, recall: 8, purge: 4, clear: 2, join: 5, fail: 6, lose: 6, deaf: 8, slow: 8, back: 15, tick: 10, resumed: 5, between: 5, goBack: 6, loseKey: 6, wipe: 1, roam: 10, doze: 3},
	{name: "taken", steps: 250, post: 15, native: 15, again: 8, recall: 15, purge: 12, clear: 10, join: 3, fail: 6, lose: 6, deaf: 8, slow: 8, back: 15, tick: 15, resumed: 5, between: 8, goBack: 14, loseKey: 8, wipe: 1, roam: 15, doze: 6},
	{name: "all", steps: 300, post: 15, native: 15, again: 15, recall: 8, purge: 3, clear: 2, join: 3, fail: 6, lose: 6, hang: 8, deaf: 8, slow: 8, back: 15, tick: 12, resumed: 5, between: 5, goBack: 4, loseKey: 4, wipe: 1, roam: 8, doze: 4},
}

// TestModel_AwayMembersGetWhatTheStoreHas lets a store fail in every way while three nodes talk through it, in random
// order. It holds what their members got against what the store has in the end.
func TestModel_AwayMembersGetWhatTheStoreHas(t *testing.T) {
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
	answers  map[string]Outcome // by id
	refused  map[string]bool    // bodies that went nowhere
	recalled map[string]bool    // bodies whose recall was answered
	tried    map[string]bool    // bodies whose recall was asked for
	by       map[string]string  // the node on which a body was posted, the last one
	twice    map[string]bool    // bodies that were posted on several nodes, or again after an answer
	losses   int                // times that the store lost something
	husks    map[string]string  // of recalled
	// purged are bodies that a moderator took away with others of their user. Bodies in cleared were cleared; each has the
	// number up to which that was.
	purged  map[string]purgedAs
	cleared map[string]uint64
	// unsure are bodies that waited for the store when a moderator took others away. The store decides by the timestamp
	// whether they are among those. A store that has lost some may give them another one.
	unsure map[string]bool
	// forgotten are recalls that the store lost before all nodes knew of them.
	forgotten map[string]bool
	// logLost: the log of recalls was lost. A tombstone may be anybody's then, and a message that may have been recalled
	// is not shown.
	logLost bool
	roamers []*roamer
	// tiny: logs keep some 20 messages. A member that does not read skips, and so may others where much comes at once.
	tiny bool
	// instant: messages run through where they come in.
	instant bool
}

type worldNode struct {
	*fixture
	room         *Room
	elders, late []*member
	natives      []*member
	slow         *member // of natives: it does not read while dozes
	dozes        bool
}

func runWorld(t *testing.T, w weights, seed uint64) {
	t.Helper()
	x := &world{
		t: t, w: w, rnd: rand.New(rand.NewPCG(seed, 13)), cloud: newCloud(), now: time.UnixMilli(1_648_368_380_132),
		answers: map[string]Outcome{}, refused: map[string]bool{}, recalled: map[string]bool{}, tried: map[string]bool{}, by: map[string]string{}, twice: map[string]bool{},
		husks: map[string]string{}, forgotten: map[string]bool{}, purged: map[string]purgedAs{}, cleared: map[string]uint64{}, unsure: map[string]bool{},
	}
	x.tiny, x.instant = seed%5 == 0, seed%3 == 0
	if seed%2 == 1 {
		x.fill(x.rnd.IntN(130))
	}
	for i := range 3 {
		f := newFixture(t, func(c *Config) {
			if x.tiny {
				c.Fanout.LogBytes, c.Fanout.WriteBytes = 2<<10, 1<<10
			}
			c.Instant = x.instant
			c.Node, c.QueueAge, c.OnJoin = fmt.Sprint("n", i), 5*time.Second, 100
		}, Callbacks{})
		f.store = x.cloud.node()
		f.hall.store, f.store.hall = f.store, f.hall
		n := &worldNode{fixture: f, room: f.open("1")}
		n.elders, n.natives = []*member{f.join(n.room)}, []*member{f.native(n.room), f.native(n.room)}
		n.slow = n.natives[1]
		x.nodes = append(x.nodes, n)
	}
	for range 2 {
		m := &roamer{world: x, had: map[string]bool{}}
		m.roam()
		x.roamers = append(x.roamers, m)
	}
	for range w.steps {
		x.step()
		for _, n := range x.nodes {
			n.sweep()
		}
		x.checkStates()
	}
	x.rest()
	x.check()
	x.checkQuiet()
}

// fill puts messages into the store before anybody is there.
func (x *world) fill(messages int) {
	node := x.cloud.node()
	for i := range messages {
		x.now = x.now.Add(time.Millisecond)
		d := codec.NewDraft("1", "h", fmt.Sprint("h", i), x.now.UnixMilli())
		d.SetMadeID(fmt.Sprint(codec.MadeIDPrefix, "h", i))
		if _, err := node.Publish(x.t.Context(), "1", chat.Batch{ID: fmt.Sprint("h.", i), Drafts: []chat.Draft{d}}); err != nil {
			x.t.Fatal(err)
		}
	}
	x.begun = x.cloud.room("1").position()
}

// pick is one of what is in the list, by its weight.
func (x *world) pick() int {
	w := &x.w
	list := []int{w.post, w.native, w.again, w.recall, w.join, w.fail, w.lose, w.hang, w.deaf, w.back, w.tick, w.resumed, w.between, w.goBack, w.loseKey, w.wipe, w.slow, w.roam, w.doze, w.purge, w.clear}
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
	x.cloud.clock = x.now.UnixMilli()
	switch x.pick() {
	case 0:
		body := fmt.Sprint("p", x.posted)
		x.posted++
		x.by[body] = n.hall.node
		if n.room.Post(nil, n.hall.node, body, x.now) != nil {
			x.refused[body] = true
		}
	case 1:
		x.say(n, fmt.Sprint("i", x.ids))
		x.ids++
	case 2: // somebody who received no answer sends it again, here or elsewhere
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
		n.store.flipAnswers()
	case 7:
		if x.rnd.IntN(2) == 0 {
			n.store.hang()
		} else {
			n.store.unhang()
		}
	case 8:
		if n.store.deaf {
			n.store.hear()
			n.hall.Resumed()
		} else {
			n.store.deafen()
		}
	case 9:
		n.back()
	case 10:
		x.tick(time.Duration(x.rnd.IntN(3)) * time.Second)
	case 11:
		n.hall.Resumed()
	case 12: // the answer is held while others go on
		other := x.nodes[x.rnd.IntN(len(x.nodes))]
		n.store.meanwhile(func() {
			for range 3 {
				if other != n {
					other.work()
				}
			}
		})
	case 13:
		x.lose()
		n.store.goBackAny(func(k int) int { return max(0, k-1-x.rnd.IntN(x.far())) })
	case 14:
		x.lose()
		key := x.rnd.IntN(keyCount)
		x.logLost = x.logLost || key == keyRecalls
		n.store.lose(key)
	case 15:
		x.lose()
		n.store.wipe()
	case 16: // events come, but later than answers
		if n.store.slow {
			n.store.hurry()
		} else {
			n.store.dawdle()
		}
	case 17:
		x.roamers[x.rnd.IntN(len(x.roamers))].roam()
	case 18:
		x.doze(n)
	case 19:
		users := []string{"n0", "n1", "n2", "u"}
		x.purge(n, chat.Purge{User: users[x.rnd.IntN(len(users))], Since: x.now.UnixMilli() - int64(x.rnd.IntN(60))})
	case 20:
		x.purge(n, chat.Purge{})
	default:
		for range x.rnd.IntN(6) {
			n.step()
			n.store.deliver(x.rnd.IntN(2))
		}
	}
}

func (x *world) say(n *worldNode, id string) {
	hear := teller(func(a Outcome) { x.answers[a.ID] = a })
	if n.room.PostNative(hear, "u", &codec.Op{ID: id, Body: id}, x.now) == nil {
		_, answered := x.answers[id]
		delete(x.answers, id)
		delete(x.purged, id) // it is another message, or may be
		delete(x.cleared, id)
		x.twice[id] = x.twice[id] || answered || x.by[id] != "" && x.by[id] != n.hall.node
		x.by[id] = n.hall.node
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

// purge takes messages of a user, or all, away, as the gateway does.
func (x *world) purge(n *worldNode, p chat.Purge) {
	stored := n.store.stored()
	waits := x.waiting()
	ev, _, err := n.store.Purge(x.t.Context(), "1", n.hall.Position("1"), p)
	for _, e := range stored { // it may have been done, whatever the answer
		if p.User == "" || p.User == codec.Sender(e.JSON) {
			x.tried[infos(x.t, []string{e.JSON})[0]] = true
		}
	}
	for body := range waits {
		x.tried[body], x.unsure[body] = true, true
	}
	for id := range x.answers { // lost messages go with the rest
		x.tried[id] = true
	}
	if p.User == "" { // lost messages go with the rest, also where a store goes back to data with them
		for body := range x.by {
			x.tried[body], x.unsure[body] = true, true
		}
	}
	if err != nil {
		return
	}
	n.hall.Recalled("1", ev)
	for _, e := range stored {
		body := infos(x.t, []string{e.JSON})[0]
		switch {
		case waits[body] || !ev.Purge.Takes(codec.Sender(e.JSON), codec.Timestamp(e.JSON), ev.Epoch, e.Seq):
		case p.User == "":
			x.cleared[body] = ev.Seq
		default:
			x.purged[body] = purgedAs{*ev.Purge}
		}
	}
}

// purgedAs is the purge that took a message.
type purgedAs struct{ chat.Purge }

// known reports whether a node knows of it.
func (p purgedAs) known(n *worldNode) bool {
	return slices.ContainsFunc(n.room.recalls.purges, func(was *chat.Event) bool {
		return was.Purge.User == p.User && was.Purge.Since == p.Since && was.Purge.Until == p.Until
	})
}

// waiting are the bodies that wait for the store on any node: they may come yet, or once more.
func (x *world) waiting() map[string]bool {
	all := map[string]bool{}
	for _, n := range x.nodes {
		for _, posts := range [][]post{n.room.outbox.flight.posts, n.room.outbox.waiting} {
			for i := range posts {
				all[infos(x.t, []string{string(posts[i].draft.AppendJSON(nil, 1))})[0]] = true
			}
		}
	}
	return all
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
	room, waits := x.cloud.room("1"), x.waiting()
	for _, n := range x.nodes {
		if len(n.store.jam) > 0 { // calls that hang may store anything once more
			clear(x.purged)
			clear(x.cleared)
		}
	}
	for body, as := range x.purged {
		for _, n := range x.nodes {
			x.forgotten[body] = x.forgotten[body] || !as.known(n)
		}
		if waits[body] { // it may be stored once more, later
			delete(x.purged, body)
		}
	}
	for body, upTo := range x.cleared {
		for _, n := range x.nodes {
			knows := room.cleared >= upTo && n.room.recalls.cleared >= upTo && n.room.follower.pos.Epoch == room.Epoch
			if !knows || waits[body] {
				delete(x.cleared, body)
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
	x.wake()
	for _, n := range x.nodes {
		n.store.hear()
		n.store.hurry()
		n.store.answers()
		n.store.meanwhile(nil)
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
	x.tick(chat.ReportEvery) // all report where they stand
	for range 2 {
		for _, n := range x.nodes {
			n.hall.Report(x.t.Context())
		}
		settle()
		x.tick(driftAfter*time.Second + chat.ReportEvery)
	}
	settle()
}

// far is how many changes the data go back at most. Most of the time these are a few, as with a replica. Otherwise the
// data may go back to any that was.
func (x *world) far() int {
	if x.rnd.IntN(3) > 0 {
		return 8
	}
	return 1000
}
