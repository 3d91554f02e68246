package gateway

import (
	"net/http"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"

	"barrage/internal/chat"
)

// maxIDBytes bounds room and user ids, maxPasswordBytes passwords.
const (
	maxIDBytes       = 128
	maxPasswordBytes = 512
)

// blanks are symbols that show nothing, or nothing of their own, and are no spaces to Unicode: BRAILLE PATTERN BLANK
// and MUSICAL SYMBOL NULL NOTEHEAD.
const blanks = "\u2800\U0001D159"

// reservedIDs begin the ids that no room and no user has.
const reservedIDs = "__"

// checkID refuses room and user ids that nobody can mean: they end up in Redis keys and log lines. No id differs from
// another by what cannot be seen: an id is text as PRECIS has it for passwords (RFC 8265 section 4, OpaqueString: any
// script, spaces and symbols, nothing invisible), in its normal form. Letters keep their case, as on original nodes.
func checkID(name, id string) *refusal {
	if bad := checkText(name, id, maxIDBytes); bad != nil {
		return bad
	}
	if strings.HasPrefix(id, reservedIDs) {
		return refuse(http.StatusBadRequest, "%s %q begins with %s, which is reserved", name, id, reservedIDs)
	}
	if strings.TrimSpace(id) != id || strings.Contains(id, "  ") {
		return refuse(http.StatusBadRequest, "%s %q begins or ends with a space, or has two in a row", name, id)
	}
	if isASCII(id) { // printable: nothing else is asked of it
		return nil
	}
	first, _ := utf8.DecodeRuneInString(id)
	if normal, err := precis.OpaqueString.String(id); err != nil || normal != id || strings.ContainsAny(id, blanks) || unicode.IsMark(first) {
		return refuse(http.StatusBadRequest, "%s %q has invisible or unassigned characters, or is not in Unicode's normal form NFC", name, id)
	}
	return nil
}

// guestID is the form of the ids that nodes make up for guests.
var guestID = regexp.MustCompile(`^g-[a-z2-7]{12}$`)

// checkUser refuses ids that are no user's: what checkID refuses, and those of guests, whom somebody could pose as.
func checkUser(name, id string) *refusal {
	if bad := checkID(name, id); bad != nil {
		return bad
	}
	if guestID.MatchString(id) {
		return refuse(http.StatusBadRequest, "%s %q has the form of a guest's, which a node makes up", name, id)
	}
	return nil
}

// checkToken refuses what can be no token. The answer does not show it.
func checkToken(token string) *refusal {
	switch bad := checkText("token", token, chat.MaxToken); {
	case bad == nil || len(token) > chat.MaxToken || token == "":
		return bad
	default:
		return refuse(http.StatusBadRequest, "token has control characters or is not UTF-8")
	}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func checkText(name, text string, most int) *refusal {
	switch {
	case text == "":
		return refuse(http.StatusBadRequest, "%s is missing", name)
	case len(text) > most:
		return refuse(http.StatusBadRequest, "%s has %d bytes, at most %d are allowed", name, len(text), most)
	case !printable(text):
		return refuse(http.StatusBadRequest, "%s %q has control characters or is not UTF-8", name, text)
	}
	return nil
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return unicode.IsControl(c) || c == unicode.ReplacementChar })
}
