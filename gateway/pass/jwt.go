package pass

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
	lru "github.com/hashicorp/golang-lru/v2"

	"barrage/internal/chat"
	"barrage/internal/remote"
)

// Leeway is how far the clocks of issuer and node may be apart.
const Leeway = 30 * time.Second

// maxPassed bounds the tokens that are remembered as good. One of three rooms takes 0.7 KB, the largest ones 6 KB. So
// they take 7 MB for 10,000 people that reconnect at once, and never more than 60 MB (BenchmarkPassed).
const maxPassed = 10_000

// maxKeyID bounds a token's kid, in bytes: thumbprints have 43, names of issuers less than 100.
const maxKeyID = 256

// JWT checks JSON Web Tokens. Its methods may be called concurrently, Run and Refresh by one goroutine.
type JWT struct {
	algorithms       []string
	audience, issuer string
	fixed            []key // of the configuration
	now              func() time.Time
	log              *slog.Logger
	parser           *jwt.Parser
	issuerKeys       *fetcher // nil without a JWKS URL
	ring             atomic.Pointer[keyring]
}

// keyring is the keys that hold now, and the tokens they were found to have signed. It is replaced as a whole: a
// token that was checked with old keys is remembered beside those keys, and forgotten with them.
type keyring struct {
	keys   []key
	passed *lru.Cache[[sha256.Size]byte, *content]
	// fetched is when the last good fetch of the issuer's keys began; zero: none yet.
	fetched time.Time
}

// NewJWT reads the keys of the configuration. now returns the time; failed fetches of keys are logged to log. The keys
// of a JWKS URL are only fetched while [JWT.Run] runs.
func NewJWT(cfg JWTConfig, now func() time.Time, log *slog.Logger) (*JWT, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	fixed, warnings, err := cfg.fixedKeys(now())
	if err != nil {
		return nil, err
	}
	if cfg.JWKSURL == "" {
		if lacking := keyless(cfg.Algorithms, fixed); len(lacking) > 0 {
			return nil, fmt.Errorf("jwt_algorithms: no key in %s goes with %s", cfg.PublicKeyFile, strings.Join(lacking, ", "))
		}
	}
	for _, text := range warnings {
		log.Warn(text, "file", cfg.PublicKeyFile)
	}
	accepted := cfg.accepted()
	j := &JWT{
		algorithms: accepted, audience: cfg.Audience, issuer: cfg.Issuer, fixed: fixed, now: now, log: log,
		// Claims are checked in claims.go and by [JWT.accept], whose errors have the values in them.
		parser: jwt.NewParser(jwt.WithValidMethods(accepted), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation()),
	}
	if cfg.JWKSURL != "" {
		j.issuerKeys = newFetcher(cfg.JWKSURL)
		if cfg.Audience == "" {
			log.Warn("auth.jwks_url is set and auth.jwt_audience is not: tokens that the issuer made for other services are accepted", "url", remote.Redacted(cfg.JWKSURL))
		}
	}
	j.ring.Store(newKeyring(fixed, time.Time{}))
	return j, nil
}

// Inherit has the keys of an issuer stay in use that another JWT with the same JWKS URL has fetched; nil has none. It
// comes before Run.
func (j *JWT) Inherit(from *JWT) {
	if from == nil || from.issuerKeys == nil || j.issuerKeys == nil || from.issuerKeys.url != j.issuerKeys.url {
		return
	}
	ring := from.ring.Load()
	j.ring.Store(newKeyring(slices.Concat(j.fixed, ring.keys[len(from.fixed):]), ring.fetched))
}

func newKeyring(keys []key, fetched time.Time) *keyring {
	passed, err := lru.New[[sha256.Size]byte, *content](maxPassed)
	if err != nil {
		panic(fmt.Sprintf("BUG: a cache of %d entries: %v", maxPassed, err))
	}
	return &keyring{keys, passed, fetched}
}

// Looks reports whether a token has the form of a signed JWT: three parts, of which the first is a JSON object with an
// alg. It does not say whose it is.
func Looks(token string) bool {
	header, rest, _ := strings.Cut(token, ".")
	if len(header) > chat.MaxToken || strings.Count(rest, ".") != 1 { // as with opaque tokens
		return false
	}
	found := false
	raw, err := base64.RawURLEncoding.DecodeString(header)
	return err == nil && members(raw, func(name string, _ json.RawMessage) error {
		found = found || name == "alg"
		return nil
	}) == nil && found
}

// Check returns the pass of a token, or the reason to refuse it. It never waits for the network. Calls with the same
// token share one Pass.
func (j *JWT) Check(token string) (*Pass, *Refused) {
	if len(token) > chat.MaxToken {
		return nil, refuse(Invalid, "it has %d bytes, at most %d are allowed", len(token), chat.MaxToken)
	}
	ring, now := j.ring.Load(), j.now()
	sum := sha256.Sum256([]byte(token))
	if c, ok := ring.passed.Get(sum); ok {
		if no := c.inTime(now); no != nil {
			return nil, no
		}
		return &c.pass, nil
	}
	c, no := j.verify(token, ring, now)
	if no == nil {
		no = j.accept(c, now)
	}
	if no != nil {
		return nil, no
	}
	ring.passed.Add(sum, c)
	return &c.pass, nil
}

// refuse makes a Refused of a token.
func refuse(code Code, format string, args ...any) *Refused {
	return Refuse(code, "cannot accept the token: "+format, args...)
}

// errKeyless is that no key goes with a token.
var errKeyless = errors.New("no key goes with the token")

// verify checks the form and the signature of a token, then reads its claims.
func (j *JWT) verify(token string, ring *keyring, now time.Time) (*content, *Refused) {
	if strings.ContainsAny(token, "\r\n") { // Go's decoder skips them: one token would have many spellings
		return nil, refuse(Invalid, "it contains a line break")
	}
	var body payload
	var kid string
	parsed, err := j.parser.ParseWithClaims(token, &body, func(t *jwt.Token) (any, error) {
		var no *Refused
		if kid, no = readHeader(token); no != nil {
			return nil, no
		}
		keys := ring.candidates(t.Method, kid)
		if len(keys) == 0 {
			return nil, errKeyless
		}
		return jwt.VerificationKeySet{Keys: keys}, nil
	})
	if err != nil {
		return nil, j.why(err, token, parsed, kid, ring, now)
	}
	c, err := readClaims(body.raw)
	if err != nil {
		return nil, refuse(Invalid, "%v", err)
	}
	return c, nil
}

// readHeader returns the name of the key. It refuses extensions, nested tokens and repeated names. Keys in the header
// itself (jwk, jku, x5c, x5u) are ignored.
func readHeader(token string) (kid string, no *Refused) {
	segment, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(segment)
	if err == nil {
		err = members(raw, func(name string, value json.RawMessage) (err error) {
			switch name {
			case "crit", "b64": // RFC 7515 section 4.1.11, RFC 7797
				err = fmt.Errorf("is %s, and extensions are not supported", shown(value))
			case "cty": // RFC 7519 section 5.2
				if content, _ := text(value); strings.EqualFold(content, "JWT") {
					err = errors.New("is JWT, and nested tokens are not supported")
				}
			case "kid":
				if kid, err = text(value); err == nil && len(kid) > maxKeyID {
					err = fmt.Errorf("has %d bytes, at most %d are allowed", len(kid), maxKeyID)
				}
			}
			return err
		})
	}
	if err != nil {
		return "", refuse(Invalid, "%v", subject(err, "header", "its header"))
	}
	return kid, nil
}

// candidates are the keys that can have made a signature, at most [maxKeysTried].
func (r *keyring) candidates(method jwt.SigningMethod, kid string) []jwt.VerificationKey {
	var keys []jwt.VerificationKey
	for i := range r.keys {
		k := &r.keys[i]
		named := kid == "" || k.id == "" || k.id == kid
		if named && (k.alg == "" || k.alg == method.Alg()) && suits(method, k.material) && len(keys) < maxKeysTried {
			keys = append(keys, k.material)
		}
	}
	return keys
}

// has reports whether a key of the issuer can have been meant.
func (r *keyring) has(kid string) bool {
	if kid == "" {
		return !r.fetched.IsZero()
	}
	return slices.ContainsFunc(r.keys, func(k key) bool { return k.id == kid })
}

// why says why the library refused a token. Its own errors are not shown: they may have parts of the token in them.
func (j *JWT) why(err error, token string, parsed *jwt.Token, kid string, ring *keyring, now time.Time) *Refused {
	if no, ok := errors.AsType[*Refused](err); ok {
		return no
	}
	switch {
	case strings.Count(token, ".") == 4:
		return refuse(Invalid, "it is encrypted (JWE), and only signed tokens (JWS) are supported")
	case errors.Is(err, jwt.ErrTokenMalformed):
		return refuse(Invalid, "it is not three parts of base64url joined by dots, the first two of them JSON")
	case parsed == nil || parsed.Method == nil || !slices.Contains(j.algorithms, parsed.Method.Alg()):
		return refuse(Invalid, "its header has alg: %.64q, accepted are %s", algorithm(parsed), strings.Join(j.algorithms, ", "))
	}
	alg := parsed.Method.Alg()
	if j.issuerKeys != nil && !slices.Contains(secretAlgorithms, alg) && !ring.has(kid) {
		return j.unknown(kid, madeAt(parsed), ring.fetched, now)
	}
	if errors.Is(err, errKeyless) {
		return refuse(Invalid, "no known key fits alg: %s and kid: %.64q of its header", alg, kid)
	}
	return refuse(Invalid, "no known key has made its signature (alg: %s, kid: %.64q)", alg, kid)
}

func algorithm(t *jwt.Token) string {
	if t == nil || t.Header["alg"] == nil {
		return ""
	}
	return fmt.Sprint(t.Header["alg"])
}

// unknown refuses a token whose key may be one that the issuer has published since the last fetch. A key is published
// before tokens are made with it. So where that fetch began after the token was made there is none, and none to wait
// for. When it was made the token says itself, unchecked: a lie only gets it another refusal. One that does not say is
// held against a fetch of a moment ago.
func (j *JWT) unknown(kid string, made, fetched, now time.Time) *Refused {
	if fetched.IsZero() {
		j.issuerKeys.due.Set()
		return unavailable("the issuer's keys have not been fetched yet")
	}
	recent := now.Sub(fetched) < fetchAgain
	absent := recent
	if !made.IsZero() {
		absent = fetched.After(made.Add(madeLeeway))
	}
	if !absent || !recent { // also for one that is refused: a cache may have answered with an old set
		j.issuerKeys.due.Set()
	}
	switch {
	case absent:
		return refuse(Invalid, "the issuer has no key named %.64q", kid)
	case recent:
		return unavailable("the issuer has no key named %.64q yet", kid)
	}
	return unavailable("the key %.64q is not known yet, and the issuer's keys are being fetched", kid)
}

// madeAt is when a token was made, by its own word; zero: it does not say.
func madeAt(t *jwt.Token) (made time.Time) {
	err := members(t.Claims.(*payload).raw, func(name string, value json.RawMessage) (err error) {
		if name == "iat" {
			made, err = date(value)
		}
		return err
	})
	if err != nil {
		return time.Time{}
	}
	return made
}

// unavailable is a Refused of a token that may be good once keys were fetched.
func unavailable(format string, args ...any) *Refused {
	no := Refuse(Unavailable, "cannot check the token now: "+format, args...)
	no.Wait = fetchWait
	return no
}

// accept checks whom a token is for, and when.
func (j *JWT) accept(c *content, now time.Time) *Refused {
	if j.issuer != "" && c.issuer != j.issuer {
		return refuse(Invalid, "claim iss is %.64q, want %q", c.issuer, j.issuer)
	}
	if j.audience != "" && !slices.Contains(c.audience, j.audience) {
		return refuse(Invalid, "claim aud is %s, want %q among them", shownTexts(c.audience), j.audience)
	}
	return c.inTime(now)
}

// inTime checks the dates of a token.
func (c *content) inTime(now time.Time) *Refused {
	expires, issued := c.pass.Expires, c.pass.Issued
	switch {
	case !now.Before(expires.Add(Leeway)):
		return refuse(Expired, "claim exp is %s, which was %v ago", stamp(expires), now.Sub(expires).Round(time.Second))
	case expires.Sub(now) > chat.RevokedLife:
		return refuse(Invalid, "claim exp is %s, more than %d days ahead", stamp(expires), chat.RevokedLife/(24*time.Hour))
	case !c.notBefore.IsZero() && now.Before(c.notBefore.Add(-Leeway)):
		return refuse(Invalid, "claim nbf is %s, which is in %v", stamp(c.notBefore), c.notBefore.Sub(now).Round(time.Second))
	case !issued.IsZero() && now.Before(issued.Add(-Leeway)):
		return refuse(Invalid, "claim iat is %s, which is in %v: one of the clocks is wrong", stamp(issued), issued.Sub(now).Round(time.Second))
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// shownTexts is a list of texts as an error shows it.
func shownTexts(all []string) string {
	quoted := make([]string, 0, len(all))
	for _, s := range all[:min(len(all), 3)] {
		quoted = append(quoted, fmt.Sprintf("%.64q", s))
	}
	if len(all) > len(quoted) {
		quoted = append(quoted, "…")
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// Run fetches the keys of the JWKS URL until ctx ends: now and then, and when a token names one that is not known. It
// returns at once where there is no such URL.
func (j *JWT) Run(ctx context.Context) {
	if j.issuerKeys != nil {
		j.issuerKeys.run(ctx, j.now, j.log, j.Refresh)
	}
}

// Refresh fetches the keys of the JWKS URL once, for programs that do not use [JWT.Run]. After an error the old keys
// stay in use.
func (j *JWT) Refresh(ctx context.Context) error {
	if j.issuerKeys == nil {
		return nil
	}
	began := j.now()
	keys, isNew, err := j.issuerKeys.fetch(ctx)
	if err != nil {
		return err
	}
	if !isNew { // the tokens that have passed stay so
		old := j.ring.Load()
		j.ring.Store(&keyring{old.keys, old.passed, began})
		return nil
	}
	j.ring.Store(newKeyring(slices.Concat(j.fixed, keys), began))
	j.log.Info("the issuer's keys changed", "url", remote.Redacted(j.issuerKeys.url), "keys", len(keys))
	return nil
}
