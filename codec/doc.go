// Package codec says what the bytes mean: RFC 6455 frames, chat messages and the
// events that cross Redis between nodes. It does no I/O, starts no goroutine and
// imports nothing of this project.
//
// Read first: [Reader] for what clients send, [AppendFrame] for what they get,
// [Draft] for a message on its way in and [Event] for what comes back.
package codec
