package redisx

import (
	"errors"
	"strings"

	"barrage/codec"
)

// This file is what a store does for original FastIM nodes beside it
// (Config.FastIMInterop, contract section 5).

// scripts are those for the form of the rooms.
func (r *Redis) scripts() *roomScripts {
	if r.keys.fastIM {
		return &fastIMScripts
	}
	return &ownScripts
}

// written is a text in the form that tokens, rooms of a user and messages are written
// in; other is the form they may have too.
func (r *Redis) written(text string) (written, other string) {
	if r.keys.fastIM {
		return quoted(text), text
	}
	return text, quoted(text)
}

// head is the beginning of a draft as it is written.
func (r *Redis) head(d *codec.Draft) string {
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
func (k keys) parseEvent(channel, payload string) (room string, ev codec.Event, err error) {
	room, recalls := strings.CutPrefix(channel, quietChannelPrefix)
	room = k.untag(strings.TrimPrefix(room, roomChannelPrefix))
	if !k.fastIM {
		ev, err = codec.ParseEvent(payload)
		return room, ev, err
	}
	if recalls {
		if ev, err = codec.ParseEvent(payload); !errors.Is(err, codec.ErrForeignEvent) {
			return room, ev, err
		}
	}
	// One message in the original's form: it is new, or recalled.
	text, ok := plainEntry(payload)
	if !ok {
		return room, codec.Event{}, codec.ErrForeignEvent
	}
	ev = codec.Event{Kind: codec.EventMessages, Messages: []string{text}}
	if recalls {
		ev.Kind = codec.EventRecall
	}
	return room, ev, nil
}
