// Package room is the core: it decides which member receives what. It knows rooms, members, the messages on their way
// to the store, and the log of framed bytes that every member of a room shares. It knows no sockets, no Redis and no
// clock: time and I/O come in as arguments and interfaces.
//
// A message's way through it: [Room.Post] puts a draft into the room's outbox. A publisher carries batches to the
// [Store], which publishes them to every node; this one gets the answer as well. [Room] gives its members what is new
// to them: it frames each message once into its log and wakes its parts. A lane visits each part and gives every member
// log[cursor:head] in one write.
//
// Types that know no room hold what has to be known of a message on its way:
//
//	outbox    the posts that wait for the store, and how each message ends (outbox.go)
//	follower  where the members stand in the store's order, and events that do not follow yet (follower.go)
//	had       what the members have received, and what was taken away: whether a history has anything new (had.go); by
//	          seen, which messages those are by one key each (seen.go), newest and recalls
//
// Files:
//
//	arrive.go      the only way in for what the store has
//	catchup.go     reads the store's history
//	away.go        the only way around arrive.go, while the store cannot be reached
//	post.go        takes messages in
//	publish.go     carries batches
//	recalls.go     takes messages back
//	rules.go       judges messages by the rules of their room
//	held.go        has messages wait for a moderator
//	review.go      has a service look at messages
//	screen.go      asks the store before a moderator or a service looks
//	storm.go       leaves out what is too much
//	report.go      counts, and finds out about rooms that lack something
//	elsewhere.go   finds a room's history in another database
//	unnumbered.go  rooms that original FastIM nodes write to as well
//
// These invariants always hold (away_check_test.go holds them):
//
//	I1  A message that has a key is fanned out exactly when seen.add says that it is new, by Room.giveLocked.
//	I2  A post leaves the outbox once, by one of five ends.
//	I3  An event is parked only while its room does not follow.
//	I4  While a room is linked no message that waits is ahead of the store.
//	I5  Numbers say order and gaps, never which message it is.
//
// Goroutines, all started by [New] and stopped by [Hall.Close]:
//
//	name       how many           owns                          may block on
//	lane       Fanout.Lanes       members of its parts          its queue, lane.mu; Socket and VolleyWriter never block
//	publisher  Config.Publishers  the room it serves just now   the store (bounded by StoreTimeout), its queue
//	reviewer   16 since a Review  the flight it asks about       Callbacks.Review, its queue
//	reporter   1                  nothing                       the store (bounded by StoreTimeout), Hall.due
//
// Where [Config.Instant] says that no call of the store waits, a small room may be served in place (inplace.go). A
// goroutine that posts is then its publisher for a turn, and its lanes. It is bounded by [Stretch] if it is a poller,
// and a bug in that turn ends the node, as on any of these. A goroutine that calls Attach or Leave is the lane for that
// one mail, where the lane has nothing else to do. Callbacks.Clock starts more. One, at the end of a part's rest, marks
// the part. Another, when the first message of a batch has waited for others, has its room served. They end, and after
// Close do no harm.
//
// Locks, in the order they may be taken (A -> B: B may be taken while A is held):
//
//	hallShard.mu -> Room.mu -> log.mu
//	Room.loading -> Room.mu
//	Room.mu -> part.mu -> queue.mu
//	lane.mu -> part.mu, log.mu, queue.mu, the locks of a Socket; nothing is held where lane.mu is taken, but
//	        lane.mu of lanes before it, by Hall.quiet
//	Room.mu -> whatever Callbacks.OnChange, OnRules, OnHeld and OnStored take
//	reporting.mu -> Room.mu
//	Room.mu -> elsewhere.mu
//
// No lock but lane.mu is held across Socket.Send and VolleyWriter.Send. Two locks alone are held across a call to the
// store that can block: reporting.mu and Room.loading. Only reports take the first, and only goroutines of Open take
// the second.
//
// Read first: [Hall], then [Room], then lane.go.
package room
