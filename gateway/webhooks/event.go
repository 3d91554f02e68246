package webhooks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// event is what the service gets of one thing that happened. docs/webhooks.md has the shapes.
type event struct {
	Type string `json:"type"`
	// ID is the same when an event comes again.
	ID    string `json:"id"`
	Room  string `json:"room,omitempty"` // empty: all rooms
	At    int64  `json:"at"`             // Unix ms
	Epoch string `json:"epoch,omitempty"`

	Message    json.RawMessage `json:"message,omitempty"`
	Recall     *recall         `json:"recall,omitempty"`
	Purge      *purge          `json:"purge,omitempty"`
	Moderation json.RawMessage `json:"moderation,omitempty"`
	Held       json.RawMessage `json:"held,omitempty"`
	Storm      *storm          `json:"storm,omitempty"`
	Lost       *lost           `json:"lost,omitempty"`
}

// recall is a message that was taken back.
type recall struct {
	Seq    uint64 `json:"seq"`
	UserID string `json:"user_id"`
	TS     int64  `json:"ts"`
	// Moderated says that it was not its sender who did it.
	Moderated bool `json:"moderated"`
}

// purge is what a moderator took away at once: messages of a user by their timestamps, or without one all up to a
// number.
type purge struct {
	UserID string `json:"user_id,omitempty"`
	Since  int64  `json:"since,omitempty"`
	Until  int64  `json:"until,omitempty"`
	Seq    uint64 `json:"seq,omitempty"`
}

// storm is how the last second of a room was.
type storm struct {
	Level   uint16 `json:"level"`
	Offered uint64 `json:"offered"`
	Shown   uint64 `json:"shown"`
}

// lost is what the service will not receive.
type lost struct {
	// What is messages, recalls, news, or events of any kind; Count is how many, 0: nobody knows. From and To are the
	// numbers of messages among them, both inclusive; 0: there are none.
	What  string `json:"what"`
	Count uint64 `json:"count"`
	From  uint64 `json:"from,omitempty"`
	To    uint64 `json:"to,omitempty"`
	Why   string `json:"why"`
}

// Why something is lost.
const (
	lostHistory = "history" // the history, or the news, has no longer what the service did not take in time
	lostGivenUp = "given_up"
)

// note is what a bookmark notes besides, see chat.Bookmark.
type note struct {
	open   bool
	opened uint64 // times that it opened
	empty  int64  // since when nobody is in it, in Unix ms; 0: somebody is
	storm  bool
	storms uint64
}

func (n note) String() string {
	return fmt.Sprintf("%d %d %d %d %d", truth(n.open), n.opened, n.empty, truth(n.storm), n.storms)
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// parseNote reads a note; one that makes no sense is the zero value: a room that opens once more does no harm.
func parseNote(text string) (n note) {
	var open, storming int
	if _, err := fmt.Sscan(text, &open, &n.opened, &n.empty, &storming, &n.storms); err != nil {
		return note{}
	}
	n.open, n.storm = open == 1, storming == 1
	return n
}

const (
	// mostEvents is how many events one call brings at most.
	mostEvents = 100
	// mostRead bounds messages, recalls and news of a room that one call brings, together: of the others there are five.
	mostRead = mostEvents - 5
	// mostBytes is from how many bytes on nothing is added to a call. Those of one room have 64 KiB of messages, one
	// message at least, and the news of what moderators did.
	mostBytes = 512 << 10
	// closeAfter is for how long nobody must be in a room that closes: a reload of a page closes none.
	closeAfter = 30 * time.Second
	// lookEvery is how often an open room is looked at though it is not due. It may have lost its last member, or a node
	// died before it reported that.
	lookEvery = 30 * time.Second
	// lookStorm is that for a room in a storm.
	lookStorm = 3 * time.Second
)

// piece is what there is to send of one room in one call.
type piece struct {
	due    chat.Due // Next is for when all of it was sent
	was    *chat.Bookmark
	now    chat.Bookmark
	events []json.RawMessage
	bytes  int
	// more says that there is more to send; lost counts what the history has lost, broken messages that are no JSON.
	more         bool
	lost, broken uint64
	from         uint64 // number of the first message, 0 where there is none
}

// moved reports whether the bookmark is another one.
func (p *piece) moved() bool { return p.was == nil || *p.was != p.now }

// digest makes a piece of what there is to send.
type digest struct {
	cfg   map[string]bool // groups that are wanted
	room  string
	feed  *chat.Feed
	piece piece
	note  note
	birth int64 // Unix ms; older ones are not sent to a service that does not know the room
	left  int   // events that still fit
}

// digested is what there is to send of a room, for a service that wants some groups, and nothing from before birth.
func digested(groups map[string]bool, due chat.Due, feed *chat.Feed, birth int64) piece {
	d := digest{cfg: groups, room: due.Room, feed: feed, note: parseNote(feed.Bookmark.Note), birth: birth, left: mostRead}
	d.piece.due, d.piece.now = due, feed.Bookmark
	if feed.Bookmarked {
		d.piece.was = &feed.Bookmark
	}
	d.opens()
	d.begins()
	d.messages()
	d.recalls()
	d.news()
	d.storms()
	d.closes()
	d.piece.now.Note = d.note.String()
	switch {
	case d.piece.more:
		d.piece.due.Next = time.Millisecond
	case d.note.storm:
		d.piece.due.Next = lookStorm
	case d.note.open:
		d.piece.due.Next = lookEvery
	default:
		d.piece.due.Next = 0
	}
	return d.piece
}

// add adds an event of a group, if that is wanted.
func (d *digest) add(group string, e *event, id string, args ...any) {
	if group != "" && !d.cfg[group] {
		return
	}
	e.ID = d.name() + ":" + fmt.Sprintf(id, args...)
	if d.room != chat.Everywhere {
		e.Room = d.room
	}
	if e.At == 0 {
		e.At = d.feed.Now
	}
	d.put(encode(e))
}

func (d *digest) put(text json.RawMessage) {
	d.piece.events, d.piece.bytes = append(d.piece.events, text), d.piece.bytes+len(text)+1
}

// name begins the ids of a room's events.
func (d *digest) name() string { return roomName(d.room) }

func roomName(room string) string {
	if room == chat.Everywhere {
		return "*"
	}
	return room
}

// encode is an event as JSON. Nothing in it is HTML.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("BUG: cannot encode an event: " + err.Error()) // all JSON in it was read before
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func (d *digest) opens() {
	if d.feed.Online == 0 {
		return
	}
	d.note.empty = 0
	if !d.note.open {
		d.note.open = true
		d.note.opened++
		d.add(GroupRooms, &event{Type: "room_opened"}, "opened:%d", d.note.opened)
	}
}

// begins adds the events of a new epoch, and of what is lost.
func (d *digest) begins() {
	f, was := d.feed, d.piece.was
	if was != nil && was.Epoch != "" && f.Epoch != "" && f.Epoch != was.Epoch {
		d.add(GroupMessages, &event{Type: "epoch", Epoch: f.Epoch}, "%s", f.Epoch)
		if was.Epoch != f.Before { // the numbers are others: all that is there is sent, and of what went before nobody knows
			d.add(GroupMessages, &event{Type: "lost", Epoch: f.Epoch, Lost: &lost{What: "messages", Why: lostHistory}}, "%s:lost", f.Epoch)
		}
	}
	if f.Forgot {
		d.add(GroupMessages, &event{Type: "lost", Epoch: f.Epoch, Lost: &lost{What: "recalls", Why: lostHistory}}, "lost:%s", f.Newest)
	}
	from := f.From + 1
	if was == nil {
		from = f.Position.First() // of the history's present life
	}
	if n := f.First - min(from, f.First); n > 0 && d.cfg[GroupMessages] && (was != nil || d.fresh()) {
		d.piece.lost += n
		d.add("", &event{Type: "lost", Epoch: f.Epoch, Lost: &lost{What: "messages", Count: n, From: from, To: f.First - 1, Why: lostHistory}},
			"%s:lost:%d", f.Epoch, from)
	}
}

// fresh reports whether the oldest message is one that the service is to receive, in a room that it does not know.
func (d *digest) fresh() bool {
	for _, e := range d.feed.Entries {
		if e.JSON != "" {
			return codec.Timestamp(e.JSON) >= d.birth
		}
	}
	return false
}

func (d *digest) messages() {
	f := d.feed
	for _, e := range f.Entries {
		if e.JSON == "" || !f.Bookmarked && codec.Timestamp(e.JSON) < d.birth {
			continue
		}
		if d.left--; !d.cfg[GroupMessages] {
			continue
		}
		message := json.RawMessage(codec.AppendNativeMessage(nil, e.Seq, e.JSON))
		if !json.Valid(message) { // somebody else wrote to the history; members see it as it is
			d.piece.broken++
			continue
		}
		if d.piece.from == 0 {
			d.piece.from = e.Seq
		}
		d.add(GroupMessages, &event{Type: "message", At: codec.Timestamp(e.JSON), Epoch: f.Epoch, Message: message}, "%s:%d", f.Epoch, e.Seq)
	}
	d.piece.now.Epoch, d.piece.now.Seq = f.Epoch, f.To
	d.piece.more = f.To < f.Seq
}

func (d *digest) recalls() {
	f := d.feed
	if !d.cfg[GroupMessages] {
		d.piece.now.Recall = f.Newest
		return
	}
	for i := range f.Recalls {
		ev := &f.Recalls[i]
		if d.left <= 0 {
			d.piece.more = true
			return
		}
		d.left--
		d.taken(ev)
		d.piece.now.Recall = ev.Tip
	}
	if len(f.Recalls) == mostRead {
		d.piece.more = true
		return
	}
	d.piece.now.Recall = f.Newest
}

// taken adds the event of a recall, or of a purge.
func (d *digest) taken(ev *chat.Event) {
	switch {
	case ev.Kind == chat.EventRecall:
		d.add(GroupMessages, &event{Type: "recall", Epoch: ev.Epoch, Recall: &recall{
			Seq: ev.Seq, UserID: codec.Sender(ev.Messages[0]), TS: codec.Timestamp(ev.Messages[0]), Moderated: strings.HasPrefix(ev.Tip, codec.ModeratedPrefix),
		}}, "%s:%d:recall", ev.Epoch, ev.Seq)
	case ev.Purge.User == "":
		d.add(GroupMessages, &event{Type: "purge", Epoch: ev.Epoch, Purge: &purge{Seq: ev.Seq}}, "%s:%d:clear", ev.Epoch, ev.Seq)
	default:
		p := &purge{UserID: ev.Purge.User, Since: ev.Purge.Since, Until: ev.Purge.Until}
		d.add(GroupMessages, &event{Type: "purge", Epoch: ev.Epoch, Purge: p}, "%s:purge", ev.Tip)
	}
}

func (d *digest) news() {
	f := d.feed
	if len(f.News) > 0 {
		first := f.News[0]
		if n := first.Number - max(f.Bookmark.News+1, first.Begun); n > 0 && f.Bookmarked {
			d.piece.lost += n
			d.add("", &event{Type: "lost", Lost: &lost{What: "news", Count: n, Why: lostHistory}}, "lost:%d", first.Number)
		}
	}
	for _, n := range f.News {
		if d.left <= 0 {
			d.piece.more = true
			return
		}
		d.piece.now.News = n.Number
		var head struct {
			At int64 `json:"at"`
		}
		if err := json.Unmarshal([]byte(n.Text), &head); err != nil || !f.Bookmarked && head.At < d.birth {
			continue
		}
		d.left--
		d.put(json.RawMessage(n.Text))
	}
	d.piece.more = d.piece.more || len(f.News) == mostRead
}

func (d *digest) storms() {
	now := d.feed.Storm
	if is := now != (chat.Storm{}); is != d.note.storm {
		word := "storm_ended"
		if is {
			word = "storm_began"
			d.note.storms++
		}
		d.note.storm = is
		d.add(GroupStorm, &event{Type: word, Storm: &storm{now.Level, now.Offered, now.Shown}}, "%s:%d", word, d.note.storms)
	}
}

func (d *digest) closes() {
	if d.feed.Online > 0 || !d.note.open {
		return
	}
	if d.note.empty == 0 {
		d.note.empty = d.feed.Now
	}
	if d.feed.Now-d.note.empty >= closeAfter.Milliseconds() && !d.piece.more {
		d.note.open, d.note.empty = false, 0
		d.add(GroupRooms, &event{Type: "room_closed"}, "closed:%d", d.note.opened)
	}
}

// bodyOf is the body of a call.
func bodyOf(at time.Time, events []json.RawMessage) []byte {
	return encode(struct {
		Type      string `json:"type"`
		Timestamp string `json:"timestamp"`
		Data      struct {
			Events []json.RawMessage `json:"events"`
		} `json:"data"`
	}{"barrage.events", at.UTC().Format(time.RFC3339), struct {
		Events []json.RawMessage `json:"events"`
	}{events}})
}
