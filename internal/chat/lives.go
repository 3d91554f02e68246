package chat

import "time"

// Values that two packages must agree on.
const (
	// TokenLife is how long a token lives after it was set or last checked with success (contract section 4).
	TokenLife = 24 * time.Hour
	// MaxID bounds the ids of rooms and users, in bytes. No id of a message is longer.
	MaxID = 128
	// ReservedIDs begin the ids that no room and no user has: announcements of server keys are sent under such an id.
	ReservedIDs = "__"
	// MaxRoomsListed bounds how many rooms a node lists at once.
	MaxRoomsListed = 1000
	// MaxToken bounds a token, in bytes: with 8 KB of request headers that proxies take by default, one fits into a
	// header. A signed one may have some dozens of grants.
	MaxToken = 4096
	// RevokedLife is how long the store knows that a user's tokens were revoked, and so the longest life that a signed
	// token may have. Browsers allow cookies as long a life (RFC 6265bis section 5.5).
	RevokedLife = 400 * 24 * time.Hour
	// IDLife is how long a message is known by its id after it was published, at least. For that time all that comes under
	// the same key is the same message, for the store and for members.
	IDLife = 2 * time.Minute
	// BatchLife is how long the store knows a batch after it was published, at least: a node that tries again must have
	// given up before.
	BatchLife = 30 * time.Second
	// ReportEvery is how often a node reports a room with members although nothing changed. It is also how soon a room
	// to which nothing comes finds out that it lacks the last message. 10,000 rooms are 667 scripts a second.
	ReportEvery = 15 * time.Second
	// ReportLife is how long a node's report of a room counts: one may be late by 10 s. A node that died is counted for
	// [ReportEvery] more at most, until another one's report finds its own too old.
	ReportLife = ReportEvery + 10*time.Second
	// RecallsKept is how many recalls and purges of a room the store and each node remember, of some 300 B each. They are
	// for members that come back, and for a store that loses some. A client that has missed more is asked to show nothing
	// of before.
	RecallsKept = 512
	// RulesLife is how long rules, and the log of who changed them, live after the last change. A ban for good should
	// outlive a season; rules that nobody has touched for so long are nobody's any more. As [RevokedLife].
	RulesLife = RevokedLife
	// BeatEvery is how often a node reports that it lives, and what it does; BeatLife is how long that counts: two may be
	// lost. A node that died is taken for alive for so long.
	BeatEvery = 10 * time.Second
	BeatLife  = 3 * BeatEvery
	// AnswersLife is how long answers of nodes to a question of another are kept: much longer than anybody waits for
	// them.
	AnswersLife = 10 * time.Second
	// KickFor is how long a kick keeps somebody out where the moderator names no time: long enough that they notice.
	KickFor = time.Minute
	// CallTimeout bounds what one call of a client, a handshake or an errand may wait for the store, or for a hook.
	CallTimeout = 5 * time.Second
	// MaxTermListBytes bounds the text of a list of the word filter in the store, in bytes: some 100,000 terms.
	MaxTermListBytes = 1 << 20
	// LogKept is how many entries a room's log of moderation has at most.
	LogKept = 1000
)
