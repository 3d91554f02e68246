// Package chat has the words that all packages speak: messages and drafts, positions, events, counters, credentials and
// errors. It has the lives of things on which two packages must agree. It does no I/O and knows no wire form: that is
// codec's.
//
// Read first: [Position], then [Event] and [Batch].
package chat
