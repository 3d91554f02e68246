package redisx

import (
	"crypto/rand"
	"strconv"
	"strings"

	"barrage/internal/chat"
)

// An epoch is named "<generation>-<random>". Each has a higher generation than all epochs of
// the room that the store or the calling node knew when it began. So names show which of two epochs is the later one
// (chat.Generation), unless both have one generation: then neither beginner knew the other.

// randomName has 60 random bits and no space.
func randomName() string { return rand.Text()[:12] }

// newEpoch names an epoch that comes after two others.
func newEpoch(one, other string) string {
	return strconv.FormatUint(max(chat.Generation(one), chat.Generation(other))+1, 10) + "-" + randomName()
}

// toStore is a position as a store compares it with its own: zero where the epoch is a node's
// own.
func toStore(known chat.Position) chat.Position {
	if strings.HasPrefix(known.Epoch, chat.LocalEpoch) {
		return chat.Position{}
	}
	return known
}

// goneBack reports whether a room that stands at pos has less than a node knows.
func goneBack(pos, known chat.Position) bool {
	if known.Epoch != pos.Epoch {
		// of two of one generation nobody knows which came later
		return known.Epoch != "" && chat.Generation(known.Epoch) >= chat.Generation(pos.Epoch)
	}
	return known.Rev > pos.Rev || known.Rev == pos.Rev && known.Tip != pos.Tip && known.Tip != "" && pos.Tip != ""
}
