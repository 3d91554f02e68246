package chat

import (
	"strconv"
	"strings"
)

// Message is one chat message as FastIM clients see it. The order of the fields is
// part of the contract.
type Message struct {
	// GroupID is the room.
	GroupID string `json:"groupId"`
	// UserID is the sender.
	UserID string `json:"userId"`
	// Info is the body, any text, also empty.
	Info string `json:"info"`
	// TS is the time of receipt in Unix milliseconds, unique per room and user.
	TS int64 `json:"ts"`
}

// Draft is a message on its way to the store. The store fixes its ts, because only
// the store sees all nodes. Make it with codec.NewDraft, NewNativeDraft or HeldDraft; the
// zero value has no JSON.
type Draft struct {
	// UserID is the sender.
	UserID string
	// TS is the time of receipt in Unix milliseconds. The store moves it on in steps
	// of 1 ms until the user has no other message with that ts in the room.
	TS int64
	// ID is what its sender calls it, empty where it has no name. A message with an ID is
	// stored once, however often it is published within two minutes.
	ID string
	// Head is the message's JSON up to and including `"ts":`. It never holds a
	// newline. Read-only once made.
	Head string
	// Class is how much it matters in a storm.
	Class Class
	// special is what few drafts have; nil: nothing. Drafts are copied into and out of queues: as fields of each it made
	// a message 48 B larger.
	special *special
}

type special struct {
	marks []Mark
	held  string
}

// Marks keep the draft apart from others; nil: nothing does.
func (d *Draft) Marks() []Mark {
	if d.special == nil {
		return nil
	}
	return d.special.marks
}

// SetMarks gives a draft its marks, which it keeps.
func (d *Draft) SetMarks(marks []Mark) {
	if len(marks) > 0 || d.special != nil {
		d.special = &special{marks, d.Held()}
	}
}

// Held is the id under which the draft waits for a moderator, who has approved it; empty: it does not. It is stored
// while it waits alone, and waits no more when it is stored. Its Class is [ClassSystem].
func (d *Draft) Held() string {
	if d.special == nil {
		return ""
	}
	return d.special.held
}

// SetHeld says that a draft waits under an id.
func (d *Draft) SetHeld(id string) { d.special = &special{d.Marks(), id} }

// SetMadeID gives a draft without an ID the id that its node knows it by, a word without quotes. This id stands in the
// history like that of a native message. Its sender does not know it, so it is in no set of ids. A store looks for it
// only where a batch is tried again.
func (d *Draft) SetMadeID(id string) {
	d.Head = strings.TrimSuffix(d.Head, `"ts":`) + `"x":{"id":"` + id + `"},"ts":`
}

// AppendJSON appends the finished message with the given ts to dst.
func (d *Draft) AppendJSON(dst []byte, ts int64) []byte {
	dst = append(dst, d.Head...)
	dst = strconv.AppendInt(dst, ts, 10)
	return append(dst, '}')
}

// JSON is the finished message with the given ts.
func (d *Draft) JSON(ts int64) string {
	var digits [20]byte
	return d.Head + string(strconv.AppendInt(digits[:0], ts, 10)) + "}"
}

// Size is the length of the finished message in bytes, 13 digits of ts assumed.
func (d *Draft) Size() int { return len(d.Head) + len("1648368380132}") }
