// Package chat has the words that all packages speak: messages and drafts of them, where a room stands, what happens to
// it, what it counts, who somebody is, why something is refused, and how long things last on which two packages must
// agree. It does no I/O and knows no wire form: that is codec's.
//
// Read first: [Position], then [Event] and [Batch].
package chat
