package redisx

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/rueidis"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is what a store does for original FastIM nodes beside it
// (Config.FastIMInterop, contract section 5). The file docs/fastim.md says how to come there, and away again.

// written is a text in the form that tokens, rooms of a user and messages are written in. The result other has the form
// they may have too.
func (r *Redis) written(text string) (written, other string) {
	if r.keys.fastIM {
		return quoted(text), text
	}
	return text, quoted(text)
}

// head is the beginning of a draft as it is written.
func (r *Redis) head(d *chat.Draft) string {
	if r.keys.fastIM {
		return strings.TrimSuffix(quoted(d.Head), `"`)
	}
	return d.Head
}

// quietChannelPrefix begins the channels that original nodes do not know.
const quietChannelPrefix = "mr:"

// quietChannel is where a room's events go that are no messages. Original nodes fail on
// those, so beside them it is a channel that only Barrage nodes listen to.
func (k keys) quietChannel(room string) string {
	if k.fastIM {
		return quietChannelPrefix + k.tag(room)
	}
	return k.roomChannel(room)
}

// roomChannels are all that a room's events come on.
func (k keys) roomChannels(room string) []string {
	if k.fastIM {
		return []string{k.roomChannel(room), k.quietChannel(room)}
	}
	return []string{k.roomChannel(room)}
}

// parseEvent reads what came on a room's channel.
func (k keys) parseEvent(channel, payload string) (room string, ev chat.Event, err error) {
	room, recalls := strings.CutPrefix(channel, quietChannelPrefix)
	room = k.untag(strings.TrimPrefix(room, roomChannelPrefix))
	ev, err = codec.ParseEvent(payload)
	if !errors.Is(err, codec.ErrForeignEvent) {
		if err == nil && k.fastIM && ev.Kind != chat.EventCounters {
			ev = chat.Event{Kind: chat.EventLook} // of a node that is not in this mode any more
		}
		return room, ev, err
	}
	// One message in the original's form: it is new, or recalled.
	text, ok := plainEntry(payload)
	if !ok {
		return room, chat.Event{}, err
	}
	if !k.fastIM {
		return room, chat.Event{Kind: chat.EventLook}, nil // of a node that still is, or an original one
	}
	ev = chat.Event{Kind: chat.EventMessages, Messages: []string{text}}
	if recalls {
		ev.Kind = chat.EventRecall
	}
	return room, ev, nil
}

// watchRooms has Redis notify this node of the next change of a user's set of rooms: original nodes publish nothing
// when they change it. Redis notifies the node of a change that comes behind the answer. It costs a call, unless such a
// notification is due already.
func (r *Redis) watchRooms(ctx context.Context, key string) error {
	if !r.keys.fastIM {
		return nil
	}
	answer, err := r.known(ctx, []rueidis.CacheableTTL{rueidis.CT(r.client.B().Scard().Key(key).Cache(), knownFor)})
	if err == nil && answer[0].Error() != nil {
		err = r.described(answer[0].Error())
	}
	return err
}

// roomsChanged notifies the handler of whose set of rooms changed, as far as it asked for that; all: anybody's.
func (r *Redis) roomsChanged(users []string, all bool) {
	if all {
		users = r.subs.users()
	}
	for _, user := range users {
		if r.subs.wanted(r.keys.userChannel(user)) {
			r.handler.UserEvent(user)
		}
	}
}
