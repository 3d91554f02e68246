package redisx

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"barrage/internal/chat"
)

const (
	// MaxBatch is the largest number of drafts one Publish takes. Redis' Lua can hand
	// about 8000 arguments to one command; a draft needs two.
	MaxBatch = 1000

	// metaGrace is how much longer than its history a room's epoch and count live. So a client that comes back late is not
	// given old numbers anew.
	metaGrace = 24 * time.Hour
	// tsBucket is the time a set of last ts is written to before the next one is
	// begun; batches are noted there too. A user's ts is unique against those of the present and the previous set,
	// so nodes' clocks may differ by this much.
	tsBucket = chat.BatchLife
	// answerBytes bounds the messages of one answer of Since and Range. And pageBytes bounds those of Before and Page, and
	// of each step in which Redis reads the others. Both are in bytes of their JSON; one message is always in an answer or
	// step. Thousands of messages fit; without the bounds 20 clients that came back could take 4 GiB of a node. Reading a
	// MiB keeps Redis for 3 to 8 ms, and everybody else waiting. A page of 1000 entries does so for one or two
	// (BenchmarkRedis_Large, 2 cores).
	answerBytes = 1 << 20
	pageBytes   = 256 << 10
	// tombstone stands in a history where a recalled message stood.
	tombstone = `{"recalled":true}`
)

// Store is the state all nodes share. All methods may be called concurrently. Those
// that take a ctx may block on I/O until ctx ends; none may be called with a lock held
// that the [Handler] takes. IDs are never empty.
type Store interface {
	// Start begins to deliver events to h. Call it once, before any Subscribe.
	Start(h Handler)
	// Close stops everything the store started and waits for it. Call it once; no
	// other method may be called afterwards.
	Close()
	// Reload has other limits hold from now on. It neither fails nor blocks. Where a batch is tried again meanwhile, the
	// try goes by the new ones.
	Reload(limits Limits)
	// State says whether the store can be used now: nil, or the reason why not. It
	// never blocks.
	State() error
	// Notes are what of this node's promises the store's settings do not keep, a sentence each. It never
	// blocks.
	Notes() []string
	// Stats returns the counters as they are now. It never blocks.
	Stats() Stats

	// SetToken makes token one of the user's, for chat.TokenLife. Where the user has Limits.TokensPerUser already, it
	// replaces the oldest.
	SetToken(ctx context.Context, user, token string) error
	// CheckToken is what the store knows of a token. If it counts, and an hour of its life has passed, its life begins
	// anew; a wrong token prolongs nothing. A token that was changed, deleted or revoked counts no longer as soon as the
	// store's notification of that has come. That is at once on the node where the call returned, elsewhere within the
	// time a push takes. CheckToken calls nobody where the node knows the answer, see [Redis].
	CheckToken(ctx context.Context, cred chat.Credential) (chat.TokenState, error)
	// CheckTokens is CheckToken for each of creds, in the order given, but prolongs nothing:
	// nodes check without a user's doing. Those answers that the node does not know cost one
	// round trip together.
	CheckTokens(ctx context.Context, creds []chat.Credential) ([]chat.TokenState, error)
	// ProlongTokens has the lives of those of creds that count begin anew, as CheckToken does. It takes one round trip for
	// all that are due, and one for those that the node does not know.
	ProlongTokens(ctx context.Context, creds []chat.Credential) error
	// RevokeUser ends all tokens of a user: those that the store has, and the signed ones that were made until then.
	RevokeUser(ctx context.Context, user string, then time.Time) error
	// RevokeToken ends a signed token by its name. The store remembers that until the token's own end.
	RevokeToken(ctx context.Context, id string, end time.Time) error
	// Join adds room to the user's rooms and reports whether it was not among them.
	// If so, every node that watches the user is notified. A user who has Limits.RoomsPerUser
	// joins no further one: the error has chat.ErrTooManyRooms in its chain. A user's rooms go
	// when nobody used them for Limits.MembershipTTL: Join, IsMember and Rooms do.
	Join(ctx context.Context, user, room string) (added bool, err error)
	// JoinAll is Join for many, in one round trip, and returns for how many it was one room too many. A membership without
	// a room is a use of those that the user has. After an error some may have joined; doing it again does no harm.
	JoinAll(ctx context.Context, all []chat.Membership) (refused int, err error)
	// IsMember reports whether room is among the user's rooms. Like CheckToken it calls
	// nobody where the node knows that it is.
	IsMember(ctx context.Context, user, room string) (bool, error)
	// Rooms returns the user's rooms, sorted. The slice is the caller's.
	Rooms(ctx context.Context, user string) ([]string, error)

	// RegisterRoom registers a room, so that it is known before its first message, or ends that. KnownRoom reports
	// whether a room is registered, or has had messages that it still counts.
	RegisterRoom(ctx context.Context, room string, on bool) error
	KnownRoom(ctx context.Context, room string) (bool, error)

	// WriteTerms keeps the text of a list of terms of the word filter under its name, for all nodes. Where the text is
	// empty it takes the list away. ReadTerms is that text, empty where there is none. No node is notified of it: the
	// rules of chat.Everywhere do that. Beside original nodes there are no lists, and WriteTerms fails with
	// chat.ErrBeside.
	WriteTerms(ctx context.Context, name, text string) error
	ReadTerms(ctx context.Context, name string) (text string, err error)

	// Publish gives the drafts their sequence numbers and ts, and appends them to the room's history. In the same atomic
	// step it sends every subscribed node one event. Publish takes 1 to MaxBatch drafts. Stored.Event is the event. Where
	// no draft was stored, no node gets an event, and Stored.Event has no messages.
	//
	// A draft with an ID that its user published to the room before is not stored. It is
	// among Stored.Repeats. This holds on all nodes, in the batch itself, and for chat.IDLife.
	//
	// A node may publish the same batch again after an error, because the answer may have
	// been lost. It sets Try then. The store answers again what it answered first. It must
	// be within chat.BatchLife, and before the node publishes another batch to the room. Where
	// the store has lost that answer, or a new epoch has begun, it looks for the drafts in
	// the history. A draft can be found by its ID, or by its made id (chat.Draft.SetMadeID).
	// The drafts that are there are repeats. A draft without either is stored again.
	//
	// A draft whose mark another one has left, which lasts still, is not stored, nor is one whose Held does not wait (see
	// Hold). It is among Stored.Refused. Where b.Rules is not the version of the room's rules nothing is stored, and the
	// error has chat.ErrStale in its chain.
	//
	// A node gives a batch up by publishing one with a higher number. The store then
	// refuses the earlier batch, whenever it comes, while it knows the later one
	// (chat.BatchLife). An error that is chat.ErrRefused says that trying again is no use.
	//
	// Publish begins a new epoch where the store has gone back: b.Known is a change that
	// the store does not have. The history that survived keeps its numbers, and
	// History.Begun is the newest of them. Read and Report do so too.
	Publish(ctx context.Context, room string, b chat.Batch) (chat.Stored, error)
	// Report sends the store what node, a name without a space, counts in each of reports' rooms. It returns where each of
	// these rooms stands, in the same order. Both are one round trip. Where Report changed a room's counters, every node
	// that subscribed is notified. Online replaces what the node reported before. A node that has not reported a room for
	// chat.ReportLife counts no more in it, once another one reports. Likes live as long as the position of the room, or
	// that long after the last like. Like Publish it begins a new epoch where the store has gone back behind Report.Known.
	//
	// An error may be about some of the rooms only: then there are standings, zero for
	// these; one that is not zero holds. After an error more may have been reported than is
	// known: repeating a report counts its likes twice.
	Report(ctx context.Context, node string, reports []chat.Report) ([]chat.Standing, error)
	// Read returns what a node lacks that knows a position, read in one atomic step. Where
	// known is of the room's epoch, the entries are those behind known.Seq, and at least the
	// newest messages as newest says. Where known is of another epoch, they are the newest
	// most messages. Where known is zero, they are the newest ones as newest says. They are
	// never more than most messages. Recalled messages between them are entries without
	// JSON, and do not count.
	//
	// Recalls are the logged recalls and purges that known does not have. They are those after known.Rev, or all of them
	// where known is zero or of another epoch. The log has the newest 512; Forgot says that known lacks others. Total is 0
	// where the history has expired. The position is zero where the room has neither history nor count.
	//
	// Beside original FastIM nodes there are no recalls. The entries are the newest ones. They are as many as newest says,
	// and as many more as the length is above known.Seq unless that is 0. Where the length is below known.Seq, they are
	// all most of them.
	Read(ctx context.Context, room string, known chat.Position, newest, most int) (chat.History, error)
	// Since returns the oldest limit messages with a number above seq, up to the newest of the position. Recalled
	// messages are left out. The caller compares the epoch. Like Range it returns at most a MiB of messages, but one
	// at least; Cut says that there are more. Of more than 256 KiB those behind are read after the position: messages
	// recalled meanwhile may be among them or not.
	Since(ctx context.Context, room string, seq uint64, limit int) (chat.History, error)
	// Page returns at most limit messages and the position, read in one atomic step. They are the oldest with a number
	// above after, or the newest of them with one below before where that is not 0. Those that were recalled are entries
	// without JSON. Of more than 256 KiB it is the newest where before is not 0, else the oldest.
	Page(ctx context.Context, room string, before, after uint64, limit int) (chat.History, error)
	// Range returns the messages at the indexes start to stop of the history, plain JSON. Both are inclusive, 0 is the
	// oldest, -1 the newest, as Redis' LRANGE has it. Recalled messages have no index: a page is never short because of
	// them. Entries that are no message in any form keep theirs but are left out. It costs more than the page only where
	// messages were recalled. Of more than a MiB it is the first, beside original FastIM nodes of more than 256 KiB.
	// Messages of it that go before they are read are left out, with all that is newer: a range has no hole. As in Since,
	// messages recalled meanwhile may be in it.
	Range(ctx context.Context, room string, start, stop int64) ([]string, error)
	// Before returns the newest count messages older than the one that user sent at ts, oldest first, plain JSON. Of more
	// than 256 KiB they are the newest. The result found is false where Redis finds no such message, see lua/lib_find.lua,
	// also where it was recalled.
	Before(ctx context.Context, room, user string, ts int64, count int) (msgs []string, found bool, err error)
	// Recall takes the message that user sent at ts out of the history, and logs the recall. It sends every subscribed
	// node an event, which it returns. A message that was recalled before is no error while the log has the recall. The
	// nodes get that event again, with Rev 0 and without Prev. Where there is no such message, the error has
	// chat.ErrNoMessage in its chain. Beside original FastIM nodes the event has no numbers, and Messages has the text of
	// the message.
	Recall(ctx context.Context, room, user string, ts int64) (chat.Event, error)
	// RecallSeq is Recall for message seq of an epoch. The message must be the user's, or anybody's for chat.Anybody, and
	// not older than notBefore, in Unix ms. Else the error has chat.ErrNoMessage, chat.ErrNotYours, chat.ErrTooOld or
	// chat.ErrOtherEpoch in its chain. known is as in Publish. An empty epoch is the room's of now. A recall that is
	// repeated is never too old, and its epoch may be over. Beside original FastIM nodes messages have no lasting numbers:
	// the error there is always chat.ErrNoMessage.
	RecallSeq(ctx context.Context, room, user string, known chat.Position, epoch string, seq uint64, notBefore int64) (chat.Event, error)

	// Rules returns a room's rules. They are the caller's. Where the store has lost them the error has
	// chat.ErrRulesLost in its chain for a few seconds. Every subscribed node gets an event of older rules then, and
	// Publish takes nothing that was judged without them. Beside original FastIM nodes there are none.
	Rules(ctx context.Context, room string) (chat.Rules, error)
	// ChangeRules changes a room's rules in one atomic step and sends every subscribed node an event, which it returns.
	// Once it has returned, no Publish stores anything that was judged by the rules of before: it returns chat.ErrStale.
	// Where c.Version is set the rules are replaced by what c says: they are restored, unless the store has as new ones.
	// Where it has, the error has chat.ErrStale in its chain. Beside original FastIM nodes it has chat.ErrBeside.
	ChangeRules(ctx context.Context, room string, c chat.RulesChange) (chat.Event, error)
	// Purge takes the messages out of the history that p names, and logs that beside the recalls. In the same atomic step
	// it sends every subscribed node an event, which it returns with how many messages it took. It does so also where
	// there are none: members may have some that were lost. The user's next message has a greater timestamp than p.Until.
	// A purge with an Until that is logged already, and takes nothing, is published again with Rev 0. So is one of all
	// that were cleared before. The position known is as in Publish. The error has chat.ErrNoMessage in its chain where
	// the room never had a message, or has another epoch than p.UpTo. Beside original FastIM nodes it has chat.ErrBeside.
	Purge(ctx context.Context, room string, known chat.Position, p chat.Purge) (ev chat.Event, n int, err error)
	// Screen returns for drafts that somebody is to look at before they are stored what Publish would answer about them
	// now. That is whether the room has them, or their marks keep them apart from others. It leaves the marks of those
	// that Publish would store, so they must have none any more when they are published. The same drafts of a batch may be
	// asked about again, since the answer may have been lost. Beside original FastIM nodes the error has chat.ErrBeside in
	// its chain.
	Screen(ctx context.Context, room, batch string, drafts []chat.Draft) ([]chat.Screened, error)
	// Hold has messages wait for a moderator; each id has at least chat.HeldUser bytes and no space. Those that wait
	// already under their ids do so once. Where there are too many the oldest go of whoever has the most; dropped says how
	// many. Every subscribed node gets an event for each that comes and goes. Held are those that wait, the oldest first.
	// Deny takes one away and sends every subscribed node an event; where none waits under the id, the error has
	// chat.ErrNoMessage in its chain. Publish of a draft with Held stores it and takes it off in one atomic step. Beside
	// original FastIM nodes nobody decides about messages: the error of all three has chat.ErrBeside in its chain.
	Hold(ctx context.Context, room string, all []chat.Held) (dropped int, err error)
	Held(ctx context.Context, room string) ([]chat.Held, error)
	Deny(ctx context.Context, room, id string) (chat.Held, error)
	// WriteLog appends an entry, a JSON object, to a room's log of moderation, which has the newest chat.LogKept. ReadLog
	// returns at most limit of them, the newest first. They are those older than the entry whose JSON begins with that id,
	// or the newest where before is empty. None are older than an entry that is not there: the oldest go first.
	WriteLog(ctx context.Context, room, entry string) error
	ReadLog(ctx context.Context, room, before string, limit int) ([]string, error)

	// ReadFeed returns a room's feed for a backend, behind its bookmark, which to names. It returns at most limit
	// messages, recalls and news each, and 64 KiB of messages, but one at least. MoveFeed moves the bookmark from was,
	// nil where there is none; the error has chat.ErrStale in its chain where another node has moved it. A bookmark
	// lives a day longer than a history. AddNews adds a JSON object to the room's news. Beside original FastIM nodes
	// the errors of these, and of those below, have chat.ErrBeside in their chain.
	ReadFeed(ctx context.Context, room, to string, limit int) (chat.Feed, error)
	MoveFeed(ctx context.Context, room, to string, was *chat.Bookmark, now chat.Bookmark) error
	AddNews(ctx context.Context, room, text string) error
	// TakeFeeds takes up to limit rooms of a roster that are due, if no other node has taken any, or looked, within
	// chat.FeedLease. They are the node's for as long. The time birth is when the roster was made as far as the node
	// knows, 0 where it does not. It is the answer's where the store has lost it. DueFeeds has rooms be due now, DoneFeeds
	// gives them back: one that has something new meanwhile stays due. LeaveFeeds has another node take over at once.
	TakeFeeds(ctx context.Context, roster, node string, limit int, birth int64) (chat.Roster, error)
	DueFeeds(ctx context.Context, roster string, rooms []string) error
	DoneFeeds(ctx context.Context, roster string, rooms []chat.Due) error
	LeaveFeeds(ctx context.Context, roster, node string) error
	// Beat keeps the text of node's beat for chat.BeatLife, for all nodes to read; "" takes it away. Beats are those of
	// all nodes that live, in no order.
	Beat(ctx context.Context, node, text string) error
	Beats(ctx context.Context) ([]string, error)
	// TakeLease gives the node the lease for a while of at least a millisecond, again if it has it already, unless another
	// one has it. Without a node it only looks, with no time it gives the lease back. It returns who has it then, "" for
	// nobody.
	TakeLease(ctx context.Context, node string, life time.Duration) (holder string, err error)
	// Ask sends a question to every node that can be reached, this one too; it comes by Handler.Asked. Answer adds an
	// answer to the question of a name, for chat.AnswersLife after the last one; Answers are those so far, the first one
	// first.
	Ask(ctx context.Context, question string) error
	Answer(ctx context.Context, id, answer string) error
	Answers(ctx context.Context, id string) ([]string, error)

	// SubscribeRoom returns once every event published from now on will be delivered.
	// If ctx ends first it returns an error, but the wish stands until UnsubscribeRoom:
	// events come as soon as they can. Subscribing twice is subscribing once.
	SubscribeRoom(ctx context.Context, room string) error
	// UnsubscribeRoom ends the events of room; one that is being delivered at this
	// moment may still arrive. It never blocks. A SubscribeRoom that waits is given an
	// error.
	UnsubscribeRoom(room string)
	// SubscribeUser is SubscribeRoom for the changes of the set of a user's rooms.
	SubscribeUser(ctx context.Context, user string) error
	// UnsubscribeUser is UnsubscribeRoom for the changes of the set of a user's rooms.
	UnsubscribeUser(user string)
}

// Handler gets from a [Store] what other packages must know. Its methods
// are called from many goroutines; they must not block and must not call the store.
type Handler interface {
	// Away reports that the store takes no calls from now on, and why: they fail at once.
	// It is called from Start if that is so then, never twice without a Back between.
	Away(reason error)
	// Back reports that the store takes calls again.
	Back()
	// RoomEvent is called in order for each room, never twice at once for one room. An
	// event may come twice and events may be missing: Rev and Prev show that.
	//
	// EventLook reports that a node wrote to the room in the mode of Config.FastIMInterop that this one is not in.
	//
	// With Config.FastIMInterop events of messages and recalls have no numbers and no
	// epoch, but one message each: the new one, or the recalled one. Recalls and counters
	// come on a channel of their own, so they may overtake messages and be overtaken.
	RoomEvent(room string, ev chat.Event)
	// UserEvent reports that the set of the user's rooms changed. Beside original FastIM nodes it may be called
	// without a change.
	UserEvent(user string)
	// TokensChanged reports whose tokens may have changed or ended, and which signed ones by their names; both nil:
	// anybody's. A user who was reported is reported again only after this node has checked a token of theirs once more. A
	// token whose life is over may be reported late: when the store removes it. The slices are the handler's.
	TokensChanged(users, ids []string)
	// Asked brings a question that a node asked of all. A question that was missed does not come again.
	Asked(question string)
	// Resumed reports that events were missed, and that this is over. Either the subscriptions were lost, or could not be
	// made at first, and are all back. Or events came faster than they were handled, some were dropped, and the rest has
	// been handled. Any room's and any user's may have been among them.
	Resumed()
}

// Stats are a store's counters since it was made. Those about Redis stay 0 in [Memory].
type Stats struct {
	// Calls counts the calls that went, or would have gone, to the shared state.
	Calls uint64
	// Errors counts those calls that returned an error.
	Errors uint64
	// Reconnects counts how often the subscriptions were all back after they had been
	// lost or could not be made.
	Reconnects uint64
	// Rebuilt counts connections for events that were made anew because they were open
	// but deaf.
	Rebuilt uint64
	// Events counts events delivered to the handler.
	Events uint64
	// Dropped counts events that were thrown away because the handler did not keep up;
	// Handler.Resumed follows.
	Dropped uint64
	// Foreign counts payloads on our channels that are no event of ours.
	Foreign uint64
	// Unreadable counts entries met in histories that are no message in any form.
	Unreadable uint64
	// FewReplicas counts batches that fewer replicas than Config.MinReplicas acknowledged in time.
	FewReplicas uint64
	// Subscriptions is how many rooms and users are subscribed to now.
	Subscriptions int
	// Connected reports whether State is nil.
	Connected bool
}

// checkBatch refuses what Publish does not take, and takes the id of the batch apart.
func checkBatch(room string, b *chat.Batch) (node string, number uint64, err error) {
	batch := b.ID
	if n := len(b.Drafts); n < 1 || n > MaxBatch {
		return "", 0, fmt.Errorf("cannot publish to room %q: %d messages in one batch are not within 1 and %d: %w", room, n, MaxBatch, chat.ErrRefused)
	}
	dot := strings.LastIndexByte(batch, '.')
	number, err = strconv.ParseUint(batch[dot+1:], 10, 64)
	if err != nil || dot < 0 {
		return "", 0, fmt.Errorf("cannot publish to room %q: the batch's id %q is not <node>.<n>: %w", room, batch, chat.ErrRefused)
	}
	return batch[:dot], number, nil
}

// overtaken is why a batch is refused that the node gave up before it published last.
func overtaken(node string, number, last uint64) error {
	return fmt.Errorf("batch %s.%d is older than the node's last one, %s.%d: %w", node, number, node, last, chat.ErrRefused)
}
