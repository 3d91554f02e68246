// Package edge is what both protocols stand on: whose socket, on which poller? It accepts connections, and admits
// handshakes (those that are whole and plain by itself, all else by net/http). It owns the sockets after them (nbio),
// the sessions on them, and the guard, which finds out who somebody is and what they may do. The content of frames on a
// socket is a protocol's business, see [Purpose].
//
// A protocol's door to it: [Edge.Admit] lets a request in that the protocol has read. [Guard] finds out who that is,
// and [Edge.OpenRoom] opens their room. [Member.Enter], or [Session.TakeOver] without a room, takes the connection
// over, with a Purpose. From then on the session calls the Purpose, which answers by Unicast and Close. Refusals are
// made here, see [Refusal], and worded by the protocol.
//
// Goroutines; a connection has none of its own once its handshake is done:
//
//	name           how many          started by  ended by       may block on
//	poller         Server.Pollers    Run         CutOff         epoll_wait(2); never on I/O, nor on Redis
//	acceptor       Server.Pollers    Accept      Drain, Close   the listener; a timer where no descriptor is left
//	asking         1,024 at most     acceptor    their answers  the store and hooks, bounded by chat.CallTimeout and ctx
//	closer         0 or 1            nbio        empty list     locks only, also as a lane (room/inplace.go)
//	session check  1                 Run         ctx            a timer
//	joins          1                 Run         ctx            the store, bounded by chat.CallTimeout
//	words          1                 Run         ctx            the store, bounded by chat.CallTimeout; builds filters
//	order          1                 Run         ctx            locks only
//	step aside     0 or 1            Exit        its work, ctx  a timer; the store for its lease, bounded as others
//	rebalance      0 or 1            Exit        its work, ctx  a timer
//	hook calls     64 at most        pass.Hook   their answers  the network, bounded by auth.connect_timeout
//	retired hook   1 a Reload        Reload      its calls      the answers to them, bounded by auth.connect_timeout
//	key refresher  1                 Run         ctx            a reload; a timer, the network, bounded by its own time
//	token watcher  1 with tokens     Run         ctx            a timer; the store, bounded by chat.CallTimeout
//
// Locks, in the order they may be taken; locks of package room follow:
//
//	socket.mu -> nbio's lock of the connection -> room's part lock
//	socket.mu, nbio's lock of the connection -> those of the next one in a lane's volley (volley.go)
//	socket.mu -> Sessions.mu, the locks of package door
//	Words.building -> Words.mu
//	aside.mu -> the lock of the fleet's lease   (StepAside takes it, and StepBack waits until it is given back)
//	aside.mu -> Sessions.mu                     (StepAside counts who is there)
//	Sessions.mu, TokenWatcher.mu, Joins.mu, Order.mu, Words.mu, the locks of package door -> nothing
//
// nbio hides itself from the race detector, so its callees are kept small: poller.readable, drained under the
// connection's lock, Edge.gone in the closer.
//
// Read first: [Edge], then poller.go, session.go and frame.go for what comes in. Then come socket.go and volley.go for
// what goes out, acceptor.go and upgrade.go for how a socket begins. The file who.go finds out who somebody is,
// rights.go what they may do, guard.go where they may come in. Package pass reads tokens. Package door decides how
// much, and who may wait without asking for anything.
package edge
