package redisx

import (
	"fmt"
	"strings"

	"barrage/internal/chat"
)

// keys makes all names of keys and channels in Redis; doc.go says what they hold.
type keys struct {
	// tagged: braces stand around the id of a room. So in a cluster all keys of a room are in one slot (contract section
	// 5).
	tagged bool
	// fastIM: everything is in the form of original FastIM nodes, see interop.go.
	fastIM bool
}

const (
	roomChannelPrefix = "mq:"
	userChannelPrefix = "uq:"
	tokenPrefix       = "login:"
	roomsPrefix       = "ugs:"
	earlierPrefix     = "gmt:"
	revokedPrefix     = "gmb:"
	revokedIDPrefix   = "gmj:"
)

// badTag begins the names of a room that a cluster cannot have, see check.
const badTag = "{\x00}"

// check refuses a room that begins with the brace that ends the part of a name by which a
// cluster finds the slot. No part would be left, and each of its keys would be in a slot of its own. And it refuses the
// names of probes, which no room may have: leaving it would unsubscribe the node from its probes.
func (k keys) check(room string) error {
	if strings.HasPrefix(room, probePrefix) {
		return fmt.Errorf("no room begins with %q: %w", probePrefix, chat.ErrRefused)
	}
	return k.checkKey(":" + k.tag(room))
}

// checkKey is check for a key or a channel.
func (k keys) checkKey(key string) error {
	_, id, _ := strings.Cut(key, ":")
	if k.tagged && strings.HasPrefix(id, badTag) {
		return fmt.Errorf("a cluster has no room that begins with a closing brace: %w", chat.ErrRefused)
	}
	return nil
}

// probePrefix begins the names of probes. No id has a control character that came in through a gateway; see check for
// those that others have written to Redis.
const probePrefix = "\x00node:"

// probeOf is the name of the probes of a node on the link whose slots have the tag.
func probeOf(node, tag string) string {
	if tag == "" {
		return probePrefix + node
	}
	return probePrefix + node + ":{" + tag + "}"
}

// probeChannel is where a probe goes.
func probeChannel(probe string) string { return roomChannelPrefix + probe }

// probeKey is what a probe would write to, if anything were ever there.
func probeKey(probe string) string { return "gmn:" + probe }

func (k keys) token(user string) string { return tokenPrefix + user }

// earlier is the key of the user's tokens before the newest, in the slot of that; empty where a cluster has none there.
func (k keys) earlier(user string) string {
	if !k.tagged {
		return earlierPrefix + user
	}
	if begin := strings.IndexByte(user, '{'); begin >= 0 && strings.IndexByte(user[begin:], '}') > 1 {
		return earlierPrefix + user // The user's own braces decide the slot of both.
	}
	if strings.Contains(user, "}") {
		return ""
	}
	return earlierPrefix + "{" + k.token(user) + "}"
}

func (k keys) revoked(user string) string { return revokedPrefix + user }

func (k keys) revokedID(id string) string { return revokedIDPrefix + id }

func (k keys) rooms(user string) string { return roomsPrefix + user }

func (k keys) history(room string) string { return "gml:" + k.tag(room) }

func (k keys) meta(room string) string { return "gmm:" + k.tag(room) }

// lastTSPrefix lacks the number of the bucket, which the script appends.
func (k keys) lastTSPrefix(room string) string { return "gmu:" + k.tag(room) + ":" }

// sentPrefix lacks the number of the bucket, which the script appends.
func (k keys) sentPrefix(room string) string { return "gmi:" + k.tag(room) + ":" }

func (k keys) recalls(room string) string { return "gmr:" + k.tag(room) }

func (k keys) registered(room string) string { return "gmx:" + k.tag(room) }

func (k keys) rules(room string) string { return "gmd:" + k.tag(room) }

func (k keys) marks(room string) string { return "gmz:" + k.tag(room) }

func (k keys) modLog(room string) string { return "gma:" + k.tag(room) }

func (k keys) held(room string) string { return "gmh:" + k.tag(room) }

// bookmark is the key of how far a backend has received the feed of a room.
func (k keys) bookmark(room, to string) string { return "gmc:" + k.tag(room) + ":" + to }

func (k keys) news(room string) string { return "gmk:" + k.tag(room) }

func (k keys) terms(name string) string { return "gmf:" + name }

// leaseKey has who holds the lease, see [Store.TakeLease].
const leaseKey = "gmdrain"

// beatKeys are the keys of the nodes' beats, in one slot.
var beatKeys = []string{"gmg:{nodes}", "gmg:{nodes}:at"}

// answersKey is the key of the answers to a question to all nodes.
func answersKey(id string) string { return "gmq:" + id }

func (k keys) lately(room string) string { return "gmw:" + k.tag(room) }

func (k keys) online(room string) string { return "gmo:" + k.tag(room) }

func (k keys) roomChannel(room string) string { return roomChannelPrefix + k.tag(room) }

func (k keys) userChannel(user string) string { return userChannelPrefix + user }

// tag puts the braces on where they belong.
func (k keys) tag(room string) string {
	if k.tagged && strings.HasPrefix(room, "}") {
		return badTag + room // All in one slot: rueidis panics otherwise.
	}
	if k.tagged {
		return "{" + room + "}"
	}
	return room
}

// untag takes them off again.
func (k keys) untag(tagged string) string {
	if k.tagged && len(tagged) >= 2 {
		return tagged[1 : len(tagged)-1]
	}
	return tagged
}

// isRoomChannel reports whether a channel is a room's, and not a user's.
func isRoomChannel(channel string) bool { return !strings.HasPrefix(channel, userChannelPrefix) }
