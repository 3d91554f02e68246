package pass

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// RSA keys below minRSABits are too weak (RFC 7518 section 3.3). Those above maxRSABits are refused by Go's TLS, too:
// checking a signature takes time with the square of their length.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// maxKeysTried bounds the signatures that are checked for one token without a kid. An issuer that changes its keys has
// two or three of a type. Eight ES256 signatures take 0.8 ms, eight by the slowest, ES512, 27 ms.
const maxKeysTried = 8

// maxKeyFile bounds the PEM file, in bytes: some hundred certificates.
const maxKeyFile = 256 << 10

// key is one with which signatures are checked.
type key struct {
	// id is the kid of the tokens that it has signed; empty: any.
	id string
	// alg is the only algorithm that it is for; empty: all that suit its type.
	alg string
	// material is the key: []byte for secrets, else a public key of package crypto.
	material any
}

// suits reports whether a key has the type that an algorithm needs. An attacker chooses the algorithm of a token. But
// they cannot have a public key used as a secret, or a key on another curve than its own.
func suits(method jwt.SigningMethod, material any) bool {
	switch m := method.(type) {
	case *jwt.SigningMethodHMAC:
		secret, ok := material.([]byte)
		return ok && len(secret) >= m.Hash.Size() // RFC 7518 section 3.2
	case *jwt.SigningMethodRSA, *jwt.SigningMethodRSAPSS:
		_, ok := material.(*rsa.PublicKey)
		return ok
	case *jwt.SigningMethodECDSA:
		public, ok := material.(*ecdsa.PublicKey)
		return ok && public.Curve.Params().BitSize == m.CurveBits // the library compares the signature's length only
	case *jwt.SigningMethodEd25519:
		_, ok := material.(ed25519.PublicKey)
		return ok
	}
	return false
}

// hashSize is how many bytes the secret of an HS algorithm has at least.
func hashSize(name string) int {
	if m, ok := jwt.GetSigningMethod(name).(*jwt.SigningMethodHMAC); ok {
		return m.Hash.Size()
	}
	return 0
}

// isStrong refuses public keys with which no algorithm of ours works, and those too weak to trust.
func isStrong(public any) error {
	switch k := public.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return fmt.Errorf("an RSA key of %d bits is not within %d and %d", bits, minRSABits, maxRSABits)
		}
		return nil
	case *ecdsa.PublicKey:
		if bits := k.Curve.Params().BitSize; bits != 256 && bits != 384 && bits != 521 {
			return fmt.Errorf("curve %s is none of P-256, P-384, P-521", k.Curve.Params().Name)
		}
		return nil
	case ed25519.PublicKey:
		return nil
	}
	return fmt.Errorf("a key of type %T is none of RSA, ECDSA and Ed25519", public)
}

// fixedKeys are those of the configuration: the secrets, the current one first, and the keys of the file.
func (c JWTConfig) fixedKeys(now time.Time) (keys []key, warnings []string, err error) {
	for _, secret := range []string{c.Secret, c.SecretPrevious} {
		if secret != "" {
			keys = append(keys, key{material: []byte(secret)})
		}
	}
	if c.PublicKeyFile == "" {
		return keys, nil, nil
	}
	file, err := os.ReadFile(c.PublicKeyFile)
	if err == nil && len(file) > maxKeyFile {
		err = fmt.Errorf("it has %d bytes, at most %d are allowed", len(file), maxKeyFile)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("jwt_public_key_file: cannot read the keys: %w", err)
	}
	public, warnings, err := readPEM(file, now)
	if err != nil {
		return nil, nil, fmt.Errorf("jwt_public_key_file: cannot read the keys of %s: %w", c.PublicKeyFile, err)
	}
	return append(keys, public...), warnings, nil
}

// readPEM reads public keys and certificates. A certificate that is over is taken, with a warning. Its date says when
// somebody should have replaced it, not that the key is known to others.
func readPEM(file []byte, now time.Time) (keys []key, warnings []string, err error) {
	for rest := file; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		number := len(keys) + 1
		public, end, err := readBlock(block)
		if err == nil {
			err = isStrong(public)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("block %d, %s: %w", number, block.Type, err)
		}
		if !end.IsZero() && now.After(end) {
			warnings = append(warnings, fmt.Sprintf("certificate %d expired at %s", number, stamp(end)))
		}
		keys = append(keys, key{id: block.Headers["kid"], material: public})
	}
	if len(keys) == 0 {
		return nil, nil, errors.New("there is no block BEGIN PUBLIC KEY or BEGIN CERTIFICATE in it")
	}
	return keys, warnings, nil
}

// readBlock reads a key, and of a certificate its end.
func readBlock(block *pem.Block) (public any, end time.Time, err error) {
	switch {
	case block.Type == "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
		return public, end, err
	case block.Type == "CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, end, err
		}
		return cert.PublicKey, cert.NotAfter, nil
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, end, errors.New("a node must not have the private key: extract the public one with openssl pkey -pubout")
	}
	return nil, end, errors.New("want PUBLIC KEY or CERTIFICATE")
}

// keyless are the algorithms that no key suits.
func keyless(names []string, keys []key) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		method := jwt.GetSigningMethod(name)
		return slices.ContainsFunc(keys, func(k key) bool { return suits(method, k.material) })
	})
}
