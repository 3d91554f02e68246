package pass

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"barrage/internal/chat"
)

// library checks a token by the library alone, with the keys of j. Check must not accept a token that it refuses.
func library(j *JWT, token string) error {
	_, err := jwt.Parse(
		token, func(t *jwt.Token) (any, error) {
			kid, _ := t.Header["kid"].(string)
			return jwt.VerificationKeySet{Keys: j.ring.Load().candidates(t.Method, kid)}, nil
		},
		jwt.WithValidMethods(j.algorithms), jwt.WithStrictDecoding(), jwt.WithTimeFunc(j.now), jwt.WithLeeway(Leeway),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithAudience(j.audience), jwt.WithIssuer(j.issuer),
	)
	return err
}

// FuzzCheck checks arbitrary tokens, and arbitrary headers and claims with a good signature: without one the fuzzer
// would never reach the code behind it.
func FuzzCheck(f *testing.F) {
	cfg := all(f)
	cfg.Audience, cfg.Issuer = "chat", "https://id.test"
	now := time.Unix(noon, 0)
	j := newJWT(f, cfg, func() time.Time { return now })
	const plain = `{"alg":"HS256","typ":"JWT","kid":"may"}`
	const ours = `"aud":"chat","iss":"https://id.test"`
	seed := func(header, claims string) { f.Add(hs(claims), header, claims) }
	for _, claims := range []string{
		with(ours), at(-10, ","+ours), `{"exp":1e300,` + ours + `}`, `{"exp":-1,` + ours + `}`, with(`"aud":["x","chat"],"iss":"https://id.test"`),
		with(ours + `,"nbf":1764158400.5,"iat":1764158401,"jti":"t1","tags":["gold","新"],"role":"vip"`),
		with(ours + `,"info": {"name": "<b>", "n": [1, 2.50, null, true]}`),
		with(ours + `,"rooms":[{"id":"live-*","can":["read","send","like","recall","high","moderate"],"role":"owner"},{"id":"*"},{"id":"r","can":[]}]`),
		with(ours + `,"rooms":[]`), with(ours + `,"sub":"twice"`), with(ours + `,"EXP":1`), `null`, `[]`, `{}`, `{"exp":`, "\xff", ``,
	} {
		seed(plain, claims)
	}
	for _, header := range []string{
		`{"alg":"none"}`, `{"alg":"RS256"}`, `{"alg":"HS512","crit":["exp"]}`, `{"alg":"HS256","b64":false}`, `{"alg":"HS256","cty":"JWT"}`,
		`{"alg":"HS256","kid":1}`, `{"alg":["HS256"]}`, `{}`, `[]`, `null`, ``,
	} {
		seed(header, with(ours))
	}
	for _, token := range []string{
		"", "..", "a.b.c.d.e", base(`{"alg":"none"}`) + "." + base(with(ours)) + ".", hs(with(ours)) + "\n", hs(with(ours)) + "=",
		mint(jwt.SigningMethodRS256, pairs.rsa(), `{"alg":"RS256"}`, with(ours)), mint(jwt.SigningMethodEdDSA, pairs.ed(), `{"alg":"EdDSA"}`, with(ours)),
		mint(jwt.SigningMethodES256, pairs.p256(), `{"alg":"ES256"}`, with(ours)), mint(jwt.SigningMethodHS256, encode(pairs.rsa()), `{"alg":"HS256"}`, with(ours)),
	} {
		f.Add(token, plain, with(ours))
	}
	f.Fuzz(func(t *testing.T, token, header, claims string) {
		signed := mint(jwt.SigningMethodHS256, []byte(secret), header, claims)
		for _, token := range []string{token, signed} {
			_ = Looks(token)
			p, no := j.Check(token)
			if no != nil {
				wantQuiet(t, token, no.Why)
				continue
			}
			if err := library(j, token); err != nil {
				t.Errorf("%q is accepted, and the library refuses it: %v", token, err)
			}
			if !Looks(token) {
				t.Errorf("%q is accepted, and does not look like a JWT", token)
			}
			wantSane(t, p, now)
			if again, no := j.Check(token); no != nil || !reflect.DeepEqual(again, p) {
				t.Errorf("the second time: %+v, %v; want the same", again, no)
			}
		}
	})
}

// wantSane checks the bounds of a pass that the gateway relies on.
func wantSane(t *testing.T, p *Pass, now time.Time) {
	t.Helper()
	if left := p.Expires.Sub(now); left <= -Leeway || left > chat.RevokedLife {
		t.Errorf("it lives for %v", left)
	}
	if len(p.Info) > MaxInfo || p.Info != "" && (!json.Valid([]byte(p.Info)) || p.Info[0] != '{' || strings.ContainsAny(p.Info, "\r\n")) {
		t.Errorf("its info is %q", p.Info)
	}
	roles := append(Roles(), "")
	if len(p.ID) > maxTokenID || len(p.Tags) > chat.MaxTags || len(p.Grants) > maxGrants || !slices.Contains(roles, p.Role) {
		t.Errorf("it is %+v", p)
	}
	for _, g := range p.Grants {
		if g.Room == "" || strings.Contains(strings.TrimSuffix(g.Room, "*"), "*") || !slices.Contains(roles, g.Role) || g.Default && g.Can != 0 {
			t.Errorf("it has the grant %+v", g)
		}
	}
	if p.Named != (p.Grants != nil) {
		t.Errorf("it names rooms: %v, and has %v", p.Named, p.Grants)
	}
}

// FuzzMembers compares the members of an object with those that encoding/json's decoder finds.
func FuzzMembers(f *testing.F) {
	for _, object := range []string{
		usual, `{}`, ` { } `, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"":{"":[]}}`, `{"\ud800":"\ud800"}`, `{"a":"\\\"}","b":[{"c":"]"}]}`,
		`[]`, `"{}"`, `null`, `7`, `{"a\tb":-1.5e-7}`, `{"a" : true , "b":false,"c":null}`,
		`{"1":1,"2":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":8,"9":9,"10":10,"11":11,"12":12,"13":13,"14":14,"15":15,"16":16,"17":17,"1":18}`,
	} {
		f.Add(object)
	}
	f.Fuzz(func(t *testing.T, object string) {
		if !json.Valid([]byte(object)) || !utf8.ValidString(object) {
			_ = members([]byte(object), func(string, json.RawMessage) error { return nil }) // no panic, and no more
			return
		}
		type member struct{ name, value string }
		var got, want []member
		err := members([]byte(object), func(name string, value json.RawMessage) error {
			got = append(got, member{name, string(value)})
			return nil
		})
		fails := !strings.HasPrefix(strings.TrimLeft(object, " \t\r\n"), "{")
		if d := json.NewDecoder(strings.NewReader(object)); !fails {
			_, _ = d.Token()
			for d.More() && !fails {
				name, _ := d.Token()
				var value json.RawMessage
				if err := d.Decode(&value); err != nil {
					t.Fatal(err)
				}
				next := member{name.(string), string(value)}
				if fails = slices.ContainsFunc(want, func(m member) bool { return m.name == next.name }); !fails {
					want = append(want, next)
				}
			}
		}
		if fails != (err != nil) || !slices.Equal(got, want) {
			t.Errorf("members of %q are %q, %v; want %q, an error is %v", object, got, err, want, fails)
		}
	})
}

// FuzzKeySet: whatever an issuer publishes, the keys that are taken can be used.
func FuzzKeySet(f *testing.F) {
	for _, private := range []any{pairs.rsa(), pairs.weakRSA(), pairs.p256(), pairs.p384(), pairs.p521(), pairs.ed()} {
		f.Add(jwks(jwk(private, "may", nil)))
	}
	f.Add(jwks(map[string]any{"kty": "oct", "k": "AAAA"}, map[string]any{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}))
	f.Add(jwks(jwk(pairs.rsa(), "may", map[string]any{"e": "AQAAAAAAAAAD", "x5u": "http://127.0.0.1:1", "x5c": []string{"AA"}, "key_ops": []string{"verify"}})))
	f.Add(`{"keys":null}`)
	f.Fuzz(func(t *testing.T, answer string) {
		keys, err := readKeySet([]byte(answer))
		if (len(keys) == 0) != (err != nil) {
			t.Fatalf("%d keys, %v; want keys or an error", len(keys), err)
		}
		for _, k := range keys {
			if _, isSecret := k.material.([]byte); isSecret {
				t.Fatalf("a secret was taken: %q", answer)
			}
			for _, name := range publicAlgorithms {
				method := jwt.GetSigningMethod(name)
				if suits(method, k.material) {
					_ = method.Verify("text", make([]byte, 64), k.material) // an error, but no panic
				}
			}
		}
	})
}
