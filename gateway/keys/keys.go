// Package keys knows the server keys: which backend or operator calls the admin API, and what they may do. It reads
// the file of keys and checks requests; it starts no goroutine. Begin with [Load] and [Keys.Need].
package keys

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	"barrage/internal/bits"
)

// Can is a set of what a key may do.
type Can uint8

// Permissions of a key. The zero Can is nothing.
const (
	Publish  Can = 1 << iota // put messages into rooms, as the server
	Moderate                 // keep order in rooms, revoke tokens
	Rooms                    // register rooms, look at them, and export their history
	Ops                      // metrics, profiles, nodes, the list of rooms
)

// canWords are the names of what Can has.
var canWords = bits.Names{"publish", "moderate", "rooms", "ops"}

// ParseCan reads names.
func ParseCan(names []string) (Can, error) {
	set, err := canWords.Parse(names)
	return Can(set), err
}

// Has reports whether all of what is in it.
func (c Can) Has(what Can) bool { return c&what == what }

// Names are the names of what is in it, in order; never nil.
func (c Can) Names() []string { return canWords.Of(uint8(c)) }

// String is the names, as "rooms, ops".
func (c Can) String() string { return strings.Join(c.Names(), ", ") }

// Key is one key of the file, without its text. Nobody changes it.
type Key struct {
	// Name says in logs and audits who has called.
	Name string
	Can  Can
	// Rooms is the id of the only room that the key is for, or the beginning of many with a * at its end. Empty is all.
	// It bounds what is done to rooms and in them; [Ops] is about nodes and has no such bound.
	Rooms string
	// Line is where the key begins in its file, from 1.
	Line int

	sum [sha256.Size]byte
}

// MayRoom reports whether the key is for the room.
func (key *Key) MayRoom(id string) bool {
	if begin, many := strings.CutSuffix(key.Rooms, "*"); many {
		return strings.HasPrefix(id, begin)
	}
	return key.Rooms == "" || id == key.Rooms
}

// textPrefix begins every key, so that scanners for secrets find those that were committed by mistake.
const textPrefix = "brg_"

// randomBytes is how many random bytes a key has. 256 bits cannot be guessed, hence one round of SHA-256 is enough to
// store a key by; passwords of people would need a slow hash.
const randomBytes = 32

// textLen is the length of a key, in bytes.
var textLen = len(textPrefix) + base64.RawURLEncoding.EncodedLen(randomBytes)

// New makes a key. text is the key itself, which is stored nowhere; entry goes into the file.
func New(name string, can Can, rooms string) (text string, entry Stored, err error) {
	var random [randomBytes]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	text = textPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	entry = newEntry(name, can, rooms, text)
	if err := entry.validate(); err != nil {
		return "", Stored{}, fmt.Errorf("cannot make a key: %w", err)
	}
	return text, entry, nil
}

// Keys are the keys of a file. All methods may be called concurrently.
type Keys struct {
	path string
	all  atomic.Pointer[[]Key]
}

// Len is how many keys there are.
func (k *Keys) Len() int { return len(*k.all.Load()) }

// Find finds the key that has this text. It compares with every key in constant time, so the time it takes says
// nothing about how much of a guess is right.
func (k *Keys) Find(text string) (*Key, bool) {
	if len(text) != textLen || !strings.HasPrefix(text, textPrefix) {
		return nil, false
	}
	sum := sha256.Sum256([]byte(text))
	all, found := *k.all.Load(), -1
	for i := range all {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], all[i].sum[:]), i, found)
	}
	if found < 0 {
		return nil, false
	}
	return &all[found], true
}

// Of finds the key of a request: Authorization: Bearer brg_…, given once. Keys elsewhere count for nothing; those in
// the query would end up in the logs of proxies.
func (k *Keys) Of(r *http.Request) (*Key, bool) {
	fields := r.Header.Values("Authorization")
	if len(fields) != 1 {
		return nil, false
	}
	scheme, text, _ := strings.Cut(fields[0], " ")
	if !strings.EqualFold(scheme, "Bearer") { // RFC 9110 section 11.1: schemes have no case
		return nil, false
	}
	return k.Find(strings.Trim(text, " "))
}
