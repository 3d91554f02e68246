package webhooks

import (
	"encoding/json"
	"fmt"
	"testing"

	"barrage/internal/chat"
)

// TestDigest_TellsWhatWasTakenAwayInAnyEpoch: recalls and purges are sent whatever epoch they are of, and events that
// may be missing are reported.
func TestDigest_TellsWhatWasTakenAwayInAnyEpoch(t *testing.T) {
	at := chat.Bookmark{Epoch: "1-a", Seq: 3, Recall: "told"}
	recalls := []chat.Event{
		{Kind: chat.EventRecall, Epoch: "1-a", Seq: 2, Tip: "one", Messages: []string{`{"groupId":"r","userId":"u","info":"","ts":5}`}},
		{Kind: chat.EventPurge, Epoch: "1-a", Seq: 3, Tip: "two", Purge: &chat.Purge{User: "bob", Since: 1, Until: 9}},
		{Kind: chat.EventPurge, Epoch: "2-b", Seq: 3, Tip: "three", Purge: &chat.Purge{UpTo: chat.Place{Epoch: "2-b", Seq: 3}}},
	}
	for _, c := range []struct {
		name string
		feed chat.Feed
		want string
	}{
		{
			"the next epoch",
			chat.Feed{Before: "1-a", Recalls: recalls, Newest: "three"},
			"epoch r:2-b, recall r:1-a:2:recall, purge r:two:purge, purge r:2-b:3:clear; three",
		},
		{
			"forgotten",
			chat.Feed{Before: "1-a", Recalls: recalls[2:], Newest: "three", Forgot: true},
			"epoch r:2-b, lost r:lost:three, purge r:2-b:3:clear; three",
		},
		{"other numbers", chat.Feed{Newest: "told"}, "epoch r:2-b, lost r:2-b:lost; told"},
	} {
		c.feed.Position, c.feed.Bookmark, c.feed.Bookmarked = chat.Position{Epoch: "2-b", Seq: 3}, at, true
		c.feed.From, c.feed.To, c.feed.First = 3, 3, 4
		p := digested(map[string]bool{GroupMessages: true}, chat.Due{Room: "r"}, &c.feed, 0)
		told := ""
		for _, text := range p.events {
			var e event
			if err := json.Unmarshal(text, &e); err != nil {
				t.Fatal(err)
			}
			if e.Lost != nil && (e.Lost.Count != 0 || e.Lost.Why != lostHistory) {
				t.Errorf("%s: lost is %+v; want that nobody knows how many", c.name, e.Lost)
			}
			told += fmt.Sprintf(", %s %s", e.Type, e.ID)
		}
		if told += "; " + p.now.Recall; told[2:] != c.want {
			t.Errorf("%s: told %s; want %s", c.name, told[2:], c.want)
		}
	}
}
