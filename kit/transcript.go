package kit

import (
	"encoding/json"
	"fmt"
	"strings"
)

// transcript is a conversation as written down: its first comment, and what happens.
type transcript struct {
	about string
	steps []step
}

// step is a line. who is the client, does one of open, refused, cut, ->, <- and closed.
type step struct {
	line int
	who  string
	does string
	text string // the query, the code, or JSON
}

// parse reads a transcript. Each line is a client's name, what happens, and with what:
//
//	# what it shows
//	a open ?user_id=ann              a socket, whose welcome is the next frame
//	a refused 403 ?user_id=ann       a handshake that is refused with this status
//	a -> {"t":"send", …}             the client sends this
//	a <- {"t":"ack","seq":"$n", …}   the client receives this: at least these fields
//	a cut                            the connection ends without a word
//	a closed 1003                    the server closes it with this code
//
// Lines <- of one client that follow each other may come in any order. A "$n" stands for any value the first time, and
// for that one later. So does $n in a query or in what is sent. A "$_" stands for any value each time.
func parse(text string) (s transcript, err error) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if about, ok := strings.CutPrefix(line, "# "); ok && s.about == "" {
			s.about = about
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		who, rest, _ := strings.Cut(line, " ")
		does, what, _ := strings.Cut(rest, " ")
		switch does {
		case "open", "cut", "closed", "refused":
		case "->", "<-":
			if !json.Valid([]byte(what)) {
				return s, fmt.Errorf("line %d: %s is no JSON", number, what)
			}
		default:
			return s, fmt.Errorf("line %d: %q is none of open, refused, ->, <-, cut and closed", number, does)
		}
		s.steps = append(s.steps, step{line: number, who: who, does: does, text: what})
	}
	if s.about == "" || len(s.steps) == 0 {
		return s, fmt.Errorf("it has no comment, or no steps")
	}
	return s, nil
}
