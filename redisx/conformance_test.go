package redisx_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/redisx"
)

// conformance is what every Store must do, by name.
var conformance = map[string]func(s *harness){
	"Tokens":               testTokens,
	"chat.TokenLife":       testTokenLife,
	"TokensPerUser":        testTokensPerUser,
	"Revoked":              testRevoked,
	"Membership":           testMembership,
	"MembershipLife":       testMembershipLife,
	"MembershipBound":      testMembershipBound,
	"AnswersAreBounded":    testAnswersAreBounded,
	"UserEvents":           testUserEvents,
	"Beats":                testBeats,
	"Questions":            testQuestions,
	"Leases":               testLeases,
	"PublishAndRead":       testPublishAndRead,
	"EmptyRoom":            testEmptyRoom,
	"KnownRooms":           testKnownRooms,
	"Batches":              testBatches,
	"Trim":                 testTrim,
	"TrimBytes":            testTrimBytes,
	"Reload":               testReload,
	"HistoryExpires":       testHistoryExpires,
	"PublishProlongs":      testPublishProlongs,
	"UniqueTS":             testUniqueTS,
	"Repeat":               testRepeat,
	"Overtaken":            testOvertaken,
	"Counters":             testCounters,
	"CountersExpire":       testCountersExpire,
	"DeadNode":             testDeadNode,
	"Recall":               testRecall,
	"ReadPastRecalled":     testReadPastRecalled,
	"RangePastRecalled":    testRangePastRecalled,
	"RangeAfterExpiry":     testRangeAfterExpiry,
	"OddIDs":               testOddIDs,
	"Model":                testModel,
	"Once":                 testOnce,
	"OnceInBatch":          testOnceInBatch,
	"OnceRetried":          testOnceRetried,
	"chat.IDLife":          testOnceFor,
	"Page":                 testPage,
	"RecallSeq":            testRecallSeq,
	"RoomEvents":           testRoomEvents,
	"EventsInOrder":        testEventsInOrder,
	"SubscriptionsFlap":    testSubscriptionsFlap,
	"NothingAfterUnwanted": testNothingAfterUnwanted,
	"Stats":                testStats,
	"Chain":                testChain,
	"MovedTS":              testMovedTS,
	"Read":                 testRead,
	"RecallLog":            testRecallLog,
	"NewEpoch":             testNewEpoch,
	"Tried":                testTried,
	"Rules":                testRules,
	"Terms":                testTerms,
	"RulesBarrier":         testRulesBarrier,
	"RulesRestored":        testRulesRestored,
	"Clear":                testClear,
	"Purge":                testPurge,
	"PurgeIsOne":           testPurgeIsOne,
	"RecallsForgotten":     testRecallsForgotten,
	"FeedForgotten":        testFeedForgotten,
	"LikesKnown":           testLikesKnown,
	"Held":                 testHeld,
	"HeldAmong":            testHeldAmong,
	"HeldOnce":             testHeldOnce,
	"HeldBounds":           testHeldBounds,
	"HeldShares":           testHeldShares,
	"HeldLife":             testHeldLife,
	"RecallAnybody":        testRecallAnybody,
	"Marks":                testMarks,
	"Screen":               testScreen,
	"ModLog":               testModLog,
	"ManyMeasures":         testManyMeasures,
	"Feed":                 testFeed,
	"FeedEpochs":           testFeedEpochs,
	"Rosters":              testRosters,
	"RosterTakenOver":      testRosterTakenOver,
	"NewsBounded":          testNewsBounded,
}

func TestMemory_KeepsWhatEveryStorePromises(t *testing.T) { testConformance(t, newMemory) }

func TestRedis_KeepsWhatEveryStorePromises(t *testing.T) { testConformance(t, newRedis) }

func testConformance(t *testing.T, newStore func(t *testing.T) *harness) {
	t.Helper()
	for name, test := range conformance {
		t.Run(name, func(t *testing.T) { test(newStore(t)) })
	}
}

// testClusterConformance runs what lets no time go by on a store in a cluster, which
// empty makes empty.
func testClusterConformance(t *testing.T, newStore func(t *testing.T) *harness, empty func()) {
	t.Helper()
	for _, name := range []string{
		"Tokens", "UserEvents", "PublishAndRead", "EmptyRoom", "KnownRooms", "Batches", "Trim", "TrimBytes", "Reload", "UniqueTS",
		"Counters", "Recall", "ReadPastRecalled", "RangePastRecalled", "OddIDs", "RoomEvents", "EventsInOrder",
		"Chain", "MovedTS", "RecallLog", "NewEpoch", "TokensPerUser", "Revoked",
		"Rules", "Terms", "RulesBarrier", "RulesRestored", "Clear", "Purge", "PurgeIsOne", "RecallsForgotten", "RecallAnybody", "ModLog", "FeedForgotten", "FeedEpochs", "Rosters", "NewsBounded",
		"Beats", "Questions", "Leases",
		"Held", "HeldAmong", "HeldOnce", "HeldBounds",
	} {
		t.Run(name, func(t *testing.T) {
			empty()
			s := newStore(t)
			s.wantReady(t)
			s.passStale(t)
			conformance[name](s)
		})
	}
}

func testTokens(s *harness) {
	t := s.t
	check := func(token string, want bool) {
		t.Helper()
		got, err := isRight(s.CheckToken(t.Context(), chat.Credential{UserID: "u", Token: token}))
		wantEqual(t, fmt.Sprintf("CheckToken(u, %s)", token), got, err, want)
	}
	check("old", false)
	noError(t, s.SetToken(t.Context(), "u", "old"))
	noError(t, s.SetToken(t.Context(), "v", "other"))
	check("old", true)
	check("other", false)
	check("", false)
	told := s.tokensTold()
	noError(t, s.SetToken(t.Context(), "u", "newer"))
	noError(t, s.SetToken(t.Context(), "u", "new"))
	check("old", false)
	check("new", true)
	eventually(t, "TokensChanged was called for u, and nobody else", func() (bool, string) {
		users, all := s.tokensSince(told)
		return slices.Equal(slices.Compact(users), []string{"u"}) && all == 0, fmt.Sprint(users, all)
	})

	got, err := areRight(s.CheckTokens(t.Context(), []chat.Credential{
		{UserID: "v", Token: "other"},
		{UserID: "nobody", Token: ""},
		{UserID: "u", Token: "old"},
		{UserID: "u", Token: "new"},
		{UserID: "v", Token: "other"},
	}))
	wantEqual(t, "CheckTokens", got, err, []bool{true, false, false, true, true})
	got, err = areRight(s.CheckTokens(t.Context(), nil))
	wantEqual(t, "CheckTokens of none", len(got), err, 0)
}

func testTokenLife(s *harness) {
	t := s.t
	check := func(token string, want bool) {
		t.Helper()
		got, err := isRight(s.CheckToken(t.Context(), chat.Credential{UserID: "u", Token: token}))
		wantEqual(t, "CheckToken", got, err, want)
	}
	const most = chat.TokenLife - time.Hour
	noError(t, s.SetToken(t.Context(), "u", "token"))
	s.pass(most)
	check("token", true) // prolongs
	s.pass(59 * time.Minute)
	check("token", true) // too early to prolong
	both := []chat.Credential{{UserID: "u", Token: "wrong"}, {UserID: "u", Token: "token"}}
	s.pass(most - 59*time.Minute)
	noError(t, s.ProlongTokens(t.Context(), both))
	s.pass(59 * time.Minute)
	noError(t, s.ProlongTokens(t.Context(), both)) // too early
	s.pass(most)
	check("wrong", false) // prolongs nothing
	got, err := areRight(s.CheckTokens(t.Context(), []chat.Credential{{UserID: "u", Token: "token"}}))
	wantEqual(t, "CheckTokens", got, err, []bool{true}) // nor does this
	s.pass(2 * time.Minute)
	check("token", false)
	got, err = areRight(s.CheckTokens(t.Context(), []chat.Credential{{UserID: "u", Token: "token"}}))
	wantEqual(t, "CheckTokens", got, err, []bool{false})
}

func testMembership(s *harness) {
	t := s.t
	join := func(user, room string, want bool) {
		t.Helper()
		got, err := s.Join(t.Context(), user, room)
		wantEqual(t, fmt.Sprintf("Join(%s, %s)", user, room), got, err, want)
	}
	join("u", "b", true)
	join("u", "a", true)
	join("u", "c", true)
	join("u", "a", false)
	join("v", "a", true)
	for room, want := range map[string]bool{"a": true, "b": true, "d": false} {
		got, err := s.IsMember(t.Context(), "u", room)
		wantEqual(t, "IsMember of "+room, got, err, want)
	}
	rooms, err := s.Rooms(t.Context(), "u")
	wantEqual(t, "Rooms", rooms, err, []string{"a", "b", "c"})
	rooms, err = s.Rooms(t.Context(), "nobody")
	wantEqual(t, "Rooms of nobody", len(rooms), err, 0)
}

// testMembershipLife: each use of a user's rooms makes them live as long again.
func testMembershipLife(s *harness) {
	t := s.t
	join := func(room string) {
		_, err := s.Join(t.Context(), "u", room)
		noError(t, err)
	}
	join("a")
	for what, use := range map[string]func(){
		"Join of a new room":  func() { join("b") },
		"Join of an old room": func() { join("a") },
		"JoinAll": func() {
			_, err := s.JoinAll(t.Context(), []chat.Membership{{UserID: "u", Room: "a"}})
			noError(t, err)
		},
		"Rooms": func() {
			_, err := s.Rooms(t.Context(), "u")
			noError(t, err)
		},
		"IsMember": func() {
			is, err := s.IsMember(t.Context(), "u", "a")
			wantEqual(t, "IsMember", is, err, true)
		},
	} {
		s.pass(membershipTTL - time.Hour)
		use()
		s.pass(membershipTTL * 9 / 10)
		is, err := s.IsMember(t.Context(), "u", "a")
		wantEqual(t, "IsMember after "+what, is, err, true)
	}
	s.pass(membershipTTL - time.Hour)
	is, err := s.IsMember(t.Context(), "u", "never") // that is no use
	wantEqual(t, "IsMember of another room", is, err, false)
	s.pass(2 * time.Hour)
	rooms, err := s.Rooms(t.Context(), "u")
	wantEqual(t, "number of Rooms after their life", len(rooms), err, 0)
	is, err = s.IsMember(t.Context(), "u", "a")
	wantEqual(t, "IsMember after their life", is, err, false)
	added, err := s.Join(t.Context(), "u", "a")
	wantEqual(t, "Join after their life", added, err, true)
}

// testMembershipBound: the room that is one too many is refused, and no other.
func testMembershipBound(s *harness) {
	t := s.t
	var all []chat.Membership
	for i := range roomsPerUser + 2 {
		all = append(all, chat.Membership{UserID: "u", Room: fmt.Sprint(i)})
	}
	refused, err := s.JoinAll(t.Context(), append(all, chat.Membership{UserID: "v", Room: "1"}))
	wantEqual(t, "refused by JoinAll", refused, err, 2)
	added, err := s.Join(t.Context(), "u", "more")
	if added || !errors.Is(err, chat.ErrTooManyRooms) {
		t.Errorf("Join of one more = %v, %v; want %v", added, err, chat.ErrTooManyRooms)
	}
	added, err = s.Join(t.Context(), "u", "1")
	wantEqual(t, "Join of one that is there", added, err, false)
	rooms, err := s.Rooms(t.Context(), "u")
	wantEqual(t, "number of rooms", len(rooms), err, roomsPerUser)
	rooms, err = s.Rooms(t.Context(), "v")
	wantEqual(t, "Rooms of v", rooms, err, []string{"1"})
}

// joinAll is JoinAll that refuses nobody.
func (h *harness) joinAll(t *testing.T, all ...chat.Membership) {
	t.Helper()
	refused, err := h.JoinAll(t.Context(), all)
	wantEqual(t, "refused by JoinAll", refused, err, 0)
}

func testUserEvents(s *harness) {
	t := s.t
	noError(t, s.SubscribeUser(t.Context(), "u"))
	noError(t, s.SubscribeUser(t.Context(), "v"))
	join := func(user, room string) {
		t.Helper()
		_, err := s.Join(t.Context(), user, room)
		noError(t, err)
	}
	join("u", "1")
	s.wantUsers(t, "u")
	join("u", "1") // is there already
	join("w", "1") // nobody watches
	s.UnsubscribeUser("u")
	join("u", "2")
	join("v", "1")
	s.settle(t)
	s.wantUsers(t, "u", "v")

	s.joinAll(t)
	s.joinAll(t, chat.Membership{UserID: "v", Room: "2"}, chat.Membership{UserID: "v", Room: "1"}, chat.Membership{UserID: "w", Room: "2"})
	s.settle(t)
	s.wantUsers(t, "u", "v", "v") // v was in 1 already, and nobody watches w
	rooms, err := s.Rooms(t.Context(), "w")
	wantEqual(t, "Rooms of w", rooms, err, []string{"1", "2"})
}

func testPublishAndRead(s *harness) {
	t := s.t
	one := s.publish(t, "r", "u", 10)
	two := s.publish(t, "r", "v", 20, 30)
	all := slices.Concat(one, two)

	h := s.newest(t, "r", 50)
	wantHistory(t, h, 3, 3, 1, all...)
	if h.Epoch == "" || strings.ContainsAny(h.Epoch, " \n") {
		t.Errorf("epoch %q is empty or has a space", h.Epoch)
	}
	wantHistory(t, s.newest(t, "r", 2), 3, 3, 2, two...)
	wantHistory(t, s.newest(t, "r", 0), 3, 3, 0)

	since := func(seq uint64, limit int) chat.History {
		t.Helper()
		got, err := s.Since(t.Context(), "r", seq, limit)
		noError(t, err)
		if got.Epoch != h.Epoch {
			t.Errorf("Since: epoch %q; want %q", got.Epoch, h.Epoch)
		}
		return got
	}
	wantHistory(t, since(0, 50), 3, 3, 1, all...)
	wantHistory(t, since(0, 2), 3, 3, 1, all[:2]...)
	wantHistory(t, since(1, 50), 3, 3, 2, two...)
	wantHistory(t, since(3, 50), 3, 3, 0)
	wantHistory(t, since(99, 50), 3, 3, 0)

	before := func(user string, ts int64, count int, want []string, wantFound bool) {
		t.Helper()
		got, found, err := s.Before(t.Context(), "r", user, ts, count)
		wantEqual(t, "found by Before", found, err, wantFound)
		if !slices.Equal(got, want) {
			t.Errorf("Before(%s, %d, %d) = %q; want %q", user, ts, count, got, want)
		}
	}
	before("v", 30, 50, all[:2], true)
	before("v", 30, 1, all[1:2], true)
	before("v", 30, 0, nil, true)
	before("u", 10, 50, nil, true)
	before("u", 20, 50, nil, false) // that one is v's
	before("v", 21, 50, nil, false)

	if other := s.newest(t, "other", 50); other.Epoch == h.Epoch || len(other.Entries) > 0 {
		t.Errorf("another room has %+v", other)
	}
}

func testEmptyRoom(s *harness) {
	t := s.t
	if err := s.send(t.Context(), "r", nil); !errors.Is(err, chat.ErrRefused) {
		t.Errorf("Publish of nothing: error %v; want %v", err, chat.ErrRefused)
	}
	zero := func(h chat.History, err error) {
		t.Helper()
		noError(t, err)
		if h.Position != (chat.Position{}) || len(h.Entries) > 0 {
			t.Errorf("history of an empty room = %+v; want none", h)
		}
	}
	h, err := s.Read(t.Context(), "r", chat.Position{}, 50, 50)
	zero(h, err)
	h, err = s.Since(t.Context(), "r", 0, 50)
	zero(h, err)
	msgs, err := s.Range(t.Context(), "r", 0, -1)
	wantEqual(t, "Range", len(msgs), err, 0)
	_, found, err := s.Before(t.Context(), "r", "u", 1, 10)
	wantEqual(t, "Before", found, err, false)
	s.wantRecall(t, "r", "u", 1, false)
}

func testBatches(s *harness) {
	t := s.t
	times := make([]int64, redisx.MaxBatch+1)
	for i := range times {
		times[i] = int64(1000 + i)
	}
	d := drafts("r", "u", times...)
	if err := s.send(t.Context(), "r", d); !errors.Is(err, chat.ErrRefused) || !strings.Contains(err.Error(), `room "r"`) {
		t.Errorf("Publish of %d drafts: error %v; want %v, and one that names the room", len(d), err, chat.ErrRefused)
	}
	d = d[:redisx.MaxBatch]
	noError(t, s.send(t.Context(), "r", d))
	want := texts(d)[redisx.MaxBatch-historyMessages:]
	wantHistory(t, s.newest(t, "r", 2*historyMessages), redisx.MaxBatch, redisx.MaxBatch, redisx.MaxBatch-historyMessages+1, want...)
}

func testHistoryExpires(s *harness) {
	t := s.t
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	s.publish(t, "r", "u", 1, 2, 3)
	first := s.newest(t, "r", 50)

	s.pass(historyTTL + time.Hour)
	h := s.newest(t, "r", 50)
	wantHistory(t, h, 3, 0, 0)
	msgs, err := s.Range(t.Context(), "r", 0, -1)
	wantEqual(t, "Range", len(msgs), err, 0)
	again := s.publish(t, "r", "u", 4, 5)
	h = s.newest(t, "r", 50)
	wantHistory(t, h, 5, 2, 4, again...)
	if h.Epoch != first.Epoch {
		t.Errorf("epoch changed from %q to %q although the count lives on", first.Epoch, h.Epoch)
	}
	more := s.publish(t, "r", "u", 6)
	wantHistory(t, s.newest(t, "r", 50), 6, 3, 4, append(again, more...)...)

	s.pass(historyTTL + 25*time.Hour)
	if h := s.newest(t, "r", 50); h.Position != (chat.Position{}) {
		t.Errorf("position after everything expired = %+v; want none", h.Position)
	}
	last := s.publish(t, "r", "u", 7)
	h = s.newest(t, "r", 50)
	wantHistory(t, h, 1, 1, 1, last...)
	if h.Epoch == first.Epoch {
		t.Errorf("epoch %q came again for a new count", h.Epoch)
	}
	s.wantEvents(t, "r",
		chat.Event{Kind: chat.EventMessages, Epoch: first.Epoch, Seq: 1, Total: 3, Messages: texts(drafts("r", "u", 1, 2, 3))},
		chat.Event{Kind: chat.EventMessages, Epoch: first.Epoch, Seq: 4, Total: 2, Messages: again},
		chat.Event{Kind: chat.EventMessages, Epoch: first.Epoch, Seq: 6, Total: 3, Messages: more},
		chat.Event{Kind: chat.EventMessages, Epoch: h.Epoch, Seq: 1, Total: 1, Messages: last},
	)
}

func testPublishProlongs(s *harness) {
	t := s.t
	one := s.publish(t, "r", "u", 1)
	s.pass(historyTTL - time.Hour)
	two := s.publish(t, "r", "u", 2)
	s.pass(historyTTL - time.Hour)
	wantHistory(t, s.newest(t, "r", 50), 2, 2, 1, append(one, two...)...)
	s.pass(2 * time.Hour)
	wantHistory(t, s.newest(t, "r", 50), 2, 0, 0)
}

func testUniqueTS(s *harness) {
	t := s.t
	times := func(room string) []int64 {
		t.Helper()
		var ts []int64
		for _, e := range s.newest(t, room, 50).Entries {
			m, err := codec.ParseMessage(e.JSON)
			noError(t, err)
			ts = append(ts, m.TS)
		}
		return ts
	}
	const at = 1_700_000_000_000
	s.publish(t, "r", "u", at, at, at+1, at+5, at) // in one batch
	s.publish(t, "r", "u", at, at+100)             // in the next
	s.publish(t, "r", "v", at)                     // another user's
	s.publish(t, "q", "u", at)                     // another room's
	want := []int64{at, at + 1, at + 2, at + 5, at + 6, at + 7, at + 100, at}
	if got := times("r"); !slices.Equal(got, want) {
		t.Errorf("ts = %v; want %v", got, want)
	}
	if got := times("q"); !slices.Equal(got, []int64{at}) {
		t.Errorf("ts in another room = %v; want %v", got, at)
	}
	// The moved message is found by its new ts.
	s.wantRecall(t, "r", "u", at+7, true)
}

// testAnswersAreBounded: no answer has more than a MiB of messages, wherever it begins, and a reader gets all by going
// on.
func testAnswersAreBounded(s *harness) {
	t := s.t
	const mib, each = 1 << 20, 70_000
	body := strings.Repeat("x", each)
	var all []string
	for i := range 30 { // 2.1 MB, in a history of 40
		drafts := []chat.Draft{codec.NewDraft("r", "u", fmt.Sprint(i, body), int64(i+1))}
		stored, err := s.Publish(t.Context(), "r", chat.Batch{ID: fmt.Sprint("n.", i+1), Drafts: drafts})
		noError(t, err)
		all = append(all, stored.Event.Messages...)
	}
	size := func(texts []string) (n int) {
		for _, text := range texts {
			n += len(text)
		}
		return n
	}
	textsOf := func(h chat.History) (texts []string) {
		for _, e := range h.Entries {
			texts = append(texts, e.JSON)
		}
		return texts
	}
	want := func(what string, got, all []string, most int) {
		t.Helper()
		if size(got) > most || size(got) < most-each-1000 || !slices.Equal(got, all) {
			t.Errorf("%s: %d messages of %d bytes; want the right ones, just below %d", what, len(got), size(got), most)
		}
	}
	const fit, page = 14, 3 // messages in a MiB, and in a quarter of that
	since, err := s.Since(t.Context(), "r", 3, 1000)
	noError(t, err)
	want("Since", textsOf(since), all[3:3+fit], mib)
	wantEqual(t, "Since was cut", since.Cut, nil, true)
	since, err = s.Since(t.Context(), "r", 20, 1000)
	noError(t, err)
	wantEqual(t, "Since of less was cut", since.Cut, nil, false)
	newest, err := s.Page(t.Context(), "r", 28, 0, 1000)
	noError(t, err)
	want("Page before", textsOf(newest), all[27-page:27], mib/4)
	oldest, err := s.Page(t.Context(), "r", 0, 5, 1000)
	noError(t, err)
	want("Page after", textsOf(oldest), all[5:5+page], mib/4)
	msgs, err := s.Range(t.Context(), "r", 2, -1)
	noError(t, err)
	want("Range", msgs, all[2:2+fit], mib)
	msgs, found, err := s.Before(t.Context(), "r", "u", 30, 1000)
	wantEqual(t, "found by Before", found, err, true)
	want("Before", msgs, all[29-page:29], mib/4)
	// Going on leads through all of it.
	var read []string
	for after := uint64(0); len(read) < 30; {
		page, err := s.Page(t.Context(), "r", 0, after, 1000)
		noError(t, err)
		if len(page.Entries) == 0 {
			t.Fatalf("the page after %d is empty", after)
		}
		read = append(read, textsOf(page)...)
		after = page.Entries[len(page.Entries)-1].Seq
	}
	wantEqual(t, "pages together are the history", slices.Equal(read, all), nil, true)
	// One message is in an answer however large it is.
	huge := codec.NewDraft("huge", "u", strings.Repeat("x", 2*mib), 1)
	_, err = s.Publish(t.Context(), "huge", chat.Batch{ID: "n.99", Drafts: []chat.Draft{huge}})
	noError(t, err)
	msgs, err = s.Range(t.Context(), "huge", 0, -1)
	wantEqual(t, "messages of 2 MiB", len(msgs), err, 1)
}
