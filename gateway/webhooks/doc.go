// Package webhooks notifies a service of the operator of what happens in rooms: messages, recalls, what moderators do,
// rooms that open and close, storms. It posts batches, signed by Standard Webhooks, at least once each, and the events
// of one room in the order of the room.
//
// Nothing waits in a node. A room's history, its recalls and its news in the store are the queue. A bookmark there says
// how far the service has received the room's feed. Nodes note in a roster of the store which rooms have something new.
// Of each roster one node at a time looks at the rooms and posts what is behind their bookmarks. It moves those when
// the service has taken it. Where that node dies another one goes on from the bookmarks, after chat.FeedLease. So a
// service that is slow or away costs rooms nothing. The history forgets what it has not taken in time, and an event
// names that.
//
// A message's way knows of it in one place: code that has stored something calls [Notifier.Stored], which puts the
// room's id into a set.
//
// Goroutines of this package; all are started by Run, and end with its context or by Leave:
//
//	name     how many                started by  may block on
//	bringer  1                       Run         a timer; the store
//	roster   rosters                 Run         a timer; the store; the service, Config.Timeout at a time
//	reader   at most 8 per roster    roster      the store; its roster waits for it
//
// Lock order: Room.mu -> Notifier.mu, which is a leaf.
package webhooks
