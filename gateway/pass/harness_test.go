package pass

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// later moves the bubble's clock on, and returns when all that was due has been done. Nothing really waits.
func later(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// noon is when tests take place, in seconds since 1970.
const noon = 1_764_158_400

// Secrets of issuers. Each is long enough for HS512.
var (
	secret   = strings.Repeat("current secret, ", 4)
	previous = strings.Repeat("older secret, 16", 4)
	foreign  = strings.Repeat("someone else's, ", 4)
)

// pairs are private keys, made when they are first needed.
var pairs = struct{ rsa, otherRSA, weakRSA, p256, otherP256, p384, p521, ed func() any }{
	rsa: newRSA(2048), otherRSA: newRSA(2048), weakRSA: newRSA(1024),
	p256: newEC(elliptic.P256()), otherP256: newEC(elliptic.P256()), p384: newEC(elliptic.P384()), p521: newEC(elliptic.P521()),
	ed: sync.OnceValue(func() any {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return must(private, err)
	}),
}

func newRSA(bits int) func() any {
	return sync.OnceValue(func() any {
		private, err := rsa.GenerateKey(rand.Reader, bits)
		return must(private, err)
	})
}

func newEC(curve elliptic.Curve) func() any {
	return sync.OnceValue(func() any {
		private, err := ecdsa.GenerateKey(curve, rand.Reader)
		return must(private, err)
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// encode is a PEM file of the public keys of pairs.
func encode(keys ...any) []byte {
	var b bytes.Buffer
	for _, private := range keys {
		der := must(x509.MarshalPKIXPublicKey(publicOf(private)))
		if err := pem.Encode(&b, &pem.Block{Type: "PUBLIC KEY", Bytes: der}); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

// publicOf is the public key of a private one.
func publicOf(private any) any {
	switch k := private.(type) {
	case *rsa.PrivateKey:
		return &k.PublicKey
	case *ecdsa.PrivateKey:
		return &k.PublicKey
	case ed25519.PrivateKey:
		return k.Public()
	}
	panic(fmt.Sprintf("BUG: a key of type %T", private))
}

func write(tb testing.TB, content []byte) (path string) {
	tb.Helper()
	path = filepath.Join(tb.TempDir(), "keys.pem")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// newJWT is a checker with the time of a test.
func newJWT(tb testing.TB, cfg JWTConfig, now func() time.Time) *JWT {
	tb.Helper()
	if now == nil {
		now = func() time.Time { return time.Unix(noon, 0) }
	}
	j, err := NewJWT(cfg, now, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	return j
}

func base(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// mint signs a header and claims as they are, whatever they are.
func mint(method jwt.SigningMethod, private any, header, claims string) string {
	text := base(header) + "." + base(claims)
	return text + "." + base(string(must(method.Sign(text, private))))
}

// hs is a token of the secret.
func hs(claims string) string {
	return mint(jwt.SigningMethodHS256, []byte(secret), `{"alg":"HS256","typ":"JWT"}`, claims)
}

// with is claims of a token that is good for an hour, and others.
func with(claims string) string {
	if claims != "" {
		claims = "," + claims
	}
	return fmt.Sprintf(`{"sub":"alice","exp":%d%s}`, noon+3600, claims)
}

// at is claims with dates, in seconds from now.
func at(exp int, claims string) string {
	return fmt.Sprintf(`{"exp":%d%s}`, noon+exp, claims)
}

// enters is the answer to a user with the token that wants to read in a room.
func enters(j *JWT, token, room string) (status int, code Code, why string) {
	p, no := j.Check(token)
	if no == nil {
		if can, _ := p.In(room, Read); can.Has(Read) {
			return http.StatusOK, "", ""
		}
		no = Refuse(Forbidden, "cannot read in room %q", room)
	}
	return no.Code.Status(), no.Code, no.Why
}

// wantQuiet fails if a refusal shows a part of the signature, or has the wrong form.
func wantQuiet(t *testing.T, token, why string) {
	t.Helper()
	parts := strings.Split(token, ".")
	signature := parts[len(parts)-1]
	for i := 0; i+12 <= len(signature); i++ {
		if strings.Contains(why, signature[i:i+12]) {
			t.Errorf("%q shows a part of the signature", why)
			break
		}
	}
	if !strings.HasPrefix(why, "cannot ") || len(why) > 500 || len(token) > 16 && strings.Contains(why, token) {
		t.Errorf("%q: want what cannot be done, in at most 500 bytes, without the token", why)
	}
}

// jwk is a public key in JSON, with other members.
func jwk(private any, kid string, more map[string]any) map[string]any {
	parsed := must(jwkset.NewJWKFromKey(publicOf(private), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: kid}}))
	var m map[string]any
	if err := json.Unmarshal(must(json.Marshal(parsed.Marshal())), &m); err != nil {
		panic(err)
	}
	maps.Copy(m, more)
	return m
}

// jwks is a set of keys.
func jwks(keys ...any) string {
	return string(must(json.Marshal(map[string]any{"keys": keys})))
}

// issuer stands in for the server of a JWKS URL, without a network: bubbles of testing/synctest can wait for it.
type issuer struct {
	mu     sync.Mutex
	answer string
	status int
	err    error
	hangs  bool // it never answers
	calls  atomic.Int32
}

func (i *issuer) set(change func(*issuer)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(i)
}

// RoundTrip implements [http.RoundTripper].
func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.calls.Add(1)
	i.mu.Lock()
	answer, status, err, hangs := i.answer, i.status, i.err, i.hangs
	i.mu.Unlock()
	if hangs {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if err != nil {
		return nil, err
	}
	if status == 0 {
		status = http.StatusOK
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
}

// withIssuer is a checker whose JWKS URL is the issuer's; its log goes to w. Its time is the bubble's.
func withIssuer(tb testing.TB, i *issuer, cfg JWTConfig, w io.Writer) *JWT {
	tb.Helper()
	cfg.JWKSURL, cfg.Audience = "https://issuer.test/jwks.json", ""
	j, err := NewJWT(cfg, time.Now, slog.New(slog.NewTextHandler(w, nil)))
	if err != nil {
		tb.Fatal(err)
	}
	j.issuerKeys.client.Transport = i
	return j
}

// running has the keys be fetched until the end of the test.
func running(tb testing.TB, j *JWT) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	done := make(chan struct{}) // closed when Run has returned
	go func() {
		defer close(done)
		j.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

var errAway = errors.New("connection refused")
