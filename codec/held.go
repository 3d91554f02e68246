package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"barrage/internal/chat"
)

// This file is messages that wait for a moderator: how they stand in the store, and what clients receive.
//
//	<at> <id> <why> <message>

// HeldEntry is a held message as it stands in the store.
func HeldEntry(h *chat.Held) string {
	return strconv.FormatInt(h.At, 10) + " " + h.ID + " " + string(h.Why) + " " + h.JSON
}

// errNotHeld is wrapped by ParseHeld.
var errNotHeld = errors.New("not <at> <id> <why> <message>")

// ParseHeld reads what [HeldEntry] makes.
func ParseHeld(entry string) (chat.Held, error) {
	f := strings.SplitN(entry, " ", 4)
	if len(f) != 4 || f[1] == "" || f[2] == "" || !strings.HasPrefix(f[3], "{") {
		return chat.Held{}, fmt.Errorf("cannot read the held message %q: %w", clip(entry), errNotHeld)
	}
	at, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil {
		return chat.Held{}, fmt.Errorf("cannot read the held message %q: %w", clip(entry), err)
	}
	return chat.Held{ID: f[1], At: at, Why: chat.HeldWhy(f[2]), JSON: f[3]}, nil
}

// HeldDraft is a held message as it goes to the store once a moderator has approved it, at a time in Unix ms. It is its
// sender's, with the id they gave it. The error says that no node of ours held it.
func HeldDraft(h *chat.Held, ts int64) (chat.Draft, error) {
	user, _, _, _, ok := cutStored(h.JSON)
	at := strings.LastIndex(h.JSON, `"ts":`)
	d := chat.Draft{TS: ts, Class: chat.ClassSystem}
	d.SetHeld(h.ID)
	if !ok || strict.UnmarshalFromString(user, &d.UserID) != nil {
		return chat.Draft{}, fmt.Errorf("cannot read held message %s: %w", h.ID, errNotMessage)
	}
	d.Head = h.JSON[:at+len(`"ts":`)]
	if _, named, ok := SendKey(h.JSON); ok {
		if err := strict.UnmarshalFromString(named, &d.ID); err != nil {
			return chat.Draft{}, fmt.Errorf("cannot read the id of held message %s: %w", h.ID, err)
		}
	}
	if strings.HasPrefix(d.ID, MadeIDPrefix) { // its sender gave none, and a node gives it another one
		d.ID, d.Head = "", strings.TrimSuffix(FastIMText(h.JSON), h.JSON[at+len(`"ts":`):])
	}
	return d, nil
}

// HeldInfo is what moderators see of a message that waits for them; of one that waits no more they and its sender see
// [HeldInfo.Decided].
type HeldInfo struct {
	Held   string         `json:"held"`
	State  chat.HeldState `json:"state"`
	UserID string         `json:"user_id"`
	ID     string         `json:"id"` // the message's
	Why    chat.HeldWhy   `json:"why"`
	// Until is when it waits no more, in Unix ms; 0: it does not wait.
	Until int64 `json:"until"`
	// Messages is the message, as in a batch, with the number 0; empty: it does not wait.
	Messages []json.RawMessage `json:"messages"`
}

// ShowHeld is what moderators see of a held message in a state.
func ShowHeld(h *chat.Held, state chat.HeldState) HeldInfo {
	info := HeldInfo{Held: h.ID, State: state, Why: h.Why, Until: h.At + chat.HeldLife.Milliseconds()}
	info.Messages = []json.RawMessage{AppendNativeMessage(nil, 0, h.JSON)}
	if user, id, ok := SendKey(h.JSON); ok {
		_ = strict.UnmarshalFromString(user, &info.UserID) // it was cut as a string
		_ = strict.UnmarshalFromString(id, &info.ID)
	}
	return info
}

// Decided is what clients still receive of a held message that waits no more.
func (i HeldInfo) Decided() HeldInfo {
	i.Until, i.Messages = 0, []json.RawMessage{}
	return i
}

// Text is the frame that reports it.
func (i HeldInfo) Text() string { return `{"t":"held",` + object(&i)[1:] }
