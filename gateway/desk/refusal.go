package desk

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"barrage/internal/chat"
)

// This file is how errors of the store are answered.

// reads begins what is called a verb here and only looks.
const reads = "read "

// does says what the verb does, for errors and logs: two of them are nouns.
func (v *Verb) does() string {
	switch v.Verb {
	case "modes":
		return "change modes"
	case "role":
		return "give roles"
	}
	return v.Verb
}

// OnlyModerators is the refusal of a verb to whoever is none.
func (v *Verb) OnlyModerators() string { return "only moderators " + v.does() }

// cannot is the refusal of what the store did not do.
func (d *Desk) cannot(v *Verb, err error) *Refused {
	if no := refusal(err); no != nil {
		if v.Held != "" && errors.Is(err, chat.ErrNoMessage) {
			no = notWaiting
		}
		return no
	}
	do := v.does()
	d.log.Warn("cannot "+do, "err", err)
	why := chat.Unavailable(do)
	if !strings.HasPrefix(v.Verb, reads) {
		why += ". It may have been done all the same"
	}
	return &Refused{http.StatusServiceUnavailable, "unavailable", why}
}

// refusal is that of an error with which the store refuses something for good, nil for any other.
func refusal(err error) *Refused {
	switch {
	case errors.Is(err, ErrSilenced):
		return silenced
	case errors.Is(err, chat.ErrNoMessage):
		return &Refused{http.StatusNotFound, "not_found", "there is no such message, or not any more"}
	case errors.Is(err, chat.ErrOtherEpoch):
		return &Refused{http.StatusConflict, "other_epoch", "the room counts anew: the number is another message's now, or none's"}
	case errors.Is(err, chat.ErrFull):
		return &Refused{http.StatusConflict, "full", fmt.Sprintf("the room has %d measures that are not over, and takes no more: lift some", chat.MaxMeasures)}
	case errors.Is(err, chat.ErrBeside):
		return &Refused{http.StatusNotImplemented, "not_supported", "beside original FastIM nodes nobody keeps order: they would not keep to it"}
	}
	return nil
}
