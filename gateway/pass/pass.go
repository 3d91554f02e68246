// Package pass knows who may do what: it reads tokens and says what they grant. It knows no sockets and no store.
//
// Read first: [Pass] and [Refused] are the outcomes of a check, [JWT] and [Hook] make them. The file jwt.go has the
// order of the checks, claims.go reads claims, keys.go matches keys and algorithms, jwks.go fetches the keys of an
// issuer. [Hook] asks a service of the operator: hook.go says when, hookcall.go how.
//
// One goroutine, [JWT.Run], fetches keys; it blocks on the network and on a timer: a handshake never waits for an
// issuer. [Hook.Check] does wait for its service. Each of its calls has a goroutine that ends with the call, at most
// 64 of them; Close waits for them. All else returns at once.
package pass

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"barrage/internal/bits"
	"barrage/internal/chat"
)

// Can is a set of what a user may do in a room.
type Can uint8

// Rights of a user. The zero Can is nothing.
const (
	Read     Can = 1 << iota // be in the room, and read its history
	Send                     // send messages
	Like                     // like
	Recall                   // take back what they sent
	High                     // send messages of the kinds that are shown before others, as gifts
	Moderate                 // keep order
)

// canWords are the names of what Can has.
var canWords = bits.Names{"read", "send", "like", "recall", "high", "moderate"}

// ParseCan reads names. A user who has any right may read.
func ParseCan(names []string) (Can, error) {
	set, err := canWords.Parse(names)
	if set != 0 {
		set |= uint8(Read)
	}
	return Can(set), err
}

// Has reports whether all of what is in it.
func (c Can) Has(what Can) bool { return c&what == what }

// Names are the names of what is in it, in order; never nil.
func (c Can) Names() []string { return canWords.Of(uint8(c)) }

// Roles are the roles that a token may give, the lowest first: all but that of servers.
func Roles() (names []string) {
	for r := range chat.RoleServer {
		names = append(names, r.String())
	}
	return names
}

// Grant is what a token grants in some rooms.
type Grant struct {
	// Room is the id of one, or the beginning of many with a * at its end; * alone is all.
	Room string
	// Can has the granted capabilities.
	Can Can
	// Default grants the node's default instead; Can is empty then.
	Default bool
	// Role is the user's in these rooms; empty leaves [Pass.Role].
	Role string
}

// covers reports whether the grant is about the room.
func (g *Grant) covers(room string) bool {
	if begin, many := strings.CutSuffix(g.Room, "*"); many {
		return strings.HasPrefix(room, begin)
	}
	return room == g.Room
}

// Pass is what a token says of whoever shows it. Nobody changes one that was given away.
type Pass struct {
	// User is whose the token is; empty is a guest's.
	User string
	// ID is the token's own name (jti), by which it can be revoked alone; empty where it has none.
	ID string
	// Issued is when the token was made, Expires when its life is over; zero where the token does not say.
	Issued, Expires time.Time
	// Info is JSON that everybody may see beside the user's messages, an object of at most [MaxInfo] bytes; empty is none.
	Info string
	// Level is the whole number that Info has under level, from 1; 0 where it has none. Rules of a room ask for it.
	Level int64
	// Role is the user's, where no grant says another.
	Role string
	// Tags are words about the user, for the rules of a room.
	Tags []string
	// Grants say what is granted where. Named says that the token names rooms: then the others are closed. Without it
	// the same holds in every room, see In.
	Grants []Grant
	Named  bool
}

// MaxInfo bounds Pass.Info in bytes.
const MaxInfo = 1024

// In is what the pass grants in a room, and the role there. The node's default, otherwise, holds for passes that name
// no rooms, and for grants with Default. Grants add up; of several that give a role, the last one counts.
func (p *Pass) In(room string, otherwise Can) (can Can, role string) {
	role = p.Role
	if !p.Named {
		return otherwise, role
	}
	for i := range p.Grants {
		if g := &p.Grants[i]; g.covers(room) {
			can |= g.Can
			if g.Default {
				can |= otherwise
			}
			if g.Role != "" {
				role = g.Role
			}
		}
	}
	return can, role
}

// Names reports whether the pass names the room, by its id or the beginning of it.
func (p *Pass) Names(room string) bool {
	return p.Named && slices.ContainsFunc(p.Grants, func(g Grant) bool { return g.covers(room) })
}

// Refused says why a token gets nobody in.
type Refused struct { //nolint:errname // the word that the door has for it, too
	Code Code
	// Why says it in words, with values, but for the token.
	Why string
	// Wait is after what time trying again makes sense, with Unavailable.
	Wait time.Duration
}

func (r *Refused) Error() string { return r.Why }

// Code is a reason in one word, as clients receive it.
type Code string

// The reasons.
const (
	Invalid     Code = "unauthenticated" // it is no token of ours, or not yet
	Expired     Code = "token_expired"   // it was one, and its life is over
	Revoked     Code = "token_revoked"   // somebody took it back
	Replaced    Code = "token_replaced"  // its user has logged in elsewhere since
	Forbidden   Code = "forbidden"       // it is good, but not for this
	Unavailable Code = "unavailable"     // nobody can check it now
)

// Status is the code's HTTP status: 503 where trying again helps, 403 where the token is good, else 401.
func (c Code) Status() int {
	switch c {
	case Unavailable:
		return http.StatusServiceUnavailable
	case Forbidden:
		return http.StatusForbidden
	case Invalid, Expired, Revoked, Replaced:
	}
	return http.StatusUnauthorized
}

// Refuse makes a Refused.
func Refuse(code Code, format string, args ...any) *Refused {
	return &Refused{Code: code, Why: fmt.Sprintf(format, args...)}
}
