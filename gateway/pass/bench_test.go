package pass

import (
	"crypto/elliptic"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// usual is claims as a site makes them: a user with a name and a picture, and three rooms.
var usual = with(fmt.Sprintf(`"iat":%d,"jti":"7f9c24e5c1b84e2e","info":{"name":"Alice","avatar":"https://cdn.test/a/1234567.png"},"role":"vip",
	"rooms":[{"id":"live-*","can":["read","send","like"]},{"id":"live-1","can":["high"],"role":"moderator"},{"id":"lobby"}]`, noon))

// BenchmarkCheck is the cost of a token at the handshake: the first time, and once it is remembered.
func BenchmarkCheck(b *testing.B) {
	j := newJWT(b, all(b), nil)
	for _, c := range []struct {
		method  jwt.SigningMethod
		private any
	}{
		{jwt.SigningMethodHS256, []byte(secret)},
		{jwt.SigningMethodRS256, pairs.rsa()},
		{jwt.SigningMethodES256, pairs.p256()},
		{jwt.SigningMethodES512, pairs.p521()},
		{jwt.SigningMethodEdDSA, pairs.ed()},
	} {
		token := mint(c.method, c.private, fmt.Sprintf(`{"alg":%q,"typ":"JWT"}`, c.method.Alg()), usual)
		b.Run("seen=first/alg="+c.method.Alg(), func(b *testing.B) {
			b.ReportAllocs()
			ring, now := j.ring.Load(), j.now()
			for b.Loop() {
				c, no := j.verify(token, ring, now)
				if no != nil || j.accept(c, now) != nil {
					b.Fatal(no)
				}
			}
		})
		b.Run("seen=again/alg="+c.method.Alg(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, no := j.Check(token); no != nil {
					b.Fatal(no)
				}
			}
		})
	}
}

// BenchmarkCheck_Refused is the cost of a bad token. The token is signed with a foreign secret, has an unknown kid, or
// at worst has no kid where eight keys must be tried.
func BenchmarkCheck_Refused(b *testing.B) {
	var keys []any
	for range maxKeysTried {
		keys = append(keys, newEC(elliptic.P521())())
	}
	j := newJWT(b, JWTConfig{Secret: secret, PublicKeyFile: write(b, encode(keys...)), JWKSURL: "https://id.test/keys"}, nil)
	es512 := mint(jwt.SigningMethodES512, pairs.p521(), `{"alg":"ES512"}`, usual)
	for name, token := range map[string]string{
		"why=signature": mint(jwt.SigningMethodHS256, []byte(foreign), `{"alg":"HS256"}`, usual),
		"why=kid":       mint(jwt.SigningMethodRS256, pairs.rsa(), `{"alg":"RS256","kid":"x"}`, usual),
		"why=eightkeys": es512,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, no := j.Check(token); no == nil {
					b.Fatal("it is accepted")
				}
			}
		})
	}
}

// BenchmarkLooks is the cost for every handshake with a token.
func BenchmarkLooks(b *testing.B) {
	token := hs(usual)
	for name, token := range map[string]string{"token=jwt": token, "token=fastim": "0a1b2c3d4e5f60718293a4b5c6d7e8f9"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = Looks(token)
			}
		})
	}
}

// BenchmarkPassed is the memory that the good tokens take which are remembered, in bytes a token. They are usual ones,
// and those with as many grants and as much info as a token can have.
func BenchmarkPassed(b *testing.B) {
	grants := strings.Repeat(`{"id":"live-1","role":"vip"},`, 60)
	largest := with(`"info":{"x":"` + strings.Repeat("x", 800) + `"},"rooms":[` + grants + `{"id":"*"}]`)
	for name, claims := range map[string]string{"claims=usual": usual, "claims=largest": largest} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				j := newJWT(b, JWTConfig{Secret: secret}, nil)
				before := heap()
				for i := range maxPassed {
					if _, no := j.Check(hs(fmt.Sprintf(`{"sub":"user-%d",%s`, i, claims[len(`{"sub":"alice",`):]))); no != nil {
						b.Fatal(no)
					}
				}
				b.ReportMetric(float64(heap()-before)/maxPassed, "B/token")
				runtime.KeepAlive(j)
			}
		})
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
