// Package gateway is the edge of a node: whose socket, on which poller? It owns the
// listener and the handshake (net/http), the sockets after it (nbio), the sessions
// on them, the HTTP API, health and metrics. What a room says to whom is package
// room's business; what the bytes mean, package codec's.
//
// Goroutines; a connection has none of its own once its handshake is done:
//
//	name           how many          started by  ended by           may block on
//	accept         1 per port        Start       Drain              accept(2)
//	handshake/API  1 per request     net/http    its end            the store, bounded by apiTimeout
//	poller         Server.Pollers    Start       Close              epoll_wait(2); never on I/O or the store
//	closer         0 or 1            nbio        empty list         locks only
//	sweep          1                 Start       Close              a timer
//	joins          1                 Start       Close              the store, bounded by apiTimeout
//	recalls        recallers         Start       Close              the store, bounded by apiTimeout
//	arrivals       arrivers          Start       Close              the store, bounded by apiTimeout
//	questions      askers            Start       Close              the connect hook, bounded by apiTimeout
//	hook calls     64 at most        pass.Hook   their answers      the network, bounded by auth.connect_timeout
//	key refresher  1 with JWKS       Start       Close              a timer; the network, bounded by its own time
//	token watcher  1 with tokens     Start       Close              a timer; the store, bounded by apiTimeout
//	expel          1 if private      Start       Close              a timer; the store
//	lists          1                 Start       Close              a timer, its kick
//	list reloads   reloadWorkers     Start       Close              the store, bounded by apiTimeout
//
// Locks, in the order they may be taken; locks of package room follow:
//
//	socket.mu -> nbio's lock of the connection -> room's part lock
//	socket.mu -> sessions.mu
//	room's lock of a room -> lists.mu
//	sessions.mu, tokenWatcher.mu, errands.mu, the locks of package door -> nothing
//
// nbio hides itself from the race detector, so what it calls is kept small: onData in a poller, onWritten under the
// connection's lock, onClose in the closer.
//
// Read first: [Server], then session.go and socket.go. fastim.go and v1.go are the two protocols: what they do with
// requests, and what runs on their sockets. who.go finds out who somebody is, rights.go what they may do, guard.go
// where they may come in, for both; package pass reads tokens. Package door says how much, and who may wait without
// asking for anything.
package gateway
