package chat

import "time"

// Held is a message that waits for a moderator.
type Held struct {
	// ID names it in its room: the sender's part, a dash, and the message's, without spaces. The same message held again
	// has the same one.
	ID string
	// At is when it was held, in Unix ms by the store's clock. The store gives it. It waits for [HeldLife].
	At  int64
	Why HeldWhy
	// JSON is the message as it would be stored; its ts is when it came.
	JSON string
}

// HeldWhy names who wants a moderator to look at a message: a word, which clients see.
type HeldWhy string

// Why messages are held.
const (
	HeldByFilter HeldWhy = "filter" // the word filter
	HeldByReview HeldWhy = "review" // the review hook
)

// HeldState is what became of a held message: a word, which clients see.
type HeldState string

// The states of held messages.
const (
	HeldWaiting  HeldState = "waiting"
	HeldApproved HeldState = "approved" // it is stored
	HeldDenied   HeldState = "denied"
	HeldDropped  HeldState = "dropped" // others took its place
)

// Bounds of what a room holds, over all nodes.
const (
	// HeldKept is how many messages wait in a room at most, and HeldBytes how large they are together. One answer has all
	// of them, and so many keep Redis busy for a millisecond or two. One is always kept. Where there are too many the
	// oldest go of whoever has the most.
	HeldKept  = 200
	HeldBytes = 256 << 10
	// HeldOfUser is how many of them are one user's: a moderator learns no more of somebody from another twenty.
	HeldOfUser = 20
	// HeldLife is how long one waits. A message of an hour ago answers nobody.
	HeldLife = time.Hour
)

// HeldUser is the part of a held message's id that all those of its sender begin with.
const HeldUser = 7 // six hex digits and the dash
