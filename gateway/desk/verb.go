package desk

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bytedance/sonic"

	"barrage/codec"
	"barrage/internal/chat"
)

// Verb is what a moderator wants done. Its JSON is the op of docs/protocol.md without t; a verb looks at its own fields
// alone.
type Verb struct {
	// ID names the announcement: given again by the same moderator within chat.IDLife it is the same one. Empty: it is
	// another one each time.
	ID      string                     `json:"id"`
	Verb    string                     `json:"verb"`
	UserID  string                     `json:"user_id"`
	Address string                     `json:"address"` // a prefix, for ban and unban
	ForMS   int64                      `json:"for_ms"`  // 0: for good
	Reason  string                     `json:"reason"`
	Purge   bool                       `json:"purge"` // ban: take the user's messages away as well
	Seq     uint64                     `json:"seq"`
	Epoch   string                     `json:"epoch"` // the epoch that Seq counts in; empty: the room's
	TS      int64                      `json:"ts"`    // delete: of the message, which is UserID's, should Seq not find it
	Since   int64                      `json:"since"` // Unix ms
	Modes   map[string]json.RawMessage `json:"modes"`
	Body    string                     `json:"body"`
	Ext     json.RawMessage            `json:"ext"`
	Role    string                     `json:"role"`
	Held    string                     `json:"held"`
}

// strict reads verbs as codec reads ops: texts are copied, names of fields count to the letter.
var strict = sonic.Config{CopyString: true, ValidateString: true, CaseSensitive: true}.Froze()

// Parse reads a verb and checks its fields.
func Parse(text []byte) (Verb, *Refused) {
	var v Verb
	if err := strict.Unmarshal(text, &v); err != nil {
		return Verb{}, bad(`it is no JSON object of the form {"verb":…}`)
	}
	return v, v.check()
}

// maxBody bounds an announcement, in bytes: it stands above a room.
const maxBody = 4 << 10

// measures are the kinds of measures that verbs take, and lift.
var measures = map[string]chat.What{
	"mute": chat.Mute, "unmute": chat.Mute, "shadow": chat.Shadow, "unshadow": chat.Shadow, "kick": chat.Kick, "ban": chat.Ban, "unban": chat.Ban,
	"role": chat.Appoint,
}

// verbs are all of them, as errors name them.
const verbs = "announce, approve, ban, clear, delete, deny, kick, modes, mute, pin, purge, role, shadow, unban, unmute, unpin, unshadow"

// check checks the fields that the verb looks at, and puts in what may be left out.
func (v *Verb) check() *Refused {
	if utf8.RuneCountInString(v.Reason) > chat.MaxReason {
		return bad("reason has %d characters, at most %d are allowed", utf8.RuneCountInString(v.Reason), chat.MaxReason)
	}
	if v.ForMS < 0 {
		return bad("for_ms is %d, want 0 or more", v.ForMS)
	}
	if len(v.ID) > codec.MaxSendID {
		return bad("id has %d bytes, at most %d are allowed", len(v.ID), codec.MaxSendID)
	}
	if len(v.Epoch) > codec.MaxEpoch {
		return bad("epoch has %d bytes, at most %d are allowed", len(v.Epoch), codec.MaxEpoch)
	}
	switch v.Verb {
	case "mute", "unmute", "shadow", "unshadow", "kick", "ban", "unban", "purge", "role":
		return v.checkTarget()
	case "delete", "pin":
		if v.Seq == 0 {
			return bad("%s wants seq, a message's number", v.Verb)
		}
		if v.Verb == "pin" || v.UserID == "" || v.TS <= 0 {
			v.UserID, v.TS = "", 0
			return nil
		}
		return v.checkTarget()
	case "approve", "deny":
		if v.Held == "" || len(v.Held) > maxHeld || strings.ContainsFunc(v.Held, func(c rune) bool { return c <= ' ' || c > '~' }) {
			return bad("%s wants held, the id of a message that waits, of at most %d bytes", v.Verb, maxHeld)
		}
	case "modes":
		return v.checkModes()
	case "announce":
		return v.checkBody()
	case "clear", "unpin":
	default:
		return bad("verb is %.64q, not one of %s", v.Verb, verbs)
	}
	return nil
}

func (v *Verb) checkTarget() *Refused {
	prefix := v.Address != ""
	switch {
	case prefix && v.Verb != "ban" && v.Verb != "unban":
		return bad("%s is for a user, not for an address", v.Verb)
	case prefix == (v.UserID != ""):
		return bad("%s wants user_id, or address where it is a ban, and one of them", v.Verb)
	}
	if len(v.UserID) > chat.MaxID {
		return bad("user_id has %d bytes, at most %d are allowed", len(v.UserID), chat.MaxID)
	}
	if strings.ContainsFunc(v.UserID, unicode.IsControl) {
		return bad("user_id %.64q has control characters", v.UserID)
	}
	if prefix {
		p, ok := parsePrefix(v.Address)
		if !ok {
			return bad("address is %.64q, want an address or a prefix, as 192.0.2.7 or 192.0.2.0/24; at least /8, or /16 of IPv6", v.Address)
		}
		v.Address = p.String()
	}
	if v.Verb == "kick" && v.ForMS == 0 {
		v.ForMS = chat.KickFor.Milliseconds()
	}
	if v.Verb == "role" {
		if r, ok := chat.ParseRole(v.Role); !ok || r == chat.RoleServer {
			return bad("role is %.64q, not one of viewer, vip, moderator, owner", v.Role)
		}
	}
	return nil
}

func (v *Verb) checkModes() *Refused {
	if len(v.Modes) == 0 {
		return bad("modes has no fields: nothing would change")
	}
	var m chat.Modes
	for name, value := range v.Modes {
		if err := codec.SetMode(&m, name, string(value)); err != nil {
			return bad("%v", err)
		}
	}
	return nil
}

// announcement is the id of the message that the verb sends; entry is that of its entry in the log.
func (v *Verb) announcement(entry string) string {
	if v.ID == "" {
		return "mod-" + entry
	}
	sum := sha256.Sum256([]byte(v.ID)) // as long as it is, the room takes it
	return "mod-" + hex.EncodeToString(sum[:12])
}

func (v *Verb) checkBody() *Refused {
	if v.Body == "" || len(v.Body) > maxBody {
		return bad("body has %d bytes, 1 to %d are allowed", len(v.Body), maxBody)
	}
	if v.Ext == nil {
		return nil
	}
	op := codec.Op{T: codec.OpSend, ID: "x", Ext: v.Ext}
	if err := op.CheckSend(maxBody); err != nil {
		return bad("%v", err)
	}
	v.Ext = op.Ext
	return nil
}

// target is who, or where, a measure is about.
func (v *Verb) target() (what chat.What, target string) {
	if v.Address != "" {
		return chat.BanAddress, v.Address
	}
	return measures[v.Verb], v.UserID
}

// until is when a measure that begins now ends, in Unix ms.
func (v *Verb) until(now time.Time) int64 {
	if v.ForMS == 0 || v.ForMS > chat.ForGood-now.UnixMilli() {
		return chat.ForGood
	}
	return now.UnixMilli() + v.ForMS
}

// Refused is why a verb was not carried out. Code is docs/protocol.md's, Status HTTP's.
type Refused struct {
	Status  int
	Code    string
	Message string
}

// bad is what cannot be taken as it is.
func bad(format string, args ...any) *Refused {
	return &Refused{http.StatusBadRequest, "bad_request", fmt.Sprintf(format, args...)}
}

// forbidden is the refusal of what somebody may not do.
func forbidden(format string, args ...any) *Refused {
	return &Refused{http.StatusForbidden, "forbidden", fmt.Sprintf(format, args...)}
}

// lifts reports whether the verb ends a measure.
func (v *Verb) lifts() bool { return strings.HasPrefix(v.Verb, "un") }

// Verbs are the words of all verbs, sorted.
func Verbs() []string {
	words := strings.Split(verbs, ", ")
	return slices.Sorted(slices.Values(words))
}

// Shortest prefixes that can be banned: a provider's, not a continent's.
const (
	leastBits4 = 8
	leastBits6 = 16
)

// parsePrefix reads an address or a prefix of addresses.
func parsePrefix(text string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return p, false
		}
		addr = addr.Unmap()
		p = netip.PrefixFrom(addr, addr.BitLen())
	}
	least := leastBits6
	if p.Addr().Is4() {
		least = leastBits4
	}
	return p.Masked(), p.Bits() >= least && !p.Addr().Is4In6()
}
