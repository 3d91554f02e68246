package redisx

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"barrage/internal/chat"
)

// This file is what a single node keeps to send a backend the feeds of rooms. It does not outlive the process.

// memoryRoster is a roster. Guarded by Memory.feedsMu.
type memoryRoster struct {
	holder string
	until  time.Time // of the lease
	birth  int64
	due    map[string]int64 // Unix ms by room
}

// roster locks and returns a roster. The caller must unlock m.feedsMu.
func (m *Memory) roster(name string) *memoryRoster {
	m.calls.Add(1)
	m.feedsMu.Lock()
	t := m.rosters[name]
	if t == nil {
		if m.rosters == nil {
			m.rosters = map[string]*memoryRoster{}
		}
		t = &memoryRoster{birth: m.now().UnixMilli(), due: map[string]int64{}}
		m.rosters[name] = t
	}
	return t
}

// TakeFeeds takes rooms of a roster that are due.
func (m *Memory) TakeFeeds(_ context.Context, roster, node string, limit int, _ int64) (chat.Roster, error) {
	t := m.roster(roster)
	defer m.feedsMu.Unlock()
	now := m.now()
	if t.holder != node && now.Before(t.until) {
		return chat.Roster{}, nil
	}
	t.holder, t.until = node, now.Add(chat.FeedLease)
	var due []chat.Due
	for room, at := range t.due {
		if at <= now.UnixMilli() {
			due = append(due, chat.Due{Room: room, At: at})
		}
	}
	slices.SortFunc(due, func(a, b chat.Due) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Room, b.Room)) })
	taken := chat.Roster{Mine: true, Due: len(due), Birth: t.birth}
	if len(due) > 0 {
		taken.Oldest = due[0].At
	}
	taken.Rooms = due[:min(limit, len(due))]
	until := now.Add(chat.FeedLease).UnixMilli()
	for i := range taken.Rooms {
		taken.Rooms[i].At = until
		t.due[taken.Rooms[i].Room] = until
	}
	return taken, nil
}

// DueFeeds notes that rooms have a feed to send.
func (m *Memory) DueFeeds(_ context.Context, roster string, rooms []string) error {
	t := m.roster(roster)
	defer m.feedsMu.Unlock()
	now := m.now().UnixMilli()
	for _, room := range rooms {
		if at, ok := t.due[room]; !ok || now < at {
			t.due[room] = now
		}
	}
	return nil
}

// DoneFeeds gives rooms back.
func (m *Memory) DoneFeeds(_ context.Context, roster string, rooms []chat.Due) error {
	t := m.roster(roster)
	defer m.feedsMu.Unlock()
	for _, d := range rooms {
		switch {
		case t.due[d.Room] != d.At:
		case d.Next == 0:
			delete(t.due, d.Room)
		default:
			t.due[d.Room] = m.now().Add(d.Next).UnixMilli()
		}
	}
	return nil
}

// LeaveFeeds lets another node have a roster.
func (m *Memory) LeaveFeeds(_ context.Context, roster, node string) error {
	t := m.roster(roster)
	defer m.feedsMu.Unlock()
	if t.holder == node {
		t.until = time.Time{}
	}
	return nil
}

// memoryNews are a room's news, and the bookmarks in it by the backend that receives the feed.
type memoryNews struct {
	news      []chat.News
	bookmarks map[string]chat.Bookmark
	expires   time.Time
}

// newsLocked are the room's news and bookmarks, whose life begins anew where keep is set. s.mu must be held.
func (s *roomShard) newsLocked(room string, keep time.Duration, now time.Time) *memoryNews {
	n := s.news[room]
	if n != nil && !now.Before(n.expires) {
		n = nil
		delete(s.news, room)
	}
	if n == nil {
		n = &memoryNews{bookmarks: map[string]chat.Bookmark{}}
	}
	if keep > 0 {
		if s.news == nil {
			s.news = map[string]*memoryNews{}
		}
		n.expires = now.Add(keep)
		s.news[room] = n
	}
	return n
}

// ReadFeed returns the feed of a room.
func (m *Memory) ReadFeed(_ context.Context, room, to string, limit int) (chat.Feed, error) {
	s := m.shard(room)
	defer s.mu.Unlock()
	now := m.now()
	n := s.newsLocked(room, 0, now)
	feed := chat.Feed{First: 1, Now: now.UnixMilli()}
	feed.Bookmark, feed.Bookmarked = n.bookmarks[to]
	behind := slices.IndexFunc(n.news, func(e chat.News) bool { return e.Number > feed.Bookmark.News })
	if behind >= 0 {
		feed.News = slices.Clone(n.news[behind:min(len(n.news), behind+limit)])
	}
	r := s.liveLocked(room, now)
	if r == nil {
		return feed, nil
	}
	r.feed(&feed, limit, now)
	return feed, nil
}

// feed adds what the room has behind the bookmark, as feed_read.lua does.
func (r *memoryRoom) feed(feed *chat.Feed, limit int, now time.Time) {
	feed.Position, feed.Before = r.position(), r.before
	feed.Rev, feed.Tip = 0, ""
	feed.First = r.seq - uint64(r.len()) + 1
	was := feed.Bookmark
	feed.From = feed.First - 1
	switch {
	case !feed.Bookmarked:
	case was.Epoch == r.epoch:
		feed.From = min(was.Seq, r.seq)
	case was.Epoch == r.before:
		feed.From = min(was.Seq, r.begun)
	}
	fits := budget{left: feedBytes}
	feed.To = max(feed.From, feed.First-1)
	for feed.To < r.seq && len(feed.Entries) < limit {
		e := chat.Entry{Seq: feed.To + 1, JSON: r.at(r.indexOf(feed.To + 1))}
		if !fits.takes(e.JSON) {
			break
		}
		feed.To++
		if e.JSON == tombstone {
			e.JSON = ""
		}
		feed.Entries = append(feed.Entries, e)
	}
	if n := len(r.recalls); n > 0 {
		feed.Newest = r.recalls[n-1].Tip
		told := 1 + slices.IndexFunc(r.recalls, func(ev chat.Event) bool { return ev.Tip == was.Recall })
		if feed.Bookmarked {
			feed.Forgot = told == 0 && n < r.taken
			feed.Recalls = slices.Clone(r.recalls[told:min(n, told+limit)])
		}
	}
	for _, share := range r.online {
		if now.Before(share.expires) {
			feed.Online += share.online
		}
	}
	if now.Unix()-r.quota.second < chat.StormOver {
		feed.Storm = r.quota.storm()
	}
}

// MoveFeed moves a bookmark.
func (m *Memory) MoveFeed(_ context.Context, room, to string, was *chat.Bookmark, now chat.Bookmark) error {
	s := m.shard(room)
	defer s.mu.Unlock()
	n := s.newsLocked(room, m.limits.Load().HistoryTTL+metaGrace, m.now())
	if at, ok := n.bookmarks[to]; ok != (was != nil) || ok && at != *was {
		return fmt.Errorf("cannot move the bookmark of room %q: %w", room, chat.ErrStale)
	}
	n.bookmarks[to] = now
	return nil
}

// AddNews adds to the news of a room.
func (m *Memory) AddNews(_ context.Context, room, text string) error {
	s := m.shard(room)
	defer s.mu.Unlock()
	now := m.now()
	n := s.newsLocked(room, m.limits.Load().HistoryTTL+metaGrace, now)
	e := chat.News{Number: uint64(now.UnixMicro()), Begun: uint64(now.UnixMicro()), Text: text}
	if last := len(n.news) - 1; last >= 0 {
		e.Number, e.Begun = n.news[last].Number+1, n.news[last].Begun
	}
	if len(n.news) == chat.NewsKept {
		n.news = append(n.news[:0], n.news[1:]...)
	}
	n.news = append(n.news, e)
	return nil
}
