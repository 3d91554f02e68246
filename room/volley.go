package room

// This file is volleys: a sweep's writes, given to the kernel together. Only a sweep has many writes at once, each to
// another member. A late join, a drained member and a note on what was skipped are one write each, by [Socket.Send].

const (
	// MostVolley is the most writes of a volley. A writer holds the locks of all of its sockets while the kernel works:
	// 32 writes of about 5 µs are 0.16 ms. Three quarters of what 128 would save come with 32.
	MostVolley = 32
	// volleyBytes is how large a volley gets before it goes, in bytes. A write of 64 KiB takes some 30 µs, and 32 of them
	// would hold the locks for a millisecond. Up to 8 KiB a write costs what a small one does.
	volleyBytes = MostVolley * 8 << 10
	// leastVolley is the fewest writes that are worth a call of another kind. Each of fewer costs 0.2 to 0.6 µs more by a
	// ring than by send(2).
	leastVolley = 4
	// largeWrite is from how many bytes on, on average, writes go one by one. The part of a call that a ring saves is
	// little beside copying them. Measured with 10,000 viewers and 2,000 messages/s, writes of 50 KB, two rounds in turn.
	// A node with a ring took 52 to 56 ns of CPU a copy and had a p99 of 426 to 573 ms. A node without one took 47 to
	// 52 ns and had 360 to 512 ms. Writes of 15 KB are cheaper by a ring.
	largeWrite = 32 << 10
)

// Write is one member's share of a volley.
type Write struct {
	// Socket and P are as in Socket.Send: P is not empty, is shared, and is not kept.
	Socket Socket
	P      []byte
	// N and Full are the answer, as Socket.Send gives it.
	N    int
	Full bool
}

// VolleyWriter writes to many sockets at once. Each lane has its own. The goroutine that has the lane calls it: one at
// a time, but not always the same one.
type VolleyWriter interface {
	// Send does for each write what Socket.Send does, and leaves the answer in it. There are at most MostVolley, each for
	// another socket. It never blocks, and nothing of it is under way after the return. together is how many went to the
	// kernel in one call.
	Send(volley []Write) (together int)
	// Close ends it, as the last call.
	Close()
}

// volley is what a sweep has gathered for the lane's VolleyWriter.
type volley struct {
	n       int
	bytes   int // of all writes
	writes  [MostVolley]Write
	members [MostVolley]*Member
	views   [MostVolley]view // of which writes are the bytes
}

// add has m get v; the volley must not be full.
func (g *volley) add(m *Member, v *view) {
	g.writes[g.n] = Write{Socket: m.socket, P: v.b}
	g.members[g.n], g.views[g.n] = m, *v
	g.n++
	g.bytes += len(v.b)
}

// full reports whether the volley has to go.
func (g *volley) full() bool { return g.n == MostVolley || g.bytes >= volleyBytes }

// fire writes what the turn has gathered.
func (t *turn) fire() {
	l := t.part.lane
	g := l.volley
	if g == nil || g.n == 0 {
		return
	}
	writes := g.writes[:g.n]
	if g.n < leastVolley || g.bytes >= g.n*largeWrite {
		for i := range writes {
			w := &writes[i]
			w.N, w.Full = w.Socket.Send(w.P)
		}
	} else {
		t.volleyed += uint64(l.writer.Send(writes))
	}
	for i := range writes {
		t.answer(g.members[i], &g.views[i], writes[i].N, writes[i].Full)
	}
	clear(writes) // members that have left are not held, nor segments that the log has dropped
	clear(g.members[:g.n])
	clear(g.views[:g.n])
	g.n, g.bytes = 0, 0
}
