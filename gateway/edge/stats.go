package edge

import "sync/atomic"

// Stats are the edge's figures since its start; those of rooms are in room.Stats.
// All atomic.
type Stats struct {
	BytesIn, MessagesIn atomic.Uint64
	Forbidden           atomic.Uint64 // messages of FastIM's clients whose token does not grant send
	RateLimited         atomic.Uint64 // messages and ops over limits.message_rate
	Binary              atomic.Uint64 // binary messages from FastIM sockets, which have none
	Ignored             atomic.Uint64 // messages from sessions that may send none, or that came while draining
	UnicastBytes        atomic.Uint64 // bytes for one member alone: 101, welcome, pong, list, close
	Handshakes          atomic.Uint64 // WebSockets that were let in
	Full                atomic.Uint64 // handshakes turned away for server.max_connections
	RefusedHandshakes   atomic.Uint64
	JoinsTooMany        atomic.Uint64 // memberships of users who are in too many rooms
	JoinErrors          atomic.Uint64 // memberships that could not be written
	HeldMissed          atomic.Uint64 // held messages of which moderators were not notified
	Closed              [CloseReasons]atomic.Uint64
}
