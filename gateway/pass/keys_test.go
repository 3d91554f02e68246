package pass

import (
	"bytes"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func TestJWTConfig_ValidateSaysWhatToSet(t *testing.T) {
	long := strings.Repeat("s", 64)
	for _, c := range []struct {
		name string
		cfg  JWTConfig
		want string // lines; empty: it is good
	}{
		{"a secret", JWTConfig{Secret: long, SecretPrevious: long[:32]}, ""},
		{"a file", JWTConfig{PublicKeyFile: "keys.pem"}, ""},
		{"a URL", JWTConfig{JWKSURL: "https://id.test/keys?v=1"}, ""},
		{"a URL on this machine", JWTConfig{JWKSURL: "http://127.0.0.1:8080/keys"}, ""},
		{"a URL on this machine by IPv6", JWTConfig{JWKSURL: "http://[::1]/keys"}, ""},
		{"a URL on localhost", JWTConfig{JWKSURL: "http://localhost/keys"}, ""},
		{"all algorithms", JWTConfig{Secret: long, PublicKeyFile: "f", Algorithms: append(publicAlgorithms, secretAlgorithms...)}, ""},
		{"nothing", JWTConfig{}, "jwt_secret: there is no key to check tokens with: set it, jwt_public_key_file or jwks_url"},
		{"31 bytes", JWTConfig{Secret: long[:31], SecretPrevious: long[:1]}, "jwt_secret: it has 31 bytes, below the 32 that HS256 wants (openssl rand -base64 48 makes a good one)\n" +
			"jwt_secret_previous: it has 1 bytes, below the 32 that HS256 wants (openssl rand -base64 48 makes a good one)"},
		{"a public key as the secret", JWTConfig{Secret: string(encode(pairs.ed()))}, "jwt_secret: it is a PEM key, and public keys are no secrets: set jwt_public_key_file to its file"},
		{"only the previous secret", JWTConfig{SecretPrevious: long, PublicKeyFile: "f"}, "jwt_secret_previous: it is set, and jwt_secret is not"},
		{"http", JWTConfig{JWKSURL: "http://id.test/keys"}, `jwks_url: "http://id.test/keys" is neither https nor http on this machine`},
		{"http to a name that begins like this machine's", JWTConfig{JWKSURL: "http://127.0.0.1.evil.test/"}, `jwks_url: "http://127.0.0.1.evil.test/" is neither https nor http on this machine`},
		{"a password is not shown", JWTConfig{JWKSURL: "ftp://me:hunter2@id.test/"}, `jwks_url: "ftp://me:***@id.test/" is neither https nor http on this machine`},
		{"no URL", JWTConfig{JWKSURL: "://\x00"}, `jwks_url: "(no URL)" is neither https nor http on this machine`},
		{"no host", JWTConfig{JWKSURL: "https:///keys"}, `jwks_url: "https:///keys" is neither https nor http on this machine`},
		{"none", JWTConfig{Secret: long, Algorithms: []string{"HS256", "none"}}, `jwt_algorithms[1]: "none" is none of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA`},
		{"no secret for HS256", JWTConfig{PublicKeyFile: "f", Algorithms: []string{"HS256"}}, "jwt_algorithms[0]: HS256 has no key: set jwt_secret"},
		{"no key for RS256", JWTConfig{Secret: long, Algorithms: []string{"RS256"}}, "jwt_algorithms[0]: RS256 has no key: set jwt_public_key_file or jwks_url"},
		{"too short for HS512", JWTConfig{Secret: long[:32], Algorithms: []string{"HS512"}}, "jwt_algorithms[0]: HS512 wants a jwt_secret of 64 bytes, and it has 32"},
	} {
		err := c.cfg.Validate()
		if err == nil {
			err = errors.New("")
		}
		if err.Error() != c.want {
			t.Errorf("%s:\n%v\nwant\n%s", c.name, err, c.want)
		}
	}
}

// certificate is one of a pair, in PEM.
func certificate(private any, until time.Time) []byte {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer"},
		NotBefore: until.Add(-time.Hour), NotAfter: until,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, publicOf(private), private))
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestNewJWT_ReadsPEM(t *testing.T) {
	es := func(private any, header string) string {
		return mint(jwt.SigningMethodES256, private, header, with(""))
	}
	const plain = `{"alg":"ES256"}`
	var log strings.Builder
	file := bytes.Join([][]byte{[]byte("the key of May\n"), encode(pairs.p256()), certificate(pairs.otherP256(), time.Unix(noon-60, 0))}, nil)
	j, err := NewJWT(JWTConfig{PublicKeyFile: write(t, file)}, func() time.Time { return time.Unix(noon, 0) }, logged(&log))
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"the key": es(pairs.p256(), plain), "the certificate": es(pairs.otherP256(), plain),
		"a key without a name, with every kid": es(pairs.otherP256(), `{"alg":"ES256","kid":"x"}`),
	} {
		if _, no := j.Check(token); no != nil {
			t.Errorf("%s: %v; want that it is good", name, no)
		}
	}
	if !strings.Contains(log.String(), "certificate 2 expired at 2025-11-26T11:59:00Z") {
		t.Errorf("the log has %q; want that the certificate is over", log.String())
	}

	named := func(kid string, private any) []byte {
		block, _ := pem.Decode(encode(private))
		block.Headers = map[string]string{"kid": kid}
		return pem.EncodeToMemory(block)
	}
	j = newJWT(t, JWTConfig{PublicKeyFile: write(t, append(named("may", pairs.p256()), named("june", pairs.otherP256())...))}, nil)
	for _, c := range []struct {
		token string
		want  Code
	}{
		{es(pairs.p256(), `{"alg":"ES256","kid":"may"}`), ""},
		{es(pairs.otherP256(), `{"alg":"ES256","kid":"june"}`), ""},
		{es(pairs.otherP256(), plain), ""},
		{es(pairs.otherP256(), `{"alg":"ES256","kid":"may"}`), Invalid},
		{es(pairs.p256(), `{"alg":"ES256","kid":"july"}`), Invalid},
	} {
		if _, code, why := enters(j, c.token, "r"); code != c.want {
			t.Errorf("%q, %s; want %q", code, why, c.want)
		}
	}
}

// TestCheck_TriesEightKeys: a token without a kid costs no more than eight signatures.
func TestCheck_TriesEightKeys(t *testing.T) {
	var keys []any
	for range maxKeysTried + 1 {
		keys = append(keys, newEC(elliptic.P256())())
	}
	j := newJWT(t, JWTConfig{PublicKeyFile: write(t, encode(keys...))}, nil)
	for i, private := range keys {
		_, no := j.Check(mint(jwt.SigningMethodES256, private, `{"alg":"ES256"}`, with("")))
		if isTried := i < maxKeysTried; isTried != (no == nil) {
			t.Errorf("a token of key %d: %v; want that the first %d are tried", i+1, no, maxKeysTried)
		}
	}
}

func TestNewJWT_RefusesFiles(t *testing.T) {
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(pairs.ed()))})
	for name, c := range map[string]struct {
		file []byte
		algs []string
		want string
	}{
		"empty":             {nil, nil, "there is no block BEGIN PUBLIC KEY or BEGIN CERTIFICATE in it"},
		"no PEM":            {[]byte("hello"), nil, "there is no block"},
		"a private key":     {private, nil, "block 1, PRIVATE KEY: a node must not have the private key"},
		"something else":    {[]byte("-----BEGIN X-----\n-----END X-----\n"), nil, "block 1, X: want PUBLIC KEY or CERTIFICATE"},
		"no key in it":      {[]byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), nil, "block 1, PUBLIC KEY: asn1"},
		"no certificate":    {[]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), nil, "block 1, CERTIFICATE: x509"},
		"a weak key":        {append(encode(pairs.ed()), encode(pairs.weakRSA())...), nil, "block 2, PUBLIC KEY: an RSA key of 1024 bits is not within 2048 and 8192"},
		"too large":         {bytes.Repeat([]byte("x"), maxKeyFile+1), nil, "it has 262145 bytes, at most 262144 are allowed"},
		"no key for RS256":  {encode(pairs.ed()), []string{"EdDSA", "RS256"}, "jwt_algorithms: no key in "},
		"no curve of ES512": {encode(pairs.p256()), []string{"ES512"}, "goes with ES512"},
	} {
		_, err := NewJWT(JWTConfig{PublicKeyFile: write(t, c.file), Algorithms: c.algs}, time.Now, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "jwt_") {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
	_, err := NewJWT(JWTConfig{PublicKeyFile: filepath.Join(t.TempDir(), "none")}, time.Now, slog.New(slog.DiscardHandler))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v; want that", err)
	}
	if _, err := NewJWT(JWTConfig{}, time.Now, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("without any key: no error; want one")
	}
}
