package pass

import (
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"barrage/internal/port"
)

// es is a token of a P-256 key that lives for an hour from now on.
func es(private any, kid string) string {
	return mint(jwt.SigningMethodES256, private, fmt.Sprintf(`{"alg":"ES256","kid":%q}`, kid), fmt.Sprintf(`{"exp":%d}`, time.Now().Unix()+3600))
}

// wantCode checks a token.
func wantCode(t *testing.T, j *JWT, token string, want Code, why string) {
	t.Helper()
	_, no := j.Check(token)
	if no == nil {
		no = &Refused{}
	}
	if no.Code != want || !strings.Contains(no.Why, why) {
		t.Errorf("%q, %q; want %q, %q", no.Code, no.Why, want, why)
	}
	if unavailable := no.Code == Unavailable; unavailable != (no.Wait > 0) {
		t.Errorf("%q says to wait for %v; want a time where it is unavailable, and only there", no.Code, no.Wait)
	}
	if no.Code != "" {
		wantQuiet(t, token, no.Why)
	}
}

// TestRun_FetchesKeys: at the start, every ten minutes, and when a key is named that is not known.
func TestRun_FetchesKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &issuer{answer: jwks(jwk(pairs.p256(), "may", nil))}
		j := withIssuer(t, server, JWTConfig{Secret: secret}, io.Discard)
		may, june := es(pairs.p256(), "may"), es(pairs.otherP256(), "june")
		wantCode(t, j, may, Unavailable, "have not been fetched yet")
		wantCode(t, j, mint(jwt.SigningMethodES256, pairs.p256(), `{"alg":"ES256"}`, at(0, "")), Unavailable, "have not been fetched yet")
		wantCode(t, j, hs(fmt.Sprintf(`{"exp":%d}`, time.Now().Unix()+9)), "", "") // the secret waits for nobody
		defer running(t, j)()
		synctest.Wait()
		wantCode(t, j, may, "", "")
		wantCode(t, j, june, Invalid, `the issuer has no key named "june"`) // asked a moment ago

		server.set(func(i *issuer) { i.answer = jwks(jwk(pairs.p256(), "may", nil), jwk(pairs.otherP256(), "june", nil)) })
		later(fetchAgain)
		wantCode(t, j, june, Unavailable, `the key "june" is not known yet`)
		synctest.Wait()
		wantCode(t, j, june, "", "")
		wantCode(t, j, may, "", "")
		wantCode(t, j, es(pairs.p256(), "june"), Invalid, "no known key has made its signature")
		if n := server.calls.Load(); n != 2 {
			t.Errorf("the issuer was asked %d times; want at the start and for june", n)
		}

		server.set(func(i *issuer) { i.answer = jwks(jwk(pairs.otherP256(), "june", nil)) })
		later(fetchEvery + time.Nanosecond)
		wantCode(t, j, may, Invalid, `the issuer has no key named "may"`) // it had passed before
		wantCode(t, j, june, "", "")
	})
}

// TestRun_KeepsPassedTokensWhereKeysAreTheSame: after a fetch of the same keys no signature is checked again.
func TestRun_KeepsPassedTokensWhereKeysAreTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &issuer{answer: jwks(jwk(pairs.p256(), "may", nil))}
		j := withIssuer(t, server, JWTConfig{}, io.Discard)
		defer running(t, j)()
		synctest.Wait()
		wantCode(t, j, es(pairs.p256(), "may"), "", "")
		later(fetchEvery)
		if n := j.ring.Load().passed.Len(); n != 1 || server.calls.Load() != 2 {
			t.Errorf("%d tokens are remembered after %d fetches; want 1 after 2", n, server.calls.Load())
		}
		server.set(func(i *issuer) { i.answer = jwks(jwk(pairs.p256(), "may", nil), jwk(pairs.ed(), "ed", nil)) })
		later(fetchEvery)
		if n := j.ring.Load().passed.Len(); n != 0 {
			t.Errorf("%d tokens are remembered after new keys; want none", n)
		}
	})
}

// TestCheck_FreshUnknownKeysAreNotRefusedForGood: a token is refused for good only where its key should have been in
// the last answer.
func TestCheck_FreshUnknownKeysAreNotRefusedForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &issuer{answer: jwks(jwk(pairs.p256(), "may", nil))}
		j := withIssuer(t, server, JWTConfig{}, io.Discard)
		june := func(claims string) string {
			return mint(jwt.SigningMethodES256, pairs.otherP256(), `{"alg":"ES256","kid":"june"}`, fmt.Sprintf(`{"exp":%d%s}`, time.Now().Unix()+7200, claims))
		}
		made := func(ago time.Duration) string { return june(fmt.Sprintf(`,"iat":%d`, time.Now().Add(-ago).Unix())) }
		defer running(t, j)()
		synctest.Wait()
		const absent, notYet, fetching = `the issuer has no key named "june"`, `the issuer has no key named "june" yet`, `the key "june" is not known yet`

		// A fetch of a moment ago: june may have been published since.
		later(time.Second)
		wantCode(t, j, june(""), Invalid, absent)
		wantCode(t, j, june(`,"iat":"now"`), Invalid, absent)
		wantCode(t, j, june(`,"iat":1,"iat":2`), Invalid, absent)
		wantCode(t, j, made(time.Hour), Invalid, absent)
		wantCode(t, j, made(madeLeeway+2*time.Second), Invalid, absent)
		later(fetchAgain)
		if n := server.calls.Load(); n != 1 {
			t.Errorf("tokens that had to be there made it %d fetches; want none but the first", n)
		}
		j.issuerKeys.due.Set()
		synctest.Wait()
		later(time.Second)
		server.set(func(i *issuer) { i.answer = jwks(jwk(pairs.p256(), "may", nil), jwk(pairs.otherP256(), "june", nil)) })
		token := made(0)
		wantCode(t, j, token, Unavailable, notYet)
		wantCode(t, j, made(madeLeeway), Unavailable, notYet)
		later(fetchAgain - time.Second)
		wantCode(t, j, token, "", "")

		// An older fetch.
		server.set(func(i *issuer) { i.answer = jwks(jwk(pairs.p256(), "may", nil)) })
		later(fetchEvery)
		later(2 * time.Minute)
		before := server.calls.Load()
		wantCode(t, j, made(time.Hour), Invalid, absent)
		synctest.Wait()
		if n := server.calls.Load() - before; n != 1 {
			t.Errorf("a key that should have been there made it fetch %d times; want once: a cache may have been old", n)
		}
		later(fetchAgain)
		wantCode(t, j, june(""), Unavailable, fetching)
		synctest.Wait()
		later(fetchAgain)
		wantCode(t, j, made(0), Unavailable, fetching)
		synctest.Wait()
		wantCode(t, j, made(0), Unavailable, notYet)
	})
}

// TestRun_BacksOff: after failures it tries again after 1, 2, 4 s and so on up to a minute, keeps the keys, and says so
// once.
func TestRun_BacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text strings.Builder
		server := &issuer{answer: jwks(jwk(pairs.p256(), "may", nil))}
		j := withIssuer(t, server, JWTConfig{}, &text)
		stop := running(t, j)
		synctest.Wait()
		server.set(func(i *issuer) { i.err = errAway })
		later(fetchEvery)
		for _, seconds := range []int{1, 2, 4, 8, 16, 32, 60, 60, 60} {
			pause := time.Duration(seconds) * time.Second
			before := server.calls.Load()
			later(pause - time.Nanosecond)
			if n := server.calls.Load(); n != before {
				t.Errorf("it tried before %v had passed", pause)
			}
			later(time.Nanosecond)
			if n := server.calls.Load(); n != before+1 {
				t.Errorf("after %v it tried %d times; want 1", pause, n-before)
			}
		}
		wantCode(t, j, es(pairs.p256(), "may"), "", "") // its keys stay

		// Unknown kids bring the next try forward, to 10 s after the last one.
		before := server.calls.Load()
		for range 20 {
			wantCode(t, j, es(pairs.otherP256(), "june"), Unavailable, "")
			later(time.Second)
		}
		synctest.Wait()
		if n := server.calls.Load() - before; n != 2 {
			t.Errorf("20 tokens in 20 s made it try %d times; want 2", n)
		}

		server.set(func(i *issuer) { i.err = nil })
		later(lastRetry)
		stop()
		said := text.String()
		if n := strings.Count(said, "cannot fetch the issuer's keys"); n != 1 || !strings.Contains(said, "err=\"connection refused\"") {
			t.Errorf("the log says %d times that keys cannot be fetched; want once, with the reason:\n%s", n, said)
		}
		if n := strings.Count(said, "fetched again"); n != 1 {
			t.Errorf("the log says %d times that keys were fetched again; want once:\n%s", n, said)
		}
	})
}

// TestCheck_WaitsForNobody: an issuer that never answers, and a thousand tokens a second that name keys nobody has. The
// tokens of others are checked as ever, and the issuer is asked once in ten seconds.
func TestCheck_WaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &issuer{answer: jwks(jwk(pairs.p256(), "may", nil))}
		j := withIssuer(t, server, JWTConfig{Secret: secret}, io.Discard)
		defer running(t, j)()
		synctest.Wait()
		later(time.Minute)
		server.set(func(i *issuer) { i.hangs = true })
		before, began := server.calls.Load(), time.Now()
		random := es(pairs.p256(), "a kid of an attacker")
		_, rest, _ := strings.Cut(random, ".")
		for second := range 30 {
			for i := range 1000 {
				wantCode(t, j, base(fmt.Sprintf(`{"alg":"ES256","kid":"%d-%d"}`, second, i))+"."+rest, Unavailable, "")
				if i%100 == 0 {
					wantCode(t, j, es(pairs.p256(), "may"), "", "")
					wantCode(t, j, hs(fmt.Sprintf(`{"exp":%d,"jti":"%d"}`, time.Now().Unix()+60, i)), "", "")
				}
			}
			if took := time.Since(began) - time.Duration(second)*time.Second; took != 0 {
				t.Fatalf("1,000 checks took %v of the bubble's time; want none: nothing waits", took)
			}
			later(time.Second)
		}
		if n := server.calls.Load() - before; n < 2 || n > 4 {
			t.Errorf("30,000 tokens with unknown kids in 30 s asked the issuer %d times; want once in 10 s", n)
		}
		if n := j.ring.Load().passed.Len(); n > 600 {
			t.Errorf("%d tokens are remembered; want the good ones, at most 600", n)
		}
	})
}

func TestRun_ReturnsWithoutAURL(t *testing.T) {
	j := newJWT(t, JWTConfig{Secret: secret}, nil)
	j.Run(t.Context())
	if err := j.Refresh(t.Context()); err != nil {
		t.Errorf("Refresh = %v; want nothing to do", err)
	}
}

// TestRefresh_RefusesAnswers: an answer without usable keys changes nothing.
func TestRefresh_RefusesAnswers(t *testing.T) {
	key := jwk(pairs.p256(), "may", nil)
	with := func(private any, more map[string]any) string { return jwks(jwk(private, "june", more)) }
	many := make([]any, 1000)
	for i := range many {
		many[i] = key
	}
	for _, c := range []struct {
		name, answer, want string // without a want it is taken
		status             int
	}{
		{"a set", jwks(key), "", 0},
		{"a set with keys of other kinds", jwks(map[string]any{"kty": "AKP", "kid": "pq"}, 7, nil, key), "", 0},
		{"64 keys", jwks(many[:64]...), "", 0},
		{"an error with keys", jwks(key), "the answer has status 500", 500},
		{"no content", "", "the answer has status 204", 204},
		{"nothing", "", "it is no JWKS", 200},
		{"HTML", "<!DOCTYPE html><title>Log in</title>", "it is no JWKS", 200},
		{"a list", "[]", "it is no JWKS", 200},
		{"null", "null", "it is no JWKS", 200},
		{"an object of another kind", `{"issuer":"https://id.test"}`, "it is no JWKS", 200},
		{"keys that are text", `{"keys":"none"}`, "it is no JWKS", 200},
		{"keys that are null", `{"keys":null}`, "it is no JWKS", 200},
		{"what goes on", jwks(key) + jwks(key), "it is no JWKS", 200},
		{"what is cut", jwks(key)[:40], "it is no JWKS", 200},
		{"no keys", `{"keys":[]}`, "it has no keys", 200},
		{"keys of wrong types", `{"keys":[1,"a",null,[]]}`, "it has no key that can check a signature: key 1 of 4", 200},
		{"a kid that is a number", `{"keys":[{"kty":"EC","kid":7}]}`, "key 1 of 1", 200},
		{"a secret", `{"keys":[{"kty":"oct","kid":"may","k":"` + base(secret) + `"}]}`, "kty oct is a secret", 200},
		{"1,000 keys", jwks(many...), "it has 1000 keys, at most 64 are allowed", 200},
		{"an answer that is too large", jwks(key) + strings.Repeat(" ", maxKeySet), "the answer has more than 256 KiB", 200},
		{"a key to encrypt with", with(pairs.rsa(), map[string]any{"use": "enc"}), `use is "enc", not sig`, 200},
		{"a key to sign with only", with(pairs.rsa(), map[string]any{"key_ops": []string{"sign"}}), "key_ops is", 200},
		{"a key for what is not known", with(pairs.rsa(), map[string]any{"alg": "RSA-OAEP"}), `alg is "RSA-OAEP"`, 200},
		{"a key for HS256", with(pairs.rsa(), map[string]any{"alg": "HS256"}), `alg is "HS256"`, 200},
		{"RSA of 1,024 bits", with(pairs.weakRSA(), nil), "an RSA key of 1024 bits", 200},
		{"RSA of 100,000 bits", with(pairs.rsa(), map[string]any{"n": base(strings.Repeat("\xff", 12_500))}), "an RSA key of 100000 bits", 200},
		{"RSA with an exponent of zero", with(pairs.rsa(), map[string]any{"e": "AA"}), "key 1 of 1", 200},
		{"a point that is on no curve", with(pairs.p256(), map[string]any{"y": jwk(pairs.p256(), "", nil)["x"]}), "not on the specified curve", 200},
		{"a curve that is not known", with(pairs.p256(), map[string]any{"crv": "secp256k1"}), "unsupported curve", 200},
		{"Ed25519 that is too short", with(pairs.ed(), map[string]any{"x": "AAAA"}), "should be 32 bytes", 200},
		{"X25519, which signs nothing", with(pairs.ed(), map[string]any{"crv": "X25519"}), "none of RSA, ECDSA and Ed25519", 200},
		{"a chain that would have to be fetched", with(pairs.p256(), map[string]any{"x5u": "http://127.0.0.1:1/chain", "x5c": []string{"?"}}), "", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := &issuer{answer: jwks(jwk(pairs.p256(), "old", nil))}
			j := withIssuer(t, server, JWTConfig{}, io.Discard)
			if err := j.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			old := j.ring.Load()
			server.set(func(i *issuer) { i.answer, i.status = c.answer, c.status })
			err := j.Refresh(t.Context())
			if c.want == "" {
				if err != nil || j.ring.Load() == old {
					t.Fatalf("Refresh = %v; want that the keys are taken", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Refresh = %v; want %q", err, c.want)
			}
			if j.ring.Load() != old {
				t.Error("the keys are others; want that the old ones stay")
			}
			if server.calls.Load() != 2 {
				t.Errorf("%d calls; want 2", server.calls.Load())
			}
		})
	}
	t.Run("nothing, and nothing before", func(t *testing.T) {
		j := withIssuer(t, &issuer{}, JWTConfig{}, io.Discard)
		if err := j.Refresh(t.Context()); err == nil || !j.ring.Load().fetched.IsZero() {
			t.Errorf("Refresh = %v; want that an empty answer is none", err)
		}
	})
}

// TestCheck_KeysOfAnIssuerCheckOnlyTheirTokens: use, alg, kid and type decide which key checks which token.
func TestCheck_KeysOfAnIssuerCheckOnlyTheirTokens(t *testing.T) {
	server := &issuer{answer: jwks(
		jwk(pairs.rsa(), "rsa", map[string]any{"alg": "RS512"}), jwk(pairs.p256(), "", nil), jwk(pairs.ed(), "ed", map[string]any{"use": "sig", "key_ops": []string{"verify"}}),
		map[string]any{"kty": "oct", "kid": "oct", "k": base(secret)}, jwk(pairs.otherRSA(), "enc", map[string]any{"use": "enc"}),
		jwk(pairs.p384(), "p384", map[string]any{"alg": "ES256"}),
	)}
	j := withIssuer(t, server, JWTConfig{Secret: foreign}, io.Discard)
	if err := j.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	claims := fmt.Sprintf(`{"exp":%d}`, time.Now().Unix()+60)
	signed := func(method jwt.SigningMethod, private any, kid string) string {
		return mint(method, private, fmt.Sprintf(`{"alg":%q,"kid":%q}`, method.Alg(), kid), claims)
	}
	for _, c := range []struct {
		name, token string
		want        Code
		why         string
	}{
		{"a key with its alg", signed(jwt.SigningMethodRS512, pairs.rsa(), "rsa"), "", ""},
		{"a key with another alg", signed(jwt.SigningMethodRS256, pairs.rsa(), "rsa"), Invalid, "no known key fits alg: RS256"},
		{"a key without an alg", signed(jwt.SigningMethodEdDSA, pairs.ed(), "ed"), "", ""},
		{"a key without a kid", signed(jwt.SigningMethodES256, pairs.p256(), "any"), "", ""},
		{"no kid", mint(jwt.SigningMethodEdDSA, pairs.ed(), `{"alg":"EdDSA"}`, claims), "", ""},
		{"an empty kid", signed(jwt.SigningMethodEdDSA, pairs.ed(), ""), "", ""},
		{"the kid of another key", signed(jwt.SigningMethodEdDSA, pairs.ed(), "rsa"), Invalid, "no known key fits alg: EdDSA and kid: \"rsa\""},
		{"a secret of the set", signed(jwt.SigningMethodHS256, []byte(secret), "oct"), Invalid, "no known key has made its signature"},
		{"a secret of ours", signed(jwt.SigningMethodHS256, []byte(foreign), "oct"), "", ""},
		{"a key to encrypt with", signed(jwt.SigningMethodRS512, pairs.otherRSA(), "enc"), Invalid, `the issuer has no key named "enc"`},
		// the key without a kid is tried
		{"P-384 that is said to be for ES256", signed(jwt.SigningMethodES256, pairs.p256(), "p384"), "", ""},
		{"P-384 that is said to be for ES256, with its own", signed(jwt.SigningMethodES384, pairs.p384(), "p384"), Invalid, "no known key fits"},
	} {
		t.Run(c.name, func(t *testing.T) { wantCode(t, j, c.token, c.want, c.why) })
	}
}

// TestNewJWT_WarnsWithoutAnAudience: an issuer that publishes its keys makes tokens for others, too.
func TestNewJWT_WarnsWithoutAnAudience(t *testing.T) {
	for audience, want := range map[string]bool{"": true, "chat": false} {
		var text strings.Builder
		if _, err := NewJWT(JWTConfig{JWKSURL: "https://id.test/keys", Audience: audience}, time.Now, logged(&text)); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(text.String(), "auth.jwt_audience is not"); got != want {
			t.Errorf("audience %q: the log has %q; want a warning is %v", audience, text.String(), want)
		}
	}
}

// TestRefresh_TakesNothingBadFromTheNetwork needs a real server: TLS, redirects, answers without an end.
func TestRefresh_TakesNothingBadFromTheNetwork(t *testing.T) {
	keys := jwks(jwk(pairs.p256(), "may", nil))
	var asked atomic.Int32 // how often somewhere was asked where nobody should
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = io.WriteString(w, keys)
	}))
	defer plain.Close()
	mux := http.NewServeMux()
	redirect := func(path, to string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) })
	}
	mux.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) {
		if from := r.Referer(); from != "" {
			t.Errorf("a redirect tells where it comes from: %s; want that nobody learns the query", from)
		}
		_, _ = io.WriteString(w, keys)
	})
	redirect("/moved", "/keys")
	redirect("/loop", "/loop")
	redirect("/plain", plain.URL)
	redirect("/file", "file:///etc/passwd")
	redirect("/secret", "http://me:hunter2@id.test/?key=hunter2")
	redirect("/unreadable", "https://me:hunter2@id.test:port/?key=hunter2")
	mux.HandleFunc("/gigabyte", func(w http.ResponseWriter, r *http.Request) {
		for chunk := make([]byte, 64<<10); r.Context().Err() == nil; { // it ends when the client hangs up
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/header", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
		_, _ = io.WriteString(w, keys)
	})
	mux.HandleFunc("/silent", func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		panic(http.ErrAbortHandler) // an end would be an answer: TLS sends an alert before it closes
	})
	mux.HandleFunc("/drips", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	})
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of a client that does not trust it
	server.StartTLS()
	defer server.Close()
	for path, want := range map[string]string{
		"/keys": "", "/moved?key=hunter2": "",
		"/loop":       "more than 3 redirects",
		"/plain":      "which is not https",
		"/file":       "a redirect to file:///etc/passwd, which is not https",
		"/secret":     "a redirect to http://me:***@id.test/?key=***, which is not https",
		"/unreadable": "a redirect to what is no URL",
		"/gigabyte":   "the answer has more than 256 KiB",
		"/header":     "exceeded",
		"/none":       "the answer has status 404",
		"/silent":     "no answer within",
		"/drips":      "no answer within",
	} {
		t.Run(path, func(t *testing.T) {
			j := newJWT(t, JWTConfig{JWKSURL: server.URL + path}, nil)
			client := j.issuerKeys.client
			client.Transport.(*http.Transport).TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			if path == "/silent" || path == "/drips" {
				client.Timeout = 500 * time.Millisecond
			}
			err := j.Refresh(t.Context())
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("Refresh = %v, which shows a secret", err)
			}
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("Refresh = %v; want %q", err, want)
			}
		})
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("a server without TLS was asked %d times; want never", n)
	}
	t.Run("a certificate of nobody", func(t *testing.T) {
		j := newJWT(t, JWTConfig{JWKSURL: server.URL + "/keys"}, nil)
		if err := j.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("Refresh = %v; want that the certificate is refused", err)
		}
	})
	t.Run("http on this machine", func(t *testing.T) {
		j := newJWT(t, JWTConfig{JWKSURL: plain.URL}, nil)
		if err := j.Refresh(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("nobody listens", func(t *testing.T) {
		j := newJWT(t, JWTConfig{JWKSURL: "http://" + port.Dead}, nil)
		first, second := j.Refresh(t.Context()), j.Refresh(t.Context())
		if first == nil || second == nil || first.Error() != second.Error() {
			t.Errorf("two tries failed with %v and %v; want the same text, so that it is logged once", first, second)
		}
	})
}

// TestRun_EndsWhileItFetches: nothing is left, and nothing is logged.
func TestRun_EndsWhileItFetches(t *testing.T) {
	asked := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	}))
	defer server.Close()
	var text strings.Builder
	j, err := NewJWT(JWTConfig{JWKSURL: server.URL, Audience: "chat"}, time.Now, slog.New(slog.NewTextHandler(&text, nil)))
	if err != nil {
		t.Fatal(err)
	}
	stop := running(t, j)
	<-asked
	stop()
	if text.String() != "" {
		t.Errorf("the log has %q; want nothing", text.String())
	}
}

// TestInherit_KeepsOnlyKeysOfTheSameIssuer: a reload keeps the keys that were fetched before, and no others.
func TestInherit_KeepsOnlyKeysOfTheSameIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &issuer{answer: jwks(jwk(pairs.p256(), "may", nil))}
		old := withIssuer(t, server, JWTConfig{Secret: secret}, io.Discard)
		may, ours := es(pairs.p256(), "may"), hs(fmt.Sprintf(`{"exp":%d}`, time.Now().Unix()+9))
		stop := running(t, old)
		synctest.Wait()
		stop()
		j := withIssuer(t, server, JWTConfig{}, io.Discard)
		j.Inherit(nil)
		wantCode(t, j, may, Unavailable, "have not been fetched yet")
		j.Inherit(old)
		wantCode(t, j, may, "", "")
		wantCode(t, j, ours, Invalid, "its header has alg")
		other := withIssuer(t, server, JWTConfig{}, io.Discard)
		other.issuerKeys.url += "/other"
		other.Inherit(old)
		wantCode(t, other, may, Unavailable, "have not been fetched yet")
	})
}
