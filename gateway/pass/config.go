package pass

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"barrage/internal/remote"
)

// JWTConfig says which JSON Web Tokens are accepted. Each field is a key of the config section `auth`.
type JWTConfig struct {
	// Secret (jwt_secret) signs tokens by HS256, HS384 and HS512: at least 32 bytes, and 48 or 64 for the longer two.
	// Empty accepts none of them.
	Secret string
	// SecretPrevious (jwt_secret_previous) is accepted as well, so that the secret can change while tokens are about.
	SecretPrevious string
	// PublicKeyFile (jwt_public_key_file) has the issuer's public keys or certificates in PEM, several for a change of
	// keys. A block may name its key in a header "kid"; one without a name is tried with every kid. Empty: no file.
	PublicKeyFile string
	// JWKSURL (jwks_url) is where the issuer publishes its keys (RFC 7517): https, or http on this machine. Empty: none.
	JWKSURL string
	// Audience (jwt_audience) must be among the token's aud. Empty accepts every token of the issuer, also those that
	// it made for other services.
	Audience string
	// Issuer (jwt_issuer) must be the token's iss. Empty accepts any.
	Issuer string
	// Algorithms (jwt_algorithms) are accepted, no others. Empty: all that go with the keys above.
	Algorithms []string
}

// minSecret is the least a secret has, in bytes: RFC 7518 section 3.2 wants as many as the hash has.
const minSecret = 32

// secretAlgorithms are those where issuer and node share a secret, publicAlgorithms those where the node has public
// keys only. A token's alg must be one of them; "none" is in neither.
var (
	secretAlgorithms = []string{"HS256", "HS384", "HS512"}
	publicAlgorithms = []string{
		"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
	}
)

// Validate reports every value that makes no sense, each with its key within the section.
func (c JWTConfig) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Secret == "" && c.PublicKeyFile == "" && c.JWKSURL == "" {
		bad("jwt_secret: there is no key to check tokens with: set it, jwt_public_key_file or jwks_url")
	}
	for _, s := range []struct{ name, secret string }{{"jwt_secret", c.Secret}, {"jwt_secret_previous", c.SecretPrevious}} {
		switch {
		case s.secret == "":
		case len(s.secret) < minSecret:
			bad("%s: it has %d bytes, below the %d that HS256 wants (openssl rand -base64 48 makes a good one)", s.name, len(s.secret), minSecret)
		case strings.Contains(s.secret, "-----BEGIN "):
			bad("%s: it is a PEM key, and public keys are no secrets: set jwt_public_key_file to its file", s.name)
		}
	}
	if c.SecretPrevious != "" && c.Secret == "" {
		bad("jwt_secret_previous: it is set, and jwt_secret is not")
	}
	if c.JWKSURL != "" {
		if u, err := url.Parse(c.JWKSURL); err != nil || u.Host == "" || !remote.SafeURL(u) {
			bad("jwks_url: %q is neither https nor http on this machine", remote.Redacted(c.JWKSURL))
		}
	}
	for i, name := range c.Algorithms {
		switch isSecret := slices.Contains(secretAlgorithms, name); {
		case !isSecret && !slices.Contains(publicAlgorithms, name):
			bad("jwt_algorithms[%d]: %q is none of %s, %s", i, name, strings.Join(secretAlgorithms, ", "), strings.Join(publicAlgorithms, ", "))
		case isSecret && c.Secret == "":
			bad("jwt_algorithms[%d]: %s has no key: set jwt_secret", i, name)
		case isSecret && len(c.Secret) >= minSecret && !suits(jwt.GetSigningMethod(name), []byte(c.Secret)):
			bad("jwt_algorithms[%d]: %s wants a jwt_secret of %d bytes, and it has %d", i, name, hashSize(name), len(c.Secret))
		case !isSecret && c.PublicKeyFile == "" && c.JWKSURL == "":
			bad("jwt_algorithms[%d]: %s has no key: set jwt_public_key_file or jwks_url", i, name)
		}
	}
	return errors.Join(errs...)
}

// accepted are the algorithms that tokens may have.
func (c JWTConfig) accepted() []string {
	if len(c.Algorithms) > 0 {
		return slices.Clone(c.Algorithms)
	}
	var names []string
	for _, name := range secretAlgorithms {
		if suits(jwt.GetSigningMethod(name), []byte(c.Secret)) {
			names = append(names, name)
		}
	}
	if c.PublicKeyFile != "" || c.JWKSURL != "" {
		names = append(names, publicAlgorithms...)
	}
	return names
}
