package gateway

import "sync/atomic"

// Stats are the edge's figures since its start; those of rooms are in room.Stats.
// All atomic.
type Stats struct {
	bytesIn, messagesIn atomic.Uint64
	forbidden           atomic.Uint64 // messages of FastIM's clients whose token does not grant send
	rateLimited         atomic.Uint64 // messages and ops over limits.message_rate
	binary              atomic.Uint64 // binary messages from FastIM sockets, which have none
	ignored             atomic.Uint64 // messages from sessions that have no say, or that came while draining
	unicastBytes        atomic.Uint64 // bytes for one member alone: 101, welcome, pong, list, close
	handshakes          atomic.Uint64 // WebSockets that were let in
	full                atomic.Uint64 // handshakes turned away for server.max_connections
	refusedHandshakes   atomic.Uint64
	joinsTooMany        atomic.Uint64 // memberships of users who are in too many rooms
	joinErrors          atomic.Uint64 // memberships that could not be written
	closed              [closeReasons]atomic.Uint64
}
