package redisx_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"barrage/internal/chat"
)

// This file is about counts that were lost, wholly or in part: each room must be able to see it by the position, see
// room/catchup.go.

// after is what follows sep in s, empty where it is not there.
func after(s, sep string) string {
	_, rest, _ := strings.Cut(s, sep)
	return rest
}

// TestRedis_LostCountsBeginANewEpoch damages a room that has five messages, and looks at it in three ways. They are
// what Read returns, what Report returns, and what the next message does.
func TestRedis_LostCountsBeginANewEpoch(t *testing.T) {
	const known = 5
	for _, c := range []struct {
		name   string
		damage func(raw *rawClient)
		// sameEpoch: the count goes on, with so many messages before the next.
		sameEpoch bool
		seq       uint64
	}{
		{"Flushed", func(raw *rawClient) { raw.do("FLUSHALL") }, false, 0},
		{"HistoryLost", func(raw *rawClient) { raw.do("DEL", "gml:r") }, true, known},
		{"CountLost", func(raw *rawClient) { raw.do("DEL", "gmm:r") }, false, known},
		{"EpochLost", func(raw *rawClient) { raw.do("HDEL", "gmm:r", "e") }, false, known},
		// A failover to a replica that lacked the last two.
		{"EndLost", func(raw *rawClient) {
			raw.do("LTRIM", "gml:r", "0", "-3")
			raw.do("HINCRBY", "gmm:r", "s", "-2")
			raw.do("HINCRBY", "gmm:r", "n", "-2")
		}, true, known - 2},
	} {
		for _, first := range []string{"read", "report", "publish"} {
			t.Run(c.name+"/"+first, func(t *testing.T) {
				s, raw := newPair(t)
				s.publish(t, "r", "u", 1, 2, 3, 4, 5)
				epoch := s.newest(t, "r", 1).Epoch
				c.damage(raw)
				check := func(pos chat.Position, seq uint64) {
					t.Helper()
					if (pos.Epoch == epoch) != c.sameEpoch || pos.Seq != seq {
						t.Errorf("position = %+v; want seq %d, and that the epoch is %s is %v", pos, seq, epoch, c.sameEpoch)
					}
				}
				switch first {
				case "read":
					check(s.newest(t, "r", 50).Position, c.seq)
				case "report":
					check(s.report("n", 1, 0).Position, c.seq)
				}
				noError(t, s.SubscribeRoom(t.Context(), "r"))
				stored, err := s.put(t.Context(), "r", "n.9", drafts("r", "u", 6))
				noError(t, err)
				pos := stored.Event.After(chat.Position{})
				check(pos, c.seq+1)
				s.wantEvents(t, "r", chat.Event{
					Kind: chat.EventMessages, Epoch: pos.Epoch, Seq: pos.Seq, Total: pos.Total, Messages: texts(drafts("r", "u", 6)),
				})
				wantEqual(t, "position afterwards", s.newest(t, "r", 1).Position, nil, pos)
			})
		}
	}
}

// TestRedis_RepeatInTheNextBucketIsKnown has the half minute end between two tries.
func TestRedis_RepeatInTheNextBucketIsKnown(t *testing.T) {
	s, raw := newPair(t)
	raw.early(t)
	stored, err := s.put(t.Context(), "r", "n.1", drafts("r", "u", 1))
	noError(t, err)
	bucket := raw.strings("KEYS", "gmu:r:*")[0]
	raw.shift("gmu:", "ub", -1)
	again, err := s.put(t.Context(), "r", "n.1", drafts("r", "u", 1))
	wantEqual(t, "Publish again", again, err, stored)
	raw.do("HSET", bucket, "\xffother", "1 e 1 1") // Another node has published since.
	again, err = s.put(t.Context(), "r", "n.1", drafts("r", "u", 1))
	wantEqual(t, "Publish again behind another node", again, err, stored)
	raw.do("DEL", bucket)
	next, err := s.put(t.Context(), "r", "n.2", drafts("r", "u", 1))
	noError(t, err)
	if next.Event.Seq != stored.Event.Seq+1 {
		t.Errorf("the next batch = %+v; want seq %d", next, stored.Event.Seq+1)
	}
	if life := time.Duration(raw.int("PTTL", bucket)) * time.Millisecond; life < time.Minute {
		t.Errorf("the new set of last ts lives for %v; want 90s", life)
	}
}

// TestRedis_BadCountBeginsAnew has somebody else write into a room's count: it begins anew.
func TestRedis_BadCountBeginsAnew(t *testing.T) {
	for _, first := range []string{"read", "written"} {
		t.Run(first+" first", func(t *testing.T) {
			s, raw := newPair(t)
			all := s.publish(t, "r", "u", 1)
			old := s.newest(t, "r", 1).Epoch
			raw.do("HSET", "gmm:r", "s", "many", "l", "more")
			wantEqual(t, "counters", s.report("n", 1, 0).Counters, nil, counters(1, 0))
			if first == "read" {
				wantHistory(t, s.newest(t, "r", 50), 1, 1, 1, all...)
			}
			all = append(all, s.publish(t, "r", "u", 2)...)
			h := s.newest(t, "r", 50)
			wantHistory(t, h, 2, 2, 1, all...)
			if h.Epoch == old {
				t.Errorf("epoch %q stayed although the count was lost", old)
			}
		})
	}
}

// TestRedis_RefusedLeavesNothing: a batch that is refused is not in the history.
func TestRedis_RefusedLeavesNothing(t *testing.T) {
	s, raw := newPair(t)
	raw.do("SET", "gmm:r", "text")
	if err := s.send(t.Context(), "r", drafts("r", "u", 1)); !errors.Is(err, chat.ErrRefused) {
		t.Errorf("Publish: error %v; want %v", err, chat.ErrRefused)
	}
	wantEqual(t, "keys", raw.strings("KEYS", "*"), nil, []string{"gmm:r"})
}

// TestRedis_FeedAfterTheCountIsLostPassesNothingOver: the numbers are others then, so nothing that was not delivered is
// passed over for them.
func TestRedis_FeedAfterTheCountIsLostPassesNothingOver(t *testing.T) {
	s, raw := newRedis(t), newRaw(t, server.Addr)
	for i := range historyMessages + 20 {
		s.publish(t, "r", "u", int64(i+1))
	}
	known := s.newest(t, "r", 1).Position
	at := chat.Bookmark{Epoch: known.Epoch, Seq: historyMessages + 10} // 10 are not delivered
	noError(t, s.MoveFeed(t.Context(), "r", "to", nil, at))
	raw.do("DEL", "gmm:r")
	_, err := s.Read(t.Context(), "r", known, 1, 1) // a node notices, and the epoch is the next one
	noError(t, err)
	f := s.feed(100)
	if f.Before != "" || f.From != 0 || len(f.Entries) != historyMessages {
		t.Errorf("behind %+v there are %d messages from %d on, of the numbers of %q; want all that is there", at, len(f.Entries), f.From, f.Before)
	}
}

// TestRedis_LostRecallsAreToldToWhoLacksThem: a node that lacks one of those is notified of that, and others are not.
func TestRedis_LostRecallsAreToldToWhoLacksThem(t *testing.T) {
	s, raw := newRedis(t), newRaw(t, server.Addr)
	s.publish(t, "r", "u", 1, 2, 3)
	before := s.newest(t, "r", 1).Position
	s.wantRecall(t, "r", "u", 1, true)
	after := s.newest(t, "r", 1).Position
	noError(t, s.MoveFeed(t.Context(), "r", "to", nil, chat.Bookmark{Epoch: before.Epoch, Seq: 3}))
	forgot := func(known chat.Position, want bool) {
		t.Helper()
		h, err := s.Read(t.Context(), "r", known, 1, 1)
		wantEqual(t, fmt.Sprintf("forgot what %+v lacks", known), h.Forgot, err, want)
	}
	raw.do("DEL", "gmr:r")
	forgot(before, true)
	forgot(after, false)
	wantEqual(t, "forgot what nobody was told", s.feed(9).Forgot, nil, true)
	s.wantRecall(t, "r", "u", 2, true)
	forgot(after, false)
	wantEqual(t, "forgot what nobody was told, with another recall in the log", s.feed(9).Forgot, nil, true)
}

// TestRedis_LikesOfALostCountComeBack: they come back by the first node that reports.
func TestRedis_LikesOfALostCountComeBack(t *testing.T) {
	s, raw := newRedis(t), newRaw(t, server.Addr)
	s.publish(t, "r", "u", 1)
	s.report("n", 1, 500)
	raw.do("DEL", "gmm:r")
	got, err := s.Report(t.Context(), "n", []chat.Report{{Room: "r", Online: 1, Likes: 2, KnownLikes: 500}})
	noError(t, err)
	wantEqual(t, "likes", got[0].Likes, nil, 502)
}
