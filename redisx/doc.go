// Package redisx keeps the state that all nodes share: tokens, the rooms of users,
// the history of rooms, and the events that tell every node what happened. It knows
// no room's members and no sockets.
//
// Read first: [Store], the one interface; [Memory] is it for a single node, [Redis]
// for many. Redis must be version 7.0 or newer: the scripts read its clock before they
// write, which older ones refuse.
//
// Keys (contract section 5; gmm, gmu and uq are ours):
//
//	login:{user}         string  token, 24 h
//	ugs:{user}           set     rooms the user joined
//	gml:{room}           list    messages as JSON, oldest first, HistoryTTL
//	gmm:{room}           hash    e epoch, s newest sequence number, b base of the
//	                             total, r number of the newest recalled message;
//	                             HistoryTTL + 24 h
//	gmu:{room}:{bucket}  hash    user -> newest ts given out in that half minute, 90 s
//	mq:{room}            channel events of the room, see codec.Event
//	uq:{user}            channel the set of the user's rooms changed; the payload says nothing
//
// Invariant: the entry at list index -k has the sequence number s-k+1. So nothing is
// ever removed from the middle of a list: recall puts a tombstone in its place, and who
// counts messages must step over it. Where r <= s - length of the list, as in nearly all
// rooms, there is none.
//
// Goroutines of [Redis]; all are started by Start and waited for by Close:
//
//	subscriber  1                      owns the pub/sub connection; blocks on Redis
//	inbox       GOMAXPROCS, at least 2 parse events and call the Handler; each owns a queue
//	watch       1                      sends a PING every quarter of a second; blocks on Redis
//
// rueidis runs its own goroutines, which end with its connections. [Memory] has none:
// what has expired goes when it is touched, and when others write beside it.
package redisx
