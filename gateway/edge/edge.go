package edge

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lesismal/nbio"

	"barrage/gateway/door"
	"barrage/internal/chat"
	"barrage/internal/once"
	"barrage/internal/openfiles"
	"barrage/room"
)

// Store is what the edge needs of the state that all nodes share.
type Store interface {
	// SetToken makes token one of the user's; it may replace another one.
	SetToken(ctx context.Context, user, token string) error
	// CheckToken is what the store knows of a token, and prolongs its life if it counts.
	CheckToken(ctx context.Context, cred chat.Credential) (chat.TokenState, error)
	// CheckTokens is CheckToken for many, prolonging nothing.
	CheckTokens(ctx context.Context, creds []chat.Credential) ([]chat.TokenState, error)
	// ProlongTokens is CheckToken for many, whatever comes of it.
	ProlongTokens(ctx context.Context, creds []chat.Credential) error
	// JoinAll makes each user a member of the room beside it, but those who are in too many.
	JoinAll(ctx context.Context, all []chat.Membership) (refused int, err error)
	// IsMember reports whether user is a member of room.
	IsMember(ctx context.Context, user, room string) (bool, error)
	// KnownRoom reports whether a room is registered, or has had messages.
	KnownRoom(ctx context.Context, room string) (bool, error)
	// Rules reads the rules of a room.
	Rules(ctx context.Context, room string) (chat.Rules, error)
	// ReadTerms is the text of a list of terms of the word filter, empty where there is none.
	ReadTerms(ctx context.Context, name string) (string, error)
	// State is nil when the store can be used, else why not.
	State() error
}

// Edge is what both protocols stand on: the public port's handshakes, the sockets after them, and who may come in.
type Edge struct {
	// Immutable after Listen; engine, polled and started, and ctx and workers of Exit, which Run sets, after that.
	// Inherited is the public port where somebody else has opened it, as systemd does; nil: server.listen is opened. The
	// maker of the edge sets it before Listen.
	Inherited net.Listener
	// Hall is the rooms. The maker of the edge sets it before Listen, see Callbacks.
	Hall   *room.Hall
	Door   *door.Door
	Plain  *door.Plain // connections of the public port that are no WebSockets
	Guard  *Guard
	Joins  *Joins
	Tokens *TokenWatcher
	Order  *Order
	Words  *Words
	Exit   Exit
	Log    *slog.Logger
	// Paths are those that sockets are opened at. The protocols add theirs before Listen.
	Paths SocketPaths
	// Native is the *v1.API of this edge, where its members find it. The edge imports no protocol, so it has no type here.
	// A typed pointer in each member would take 360 B, which the heap makes 384.
	Native any
	// OnHandshake receives how long it took to let somebody in, OnRefused why somebody was not, in one word of some 30.
	// The maker of the edge sets them before Listen; nil: nobody is notified. They may not block.
	OnHandshake func(took time.Duration)
	OnRefused   func(why string)
	// Times are the real ones; tests set others before Listen.
	Times Times

	store     Store
	openFiles int
	spare     int       // descriptors of the reserve that requests may have
	made      time.Time // see millis
	acceptor  *Acceptor
	engine    *nbio.Engine
	polled    []poller // one a poller
	writers   writers
	started   time.Time

	set atomic.Pointer[settings] // see Reload

	tarrying atomic.Int32 // refusals that wait

	// Stats and Sessions may be used at any time.
	Stats    Stats
	Sessions Sessions
	clock    clock
	// delivered is when the lanes were last found to deliver, in nanoseconds since made.
	delivered atomic.Int64
	hinted    once.Logged // the hints that were logged
}

// Times is the time as an edge has it.
type Times struct {
	// Check is the time between two session checks, Recheck the least time between two rounds over changed tokens.
	Check, Recheck time.Duration
	// Now is the time of day by which tokens are judged.
	Now func() time.Time
	// Tarry is how long a refusal waits, see [Edge.Tarry].
	Tarry time.Duration
}

// New is an edge with settings that are valid. Then set Hall, and call Listen, Run; Exit.Leave, Exit.SendAway; CutOff.
func New(cfg Config, store Store, log *slog.Logger) *Edge {
	e := &Edge{
		Log: log, store: store, made: time.Now(),
		Times: Times{Check: time.Second, Recheck: recheckEvery, Now: time.Now, Tarry: tarryFor},
	}
	e.set.Store(e.newSettings(cfg))
	e.Door = door.New(cfg.door(), e.millis, log)
	e.Plain = e.Door.NewPlain(e.mostPlain, func() time.Time { return e.Times.Now() })
	e.Joins, e.Tokens, e.Guard = newJoins(e), newTokenWatcher(e), newGuard(e.Config(), store, log)
	e.Order = newOrder(e)
	e.Exit.sessions, e.Exit.hall, e.Exit.log = &e.Sessions, func() *room.Hall { return e.Hall }, log
	e.Words = newWords(store, func() time.Time { return e.Times.Now() }, log)
	return e
}

// Callbacks is how rooms ask the edge; onChange is room.Callbacks.OnChange.
func (e *Edge) Callbacks(onChange func(*room.Room)) room.Callbacks {
	return room.Callbacks{Clock: wallClock{}, Authorize: e.authorizeSenders(), OnChange: onChange, OnRules: e.rulesChanged, OnHeld: e.Order.heldChanged, Review: e.Reviewer(), NewFor: e.Config().Hook.ReviewNewFor, NewVolleyWriters: e.newWriters}
}

// rulesChanged is room.Callbacks.OnRules.
func (e *Edge) rulesChanged(r *room.Room, targets []string) {
	e.Order.note(r, targets)
	if r.ID() == chat.Everywhere {
		e.Words.note()
	}
}

// Listen reads what tokens and texts are checked by, and opens the public port. Nobody is served before Run. Where
// there is an error nothing is open.
func (e *Edge) Listen() (net.Listener, error) {
	if err := e.writers.settle(e.Config().IOUring, e.Log); err != nil {
		return nil, err
	}
	if err := e.Guard.load(e.Times.Now); err != nil {
		return nil, err
	}
	if err := e.Words.Reload(e.Config().Filter); err != nil {
		return nil, err
	}
	limit, err := openfiles.Limit()
	if err != nil {
		return nil, err
	}
	if e.Sessions.most, err = ConnectionLimit(e.Config().Server.MaxConnections, limit); err != nil {
		return nil, err
	}
	e.openFiles = limit
	e.spare = spareOf(limit, e.pollers(), e.RingedLanes())
	ln, err := e.listen()
	if err != nil {
		return nil, CannotListen("server.listen", e.Config().Server.Listen, err)
	}
	if e.acceptor, err = newAcceptor(e, ln.(*net.TCPListener)); err != nil {
		_ = ln.Close()
		return nil, CannotListen("server.listen", e.Config().Server.Listen, err)
	}
	if ln = e.acceptor; e.Config().Server.ProxyProtocol {
		ln = e.Door.Listen(ln, e.Config().Server.ReadHeaderTimeout, e.Plain.Met)
	}
	return ln, nil
}

// startClock begins the time of sessions. The time before, as that of the store's first contact, is no pause of the
// node's.
func (e *Edge) startClock(now time.Time) {
	e.started = now
	e.Hall.TicksFrom(now)
}

// Run starts the pollers, and what runs beside them until ctx ends.
func (e *Edge) Run(ctx context.Context, workers *sync.WaitGroup) {
	e.Exit.ctx, e.Exit.workers = ctx, workers
	e.startEngine()
	e.startClock(time.Now())
	workers.Go(func() { e.checkSessions(ctx) })
	workers.Go(func() { e.Joins.run(ctx) })
	e.Order.open(ctx)
	workers.Go(func() { e.Order.run(ctx) })
	workers.Go(func() { e.Words.run(ctx, e.terms) })
	if e.Config().Auth.checks() {
		workers.Go(func() { e.Tokens.run(ctx) })
	}
	workers.Go(func() { e.Guard.keepKeys(ctx) })
}

// mostPlain is how many connections may be no WebSockets now: their part of the reserve, and the descriptors of
// slots that nobody has. So a wave of newcomers finds them all, and a crowd on a full node does not.
func (e *Edge) mostPlain() int { return e.spare + e.Sessions.Most() - e.Sessions.Taken() }

// pollers is how many there are, and how many goroutines accept.
func (e *Edge) pollers() int {
	return cmp.Or(e.Config().Server.Pollers, max(1, runtime.NumCPU()/2))
}

// quiet sets nbio's globals once; several servers live in one test process.
var quiet sync.Once

// gone takes out a session whose connection nbio has closed.
func (e *Edge) gone(c *Session) {
	c.mu.Lock()
	c.endLocked(ClosePeer)
	c.shut = isGone
	c.mu.Unlock()
	c.runs().Gone()
	e.Door.Leave(door.Ticket(c.ticket.Load()), c.user) // first: the next one in that slot may be the same user
	e.Sessions.remove(c)
}

// mostHinted bounds what a hint shows of a stranger's request, in bytes.
const mostHinted = 200

// Hint logs, once, what operators may have to mend, and about what request: names and values.
func (e *Edge) Hint(text string, of ...string) {
	if !e.hinted.IsNew(text) {
		return
	}
	attrs := make([]any, len(of))
	for i, s := range of {
		attrs[i] = s[:min(len(s), mostHinted)]
	}
	e.Log.Warn(text, attrs...)
}

// OpenFiles is the process's limit of open files. Valid after Listen.
func (e *Edge) OpenFiles() int { return e.openFiles }

// spareOf is how many descriptors of the reserve requests may have. The acceptor has the listener twice, and each
// connection that it hands over; a lane has its ring.
func spareOf(limit, pollers, rings int) int {
	return max(openfiles.Reserve(limit)*3/4-1-pollers-rings, openfiles.Reserve(limit)/4)
}

// ConnectionLimit is how many WebSockets fit: as many as asked for, or all that the limit of open files allows.
func ConnectionLimit(asked, limit int) (int, error) {
	fits := limit - openfiles.Reserve(limit)
	switch {
	case fits <= 0:
		return 0, fmt.Errorf("cannot serve with %d open files: raise the limit (ulimit -n) to 1024 or more", limit)
	case asked > fits:
		return 0, fmt.Errorf("cannot hold server.max_connections %d: the limit of %d open files leaves room for %d; raise it (ulimit -n) or lower the setting", asked, limit, fits)
	case asked == 0:
		return fits, nil
	}
	return asked, nil
}
