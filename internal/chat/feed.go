package chat

import "time"

// Bookmark is how far a backend has received a room's feed. The zero value: nothing of it.
type Bookmark struct {
	// Epoch and Seq are of the last message. Recall is the name of the last recall or purge that was sent, see [Position].
	// Where one is empty there was none.
	Epoch  string
	Seq    uint64
	Recall string
	// News is the number of the last of the room's news, see [News].
	News uint64
	// Note is a line that the sender of the feed has noted besides; the store does not read it.
	Note string
}

// News is something that happened in a room and is in no history: an act of a moderator.
type News struct {
	// Number counts on by one from Begun. Where all news of a room have expired the next ones begin higher.
	Number, Begun uint64
	// Text is a JSON object.
	Text string
}

// Feed is what there is to send of a room behind a bookmark, read in one step.
type Feed struct {
	// Position is where the room stands, without Rev and Tip. Before is as in [History].
	Position
	Before string
	// Bookmark is where the backend stands; Bookmarked is false where it has no bookmark in the room.
	Bookmark   Bookmark
	Bookmarked bool
	// Entries are the oldest messages behind number From, up to To, those that were recalled without JSON. First is the
	// number of the oldest message that the history has, or will have: messages between From and First are lost.
	Entries         []Entry
	From, To, First uint64
	// Recalls are the oldest recalls and purges behind the bookmark, of the newest [RecallsKept]; Forgot says that there
	// were others before them. Newest is the name of the newest one. News are the oldest behind the bookmark.
	Recalls []Event
	Forgot  bool
	Newest  string
	News    []News
	// Online is how many members the room has, Storm how its last seconds were; Now is the store's time in Unix ms.
	Online uint64
	Storm  Storm
	Now    int64
}

// Due is a room in a roster: one that somebody should look at.
type Due struct {
	Room string
	// At is the Unix ms until which others leave the room to whoever took it; it names the taking.
	At int64
	// Next is after how long somebody should look again, whatever happens; 0: only when there is something new.
	Next time.Duration
}

// Roster is a list of rooms with something to send, as the one node has it that sends it.
type Roster struct {
	// Mine is false where another node sends; then there is nothing else here.
	Mine bool
	// Rooms are some that are due, the longest first. They are this node's until At.
	Rooms []Due
	// Due is how many were due before, Oldest since when the first of them was, in Unix ms; 0 where none was.
	Due    int
	Oldest int64
	// Birth is when the roster was made, in Unix ms: older events are nobody's business.
	Birth int64
}

// Values that two packages must agree on about feeds.
const (
	// FeedLease is how long a node is the only one that sends what a roster has, after it looked at the roster last. For
	// as long rooms that it took are its own. FeedLease is more than the longest call of a backend, so nobody else takes
	// over meanwhile; a node that dies is replaced after it.
	FeedLease = 15 * time.Second
	// NewsKept is how many news of a room there are at most: as many as moderators can look up, see [LogKept].
	NewsKept = LogKept
)
