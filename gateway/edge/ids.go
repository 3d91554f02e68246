package edge

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"

	"barrage/internal/chat"
)

// MaxPasswordBytes bounds passwords.
const MaxPasswordBytes = 512

// MaxFormBytes bounds the body of an API call.
const MaxFormBytes = 64 << 10

// blanks are symbols that show nothing, or nothing of their own, and are no spaces to Unicode: BRAILLE PATTERN BLANK
// and MUSICAL SYMBOL NULL NOTEHEAD.
const blanks = "\u2800\U0001D159"

// CheckID refuses room and user ids that nobody can mean: they end up in Redis keys and log lines. No id differs from
// another by what cannot be seen. An id is text in normal form, as PRECIS has it for passwords (RFC 8265 section 4,
// OpaqueString: any script, spaces and symbols, nothing invisible). Letters keep their case, as on original nodes.
func CheckID(name, id string) *Refusal {
	if bad := CheckText(name, id, chat.MaxID); bad != nil {
		return bad
	}
	if strings.HasPrefix(id, chat.ReservedIDs) {
		return Refuse(http.StatusBadRequest, "%s %q begins with %s, which is reserved", name, id, chat.ReservedIDs)
	}
	if strings.TrimSpace(id) != id || strings.Contains(id, "  ") {
		return Refuse(http.StatusBadRequest, "%s %q begins or ends with a space, or has two in a row", name, id)
	}
	if isASCII(id) { // printable: nothing else is asked of it
		return nil
	}
	first, _ := utf8.DecodeRuneInString(id)
	if normal, err := precis.OpaqueString.String(id); err != nil || normal != id || strings.ContainsAny(id, blanks) || unicode.IsMark(first) {
		return Refuse(http.StatusBadRequest, "%s %q has invisible or unassigned characters, or is not in Unicode's normal form NFC", name, id)
	}
	return nil
}

// guestID is the form of the ids that nodes make up for guests.
var guestID = regexp.MustCompile(`^g-[a-z2-7]{12}$`)

// CheckUser refuses ids that are no user's: those that CheckID refuses, and those of guests, whom somebody could pose
// as.
func CheckUser(name, id string) *Refusal {
	if bad := CheckID(name, id); bad != nil {
		return bad
	}
	if guestID.MatchString(id) {
		return Refuse(http.StatusBadRequest, "%s %q has the form of a guest's, which a node makes up", name, id)
	}
	return nil
}

// CheckToken refuses what can be no token. The answer does not show it.
func CheckToken(token string) *Refusal {
	switch bad := CheckText("token", token, chat.MaxToken); {
	case bad == nil || len(token) > chat.MaxToken || token == "":
		return bad
	default:
		return Refuse(http.StatusBadRequest, "token has control characters or is not UTF-8")
	}
}

// Whole reads a whole number of a query, from least to most; absent where the query has none of that name.
func Whole(q url.Values, name string, absent, least, most uint64) (uint64, *Refusal) {
	if !q.Has(name) {
		return absent, nil
	}
	n, err := strconv.ParseUint(q.Get(name), 10, 64)
	if err != nil || n < least || n > most {
		return 0, Refuse(http.StatusBadRequest, "%s is %.64q, want a whole number from %d to %d", name, q.Get(name), least, most)
	}
	return n, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// CheckText refuses what is empty, longer than most bytes, no UTF-8 or not printable.
func CheckText(name, text string, most int) *Refusal {
	switch {
	case text == "":
		return Refuse(http.StatusBadRequest, "%s is missing", name)
	case len(text) > most:
		return Refuse(http.StatusBadRequest, "%s has %d bytes, at most %d are allowed", name, len(text), most)
	case !printable(text):
		return Refuse(http.StatusBadRequest, "%s %q has control characters or is not UTF-8", name, text)
	}
	return nil
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return unicode.IsControl(c) || c == unicode.ReplacementChar })
}
