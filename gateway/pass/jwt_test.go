package pass

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"barrage/internal/chat"
)

// attempt is a token, and the answer to it.
type attempt struct {
	name, token string
	room        string // "live-1" where it is empty
	want        int    // the status
	code        Code
	why         string // is in the refusal
}

// all is a configuration with a key of every type.
func all(tb testing.TB) JWTConfig {
	tb.Helper()
	return JWTConfig{
		Secret: secret, SecretPrevious: previous,
		PublicKeyFile: write(tb, encode(pairs.rsa(), pairs.p256(), pairs.p384(), pairs.p521(), pairs.ed())),
	}
}

func good(name, token string) attempt { return attempt{name: name, token: token, want: http.StatusOK} }

func invalid(name, token, why string) attempt {
	return attempt{name: name, token: token, want: http.StatusUnauthorized, code: Invalid, why: why}
}

func expired(name, token, why string) attempt {
	return attempt{name: name, token: token, want: http.StatusUnauthorized, code: Expired, why: why}
}

// closed is a good token that does not open the room.
func closed(name, room, claims string) attempt {
	return attempt{name: name, token: hs(with(claims)), room: room, want: http.StatusForbidden, code: Forbidden}
}

func open(name, room, claims string) attempt {
	return attempt{name: name, token: hs(with(claims)), room: room, want: http.StatusOK}
}

// tryAll checks each attempt twice: the second time it may come from the memory of good tokens.
func tryAll(t *testing.T, cfg JWTConfig, attempts []attempt) {
	t.Helper()
	j := newJWT(t, cfg, nil)
	for _, a := range attempts {
		t.Run(a.name, func(t *testing.T) {
			if a.room == "" {
				a.room = "live-1"
			}
			for range 2 {
				status, code, why := enters(j, a.token, a.room)
				if status != a.want || code != a.code || !strings.Contains(why, a.why) {
					t.Fatalf("status %d %s, %q; want %d %s, %q", status, code, why, a.want, a.code, a.why)
				}
				if code != "" {
					wantQuiet(t, a.token, why)
				}
			}
			if !strings.Contains(a.name, "(no JWT)") && !Looks(a.token) {
				t.Error("it does not look like a JWT; want that it does")
			}
		})
	}
}

func TestCheck_AlgorithmsMustBeThoseOfTheKeys(t *testing.T) {
	const header = `{"alg":%q}`
	signed := func(name string, method jwt.SigningMethod, private any) string {
		return mint(method, private, fmt.Sprintf(header, name), with(""))
	}
	unsigned := func(name string) string { return base(fmt.Sprintf(header, name)) + "." + base(with("")) + "." }
	var attempts []attempt
	for _, own := range []struct {
		method  jwt.SigningMethod
		private any
	}{
		{jwt.SigningMethodHS256, []byte(secret)},
		{jwt.SigningMethodHS384, []byte(secret)},
		{jwt.SigningMethodHS512, []byte(secret)},
		{jwt.SigningMethodHS256, []byte(previous)},
		{jwt.SigningMethodRS256, pairs.rsa()},
		{jwt.SigningMethodRS384, pairs.rsa()},
		{jwt.SigningMethodRS512, pairs.rsa()},
		{jwt.SigningMethodPS256, pairs.rsa()},
		{jwt.SigningMethodPS384, pairs.rsa()},
		{jwt.SigningMethodPS512, pairs.rsa()},
		{jwt.SigningMethodES256, pairs.p256()},
		{jwt.SigningMethodES384, pairs.p384()},
		{jwt.SigningMethodES512, pairs.p521()},
		{jwt.SigningMethodEdDSA, pairs.ed()},
	} {
		attempts = append(attempts, good("good "+own.method.Alg(), signed(own.method.Alg(), own.method, own.private)))
	}
	for _, name := range []string{"none", "None", "NONE", "nOnE", "", "hs256", "HS256 ", "ES256K", "RSA-OAEP"} {
		attempts = append(attempts, invalid(fmt.Sprintf("alg %q without a signature", name), unsigned(name), "its header has alg: "))
	}
	none := mint(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, `{"alg":"none"}`, with(""))
	attempts = append(
		attempts,
		invalid("none by the library", none, `alg: "none", accepted are HS256`),
		invalid("none with the signature of HS256", base(`{"alg":"none"}`)+strings.TrimPrefix(hs(with("")), base(`{"alg":"HS256","typ":"JWT"}`)), "alg"),
		invalid("no alg (no JWT)", mint(jwt.SigningMethodHS256, []byte(secret), `{"typ":"JWT"}`, with("")), `alg: ""`),
		invalid("alg is a number", mint(jwt.SigningMethodHS256, []byte(secret), `{"alg":256}`, with("")), `alg: "256"`),
		invalid("alg is a list", mint(jwt.SigningMethodHS256, []byte(secret), `{"alg":["HS256"]}`, with("")), `alg: "[HS256]"`),
		invalid("an empty signature", hs(with(""))[:strings.LastIndexByte(hs(with("")), '.')+1], "no known key has made its signature"),
		invalid("a foreign secret", signed("HS256", jwt.SigningMethodHS256, []byte(foreign)), "no known key has made its signature"),
		invalid("a foreign RSA key", signed("RS256", jwt.SigningMethodRS256, pairs.otherRSA()), "no known key has made its signature"),
		invalid("a foreign P-256 key", signed("ES256", jwt.SigningMethodES256, pairs.otherP256()), "no known key has made its signature"),
		invalid("RS256 that says PS256", signed("PS256", jwt.SigningMethodRS256, pairs.rsa()), "no known key has made its signature"),
		invalid("RS256 that says RS512", signed("RS512", jwt.SigningMethodRS256, pairs.rsa()), "no known key has made its signature"),
		invalid("RS256 that says ES256", signed("ES256", jwt.SigningMethodRS256, pairs.rsa()), "no known key has made its signature"),
		invalid("Ed25519 that says ES256", signed("ES256", jwt.SigningMethodEdDSA, pairs.ed()), "no known key has made its signature"),
		invalid("ES256 that says EdDSA", signed("EdDSA", jwt.SigningMethodES256, pairs.p256()), "no known key has made its signature"),
		invalid("HS256 that says HS512", signed("HS512", jwt.SigningMethodHS256, []byte(secret)), "no known key has made its signature"),
		invalid("an extension that matters", mint(jwt.SigningMethodHS256, []byte(secret), `{"alg":"HS256","crit":["exp"],"exp":1}`, with("")), `header crit is ["exp"], and extensions are not supported`),
		invalid("an empty crit", mint(jwt.SigningMethodHS256, []byte(secret), `{"alg":"HS256","crit":[]}`, with("")), "crit"),
		invalid("a payload without base64", mint(jwt.SigningMethodHS256, []byte(secret), `{"alg":"HS256","b64":false,"crit":["b64"]}`, with("")), "b64"),
		invalid("b64 alone", mint(jwt.SigningMethodHS256, []byte(secret), `{"alg":"HS256","b64":false}`, with("")), "b64"),
		invalid("a token within", mint(jwt.SigningMethodHS256, []byte(secret), `{"alg":"HS256","cty":"jwt"}`, with("")), "cty"),
		invalid("a token within, not declared", hs(hs(with(""))), "first two of them JSON"),
		invalid("kid is a number", mint(jwt.SigningMethodHS256, []byte(secret), `{"alg":"HS256","kid":1}`, with("")), "header kid is 1, want text"),
		invalid("kid is null", mint(jwt.SigningMethodHS256, []byte(secret), `{"alg":"HS256","kid":null}`, with("")), "kid"),
		invalid("kid is long", mint(jwt.SigningMethodHS256, []byte(secret), `{"alg":"HS256","kid":"`+strings.Repeat("k", 257)+`"}`, with("")), "256"),
		good("kid is a path, which nobody opens", mint(jwt.SigningMethodHS256, []byte(secret), `{"alg":"HS256","kid":"../../dev/null"}`, with(""))),
		invalid("alg comes twice (no JWT)", mint(jwt.SigningMethodHS256, []byte(secret), `{"alg":"none","alg":"HS256"}`, with("")), "its header has alg twice"),
		invalid("kid comes twice (no JWT)", mint(jwt.SigningMethodHS256, []byte(secret), `{"alg":"HS256","kid":"a","kid":"b"}`, with("")), "its header has kid twice"),
		invalid("alg comes twice, none is last (no JWT)", mint(jwt.SigningMethodHS256, []byte(secret), `{"alg":"HS256","alg":"none"}`, with("")), "none"),
	)
	embedded := string(must(json.Marshal(map[string]any{
		"alg": "RS256", "jwk": jwk(pairs.otherRSA(), "", nil), "jku": "https://attacker.test/keys", "x5u": "https://attacker.test/chain",
	})))
	attempts = append(attempts, invalid("the attacker's key in the header", mint(jwt.SigningMethodRS256, pairs.otherRSA(), embedded, with("")), "no known key has made its signature"))
	tryAll(t, all(t), attempts)
}

// TestCheck_PublicKeysAreNoSecrets: nobody can sign by HS256 with the public key, in whatever spelling.
func TestCheck_PublicKeysAreNoSecrets(t *testing.T) {
	file := encode(pairs.rsa())
	block, _ := pem.Decode(file)
	rsaKey := publicOf(pairs.rsa()).(*rsa.PublicKey)
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(rsaKey)})
	spellings := map[string][]byte{
		"PEM": file, "PEM without its last line break": file[:len(file)-1], "PEM with CR LF": []byte(strings.ReplaceAll(string(file), "\n", "\r\n")),
		"PEM of PKCS 1": pkcs1, "DER": block.Bytes, "DER of PKCS 1": x509.MarshalPKCS1PublicKey(rsaKey), "the modulus": rsaKey.N.Bytes(),
		"a JWK": must(json.Marshal(jwk(pairs.rsa(), "", nil))), "nothing": nil,
	}
	var attempts []attempt
	for name, key := range spellings {
		for _, method := range []jwt.SigningMethod{jwt.SigningMethodHS256, jwt.SigningMethodHS512} {
			token := mint(method, key, fmt.Sprintf(`{"alg":%q}`, method.Alg()), with(""))
			attempts = append(attempts, invalid(method.Alg()+" with "+name, token, ""))
		}
	}
	keys := write(t, file)
	tryAll(t, JWTConfig{PublicKeyFile: keys}, attempts)
	tryAll(t, JWTConfig{PublicKeyFile: keys, Secret: secret}, attempts)
	// Where somebody forces both together all the same: a type is not taken for another.
	tryAll(t, JWTConfig{PublicKeyFile: keys, Secret: secret, Algorithms: []string{"HS256", "HS512", "RS256"}}, attempts)
}

func TestCheck_FormMustBeThreePartsOfBase64(t *testing.T) {
	token := hs(with(""))
	header, rest, _ := strings.Cut(token, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	es := mint(jwt.SigningMethodES256, pairs.p256(), `{"alg":"ES256"}`, with(""))
	p384 := mint(jwt.SigningMethodES384, pairs.p384(), `{"alg":"ES384"}`, with(""))
	last := func(b byte) string { return token[:len(token)-1] + string(b) }
	const malformed = "it is not three parts of base64url"
	attempts := []attempt{
		good("as it should be", token),
		invalid("nothing (no JWT)", "", malformed),
		invalid("a word (no JWT)", "hello", malformed),
		invalid("two parts (no JWT)", header+"."+claims, malformed),
		invalid("two dots (no JWT)", "..", malformed),
		invalid("four parts (no JWT)", token+".x", malformed),
		invalid("five parts, JWE (no JWT)", header+".a.b.c.d", "it is encrypted"),
		invalid("a thousand parts (no JWT)", strings.Repeat(".", 1000), malformed),
		invalid("one byte too many (no JWT)", strings.Repeat("a", chat.MaxToken+1), "it has 4097 bytes, at most 4096 are allowed"),
		invalid("a header that is too long (no JWT)", strings.Repeat("e", 1<<20)+"..", "1048578 bytes"),
		invalid("the signature is cut", token[:len(token)-4], ""),
		invalid("the signature is cut within a byte", token[:len(token)-1], ""),
		invalid("the signature is longer", token+"AAAA", "no known key has made its signature"),
		invalid("the last bits of the signature differ", last(other(token[len(token)-1])), ""),
		invalid("padding", token+"=", malformed),
		invalid("padding of the header (no JWT)", header+"=."+claims+"."+signature, malformed),
		invalid("base64 with + and /", header+"."+claims+"."+strings.NewReplacer("-", "+", "_", "/").Replace(signature)+"+/", malformed),
		invalid("a space before (no JWT)", " "+token, malformed),
		invalid("a space behind", token+" ", malformed),
		invalid("a line break behind", token+"\n", "line break"),
		invalid("a line break within", header+".\r\n"+claims+"."+signature, "line break"),
		invalid("a zero byte", token+"\x00", malformed),
		invalid("claims of another token", header+"."+base(with(`"role":"owner"`))+"."+signature, "no known key has made its signature"),
		invalid("header is a list (no JWT)", mint(jwt.SigningMethodHS256, []byte(secret), `["HS256"]`, with("")), malformed),
		invalid("header is null (no JWT)", mint(jwt.SigningMethodHS256, []byte(secret), `null`, with("")), "alg"),
		invalid("header goes on", mint(jwt.SigningMethodHS256, []byte(secret), `{"alg":"HS256"}{}`, with("")), malformed),
		invalid("claims are null", hs(`null`), "its payload is null, want a JSON object"),
		invalid("claims are a list", hs(`[]`), "its payload is [], want a JSON object"),
		invalid("claims are text", hs(`"x"`), `its payload is "x", want a JSON object`),
		invalid("claims are empty", hs(``), malformed),
		invalid("claims go on", hs(with("")+`{}`), malformed),
		invalid("claims are cut", hs(`{"sub":"a`), malformed),
		invalid("claims are not UTF-8", hs(with(`"x":"`+"\xff"+`"`)), "not UTF-8"),
		good("claims as deep as they come", hs(with(`"x":`+strings.Repeat("[", 1400)+strings.Repeat("]", 1400)))),
		invalid("a header as deep as it comes", mint(jwt.SigningMethodHS256, []byte(foreign), `{"alg":"HS256","x":`+strings.Repeat("[", 1400)+strings.Repeat("]", 1400)+`}`, with("")), "no known key has made its signature"),
		invalid("huge claims", hs(with(`"x":"`+strings.Repeat("x", 4096)+`"`)), "bytes, at most 4096"),
		invalid("10,000 rooms", hs(with(`"rooms":[`+strings.Repeat(`{"id":"r"},`, 9_999)+`{"id":"r"}]`)), "bytes, at most 4096"),
		invalid("ES256 in the form of ASN.1", es[:strings.LastIndexByte(es, '.')+1]+base("\x30\x06\x02\x01\x01\x02\x01\x01"), "no known key has made its signature"),
		invalid("ES256 of zeros (CVE-2022-21449)", es[:strings.LastIndexByte(es, '.')+1]+base(strings.Repeat("\x00", 64)), "no known key has made its signature"),
		invalid("ES256 of P-384", base(`{"alg":"ES256"}`)+p384[strings.IndexByte(p384, '.'):], "no known key has made its signature"),
	}
	tryAll(t, all(t), attempts)
	// A key of another curve than the algorithm's is not used, as the library would.
	tryAll(t, JWTConfig{PublicKeyFile: write(t, encode(pairs.p384()))}, []attempt{
		good("ES384 of P-384", p384),
		invalid("ES256 where there is a P-384 key only", es, "no known key fits alg: ES256"),
	})
}

// other is a character that differs from c in the lowest bit.
func other(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)^1]
}

func TestCheck_DatesCountWithALeeway(t *testing.T) {
	const year = 365 * 24 * 3600
	const tooFar = "more than 400 days ahead"
	attempts := []attempt{
		good("one second left", hs(at(1, ""))),
		good("over, within the leeway", hs(at(-29, ""))),
		expired("over, at the end of the leeway", hs(at(-30, "")), "claim exp is 2025-11-26T11:59:30Z, which was 30s ago"),
		expired("over for a day", hs(at(-86400, "")), "which was 24h0m0s ago"),
		expired("exp is 0", hs(`{"exp":0}`), "claim exp is 1970-01-01T00:00:00Z"),
		good("400 days ahead", hs(at(400*24*3600, ""))),
		invalid("more than 400 days ahead", hs(at(400*24*3600+1, "")), tooFar),
		invalid("a hundred years ahead", hs(at(100*year, "")), tooFar),
		invalid("exp is missing", hs(`{"sub":"alice"}`), "claim exp is missing"),
		invalid("exp is null", hs(`{"exp":null}`), "claim exp is null, want seconds since 1970"),
		invalid("exp is text", hs(fmt.Sprintf(`{"exp":"%d"}`, noon+60)), "claim exp is "),
		invalid("exp is true", hs(`{"exp":true}`), "claim exp is true"),
		invalid("exp is a list", hs(`{"exp":[1]}`), "claim exp is [1]"),
		invalid("exp is an object", hs(`{"exp":{}}`), "claim exp is {}"),
		invalid("exp is negative", hs(`{"exp":-1}`), "claim exp is -1, want seconds since 1970 before the year 10000"),
		invalid("exp is 1e300", hs(`{"exp":1e300}`), "claim exp is 1e300"),
		invalid("exp is 1e999", hs(`{"exp":1e999}`), "claim exp is 1e999"),
		invalid("exp is in milliseconds", hs(fmt.Sprintf(`{"exp":%d}`, int64(noon+60)*1000)), "before the year 10000"),
		good("exp has a fraction", hs(fmt.Sprintf(`{"exp":%d.5}`, noon-29))),
		expired("exp has a fraction that is cut off", hs(fmt.Sprintf(`{"exp":%d.9}`, noon-30)), "ago"),
		good("exp has an exponent", hs(fmt.Sprintf(`{"exp":%d.6e2}`, noon/100+5))),
		good("nbf is now", hs(at(60, fmt.Sprintf(`,"nbf":%d`, noon)))),
		good("nbf is to come, within the leeway", hs(at(60, fmt.Sprintf(`,"nbf":%d`, noon+30)))),
		invalid("nbf is to come", hs(at(60, fmt.Sprintf(`,"nbf":%d`, noon+31))), "claim nbf is 2025-11-26T12:00:31Z, which is in 31s"),
		invalid("nbf is text", hs(at(60, `,"nbf":"now"`)), `claim nbf is "now"`),
		invalid("nbf is 1e300", hs(at(60, `,"nbf":1e300`)), "claim nbf is 1e300"),
		good("iat is to come, within the leeway", hs(at(60, fmt.Sprintf(`,"iat":%d`, noon+30)))),
		invalid("iat is to come", hs(at(60, fmt.Sprintf(`,"iat":%d`, noon+31))), "one of the clocks is wrong"),
		good("iat is long ago", hs(at(60, `,"iat":1`))),
		invalid("iat is negative", hs(at(60, `,"iat":-1`)), "claim iat is -1"),
		invalid("EXP is no exp", hs(fmt.Sprintf(`{"EXP":%d}`, noon+60)), "claim exp is missing"),
		expired("Exp does not beat exp", hs(at(-60, fmt.Sprintf(`,"Exp":%d`, noon+60))), "ago"),
		invalid("exp comes twice", hs(at(-60, fmt.Sprintf(`,"exp":%d`, noon+60))), `its payload has exp twice`),
		invalid("sub comes twice", hs(with(`"sub":"bob"`)), "has sub twice"),
		invalid("a foreign claim comes twice", hs(with(`"x":1,"x":2`)), "has x twice"),
		invalid("sub comes twice, spelled otherwise", hs(with(`"\u0073ub":"bob"`)), "has sub twice"),
	}
	tryAll(t, JWTConfig{Secret: secret}, attempts)
}

func TestCheck_RefusesWhatIsForSomebodyElse(t *testing.T) {
	const iss = `"iss":"https://id.test",`
	cfg := JWTConfig{Secret: secret, Audience: "chat", Issuer: "https://id.test"}
	tryAll(t, cfg, []attempt{
		good("ours", hs(with(iss+`"aud":"chat"`))),
		good("ours among others", hs(with(iss+`"aud":["mail","chat"]`))),
		invalid("no audience", hs(with(`"iss":"https://id.test"`)), `claim aud is [], want "chat" among them`),
		invalid("another audience", hs(with(iss+`"aud":"mail"`)), `claim aud is ["mail"], want "chat"`),
		invalid("other audiences", hs(with(iss+`"aud":["a","b","c","d"]`)), `claim aud is ["a", "b", "c", …]`),
		invalid("audiences of nobody", hs(with(iss+`"aud":[]`)), "claim aud is []"),
		invalid("the audience in capitals", hs(with(iss+`"aud":"CHAT"`)), "claim aud"),
		invalid("more than the audience", hs(with(iss+`"aud":"chat "`)), "claim aud"),
		invalid("an audience that is a number", hs(with(iss+`"aud":7`)), "claim aud is 7, want text or a list of texts"),
		invalid("an audience of numbers", hs(with(iss+`"aud":["chat",7]`)), `claim aud is ["chat",7]`),
		invalid("an audience that is null", hs(with(iss+`"aud":null`)), "claim aud is null"),
		invalid("no issuer", hs(with(`"aud":"chat"`)), `claim iss is "", want "https://id.test"`),
		invalid("another issuer", hs(with(`"iss":"https://id.test/","aud":"chat"`)), `claim iss is "https://id.test/"`),
		invalid("an issuer that is a list", hs(with(`"iss":["https://id.test"],"aud":"chat"`)), "claim iss is ["),
		expired("ours, over", hs(at(-60, `,"iss":"https://id.test","aud":"chat"`)), "ago"),
		invalid("of another issuer, and over: a new one of the same kind would not help", hs(at(-60, `,"iss":"x","aud":"chat"`)), "claim iss"),
	})
	tryAll(t, JWTConfig{Secret: secret}, []attempt{
		good("anybody's where none is set", hs(with(`"iss":"x","aud":"y"`))),
		invalid("but of the right type", hs(with(`"aud":{}`)), "claim aud is {}"),
	})
}

func TestCheck_ClaimsOutOfBoundsAreRefused(t *testing.T) {
	big := func(n int) string { return `"info":{"x":"` + strings.Repeat("x", n-len(`{"x":""}`)) + `"}` }
	list := func(n int, entry string) string {
		return "[" + strings.TrimSuffix(strings.Repeat(entry+",", n), ",") + "]"
	}
	tryAll(t, JWTConfig{Secret: secret}, []attempt{
		good("a guest: no sub", hs(at(60, ""))),
		good("a guest: an empty sub", hs(at(60, `,"sub":""`))),
		invalid("sub is a number", hs(at(60, `,"sub":7`)), "claim sub is 7, want text"),
		invalid("sub is null", hs(at(60, `,"sub":null`)), "claim sub is null, want text"),
		invalid("sub is true", hs(at(60, `,"sub":true`)), "claim sub is true"),
		good("sub is odd: the gateway has the rules of ids", hs(at(60, `,"sub":"\u0000 \ud800"`))),
		good("jti of 128 bytes", hs(with(`"jti":"`+strings.Repeat("j", 128)+`"`))),
		good("jti is empty: none", hs(with(`"jti":""`))),
		invalid("jti of 129 bytes", hs(with(`"jti":"`+strings.Repeat("j", 129)+`"`)), "claim jti has 129 bytes, at most 128"),
		invalid("jti is a number", hs(with(`"jti":1`)), "claim jti is 1"),
		invalid("jti with a line break", hs(with(`"jti":"a\nb"`)), `claim jti is "a\nb": it has characters`),
		invalid("jti with a zero-width space", hs(with(`"jti":"a\u200bb"`)), "claim jti"),
		invalid("jti with half a character", hs(with(`"jti":"\ud800"`)), "claim jti"),
		good("info", hs(with(`"info": { "name" : "Alice" }`))),
		good("info that is empty", hs(with(`"info":{}`))),
		good("info with HTML: it is JSON, whoever shows it escapes it", hs(with(`"info":{"name":"<script>alert(1)</script>"}`))),
		good("info of 1024 bytes", hs(with(big(1024)))),
		good("info of 1024 bytes without its blanks", hs(with(strings.Replace(big(1024), ":", ":  \n ", 1)))),
		invalid("info of 1025 bytes", hs(with(big(1025))), "claim info has 1025 bytes, at most 1024 are allowed"),
		invalid("info is text", hs(with(`"info":"<b>Alice</b>"`)), `claim info is "<b>Alice</b>", want an object`),
		invalid("info is a list", hs(with(`"info":[]`)), "claim info is [], want an object"),
		invalid("info is null", hs(with(`"info":null`)), "claim info is null"),
		good("16 tags of 64 bytes", hs(with(`"tags":`+list(16, `"`+strings.Repeat("t", 64)+`"`)))),
		invalid("17 tags", hs(with(`"tags":`+list(17, `"t"`))), "claim tags has 17 tags, at most 16"),
		invalid("a tag of 65 bytes", hs(with(`"tags":["a","`+strings.Repeat("t", 65)+`"]`)), "claim tags[1] has 65 bytes"),
		invalid("a tag that is empty", hs(with(`"tags":[""]`)), "claim tags[0] is empty"),
		invalid("a tag that cannot be seen", hs(with(`"tags":["\u2060"]`)), "claim tags[0] is"),
		invalid("tags are text", hs(with(`"tags":"a,b"`)), `claim tags is "a,b", want a list of texts`),
		invalid("tags are null", hs(with(`"tags":null`)), "claim tags is null"),
		invalid("a tag is a number", hs(with(`"tags":["a",1]`)), `claim tags is ["a",1]`),
		good("role moderator", hs(with(`"role":"moderator"`))),
		good("role is empty", hs(with(`"role":""`))),
		invalid("role admin", hs(with(`"role":"admin"`)), `claim role is "admin", none of viewer, vip, moderator, owner`),
		invalid("role server", hs(with(`"role":"server"`)), "claim role"),
		invalid("role in capitals", hs(with(`"role":"Owner"`)), "claim role"),
		invalid("role is a list", hs(with(`"role":["owner"]`)), "claim role is"),
		invalid("role is null", hs(with(`"role":null`)), "claim role is null"),
		invalid("rooms are null, which may mean none or all", hs(with(`"rooms":null`)), "claim rooms is null, want a list of objects"),
		invalid("rooms are an object", hs(with(`"rooms":{"id":"live-1"}`)), "claim rooms is"),
		invalid("a room is text", hs(with(`"rooms":["live-1"]`)), `claim rooms[0] is "live-1", want a JSON object`),
		invalid("a room is null", hs(with(`"rooms":[{"id":"*"},null]`)), "claim rooms[1] is null"),
		invalid("a room without an id", hs(with(`"rooms":[{"can":["read"]}]`)), "claim rooms[0] has no id"),
		invalid("a room with an empty id", hs(with(`"rooms":[{"id":""}]`)), "claim rooms[0].id is empty"),
		invalid("a room with a number as id", hs(with(`"rooms":[{"id":7}]`)), "claim rooms[0].id is 7"),
		good("64 rooms", hs(with(`"rooms":`+list(64, `{"id":"live-1"}`)))),
		invalid("65 rooms", hs(with(`"rooms":`+list(65, `{"id":"live-1"}`))), "claim rooms has 65 grants, at most 64"),
		invalid("an unknown capability", hs(with(`"rooms":[{"id":"*","can":["read","fly"]}]`)), `claim rooms[0].can is ["read","fly"]: "fly" is none of read, send`),
		invalid("a capability in capitals", hs(with(`"rooms":[{"id":"*","can":["Read"]}]`)), "claim rooms[0].can"),
		invalid("can is text", hs(with(`"rooms":[{"id":"*","can":"read"}]`)), `claim rooms[0].can is "read", want a list of texts`),
		invalid("can is null", hs(with(`"rooms":[{"id":"*","can":null}]`)), "claim rooms[0].can is null"),
		invalid("a member that is no grant's", hs(with(`"rooms":[{"id":"*","cna":["read"]}]`)), "claim rooms[0].cna is unknown"),
		invalid("a role in a room that is none", hs(with(`"rooms":[{"id":"*","role":"king"}]`)), `claim rooms[0].role is "king"`),
		invalid("id comes twice in a room", hs(with(`"rooms":[{"id":"a","id":"*"}]`)), "claim rooms[0] has id twice"),
		good("claims of others are not ours to check", hs(with(`"scope":7,"roles":null,"Rooms":"x","INFO":1`))),
	})
}

func TestCheck_RoomsOpenOnlyThoseNamed(t *testing.T) {
	const live = `"rooms":[{"id":"live-*","can":["read"]}]`
	tryAll(t, JWTConfig{Secret: secret}, []attempt{
		open("no rooms are named: what holds for all", "any", ``),
		closed("no room at all", "live-1", `"rooms":[]`),
		closed("a foreign room", "live-2", `"rooms":[{"id":"live-1"}]`),
		open("its room", "live-1", `"rooms":[{"id":"live-1"}]`),
		closed("more than its room", "live-11", `"rooms":[{"id":"live-1"}]`),
		closed("its room in capitals", "LIVE-1", `"rooms":[{"id":"live-1"}]`),
		open("every room", "any", `"rooms":[{"id":"*"}]`),
		open("live-* opens live-1", "live-1", live),
		open("live-* opens live-", "live-", live),
		open("live-* opens live-*", "live-*", live),
		closed("live-* does not open live", "live", live),
		closed("live-* does not open liv", "liv", live),
		closed("live-* does not open a-live-1", "a-live-1", live),
		closed("live-* does not open Live-1", "Live-1", live),
		invalid("a*b", hs(with(`"rooms":[{"id":"a*b"}]`)), `claim rooms[0].id is "a*b": a * may only stand at its end, once`),
		invalid("**", hs(with(`"rooms":[{"id":"**"}]`)), `is "**"`),
		invalid("*a", hs(with(`"rooms":[{"id":"*a"}]`)), `is "*a"`),
		invalid("a** after others", hs(with(`"rooms":[{"id":"*"},{"id":"a**"}]`)), "claim rooms[1].id"),
		closed("a grant of nothing", "live-1", `"rooms":[{"id":"live-1","can":[]}]`),
		open("grants add up, the first gives nothing", "live-1", `"rooms":[{"id":"live-1","can":[]},{"id":"live-*"}]`),
		open("? and % are no wildcards, but themselves", "a?%", `"rooms":[{"id":"a?%"}]`),
		closed("? is no wildcard", "ab", `"rooms":[{"id":"a?"}]`),
	})
}

// The level in a user's info is a whole number, or none: any other value of a site keeps nobody out.
func TestCheck_OddLevelKeepsNobodyOut(t *testing.T) {
	j := newJWT(t, JWTConfig{Secret: secret}, nil)
	for info, want := range map[string]int64{
		`{"level":7}`: 7, `{ "name":"A", "level" : 12 }`: 12, `{}`: 0, `{"name":"level"}`: 0, `{"Level":7}`: 0, `{"x":{"level":7}}`: 0,
		`{"level":"7"}`: 0, `{"level":7.5}`: 0, `{"level":-7}`: 0, `{"level":null}`: 0, `{"level":99999999999999999999}`: 0, `{"level":{"n":7}}`: 0,
	} {
		p, no := j.Check(hs(fmt.Sprintf(`{"sub":"alice","exp":%d,"info":%s}`, noon+60, info)))
		if no != nil || p.Level != want {
			t.Errorf("info %s: %+v, %v; want level %d", info, p, no, want)
		}
	}
}

func TestCheck_PassSaysWhatItsTokenGrants(t *testing.T) {
	j := newJWT(t, JWTConfig{Secret: secret}, nil)
	p, no := j.Check(hs(fmt.Sprintf(`{"sub":"alice","exp":%d,"iat":%d,"nbf":%[2]d,"jti":"t1","info": {"name": "Alice", "n": 1.50},
		"tags":["gold"],"role":"vip","rooms":[{"id":"live-*","can":["send"]},{"id":"r","role":"owner"},{"id":"*","can":[]}]}`, noon+60, noon)))
	if no != nil {
		t.Fatal(no)
	}
	want := &Pass{
		User: "alice", ID: "t1", Issued: time.Unix(noon, 0), Expires: time.Unix(noon+60, 0), Info: `{"name":"Alice","n":1.50}`,
		Tags: []string{"gold"}, Role: "vip", Named: true,
		Grants: []Grant{{Room: "live-*", Can: Read | Send}, {Room: "r", Default: true, Role: "owner"}, {Room: "*"}},
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("the pass is\n%+v; want\n%+v", p, want)
	}
	for _, c := range []struct {
		room, role string
		can        Can
	}{{"live-1", "vip", Read | Send}, {"r", "owner", Read | Like}, {"x", "vip", 0}} {
		if can, role := p.In(c.room, Read|Like); can != c.can || role != c.role {
			t.Errorf("in %q: %v as %q; want %v as %q", c.room, can.Names(), role, c.can.Names(), c.role)
		}
	}
}

func TestCode_StatusFitsEachCode(t *testing.T) {
	for code, want := range map[Code]int{Invalid: 401, Expired: 401, Revoked: 401, Replaced: 401, Forbidden: 403, Unavailable: 503, "?": 401} {
		if got := code.Status(); got != want {
			t.Errorf("%s has status %d; want %d", code, got, want)
		}
	}
}

func TestLooks_TellsTokensFromOtherTexts(t *testing.T) {
	for token, want := range map[string]bool{
		hs(with("")):                    true,
		base(`{"alg":"none"}`) + "..":   true,
		base(`{"typ":"JWT"}`) + ".a.b":  false,
		base(`{"alg":"HS256"}`) + ".a":  false,
		base(`{"alg":"HS256"`) + ".a.b": false,
		base(`["alg"]`) + ".a.b":        false,
		"0a1b2c3d4e5f":                  false,
		"eyJ.eyJ.x":                     false,
		"v2.local.abc":                  false,
		"":                              false,
	} {
		if got := Looks(token); got != want {
			t.Errorf("Looks(%.40q) = %v; want %v", token, got, want)
		}
	}
}

// TestCheck_RemembersGoodTokens: but not for longer than they live, and no others.
func TestCheck_RemembersGoodTokens(t *testing.T) {
	now := time.Unix(noon, 0)
	j := newJWT(t, all(t), func() time.Time { return now })
	token := mint(jwt.SigningMethodRS256, pairs.rsa(), `{"alg":"RS256"}`, at(60, fmt.Sprintf(`,"nbf":%d,"iat":%[1]d`, noon)))
	first, _ := j.Check(token)
	again, _ := j.Check(token)
	if first == nil || first != again {
		t.Errorf("the passes are %p and %p; want the same one twice", first, again)
	}
	bad := mint(jwt.SigningMethodRS256, pairs.otherRSA(), `{"alg":"RS256"}`, at(60, ""))
	for range 3 {
		_, _ = j.Check(bad)
		_, _ = j.Check(token[:len(token)-4])
	}
	if n := j.ring.Load().passed.Len(); n != 1 {
		t.Errorf("%d tokens are remembered; want the good one", n)
	}
	for _, c := range []struct {
		after time.Duration
		want  Code
	}{{89 * time.Second, ""}, {90 * time.Second, Expired}, {-30 * time.Second, ""}, {-31 * time.Second, Invalid}} {
		now = time.Unix(noon, 0).Add(c.after)
		if _, code, why := enters(j, token, "r"); code != c.want {
			t.Errorf("%v after: %q, %s; want %q", c.after, code, why, c.want)
		}
	}
}

func TestCheck_RemembersNoMoreThanItMay(t *testing.T) {
	j := newJWT(t, JWTConfig{Secret: secret}, nil)
	for i := range maxPassed + 100 {
		if _, no := j.Check(hs(with(fmt.Sprintf(`"jti":"%d"`, i)))); no != nil {
			t.Fatal(no)
		}
	}
	if n := j.ring.Load().passed.Len(); n != maxPassed {
		t.Errorf("%d tokens are remembered; want %d", n, maxPassed)
	}
}

// TestCheck_TwoSecretsCountNoLongerThanSet: the current one and the previous one, and after the next change the oldest
// no more.
func TestCheck_TwoSecretsCountNoLongerThanSet(t *testing.T) {
	old := mint(jwt.SigningMethodHS256, []byte(previous), `{"alg":"HS256"}`, with(""))
	tryAll(t, JWTConfig{Secret: secret, SecretPrevious: previous}, []attempt{good("current", hs(with(""))), good("previous", old)})
	tryAll(t, JWTConfig{Secret: secret}, []attempt{good("current alone", hs(with(""))), invalid("previous no more", old, "no known key has made its signature")})
	// A secret of 32 bytes is one for HS256 alone.
	short := secret[:32]
	hs512 := mint(jwt.SigningMethodHS512, []byte(short), `{"alg":"HS512"}`, with(""))
	tryAll(t, JWTConfig{Secret: short}, []attempt{invalid("HS512 with 32 bytes", hs512, `alg: "HS512", accepted are HS256`)})
}

// TestCheck_TheOnlyAlgorithmsThatAreSet: a key is not enough.
func TestCheck_TheOnlyAlgorithmsThatAreSet(t *testing.T) {
	cfg := all(t)
	cfg.Algorithms = []string{"ES256"}
	tryAll(t, cfg, []attempt{
		good("ES256", mint(jwt.SigningMethodES256, pairs.p256(), `{"alg":"ES256"}`, with(""))),
		invalid("HS256 with the secret", hs(with("")), `alg: "HS256", accepted are ES256`),
		invalid("RS256 with the key", mint(jwt.SigningMethodRS256, pairs.rsa(), `{"alg":"RS256"}`, with("")), `alg: "RS256"`),
	})
}

// logged is a log for tests that read it.
func logged(b *strings.Builder) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}
