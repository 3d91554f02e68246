// Package codec says what the bytes mean: RFC 6455 frames, chat messages and the
// events that cross Redis between nodes. It does no I/O, starts no goroutine and
// imports nothing of this project but internal/chat, whose words it writes and reads.
//
// Four names are to be read first. [Reader] is for what clients send, and [AppendFrame] for what they get. [NewDraft]
// is for a message on its way in, and [ParseEvent] for what comes back.
package codec
