// Package signed signs the HTTP requests that a node posts to other services, by Standard Webhooks. The services verify
// by it that the node has sent the request, and when. It does no I/O. Begin with [ParseSecret].
package signed

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a signed request (Standard Webhooks, "Webhook metadata").
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp" // seconds since 1970
	HeaderSignature = "webhook-signature" // entries with blanks between them, as "v1,<base64>"
)

// MinSecret is the least that a secret has, in bytes (Standard Webhooks, "Signature scheme"). Its upper bound of 64 is
// left out: HMAC takes longer ones, and a text in base64 that is meant as text is easily longer.
const MinSecret = 24

// Tolerance is how far the timestamp of a request may be from the reader's clock. It is the figure of the reference
// libraries: it bounds for how long a recorded request can be sent again.
const Tolerance = 5 * time.Minute

// prefix begins secrets that are written in base64.
const prefix = "whsec_"

// version begins the signatures of HMAC-SHA256.
const version = "v1,"

// Secret is what both sides know. Make it with [ParseSecret]; the zero value signs nothing. It is never printed.
type Secret struct{ key []byte }

// ParseSecret reads a secret: whsec_ and base64, the form that every library of Standard Webhooks reads, or any other
// text, whose bytes are the key. It has at least [MinSecret] bytes. The error does not show the secret.
func ParseSecret(text string) (Secret, error) {
	key := []byte(text)
	if encoded, ok := strings.CutPrefix(text, prefix); ok {
		decoded, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return Secret{}, fmt.Errorf("it begins with %s, and base64 does not follow", prefix)
		}
		key = decoded
	}
	if len(key) < MinSecret {
		return Secret{}, fmt.Errorf("it has %d bytes, below %d (openssl rand -base64 32 makes a good one)", len(key), MinSecret)
	}
	return Secret{key}, nil
}

// Hidden stands for a secret in whatever is shown or logged.
const Hidden = "***"

// String hides the secret from logs.
func (s Secret) String() string { return Hidden }

// GoString hides the secret from logs.
func (s Secret) GoString() string { return Hidden }

// NewID makes a name for a request: 128 random bits. A request that is sent again keeps its name.
func NewID() string { return "msg_" + rand.Text() }

// Sign sets the three headers of a request with this body, which is sent at the time now.
func (s Secret) Sign(h http.Header, id string, now time.Time, body []byte) {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, timestamp)
	h.Set(HeaderSignature, version+base64.StdEncoding.EncodeToString(s.sum(id, timestamp, body)))
}

// Verify checks that a request was signed with the secret, within [Tolerance] of the time now. The caller remembers
// ids for as long, where a repeated request would do harm. The error says what is wrong, and shows no signature.
func (s Secret) Verify(h http.Header, now time.Time, body []byte) error {
	id, timestamp := h.Get(HeaderID), h.Get(HeaderTimestamp)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	switch {
	case len(s.key) == 0:
		return errors.New("cannot verify the request: there is no secret")
	case id == "":
		return fmt.Errorf("cannot verify the request: %s is missing", HeaderID)
	case err != nil:
		return fmt.Errorf("cannot verify the request: %s is %.32q, want seconds since 1970", HeaderTimestamp, timestamp)
	}
	sent := time.Unix(seconds, 0)
	if sent.Before(now.Add(-Tolerance)) || sent.After(now.Add(Tolerance)) {
		return fmt.Errorf("cannot verify the request: it was sent at %s, more than %v from now", sent.UTC().Format(time.RFC3339), Tolerance)
	}
	want := s.sum(id, timestamp, body)
	for entry := range strings.FieldsSeq(h.Get(HeaderSignature)) { // several, while a secret changes
		encoded, ok := strings.CutPrefix(entry, version)
		got, err := base64.StdEncoding.DecodeString(encoded)
		if ok && err == nil && subtle.ConstantTimeCompare(got, want) == 1 {
			return nil
		}
	}
	return fmt.Errorf("cannot verify the request: no signature in %s is by this secret", HeaderSignature)
}

// sum is the HMAC-SHA256 of id.timestamp.body.
func (s Secret) sum(id, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return mac.Sum(nil)
}
