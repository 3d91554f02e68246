package gateway

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"barrage/gateway/admin"
	"barrage/gateway/desk"
	"barrage/gateway/edge"
	"barrage/gateway/fastim"
	"barrage/gateway/fleet"
	"barrage/gateway/traces"
	v1 "barrage/gateway/v1"
	"barrage/gateway/webhooks"
	"barrage/internal/chat"
	"barrage/room"
	"barrage/web"
)

// Store is what the node needs of the state that all nodes share. redisx satisfies it.
type Store interface {
	room.Store
	edge.Store
	fastim.Store
	v1.Store
	desk.Store
	webhooks.Store
	fleet.Store
	admin.Store
}

// Server is one node. Make it with [New], then call Start, Drain, Close in this order.
type Server struct {
	// Immutable after Start.
	cfg       Config
	store     Store
	edge      *edge.Edge
	fastIM    *fastim.FastIM
	v1        *v1.API
	admin     *admin.Port
	notifier  *webhooks.Notifier // nil: no service is notified
	traces    *traces.Traces     // nil: there are none
	audit     audit
	emotes    *web.Emotes
	log       *slog.Logger
	metrics   *metrics
	fleet     *fleet.Fleet
	started   time.Time
	public    *http.Server
	adminHTTP *http.Server // nil without an admin port
	addr      net.Addr
	adminAt   net.Addr
	stop      context.CancelFunc // ends what runs; since Start
	workers   sync.WaitGroup     // accept loops, and all that edge and protocols run

	speeds  speeds
	front   front
	closing sync.Once
	reload  reloads
}

// New makes the node over store. cfg and rooms must be valid. The caller passes the
// Server to the store as its handler before Start.
func New(cfg Config, rooms room.Config, store Store, log *slog.Logger) *Server {
	s := &Server{cfg: cfg, store: store, log: log, metrics: newMetrics(), edge: edge.New(cfg.Config, store, log), audit: audit{path: cfg.Admin.AuditFile}}
	s.front.edge = s.edge
	s.edge.Inherited = cfg.Running.Listener
	s.fastIM, s.v1 = fastim.New(cfg.List, s.edge, store), v1.New(s.edge, store)
	ask := s.edge.Callbacks(s.fastIM.Lists.RoomChanged)
	order := ask.OnRules
	ask.OnRules = func(r *room.Room, targets []string) {
		order(r, targets)
		s.fastIM.Lists.UsersChanged(targets)
	}
	ask.Timings = s.metrics.timings.rooms()
	rooms.Node = cmp.Or(rooms.Node, rand.Text()[:12])
	if s.notifier = webhooks.New(cfg.Webhooks, store, rooms.Node, time.Now, log); s.notifier != nil {
		ask.OnStored, ask.OnHold = s.notifier.Stored, s.waits
	}
	if s.traces = traces.New(cfg.Traces, rooms.Node, cfg.Running.Version, log); s.traces != nil {
		ask.For = v1.For
	}
	s.edge.Hall = room.New(rooms, ask, store, log)
	s.v1.NewDesk(store)
	s.v1.Desk.OnEntry = s.moderated
	s.fleet = fleet.New(s.edge.Hall.Node(), store, s.self, s.tick, log)
	fleet.On(s.fleet, askRole, s.answerRole)
	s.v1.Desk.RoleElsewhere = s.roleElsewhere
	s.admin = admin.New(cfg.Admin, admin.Base{
		Node: s, Edge: s.edge, API: s.v1, Store: store, Fleet: s.fleet, Level: cfg.Running.Level, Log: log,
	}, s.metrics.handler(), s.traces)
	s.metrics.register(s)
	s.metrics.listen(s)
	s.reload.show(cfg.Running.Settings)
	return s
}

// Start opens the ports and begins to serve. On an error nothing is left running, and
// the Server cannot be used again.
func (s *Server) Start() error {
	err := s.start()
	if err != nil {
		s.edge.Hall.Close()
	}
	return err
}

func (s *Server) start() error {
	var err error
	if err = s.admin.LoadKeys(); err != nil {
		return err
	}
	if s.emotes, err = web.ReadEmotes(s.cfg.Server.Emotes); err != nil {
		return fmt.Errorf("server.emotes: %w", err)
	}
	if err := s.audit.check(); err != nil {
		return err
	}
	ln, err := s.edge.Listen()
	if err != nil {
		return err
	}
	var adminLn net.Listener
	if s.cfg.Admin.On() {
		if adminLn, err = net.Listen("tcp", s.cfg.Admin.Listen); err != nil {
			_ = ln.Close()
			return edge.CannotListen("admin.listen", s.cfg.Admin.Listen, err)
		}
		s.adminAt = adminLn.Addr()
	}
	s.addr = ln.Addr()

	ctx, cancel := context.WithCancel(context.Background())
	s.stop, s.started = cancel, time.Now()
	s.edge.Run(ctx, &s.workers)
	s.fastIM.Lists.Run(ctx, &s.workers)
	s.v1.Run(ctx, &s.workers)
	s.notifier.Run(ctx, &s.workers)
	s.traces.Run(ctx, &s.workers)
	s.fleet.Run(ctx, &s.workers)
	if s.edge.Private() {
		s.workers.Go(func() { s.expel(ctx) })
	}
	s.public = s.httpServer(s.routes())
	s.public.ConnState, s.public.ConnContext = s.edge.Plain.State, edge.ConnContext
	s.edge.Accept(ctx, s.public.Handler, &s.workers)
	s.serve(s.public, ln)
	if adminLn != nil {
		s.adminHTTP = s.httpServer(s.admin.Handler())
		s.serve(s.adminHTTP, adminLn)
	}
	for _, warning := range s.cfg.Warnings() {
		s.log.Warn(warning)
	}
	adminAt := admin.Off
	if s.adminAt != nil {
		adminAt = s.adminAt.String()
	}
	s.log.Info("listening", "addr", s.addr, "admin", adminAt, "max_connections", s.edge.Sessions.Most(), "open_files", s.edge.OpenFiles())
	return nil
}

func (s *Server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: s.cfg.Server.ReadHeaderTimeout,
		ReadTimeout:       10 * time.Second, // 64 KiB at most, 1 MiB on the admin port
		WriteTimeout:      30 * time.Second, // 1 MiB at most
		IdleTimeout:       10 * time.Second, // a page's next request comes soon; an idle connection holds a descriptor
		MaxHeaderBytes:    int(s.cfg.Server.MaxHeaderBytes),
		// net/http would answer OPTIONS * by itself, as often as anybody asks; it is refused as a path that does not exist.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
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

// SinceDelivery is how long ago the node was last found to deliver, by a look once a second: see edge.SinceDelivery.
func (s *Server) SinceDelivery() time.Duration { return s.edge.SinceDelivery() }

// Drain leaves in good order, within ctx, and begins with readiness off. For server.lame_duck it does no more than
// that, nor until no other node sends its clients away, if there is time for that. Then no new connections come, and
// nothing more is taken from sockets. Messages that were taken come to all members, if there is time for that. Requests
// that were taken are answered, and every socket is closed with 1012. No step keeps the next from its turn: answering
// gets half of the time at most. Close cuts off every connection that is left when ctx ends.
func (s *Server) Drain(ctx context.Context) error {
	s.beLame(ctx)
	s.edge.Exit.Leave()
	answering, cancel := edge.Half(ctx)
	defer cancel()
	// It closes the listener at once. The connection that it waits for then may never send its request; requests that came
	// are counted by us.
	s.workers.Go(func() { _ = s.public.Shutdown(ctx) })
	var errs []error
	if err := s.edge.TouchPollers(answering); err != nil { // a message that is taken now comes to all members
		errs = append(errs, fmt.Errorf("cannot wait until the pollers have taken what they have read: %w", err))
	}
	if err := s.edge.Hall.Flush(answering); err != nil {
		h := s.edge.Hall.Stats()
		errs = append(errs, fmt.Errorf("cannot wait longer for messages to reach the store (%d) and slow members to read theirs (%d): %w", h.Waiting, h.Full, err))
	}
	if err := edge.WaitUntil(answering, func() bool { return s.edge.Joins.Waiting() == 0 }); err != nil {
		errs = append(errs, fmt.Errorf("cannot write memberships (%d): %w", s.edge.Joins.Waiting(), err))
	}
	closing, cancel := edge.Half(ctx) // the other half is for the clients to answer the close
	defer cancel()
	errs = append(errs, s.edge.Exit.SendAway(closing, s.edge.Config().Server.Spread()), s.edge.Sessions.WaitEmpty(ctx))
	s.fleet.EndLease(ctx, nil) // nobody is sent away any more
	if err := edge.WaitUntil(ctx, func() bool { return s.front.underWay.Load() == 0 }); err != nil {
		errs = append(errs, fmt.Errorf("cannot wait longer for HTTP requests to end (%d): %w", s.front.underWay.Load(), err))
	}
	return errors.Join(errs...)
}

// Close ends everything at once and waits for it. It comes after a Start that
// succeeded; a second call does nothing.
func (s *Server) Close() { s.closing.Do(s.close) }

func (s *Server) close() {
	s.edge.Exit.Leave()
	_ = s.public.Close()
	if s.adminHTTP != nil {
		_ = s.adminHTTP.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s.edge.CutOff(ctx)
	s.edge.Hall.Report(ctx) // nobody is here any more: the other nodes need not wait until our word is too old
	s.notifier.Leave()
	s.stop()
	s.workers.Wait()
	_ = s.fleet.Leave(ctx) // else the other nodes take it for alive for half a minute
	s.reload.mu.Lock()     // the last one is over
	defer s.reload.mu.Unlock()
	s.reload.over = true
	s.edge.Guard.Close()
	s.edge.Hall.Close()
	if review := s.edge.Review(); review != nil {
		review.Close()
	}
}

// beLame is not ready any more, and waits for server.lame_duck and for the lease.
func (s *Server) beLame(ctx context.Context) {
	s.edge.BeLame()
	if s.store.State() == nil {
		_ = s.fleet.Beat(ctx) // else with the next beat
	}
	cfg := s.edge.Config().Server
	lame := time.NewTimer(cfg.LameDuck)
	defer lame.Stop()
	select {
	case <-ctx.Done():
	case <-lame.C:
	}
	s.edge.Exit.WarnOfPace(cfg.Spread(), "set server.drain_spread, and server.drain_timeout to twice as much")
	if s.Sessions() == 0 || s.store.State() != nil { // nobody to send away, or nobody to ask
		return
	}
	wait, cancel := ctx, context.CancelFunc(func() {})
	if end, ok := ctx.Deadline(); ok { // half of what is then left is for sending away
		wait, cancel = context.WithDeadline(ctx, end.Add(-2*cfg.Spread()))
	}
	defer cancel()
	switch holder, err := s.fleet.AwaitLease(wait); {
	case err != nil:
		s.log.Warn("cannot ask whether other nodes leave, too", "err", err)
	case holder != s.edge.Hall.Node():
		s.log.Warn("two nodes send their clients away at once: there was no time to wait for the other one", "other", holder)
	}
}

// DrainTimeout is server.drain_timeout as it is now.
func (s *Server) DrainTimeout() time.Duration { return s.edge.Config().Server.DrainTimeout }

// Sessions is how many WebSockets are open.
func (s *Server) Sessions() int { return s.edge.Sessions.Open() }

// Away, Back, RoomEvent, UserEvent, TokensChanged, Asked and Resumed are the store's calls (redisx.Handler).

// Away notifies the node that calls to the store fail from now on. Connections stay, newcomers are let in.
func (s *Server) Away(reason error) {
	s.edge.Hall.Away(reason)
}

// Back notifies the node that the store takes calls again.
func (s *Server) Back() {
	s.log.Info("the store is back", "messages_waiting", s.edge.Hall.Stats().Waiting)
	s.edge.Hall.Back()
}

// RoomEvent passes on what happened to a room. It never blocks.
func (s *Server) RoomEvent(id string, ev chat.Event) { s.edge.Hall.RoomEvent(id, ev) }

// UserEvent notifies the node that the set of the user's rooms changed. It never blocks.
func (s *Server) UserEvent(user string) { s.fastIM.Lists.UserChanged(user) }

// TokensChanged notifies the node of whose tokens may have changed, and of which signed ones by their names; both nil =
// anybody's. It never blocks.
func (s *Server) TokensChanged(users, ids []string) {
	s.edge.TokensChanged(users, ids)
}

// Asked brings what another node asks. It never blocks.
func (s *Server) Asked(question string) { s.fleet.Asked(question) }

// Resumed notifies the node that events of any room and user may have been missed.
func (s *Server) Resumed() {
	s.edge.Hall.Resumed()
	s.fastIM.Lists.Resumed()
}
