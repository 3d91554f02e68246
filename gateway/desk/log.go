package desk

import (
	"context"
	"crypto/rand"
	"encoding/json"

	"barrage/internal/chat"
)

// This file is the log of moderation: its entries, and how others read them.

// LogEntry is one entry of the log.
type LogEntry struct {
	ID     string          `json:"id"`
	At     int64           `json:"at"` // Unix ms
	By     string          `json:"by"`
	Role   string          `json:"role"` // theirs
	Via    string          `json:"via"`
	Verb   string          `json:"verb"`
	Target string          `json:"target,omitempty"`
	Until  int64           `json:"until,omitempty"`
	Reason string          `json:"reason,omitempty"`
	Seq    uint64          `json:"seq,omitempty"`
	Epoch  string          `json:"epoch,omitempty"` // that Seq counts in
	Since  int64           `json:"since,omitempty"` // of a purge
	Gives  string          `json:"gives,omitempty"` // the role that Target has from now on
	N      int             `json:"n,omitempty"`
	V      string          `json:"v,omitempty"`
	Modes  json.RawMessage `json:"modes,omitempty"`
	Body   string          `json:"body,omitempty"`
	Held   string          `json:"held,omitempty"`
	Sum    string          `json:"sha256,omitempty"` // of a list of terms
}

// Note writes into the log what an operator did that is no verb, as revoking tokens; room is [chat.Everywhere] where it
// is about none. The entry e says what; the desk adds who and when.
func (d *Desk) Note(ctx context.Context, a Actor, room string, e LogEntry) {
	e.ID, e.At, e.By, e.Role, e.Via = rand.Text()[:12], d.now().UnixMilli(), a.Name, a.Role.String(), a.Via
	d.note(ctx, room, &e)
}

// NoteNode writes into the log of all rooms what an operator had a node do.
func (d *Desk) NoteNode(ctx context.Context, by, node, verb string) {
	d.Note(ctx, Actor{Name: by, Role: chat.RoleServer, Via: ViaAdmin}, chat.Everywhere, LogEntry{Verb: verb, Target: node})
}

// note writes the log. That it cannot is no reason to answer that nothing was done.
func (d *Desk) note(ctx context.Context, room string, e *LogEntry) {
	text, err := json.Marshal(e)
	if err == nil {
		err = d.store.WriteLog(ctx, room, string(text))
	}
	if err != nil {
		d.log.Warn("cannot write a room's log of moderation", "room", room, "err", err)
	}
	d.log.Info("moderation", "room", room, "id", e.ID, "verb", e.Verb, "by", e.By, "role", e.Role, "via", e.Via,
		"target", e.Target, "until", e.Until, "seq", e.Seq, "n", e.N, "version", e.V, "reason", e.Reason)
	if d.OnEntry != nil {
		d.OnEntry(ctx, room, e)
	}
}

// LogPage is which entries of a log are wanted.
type LogPage struct {
	Limit  int    // how many at most; 1 to chat.LogKept
	Before string // older than the one with this id, of at most MaxEntryID bytes of letters and digits; empty: the newest
}

// Log is a part of a room's log, as its reader has it.
type Log struct {
	Entries []json.RawMessage `json:"entries"` // the newest first
	// Next is the Before of the next page; empty where there is none.
	Next string `json:"next,omitempty"`
}

// MaxEntryID bounds the id of an entry, in bytes; ours have 12.
const MaxEntryID = 64

// Log is a page of a room's log, for whoever may moderate it.
func (d *Desk) Log(ctx context.Context, a Actor, room string, page LogPage) (Log, *Refused) {
	if _, no := d.Rules(ctx, a, room); no != nil {
		return Log{}, no
	}
	texts, err := d.store.ReadLog(ctx, room, page.Before, page.Limit)
	if err != nil {
		return Log{}, d.cannot(&Verb{Verb: reads + "the log"}, err)
	}
	log := Log{Entries: make([]json.RawMessage, len(texts))}
	for i, text := range texts {
		log.Entries[i] = json.RawMessage(text)
	}
	if len(texts) == page.Limit {
		var last LogEntry
		if err := json.Unmarshal(log.Entries[page.Limit-1], &last); err == nil { // else somebody else wrote it
			log.Next = last.ID
		}
	}
	return log, nil
}
