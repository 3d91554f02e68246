package redisx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is what Redis keeps so that one node at a time sends a backend the feeds of rooms: bookmarks, news, and
// rosters.

// The scripts of rosters, which are in no room's slot.
var (
	feedTakeScript  = newScript("", "feed_take")
	feedDueScript   = newScript("", "feed_due")
	feedDoneScript  = newScript("", "feed_done")
	feedLeaveScript = newScript("", "feed_leave")
)

// rosterKeys are the roster, its lease and its birth, in one slot.
func rosterKeys(roster string) []string {
	return []string{"gme:{" + roster + "}", "gme:{" + roster + "}:lease", "gme:{" + roster + "}:birth"}
}

// ofRoster runs a script about a roster.
func (r *Redis) ofRoster(ctx context.Context, what string, script *script, keys []string, args ...string) (msg rueidis.RedisMessage, err error) {
	if err = chat.ErrBeside; !r.keys.fastIM {
		msg, err = r.run(ctx, script, keys, args...)
	}
	if err != nil {
		return msg, fmt.Errorf("cannot %s (key %q): %w", what, keys[0], err)
	}
	return msg, nil
}

// TakeFeeds takes rooms of a roster that are due.
func (r *Redis) TakeFeeds(ctx context.Context, roster, node string, limit int, birth int64) (chat.Roster, error) {
	keys := rosterKeys(roster)
	msg, err := r.ofRoster(ctx, "take rooms of a roster", feedTakeScript, keys, node, millis(chat.FeedLease), strconv.Itoa(limit),
		strconv.FormatInt(birth, 10))
	if err != nil {
		return chat.Roster{}, err
	}
	f, err := msg.ToArray()
	if err == nil && len(f) == 0 {
		return chat.Roster{}, nil
	}
	const figures = 4
	if err != nil || len(f) < figures {
		return chat.Roster{}, fmt.Errorf("cannot take rooms of a roster (key %q): %w", keys[0], errors.Join(errBadAnswer, err))
	}
	var due, at int64
	t := chat.Roster{Mine: true}
	err = errors.Join(readInt(f[0], &t.Birth), readInt(f[1], &due), readInt(f[2], &t.Oldest), readInt(f[3], &at))
	t.Due = int(due)
	for _, room := range f[figures:] {
		id, bad := room.ToString()
		err = errors.Join(err, bad)
		t.Rooms = append(t.Rooms, chat.Due{Room: id, At: at})
	}
	if err != nil {
		return chat.Roster{}, fmt.Errorf("cannot take rooms of a roster (key %q): %w", keys[0], errors.Join(errBadAnswer, err))
	}
	return t, nil
}

func readInt(msg rueidis.RedisMessage, into *int64) (err error) {
	*into, err = msg.AsInt64()
	return err
}

// DueFeeds notes that rooms have a feed to send.
func (r *Redis) DueFeeds(ctx context.Context, roster string, rooms []string) error {
	_, err := r.ofRoster(ctx, "have rooms of a roster be due", feedDueScript, rosterKeys(roster)[:1], rooms...)
	return err
}

// DoneFeeds gives rooms back.
func (r *Redis) DoneFeeds(ctx context.Context, roster string, rooms []chat.Due) error {
	args := make([]string, 0, 3*len(rooms))
	for _, d := range rooms {
		args = append(args, d.Room, strconv.FormatInt(d.At, 10), millis(d.Next))
	}
	_, err := r.ofRoster(ctx, "give rooms of a roster back", feedDoneScript, rosterKeys(roster)[:1], args...)
	return err
}

// LeaveFeeds lets another node have a roster.
func (r *Redis) LeaveFeeds(ctx context.Context, roster, node string) error {
	_, err := r.ofRoster(ctx, "leave a roster", feedLeaveScript, rosterKeys(roster)[1:2], node)
	return err
}

// ReadFeed returns the feed of a room.
func (r *Redis) ReadFeed(ctx context.Context, room, to string, limit int) (chat.Feed, error) {
	f, err := r.readFeed(ctx, room, to, limit)
	if err != nil {
		return chat.Feed{}, fmt.Errorf("cannot read the feed of room %q (keys %q): %w", room, r.feedKeys(room, to), err)
	}
	return f, nil
}

func (r *Redis) feedKeys(room, to string) []string {
	return append(r.roomKeys(room), r.keys.recalls(room), r.keys.online(room), r.keys.bookmark(room, to), r.keys.news(room))
}

func (r *Redis) readFeed(ctx context.Context, room, to string, limit int) (chat.Feed, error) {
	if r.keys.fastIM {
		return chat.Feed{}, chat.ErrBeside
	}
	msg, err := r.runRoom(ctx, r.scripts().feedRead, room, r.feedKeys(room, to), roomArgs(strconv.Itoa(limit), strconv.Itoa(feedBytes))...)
	if err != nil {
		return chat.Feed{}, err
	}
	f, err := msg.ToArray()
	if err != nil || len(f) != 15 {
		return chat.Feed{}, errors.Join(errBadAnswer, err)
	}
	feed, err := r.parseFeed(f)
	if err != nil {
		return chat.Feed{}, errors.Join(errBadAnswer, err)
	}
	return feed, nil
}

// parseFeed reads what feed_read.lua returned.
func (r *Redis) parseFeed(f []rueidis.RedisMessage) (feed chat.Feed, err error) {
	number := func(i int) (n uint64) {
		n, bad := f[i].AsUint64()
		err = errors.Join(err, bad)
		return n
	}
	texts := func(i int) []string {
		all, bad := f[i].AsStrSlice()
		err = errors.Join(err, bad)
		return all
	}
	bookmark, err1 := f[0].ToString()
	epoch, err2 := f[1].ToString()
	before, err3 := f[3].ToString()
	storm, err4 := f[8].ToString()
	newest, err5 := f[13].ToString()
	err = errors.Join(err1, err2, err3, err4, err5)
	feed.Position, feed.Before = chat.Position{Epoch: epoch, Seq: number(2), Total: number(12)}, before
	feed.From, feed.First, feed.Online, feed.Now = number(4), number(5), number(6), int64(number(7))
	feed.Newest, feed.Forgot = noName(newest), number(14) == 1
	if bookmark != "" {
		feed.Bookmarked = true
		err = errors.Join(err, parseBookmark(bookmark, &feed.Bookmark))
	}
	if storm != "" {
		var level uint64
		_, bad := fmt.Sscan(storm, &level, &feed.Storm.Offered, &feed.Storm.Shown)
		feed.Storm.Level, err = uint16(level), errors.Join(err, bad)
	}
	for _, payload := range texts(9) {
		ev, bad := codec.ParseEvent(payload)
		feed.Recalls, err = append(feed.Recalls, ev), errors.Join(err, bad)
	}
	for _, entry := range texts(10) {
		var n chat.News
		number, rest, _ := strings.Cut(entry, " ")
		begun, text, _ := strings.Cut(rest, " ")
		var bad1, bad2 error
		n.Number, bad1 = strconv.ParseUint(number, 10, 64)
		n.Begun, bad2 = strconv.ParseUint(begun, 10, 64)
		n.Text = text
		feed.News, err = append(feed.News, n), errors.Join(err, bad1, bad2)
	}
	feed.To = max(feed.From, feed.First-1)
	for _, text := range texts(11) {
		feed.To++
		feed.Entries = r.appendEntry(feed.Entries, feed.To, text)
	}
	return feed, err
}

// bookmarkText is how a bookmark stands in Redis: epoch, seq, recall, news, note. No room has an epoch "-", and no
// recall is called so.
func bookmarkText(b chat.Bookmark) string {
	return fmt.Sprintf("%s %d %s %d %s", cmp.Or(b.Epoch, "-"), b.Seq, cmp.Or(b.Recall, "-"), b.News, b.Note)
}

// noName is a name, empty where "-" stands for it.
func noName(name string) string {
	if name == "-" {
		return ""
	}
	return name
}

func parseBookmark(text string, b *chat.Bookmark) error {
	f := strings.SplitN(text, " ", 5)
	if len(f) != 5 {
		return fmt.Errorf("the bookmark %.64q has %d parts, want 5", text, len(f))
	}
	b.Epoch, b.Recall = noName(f[0]), noName(f[2])
	var err1, err2 error
	b.Seq, err1 = strconv.ParseUint(f[1], 10, 64)
	b.News, err2 = strconv.ParseUint(f[3], 10, 64)
	b.Note = f[4]
	return errors.Join(err1, err2)
}

// MoveFeed moves a bookmark.
func (r *Redis) MoveFeed(ctx context.Context, room, to string, was *chat.Bookmark, now chat.Bookmark) error {
	key, text, err := r.keys.bookmark(room, to), "", chat.ErrBeside
	if was != nil {
		text = bookmarkText(*was)
	}
	if !r.keys.fastIM {
		var msg rueidis.RedisMessage
		if msg, err = r.runRoom(ctx, r.scripts().feedMove, room, []string{key}, text, bookmarkText(now)); err == nil {
			var moved int64
			if moved, err = msg.AsInt64(); err == nil && moved == 0 {
				err = chat.ErrStale
			}
		}
	}
	if err != nil {
		return fmt.Errorf("cannot move the bookmark of room %q (key %q): %w", room, key, err)
	}
	return nil
}

// AddNews adds to the news of a room.
func (r *Redis) AddNews(ctx context.Context, room, text string) error {
	key, err := r.keys.news(room), chat.ErrBeside
	if !r.keys.fastIM {
		_, err = r.runRoom(ctx, r.scripts().feedAdd, room, []string{key}, text, strconv.Itoa(chat.NewsKept))
	}
	if err != nil {
		return fmt.Errorf("cannot add to the news of room %q (key %q): %w", room, key, err)
	}
	return nil
}

// feedBytes bounds the messages of one answer of ReadFeed, in bytes of their JSON; one message is always in it. A node
// reads a hundred rooms before it sends, of a hundred short messages each.
const feedBytes = 64 << 10
