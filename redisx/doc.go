// Package redisx keeps the state that all nodes share: tokens, the rooms of users and the history of rooms. It also has
// the events that notify every node of what happened. It knows no room's members and no sockets.
//
// Read first: [Store], the one interface; [Memory] is it for a single node, [Redis]
// for many. Redis must be version 7.0 or newer: the scripts read its clock before they
// write, which older ones refuse.
//
// Keys (contract section 5; all but login, ugs, gml and mq are ours):
//
//	login:{user}         string  token, the newest where a user may have several; 24 h
//	gmt:{user}           string  a line each, the tokens before that which still live, newest first, see
//	                             lua/lib_tokens.lua; in a cluster in the slot of login:{user}; until the last one ends
//	gmb:{user}           string  Unix ms: the user's signed tokens that were made until then are revoked; 400 days
//	gmj:{token's jti}    string  this signed token is revoked; until it ends
//	ugs:{user}           set     rooms the user joined, MembershipTTL since the last use
//	gml:{room}           list    messages as JSON, oldest first, HistoryTTL, and up to 30 s more
//	gmm:{room}           hash    e epoch, s newest sequence number, b base of the total,
//	                             v rev and t tip: number and name of the epoch's newest change,
//	                             o sequence number at the epoch's begin,
//	                             p epoch before, if messages up to o have its numbers,
//	                             c number up to which the room was cleared,
//	                             k epoch, rev and name of the newest entry of gmr, and how
//	                             many there ever were,
//	                             r number of the newest recalled message, l likes, n length of
//	                             gml after our last write: any other means that others wrote,
//	                             x version of gmd, y Unix s since when gmd is missed,
//	                             q what is used of the
//	                             room's quota, see lua/lib_quota.lua,
//	                             ub and ib newest bucket of gmu and of gmi that was written,
//	                             "-" where they must be restored; HistoryTTL + 24 h
//	gmu:{room}:{bucket}  hash    user -> newest ts given out in that half minute;
//	                             0xff node -> what publish.lua answered to the node's newest
//	                             batch; 0xfe -> witness, see below; 90 s
//	gmi:{room}:{bucket}  hash    user, NUL, a message's ID -> epoch, number and ts of the
//	                             messages with an ID of these two minutes; 0xfe -> witness; 4 min
//	gmx:{room}           hash    made: when somebody registered the room, Unix ms; for ever
//	gmd:{room}           hash    the room's rules, see codec/rules.go; 400 days after the last change
//	gmf:{name}           string  a list of terms of the word filter; gmd of chat.Everywhere names it; for ever
//	gmz:{room}           zset    marks of messages -> until when no other one with it is taken, Unix ms, see
//	                             chat.Mark; as long as the last one lasts
//	gma:{room}           list    the newest 1,000 entries of the log of moderation, oldest first, as JSON; 400 days
//	                             after the last one
//	gmh:{room}           list    messages that wait for a moderator, oldest first, see codec/held.go; an hour
//	gmk:{room}           list    the newest 1,000 news of the room for a backend, oldest first, see lua/feed_add.lua;
//	                             HistoryTTL + 24 h after the last one
//	gmc:{room}:{to}      string  how far backend to has received the room's feed: epoch, seq, recall, news, note;
//	                             HistoryTTL + 24 h
//	gme:{{roster}}       zset    rooms that have a feed to send -> when a node should look at them, Unix ms; with
//	                             :lease the node that does, 15 s; with :birth when it was made, Unix ms; for ever
//	gmr:{room}           list    the newest 512 recalls and purges as their events, oldest first; as
//	                             long as gmm
//	gmw:{room}           list    beside original nodes the newest 512 messages that were taken back;
//	                             4 min after the last one
//	gmo:{room}           hash    node -> its members online, Unix s of that report;
//	                             chat.ReportLife
//	gmg:{nodes}          hash    node -> its beat, a text, see Store.Beat; chat.BeatLife
//	gmg:{nodes}:at       zset    node -> when its beat came, Unix ms; as long
//	gmq:{question}       list    what nodes answered to a question; chat.AnswersLife
//	mq:{room}            channel events of the room, see chat.Event
//	uq:{user}            channel the set of the user's rooms changed; the payload has no meaning
//	uq:NUL nodes         channel questions to all nodes, see Store.Ask
//	mq:NUL node:{node}   channel probes of a node, see below; gmn: with the same name is a key
//	                             that probes would set, if anything were ever there
//	mr:{room}            channel recalls and counters beside original nodes, see interop.go
//
// Invariant: the entry at list index -k has the sequence number s-k+1. So nothing is
// ever removed from the middle of a list. A recall puts a tombstone in the place of its message, and code that counts
// messages must step over it. Where r <= s - length of the list, as in nearly all rooms, there is none.
//
// # Going back and losses
//
// A Redis can go back: a replica that lagged becomes the master, or a dump is restored. The numbers then repeat. So
// every change of a room, a stored batch, a recall or a purge, has a number (rev) and a name (tip). Nodes send the
// position they know with publish, read and report. The scripts compare it with the meta first, see stand in
// lua/lib_room.lua. Where the node knows more, they begin a new epoch. The history that is left keeps its numbers, and
// o has how far it goes. An epoch's name begins with a generation, which only grows, so a node that is late cannot
// begin another one. A room of which nothing is left gets a later epoch than the node knows at once: the lost part may
// be restored. See epoch.go.
//
// Redis can also lose single keys. A list without its meta gets a new count and a new epoch. Each set of last ts or of
// ids has a witness, and the meta has ub and ib. They show publish.lua that a set is missing, or lies in the future
// because the clock of Redis went back. The script restores the set from the history and the log of recalls. It also
// looks there for the drafts of a batch that was tried before, where it does not have the first answer. A room that
// loses its list and another key at once may store a message again. So may one that loses its ids and its log of
// recalls, if the message was taken back.
//
// # Knowledge of nodes without asking
//
// Redis notifies each node when a token or a set of rooms has changed that the node has read (CLIENT TRACKING OPTIN).
// Until then the node goes by what it has read, without a call; no is looked up again. The Handler gets changed tokens,
// too. Where a connection is lost these are all, since the knowledge of a node goes with the connection it was read on.
// While Redis is away all calls fail, these too: the caller judges about users who were let in before.
//
// In a cluster braces stand around the id of a room, so that all keys of a room are in one slot. A room that begins
// with "}" cannot be had there. [ACL] is what the user must be allowed.
//
// # Connections
//
// A node has one connection for commands to Redis, or one to each node of a cluster. Links are connections for events.
// One goes to any node. With sharded pub/sub events stay on the master that has the room's slot, so one more link goes
// to every master. Channels follow their slots: a room's channel is in the slot of its keys. For only there may the
// script that changes these publish on it. So a link subscribes with one command for each slot, up to 500 of them
// pipelined, see link.go. A server that gives a slot away ends the subscriptions and from then on answers MOVED. Where
// a link breaks its master may be another one. Both have the slots looked up and the channels moved, and the rooms get
// Resumed.
//
// A probe is a script that sets a key if it is there, which it never is, and publishes on the node's own channel. Four
// times a second one goes through each link. Its answer proves that Redis takes writes: a replica, a full disk, a full
// memory, a master without its replicas do not. Its return proves that events come: only after that is a link ready,
// and Resumed called. A link that receives nothing for 3 s while Redis takes its probes is torn down and made again. So
// State is nil while all of that works. In a cluster the probe that decides about commands goes to one master, by the
// node's name. While that one is away the node holds back all its calls, though others might be answered.
//
// With Config.MinReplicas a batch and the WAIT behind it go over a connection of their own, see replicas.go.
//
// rueidis lets a caller wait without regard to its ctx where a connection's ring is full
// and while it dials. Hence limiters (limiter.go) let in fewer calls than a ring holds, and in a cluster keep the
// masters apart. And calls fail at once while watch knows that Redis is away.
//
// Goroutines of [Redis]; all are started by Start and waited for by Close:
//
//	watch    1                      makes the first contact, sends probes, calls Away and Back; blocks on Redis
//	link     1 for each link        owns a connection for events, calls Resumed; blocks on Redis
//	map      1 in a cluster         looks up slots; moves channels, or calls Resumed; blocks on Redis
//	prober   1 for each master      with sharded pub/sub: sends its link's probes; blocks on Redis
//	asking   1 for each node        in a cluster, while calls wait: sends PING, ends with the answer; blocks on Redis
//	inbox    GOMAXPROCS, at least 2 parse events and call the Handler; each owns a queue
//
// Lock order: notifying -> the Handler's; updating -> subscriber.mu -> link.mu;
// updating -> health.mu.
//
// rueidis runs its own goroutines, which end with its connections. [Memory] has none:
// expired entries go when they are touched, and when others write beside them.
package redisx
