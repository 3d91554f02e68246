// Package room is the core: who hears what. It knows rooms, members, the messages
// on their way to the store, and the log of framed bytes that every member of a
// room shares. It knows no sockets, no Redis and no clock: time and I/O come in as
// arguments and interfaces.
//
// A message's way through it: [Room.Post] puts a draft into the room's outbox; a
// publisher carries batches of them to the [Store]; the store tells every node, which
// lands in [Hall.RoomEvent]; the room frames each message once into its log and marks its
// parts dirty; a lane visits each dirty part and gives every member log[cursor:head] in
// one write.
//
// Where something was missed, a publisher reads the history (catchup.go). While the store
// is away, members hear what waits in the outbox at once (local.go). A batch that failed is
// tried again under the same id, so it is stored once (outbox.go); one that is given up may have been
// stored all the same (limbo.go). Members and likes go to
// the store once a second, and each room from time to time, which also shows whether it
// lacks something (report.go).
//
// Goroutines, all started by [New] and stopped by [Hall.Close]:
//
//	name       how many           owns                          may block on
//	lane       Fanout.Lanes       members of its parts          its queue; Socket.Send never blocks
//	publisher  Config.Publishers  the room it serves just now   the store (bounded by StoreTimeout), its queue
//	reporter   1                  nothing                       the store (bounded by StoreTimeout), Hall.due
//
// and one that Hooks.Clock starts at the end of a part's rest, which marks the part and
// ends; after Close it does no harm.
//
// Locks, in the order they may be taken (A -> B: B may be taken while A is held):
//
//	hallShard.mu -> Room.mu -> log.mu
//	Room.mu -> part.mu -> queue.mu
//	Room.mu -> whatever Config.OnChange takes
//	reporting.mu -> Room.mu
//
// No lock but reporting.mu, which only reports take, is held across Socket.Send or a call to the store
// that can block.
//
// Read first: [Hall], then [Room], then lane.go.
package room
