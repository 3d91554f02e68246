package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lesismal/nbio"
	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/mempool"

	"barrage/codec"
	"barrage/gateway/door"
	"barrage/internal/chat"
	"barrage/internal/pace"
	"barrage/room"
)

// Store is what the edge needs of the state that all nodes share. redisx satisfies it.
type Store interface {
	room.Store
	// SetToken makes token one of the user's; it may replace another one.
	SetToken(ctx context.Context, user, token string) error
	// CheckToken is what the store knows of a token, and prolongs its life if it counts.
	CheckToken(ctx context.Context, cred chat.Credential) (chat.TokenState, error)
	// CheckTokens is CheckToken for many, prolonging nothing.
	CheckTokens(ctx context.Context, creds []chat.Credential) ([]chat.TokenState, error)
	// RevokeUser ends all tokens of a user that were made until then, RevokeToken a signed one by its name.
	RevokeUser(ctx context.Context, user string, then time.Time) error
	RevokeToken(ctx context.Context, id string, end time.Time) error
	// JoinAll makes each user a member of the room beside it, but those who are in too many.
	JoinAll(ctx context.Context, all []chat.Membership) (refused int, err error)
	// Join makes user a member of room; added is false where it was one already. An error
	// with chat.ErrTooManyRooms in its chain says that the user is in too many.
	Join(ctx context.Context, user, room string) (added bool, err error)
	// IsMember reports whether user is a member of room.
	IsMember(ctx context.Context, user, room string) (bool, error)
	// Rooms lists the rooms that user is a member of.
	Rooms(ctx context.Context, user string) ([]string, error)
	// RegisterRoom registers a room, or ends that; KnownRoom reports whether it is, or has had messages.
	RegisterRoom(ctx context.Context, room string, on bool) error
	KnownRoom(ctx context.Context, room string) (bool, error)
	// Range reads the history's entries from start to stop as LRANGE does.
	Range(ctx context.Context, room string, start, stop int64) ([]string, error)
	// Before reads the count messages just before the one of user at ts.
	Before(ctx context.Context, room, user string, ts int64, count int) (msgs []string, found bool, err error)
	// Since reads the messages numbered above seq, at most limit, oldest first.
	Since(ctx context.Context, room string, seq uint64, limit int) (chat.History, error)
	// RecallSeq takes message seq of epoch back, if it is user's and not older than notBefore, in
	// Unix ms. Else the error has chat.ErrNoMessage, ErrNotYours, ErrTooOld or ErrOtherEpoch in its chain.
	RecallSeq(ctx context.Context, room, user string, known chat.Position, epoch string, seq uint64, notBefore int64) (chat.Event, error)
	// Page reads at most limit messages in order: the oldest behind after, or the newest
	// before before where that is not 0. Recalled ones are entries without JSON.
	Page(ctx context.Context, room string, before, after uint64, limit int) (chat.History, error)
	// SubscribeUser returns once changes of the user's rooms reach [Server.UserEvent].
	SubscribeUser(ctx context.Context, user string) error
	// UnsubscribeUser ends that. It never blocks.
	UnsubscribeUser(user string)
	// State is nil when the store can be used, else why not.
	State() error
	// Notes are what of this node's promises the store's settings do not keep, a sentence each.
	Notes() []string
}

// apiTimeout bounds what one HTTP call or handshake may wait for the store.
const apiTimeout = 5 * time.Second

// Server is the edge of one node. Make it with [New], then call Start, Drain, Close
// in this order.
type Server struct {
	// Immutable after Start.
	cfg                          Config
	store                        Store
	hall                         *room.Hall
	guard                        guard
	fastIM                       fastIM
	v1                           v1
	lists                        *lists
	joins                        *joins
	recalls, arrivals, questions *errands // see checks
	tokens                       *tokenWatcher
	door                         *door.Door
	plain                        *door.Plain
	spare                        int       // descriptors of the reserve that requests may have
	ops                          pace.Rate // limits.message_rate
	likes                        pace.Rate // limits.like_rate
	made                         time.Time // see millis
	// sweepEvery is one second; tests that make up the time set more before Start. now is time.Now, but for tests.
	sweepEvery time.Duration
	now        func() time.Time
	log        *slog.Logger
	metrics    *metrics
	engine     *nbio.Engine
	public     *http.Server
	admin      *http.Server
	addr       net.Addr
	adminAt    net.Addr
	started    time.Time
	stop       context.CancelFunc
	workers    sync.WaitGroup // accept loops, sweep

	clock    clock
	stats    counters
	draining atomic.Bool
	requests atomic.Int64 // HTTP requests and handshakes being answered
	closing  sync.Once

	sessions sessions
}

// New makes the edge over store. cfg and rooms must be valid. The caller passes the
// Server to the store as its handler before Start.
func New(cfg Config, rooms room.Config, store Store, log *slog.Logger) *Server {
	s := &Server{cfg: cfg, store: store, log: log, sweepEvery: time.Second, made: time.Now(), now: time.Now}
	s.door = door.New(door.Config{Limits: cfg.Limits, TrustedProxies: cfg.Server.TrustedProxies, ClientIPHeader: cfg.Server.ClientIPHeader}, s.millis, log)
	if cfg.Limits.Enabled {
		s.ops = pace.PerSecond(cfg.Limits.MessageRate, cfg.Limits.MessageBurst)
		s.likes = pace.PerSecond(cfg.Limits.LikeRate, int(cfg.Limits.LikeRate))
	}
	s.plain = s.door.NewPlain(s.mostPlain, func() time.Time { return s.now() })
	s.lists, s.joins, s.tokens = newLists(s), newJoins(s), newTokenWatcher(s)
	s.recalls, s.arrivals, s.questions = newErrands(), newErrands(), newErrands()
	s.guard, s.v1.srv, s.fastIM.srv = newGuard(&s.cfg, store, log), s, s
	s.hall = room.New(rooms, room.Hooks{Clock: wallClock{}, Authorize: s.authorizeSenders(), OnChange: s.lists.roomChanged}, store, log)
	s.metrics = newMetrics(s)
	return s
}

// Start opens the ports and begins to serve. On an error nothing is left running, and
// the Server cannot be used again.
func (s *Server) Start() error {
	err := s.start()
	if err != nil {
		s.hall.Close()
	}
	return err
}

func (s *Server) start() error {
	keepKeys, err := s.guard.load(s.now)
	if err != nil {
		return err
	}
	serverKeys, err := s.loadKeys()
	if err != nil {
		return fmt.Errorf("cannot read admin.keys_file: %w", err)
	}
	limit, err := openFilesLimit()
	if err != nil {
		return err
	}
	s.sessions.most, err = connectionLimit(s.cfg.Server.MaxConnections, limit)
	if err != nil {
		return err
	}
	ln, err := listen(s.cfg.Server.Listen, int(s.cfg.Server.SendBuffer))
	if err != nil {
		return fmt.Errorf("cannot listen on server.listen %q: %w", s.cfg.Server.Listen, err)
	}
	var adminLn net.Listener
	if s.cfg.Admin.Listen != "" {
		if adminLn, err = net.Listen("tcp", s.cfg.Admin.Listen); err != nil {
			_ = ln.Close()
			return fmt.Errorf("cannot listen on admin.listen %q: %w", s.cfg.Admin.Listen, err)
		}
		s.adminAt = adminLn.Addr()
	}
	s.addr = ln.Addr()
	s.spare = reserve(limit) * 3 / 4
	s.startEngine(limit)

	ctx, cancel := context.WithCancel(context.Background())
	s.started, s.stop = time.Now(), cancel
	s.startWorkers(ctx, keepKeys)
	s.public = s.httpServer(s.routes())
	s.public.ConnState = s.plain.State
	if s.cfg.Server.ProxyProtocol {
		ln = s.door.Listen(ln, s.cfg.Server.ReadHeaderTimeout)
	}
	s.serve(s.public, ln)
	if adminLn != nil {
		s.admin = s.httpServer(s.adminRoutes(serverKeys))
		s.serve(s.admin, adminLn)
	}
	s.warn()
	s.log.Info("listening", "addr", s.addr, "admin", s.adminAt, "max_connections", s.sessions.most, "open_files", limit)
	return nil
}

// startWorkers starts what runs beside the listeners until ctx ends. keepKeys keeps the keys of tokens up to date.
func (s *Server) startWorkers(ctx context.Context, keepKeys func(context.Context)) {
	s.workers.Go(func() { s.sweep(ctx) })
	s.workers.Go(func() { s.joins.run(ctx) })
	for range recallers {
		s.workers.Go(func() { s.recalls.run(ctx) })
	}
	for range arrivers {
		s.workers.Go(func() { s.arrivals.run(ctx) })
	}
	if s.guard.hook != nil {
		for range askers {
			s.workers.Go(func() { s.questions.run(ctx) })
		}
	}
	if s.cfg.Auth.checks() {
		s.workers.Go(func() { s.tokens.run(ctx) })
	}
	if s.private() {
		s.workers.Go(func() { s.expel(ctx) })
	}
	s.workers.Go(func() { keepKeys(ctx) })
	s.lists.start(ctx, &s.workers)
}

// warn says what of the settings leaves a door open.
func (s *Server) warn() {
	if s.cfg.Auth.Required() && s.cfg.Auth.givesTokens() && s.cfg.Auth.LoginURL == "" {
		s.log.Warn("anybody can log in as anybody, and ends the token of that user: auth.mode has redis and auth.login_url is empty; " +
			"set it to a hook that knows passwords, or to off where tokens are written to Redis by others")
	}
	if s.private() && !s.cfg.Auth.Required() {
		s.log.Warn("rooms are not private: room.auto_join is off, but nobody's token is checked, so anybody comes in under a member's name; " +
			"take any out of auth.mode")
	}
}

// mostPlain is how many connections may be no WebSockets now: what they have of the reserve, and the descriptors of
// places that nobody has. So a wave of newcomers finds them all, and who crowds a full node does not.
func (s *Server) mostPlain() int { return s.spare + s.sessions.most - s.sessions.held() }

// startEngine starts nbio's pollers. They only read: accepting is net/http's, and
// handlers run inline, so nbio's executor, which has a bug that leaves one worker
// for good, is not in the way.
func (s *Server) startEngine(openFiles int) {
	quiet.Do(func() {
		logging.SetLevel(logging.LevelNone)
		mempool.DefaultMemPool = mempool.NewAligned() // the default hoards: one pool for 1 KiB to 1 GiB
		nbio.MaxOpenFiles = openFiles                 // an array of pointers of this size is made
	})
	pollers := s.cfg.Server.Pollers
	if pollers == 0 {
		pollers = max(1, runtime.NumCPU()/2)
	}
	s.engine = nbio.NewEngine(nbio.Config{
		Name:           "barrage",
		NPoller:        pollers,
		ReadBufferSize: 32 << 10, // one a poller; larger only helps clients that send that much at once
	})
	s.engine.OnData(func(c *nbio.Conn, b []byte) { c.Session().(*session).read(b) })
	s.engine.OnWrittenSize(func(c *nbio.Conn, _ []byte, n int) { c.Session().(*session).drained(n) })
	s.engine.OnClose(func(c *nbio.Conn, _ error) { s.gone(c.Session().(*session)) })
	if err := s.engine.Start(); err != nil { // it has no listener that could fail
		panic("BUG: cannot start pollers: " + err.Error())
	}
}

// quiet sets nbio's globals once; several servers live in one test process.
var quiet sync.Once

func (s *Server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: s.cfg.Server.ReadHeaderTimeout,
		ReadTimeout:       10 * time.Second, // 64 KiB at most
		WriteTimeout:      30 * time.Second, // 1 MiB at most
		IdleTimeout:       10 * time.Second, // the next request of a page comes soon; what waits longer holds a descriptor
		MaxHeaderBytes:    int(s.cfg.Server.MaxHeaderBytes),
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// serve accepts until the server is shut down. net/http backs off where the process
// has no descriptor left (EMFILE).
func (s *Server) serve(srv *http.Server, ln net.Listener) {
	s.workers.Go(func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("stopped accepting", "addr", ln.Addr(), "err", err)
		}
	})
}

// Addr is where the public port listens. Valid after Start.
func (s *Server) Addr() net.Addr { return s.addr }

// AdminAddr is where the admin port listens; nil without one. Valid after Start.
func (s *Server) AdminAddr() net.Addr { return s.adminAt }

// Drain leaves in good order, within ctx: readiness off, no new connections, what
// was taken is answered, every socket is closed with 1012. No step keeps the next from
// its turn: answering gets half of the time at most. Whatever is left when ctx ends is
// cut off by Close.
func (s *Server) Drain(ctx context.Context) error {
	s.draining.Store(true)
	taken, cancel := ctx, context.CancelFunc(func() {})
	if end, ok := ctx.Deadline(); ok {
		taken, cancel = context.WithTimeout(ctx, time.Until(end)/2)
	}
	defer cancel()
	// It closes the listener at once. What it waits for then may be a connection that
	// never sends its request; requests that came are counted by us.
	s.workers.Go(func() { _ = s.public.Shutdown(ctx) })
	var errs []error
	if err := s.hall.Flush(taken); err != nil {
		h := s.hall.Stats()
		errs = append(errs, fmt.Errorf("cannot wait longer for %d messages to reach the store and %d slow members to read theirs: %w", h.Waiting, h.Full, err))
	}
	if err := waitUntil(taken, func() bool { return s.joins.waiting.Load() == 0 }); err != nil {
		errs = append(errs, fmt.Errorf("cannot write %d memberships: %w", s.joins.waiting.Load(), err))
	}
	s.sendAway(taken)
	errs = append(errs, s.waitEmpty(ctx))
	if err := waitUntil(taken, func() bool { return s.requests.Load() == 0 }); err != nil {
		errs = append(errs, fmt.Errorf("cannot wait longer for %d HTTP requests to end: %w", s.requests.Load(), err))
	}
	return errors.Join(errs...)
}

// drainStep is how often sendAway closes some sockets.
const drainStep = 20 * time.Millisecond

// sendAway closes every socket with 1012, evenly over server.drain_spread, so that the
// other nodes do not get all clients at once. When ctx ends it closes the rest at once.
func (s *Server) sendAway(ctx context.Context) {
	spread := min(s.cfg.Server.DrainSpread, s.cfg.Server.DrainTimeout/2)
	s.hall.Announce(codec.ReconnectText(spread.Milliseconds(), "the node is leaving"))
	_ = waitUntil(ctx, s.hall.Written) // else the close would overtake it
	var all []*session
	s.sessions.each(func(c *session) { all = append(all, c) }) // takeOver closes those that come later
	t := time.NewTicker(drainStep)
	defer t.Stop()
	for left := int(spread/drainStep) + 1; ; left-- {
		some := len(all)
		if ctx.Err() == nil {
			some = (len(all) + left - 1) / max(left, 1)
		}
		for _, c := range all[:some] {
			c.close(closeRestart)
		}
		if all = all[some:]; len(all) == 0 {
			return
		}
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
}

// waitEmpty waits until every session is gone, and every handshake that was let in.
func (s *Server) waitEmpty(ctx context.Context) error {
	if err := waitUntil(ctx, func() bool { return s.sessions.held() == 0 }); err != nil {
		return fmt.Errorf("cannot wait longer for %d clients to answer the close: %w", s.sessions.held(), err)
	}
	return nil
}

// waitUntil looks every few milliseconds whether done, until it is or ctx ends.
func waitUntil(ctx context.Context, done func() bool) error {
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-t.C:
		}
	}
	return nil
}

// Close ends everything at once and waits for it. It comes after a Start that
// succeeded; a second call does nothing.
func (s *Server) Close() { s.closing.Do(s.close) }

func (s *Server) close() {
	s.draining.Store(true)
	_ = s.public.Close()
	if s.admin != nil {
		_ = s.admin.Close()
	}
	s.sessions.each(func(c *session) { c.kill(closeRestart) })
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = s.waitEmpty(ctx)
	_ = s.engine.Shutdown(ctx)
	s.hall.Report(ctx) // nobody is here any more: the other nodes need not wait until our word is too old
	s.stop()
	s.workers.Wait()
	if s.guard.hook != nil {
		s.guard.hook.Close()
	}
	s.hall.Close()
}

// Sessions is how many WebSockets are open.
func (s *Server) Sessions() int { return s.sessions.open() }

// gone takes out a session whose connection nbio has closed.
func (s *Server) gone(c *session) {
	c.mu.Lock()
	c.endLocked(closePeer)
	c.shut = true
	c.mu.Unlock()
	c.runs.gone()
	s.sessions.remove(c)
	s.door.Leave(door.Ticket(c.ticket.Load()), c.user)
}

// Away, Back, RoomEvent, UserEvent, TokensChanged and Resumed are the store's calls (redisx.Handler).

// Away tells that calls to the store fail from now on. Connections stay, newcomers are let
// in.
func (s *Server) Away(reason error) {
	s.hall.Away(reason)
}

// Back tells that the store takes calls again.
func (s *Server) Back() {
	s.log.Info("the store is back", "messages_waiting", s.hall.Stats().Waiting)
	s.hall.Back()
}

// RoomEvent passes on what happened to a room. It never blocks.
func (s *Server) RoomEvent(id string, ev chat.Event) { s.hall.RoomEvent(id, ev) }

// UserEvent tells that the set of the user's rooms changed. It never blocks.
func (s *Server) UserEvent(user string) { s.lists.userChanged(user) }

// TokensChanged tells whose tokens may have changed, and which signed ones by their names; both nil = anybody's. It
// never blocks.
func (s *Server) TokensChanged(users, ids []string) {
	if s.cfg.Auth.checks() {
		s.tokens.changed(users, ids)
	}
}

// Resumed tells that events of any room and user may have been missed.
func (s *Server) Resumed() {
	s.hall.Resumed()
	s.lists.resumed()
}

// openFilesLimit is the process's limit of open files. Go raises the soft limit to
// the hard one at start.
func openFilesLimit() (int, error) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, fmt.Errorf("cannot read the limit of open files: %w", err)
	}
	return int(min(l.Max, 1<<24)), nil
}

// reserve is how many descriptors are not for WebSockets.
func reserve(openFiles int) int { return max(64, openFiles/20) }

// connectionLimit is how many WebSockets fit: what is asked for, or all that the
// open-files limit allows. The reserve is for listeners, Redis, and requests that
// are being answered, also with 503.
func connectionLimit(asked, openFiles int) (int, error) {
	fits := openFiles - reserve(openFiles)
	switch {
	case fits <= 0:
		return 0, fmt.Errorf("cannot serve with %d open files: raise the limit (ulimit -n) to 1024 or more", openFiles)
	case asked > fits:
		return 0, fmt.Errorf("cannot hold server.max_connections %d: the limit of %d open files leaves room for %d; raise it (ulimit -n) or lower the setting", asked, openFiles, fits)
	case asked == 0:
		return fits, nil
	}
	return asked, nil
}
