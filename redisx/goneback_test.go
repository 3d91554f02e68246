package redisx_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"barrage/internal/chat"
)

// This file is about a Redis that has gone back. It has what it had some time ago, as after a failover to a replica
// that lagged, or a restore.

// keep returns a function that makes Redis what it is now.
func (r *rawClient) keep() (back func()) {
	r.t.Helper()
	dumps := make(map[string]string)
	for _, key := range r.strings("KEYS", "*") {
		dumps[key] = r.text("DUMP", key)
	}
	return func() {
		r.t.Helper()
		r.do("FLUSHALL")
		for key, dump := range dumps {
			r.do("RESTORE", key, "0", dump)
		}
	}
}

// TestRedis_GoneBackBeginsANewEpoch loses the end of a room under an epoch that stays. The first call of a node
// that knows more begins a new epoch.
func TestRedis_GoneBackBeginsANewEpoch(t *testing.T) {
	for _, c := range []struct {
		name string
		// overtaken is how many batches another node publishes before anybody notices.
		overtaken int
		// newEpochs is how many epochs had begun that were lost, too.
		newEpochs int
	}{
		{"behind", 0, 0},
		{"still behind", 1, 0},
		{"as far with another end", 3, 0},
		{"behind an epoch", 0, 1},
		{"behind two epochs, much further", 9, 2},
	} {
		for _, first := range []string{"publish", "read", "report"} {
			t.Run(c.name+"/"+first, func(t *testing.T) {
				s, raw := newPair(t)
				survivors := s.publish(t, "r", "u", 1, 2, 3)
				s.wantRecall(t, "r", "u", 2, true)
				survivors[1] = ""
				old := s.newest(t, "r", 1).Position
				back := raw.keep()
				for n := range int64(3) { // These are lost.
					s.publish(t, "r", "u", 10+n)
				}
				known := s.newest(t, "r", 1).Position
				for range c.newEpochs {
					known.Rev++
					known = s.read(t, "r", known, 0, 0).Position
				}
				back()
				for n := range int64(c.overtaken) {
					survivors = append(survivors, s.publish(t, "r", "v", 20+n)...)
				}
				at := s.newest(t, "r", 1).Position

				// A node that does not know what was lost changes nothing.
				for _, less := range []chat.Position{{}, old} {
					wantEqual(t, "position for a node that knows less", s.read(t, "r", less, 1, 1).Position, nil, at)
				}
				wantEqual(t, "epoch", at.Epoch, nil, old.Epoch)

				noError(t, s.SubscribeRoom(t.Context(), "r"))
				var pos chat.Position
				switch first {
				case "publish":
					stored, err := s.Publish(t.Context(), "r", chat.Batch{ID: "n.1", Known: known, Drafts: drafts("r", "w", 50)})
					noError(t, err)
					if ev := stored.Event; ev.Rev != 1 || ev.Prev != "" {
						t.Errorf("the first event of the new epoch = %+v; want rev 1, no prev", ev)
					}
					s.wantEvents(t, "r", stored.Event)
					survivors = append(survivors, stored.Event.Messages...)
					pos = stored.Event.After(known)
				case "read":
					pos = s.read(t, "r", known, 1, 1).Position
				case "report":
					standings, err := s.Report(t.Context(), "n", []chat.Report{{Room: "r", Online: 1, Known: known}})
					noError(t, err)
					pos = standings[0].Position
					pos.Total = at.Total
				}
				if want := fmt.Sprintf("%d-", 2+c.newEpochs); !strings.HasPrefix(pos.Epoch, want) || pos.Seq != uint64(len(survivors)) {
					t.Errorf("position = %+v; want an epoch %s…, seq %d", pos, want, len(survivors))
				}
				h := s.read(t, "r", known, 1, 100)
				var want []chat.Entry
				for i, text := range survivors {
					want = append(want, chat.Entry{Seq: uint64(i + 1), JSON: text})
				}
				if h.Position != pos || h.Begun != at.Seq || !slices.Equal(h.Entries, want) || len(h.Recalls) != 1 {
					t.Errorf("Read = %+v; want position %+v, begun %d, entries %v, one recall", h, pos, at.Seq, want)
				}
				// A node that comes later, knowing what it knew, changes nothing.
				wantEqual(t, "position for the next node", s.read(t, "r", known, 1, 1).Position, nil, pos)
				got, err := s.Report(t.Context(), "m", []chat.Report{{Room: "r", Known: at}})
				noError(t, err)
				wantEqual(t, "epoch for the next node", got[0].Epoch, nil, pos.Epoch)
			})
		}
	}
}

// TestRedis_OldCountGoesOn has a room that a node of an earlier version counted.
func TestRedis_OldCountGoesOn(t *testing.T) {
	s, raw := newPair(t)
	all := s.publish(t, "r", "u", 1, 2)
	raw.do("HDEL", "gmm:r", "v", "t", "o", "ub", "ib")
	raw.do("HSET", "gmm:r", "e", "ABCDEFGHIJKL")
	h := s.read(t, "r", chat.Position{Epoch: "ABCDEFGHIJKL", Seq: 2}, 5, 5)
	wantHistory(t, h, 2, 2, 1, all...)
	wantEqual(t, "position", h.Position, nil, chat.Position{Epoch: "ABCDEFGHIJKL", Seq: 2, Total: 2})
	stored, err := s.Publish(t.Context(), "r", chat.Batch{ID: "n.1", Known: h.Position, Drafts: sends("u", 2, "a")})
	noError(t, err)
	if !stored.Event.Follows(h.Position) {
		t.Errorf("event %+v does not follow %+v", stored.Event, h.Position)
	}
}

// TestRedis_RestoredDumpGetsAnEpochOfItsOwn: all was lost, chat went on, and then an old dump is put back: it is older
// than what nodes know, whoever published meanwhile.
func TestRedis_RestoredDumpGetsAnEpochOfItsOwn(t *testing.T) {
	s, raw := newPair(t)
	for ts := range int64(3) {
		s.publish(t, "r", "u", ts)
	}
	known := s.newest(t, "r", 1).Position
	back := raw.keep()
	raw.do("FLUSHALL")
	emptied := s.read(t, "r", known, 1, 1).Position
	s.publish(t, "r", "u", 10)
	meanwhile := s.newest(t, "r", 1).Position
	if emptied.Epoch == "" || meanwhile.Epoch != emptied.Epoch || meanwhile.Seq != 1 {
		t.Errorf("after the loss the room stands at %+v, then at %+v; want an epoch at once", emptied, meanwhile)
	}
	back()
	h := s.read(t, "r", meanwhile, 1, 10)
	if h.Epoch == known.Epoch || h.Epoch == meanwhile.Epoch || h.Begun != 3 || h.Seq != 3 {
		t.Errorf("restored, it stands at %+v, begun at %d; want an epoch of its own, behind the 3 that are there", h.Position, h.Begun)
	}
}

// TestRecallSeq_RefusesNumbersOfAStoreGoneBack: the number is another message's under the same epoch; the node knows
// more.
func TestRecallSeq_RefusesNumbersOfAStoreGoneBack(t *testing.T) {
	s, raw := newPair(t)
	s.publish(t, "r", "u", 1, 2, 3)
	back := raw.keep()
	s.publish(t, "r", "u", 10) // message 4, which the user wants back
	known := s.newest(t, "r", 1).Position
	back()
	s.publish(t, "r", "u", 20) // message 4 now
	if ev, err := s.RecallSeq(t.Context(), "r", "u", known, known.Epoch, 4, 0); !errors.Is(err, chat.ErrOtherEpoch) {
		t.Errorf("recalled %+v, %v; want %v", ev, err, chat.ErrOtherEpoch)
	}
}
