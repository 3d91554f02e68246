package pass

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"barrage/internal/chat"
	"barrage/internal/port"
	"barrage/internal/signed"
)

func TestHook_AnswerGrantsWhatItSays(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		want         Pass
	}{
		{"the user", `{"user_id":"alice"}`, Pass{}},
		{"spaces around", " \n{ \"user_id\" : \"alice\" } \n", Pass{}},
		{"no guest", `{"user_id":"alice","guest":false}`, Pass{}},
		{"what it does not know", `{"user_id":"alice","color":[{"x":1}],"USER_ID":"bob"}`, Pass{}},
		{"all of it", `{"user_id":"alice","role":"vip","tags":["a","b"],"info":{ "name": "Alice" },"expires_in_ms":60000}`, Pass{
			Role: "vip", Tags: []string{"a", "b"}, Info: `{"name":"Alice"}`, Expires: hookTime.Add(time.Minute),
		}},
		{"what holds here", `{"user_id":"alice","can":["send","like"]}`, Pass{
			Named: true, Grants: []Grant{{Room: "live-1", Can: Read | Send | Like}},
		}},
		{"nothing here", `{"user_id":"alice","can":[]}`, Pass{Named: true, Grants: []Grant{{Room: "live-1"}}}},
		{"rooms", `{"user_id":"alice","rooms":[{"id":"live-*","can":["send"],"role":"moderator"},{"id":"x"}]}`, Pass{
			Named: true, Grants: []Grant{{Room: "live-*", Can: Read | Send, Role: "moderator"}, {Room: "x", Default: true}},
		}},
		{"no room at all", `{"user_id":"alice","rooms":[]}`, Pass{Named: true}},
		{"rooms, and what holds here", `{"can":["read"],"rooms":[{"id":"x"}],"user_id":"alice"}`, Pass{
			Named: true, Grants: []Grant{{Room: "x", Default: true}, {Room: "live-1", Can: Read}},
		}},
		{"the longest life", `{"user_id":"alice","expires_in_ms":34560000000}`, Pass{Expires: hookTime.Add(chat.RevokedLife)}},
		{"16 KiB", `{"user_id":"alice"}` + strings.Repeat(" ", 16<<10-19), Pass{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.User, c.want.Issued = "alice", hookTime
			f := hookServer(t, ConnectConfig{}, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, c.answer) })
			got, no := f.Check(t.Context(), hookAsked)
			if no != nil {
				t.Fatal(no)
			}
			if len(got.Grants) == 0 {
				got.Grants = nil
			}
			if !reflect.DeepEqual(*got, c.want) {
				t.Errorf("the pass is\n%+v, want\n%+v", *got, c.want)
			}
			if f.log.String() != "" {
				t.Errorf("it logs %s", f.log)
			}
		})
	}
}

func TestHook_WhoTheUserIs(t *testing.T) {
	for _, c := range []struct{ asked, answer, user, refused string }{ // one of user, refused; both empty: a guest
		{"", `{}`, "", ""},
		{"", `{"guest":true}`, "", ""},
		{"", `{"user_id":"","guest":true}`, "", ""},
		{"", `{"user_id":"bob"}`, "bob", ""},
		{"bob", `{"user_id":"bob"}`, "bob", ""},
		{"bob", `{"user_id":"alice"}`, "", "forbidden"},
		{"bob", `{"user_id":"Bob"}`, "", "forbidden"},
		{"bob", `{"user_id":""}`, "", "forbidden"},
		{"bob", `{}`, "", "forbidden"},
		{"bob", `{"guest":true}`, "", "forbidden"},
		{"", `{"guest":false}`, "", "unavailable"},
		{"", `{"user_id":"bob","guest":true}`, "", "unavailable"},
	} {
		f := newHook(t, ConnectConfig{}, always(http.StatusOK, c.answer))
		a := hookAsked
		a.User = c.asked
		p, no := f.Check(t.Context(), a)
		switch {
		case c.refused != "":
			wantRefused(t, no, Code(c.refused), "")
			if c.refused == "forbidden" && strings.Contains(no.Why, "alice") {
				t.Errorf("whoever has the token is told whose it is: %s", no.Why)
			}
		case no != nil || p.User != c.user:
			t.Errorf("%q asked, answer %s: %+v, %v; want %q", c.asked, c.answer, p, no, c.user)
		}
	}
}

// TestHook_AnswerAboutNoRoomHoldsInAll: its grants then hold in all of them.
func TestHook_AnswerAboutNoRoomHoldsInAll(t *testing.T) {
	f := newHook(t, ConnectConfig{}, always(http.StatusOK, `{"user_id":"alice","can":["send"]}`))
	a := hookAsked
	a.Room = ""
	p, no := f.Check(t.Context(), a)
	if no != nil {
		t.Fatal(no)
	}
	if can, _ := p.In("any", 0); can != Read|Send {
		t.Errorf("in a room it grants %v; want read and send", can.Names())
	}
}

// TestHook_AnswersThatMakeNoSense: nobody gets in, the log says why, and none of it is the breaker's business.
func TestHook_AnswersThatMakeNoSense(t *testing.T) {
	info := `{"x":"` + strings.Repeat("x", MaxInfo) + `"}`
	for _, c := range []struct {
		name   string
		status int
		answer string
		logged string
	}{
		{"nothing", 200, "", "its answer is , want a JSON object"},
		{"HTML", 200, "<!DOCTYPE html><title>Log in</title>", "its answer is <!DOCTYPE html><title>Log in</title>, want a JSON object"},
		{"a list", 200, `[]`, "its answer is [], want a JSON object"},
		{"null", 200, `null`, "want a JSON object"},
		{"half of it", 200, `{"user_id":"alice"`, `its answer is {\"user_id\":\"alice\", want a JSON object`},
		{"two of it", 200, `{}{}`, "its answer is {}{}, want a JSON object"},
		{"bytes", 200, "{\"user_id\":\"\xff\"}", "want a JSON object"},
		{"a user of number", 200, `{"user_id":7}`, "in its answer user_id is 7, want text"},
		{"a user of null", 200, `{"user_id":null}`, "in its answer user_id is null, want text"},
		{"a user twice", 200, `{"user_id":"alice","user_id":"bob"}`, "has user_id twice"},
		{"a guest of text", 200, `{"guest":"yes"}`, `in its answer guest is \"yes\", want true or false`},
		{"an unknown role", 200, `{"user_id":"alice","role":"admin"}`, `in its answer role is \"admin\", none of viewer, vip, moderator, owner`},
		{"a role of the server", 200, `{"user_id":"alice","role":"server"}`, "in its answer role is"},
		{"tags of text", 200, `{"user_id":"alice","tags":"a"}`, "in its answer tags is"},
		{"too many tags", 200, `{"user_id":"alice","tags":["a"` + strings.Repeat(`,"a"`, 16) + `]}`, "in its answer tags has 17 tags, at most 16"},
		{"info of text", 200, `{"user_id":"alice","info":"x"}`, "in its answer info is"},
		{"large info", 200, `{"user_id":"alice","info":` + info + `}`, "in its answer info has 1032 bytes, at most 1024"},
		{"an unknown can", 200, `{"user_id":"alice","can":["fly"]}`, "is none of read, send"},
		{"a can of text", 200, `{"user_id":"alice","can":"send"}`, "in its answer can is"},
		{"a star inside", 200, `{"user_id":"alice","rooms":[{"id":"a*b"}]}`, "in its answer rooms[0].id is"},
		{"a misspelled can", 200, `{"user_id":"alice","rooms":[{"id":"a","cann":[]}]}`, "in its answer rooms[0].cann is unknown"},
		{"rooms of null", 200, `{"user_id":"alice","rooms":null}`, "in its answer rooms is null"},
		{"no life", 200, `{"user_id":"alice","expires_in_ms":0}`, "in its answer expires_in_ms is 0, want 1 to 34560000000, which is 400 days"},
		{"a life that is over", 200, `{"user_id":"alice","expires_in_ms":-5}`, "in its answer expires_in_ms is -5"},
		{"a life of fractions", 200, `{"user_id":"alice","expires_in_ms":1.5}`, "in its answer expires_in_ms is 1.5"},
		{"a life of text", 200, `{"user_id":"alice","expires_in_ms":"60000"}`, "in its answer expires_in_ms is"},
		{"more than 400 days", 200, `{"user_id":"alice","expires_in_ms":34560000001}`, "in its answer expires_in_ms is 34560000001"},
		{"a life that is no int64", 200, `{"user_id":"alice","expires_in_ms":99999999999999999999}`, "in its answer expires_in_ms is"},
		{"huge", 200, `{"user_id":"alice"}` + strings.Repeat(" ", 16<<10), "its answer has more than 16 KiB"},
		{"no content", 204, "", "its answer has status 204, want 200, 401 or 403"},
		{"not found", 404, "nginx", "its answer has status 404"},
		{"an error", 500, "", "its answer has status 500"},
		{"overloaded", 429, "", "its answer has status 429"},
		{"the token as a role", 200, `{"role":"` + hookToken + `"}`, "a part of the token is in it"},
		{"the token as HTML", 200, "<p>" + hookToken, "a part of the token is in it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := hookServer(t, ConnectConfig{}, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.answer)
			})
			_, no := f.Check(t.Context(), hookAsked)
			wantRefused(t, no, Unavailable, "cannot check the token now: the service that knows it gave no answer that makes sense")
			if got := f.log.String(); !strings.Contains(got, c.logged) || !strings.Contains(got, "cannot ask the connect hook") {
				t.Errorf("it logs %q; want %q", got, c.logged)
			}
			wantNoToken(t, f.log.String())
			down := c.status == 500 || c.status == 429
			if got := f.Stats(); got != (HookStats{Calls: 1, Failures: 1}) || (f.health.Failures() > 0) != down {
				t.Errorf("counted %+v, and %d calls without an answer", got, f.health.Failures())
			}
		})
	}
}

func TestHook_RefusalsPassOnWhatMayBeShown(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		answer string
		code   Code
		want   string
	}{
		{"401", 401, "", Invalid, "cannot accept the token: the service that knows it refuses it"},
		{"403", 403, "", Forbidden, "cannot let the user in: the service that knows it refuses it"},
		{"with a message", 401, `{"error":{"code":"unauthenticated","message":"log in again"}}`, Invalid, "cannot accept the token: log in again"},
		{"403 with one", 403, `{"error":{"message":"this room is for members"}}`, Forbidden, "cannot let the user in: this room is for members"},
		{"expired", 401, `{"error":{"code":"token_expired","message":"an hour ago"}}`, Expired, "cannot accept the token: an hour ago"},
		{"revoked", 403, `{"error":{"code":"token_revoked"}}`, Revoked, "cannot accept the token: the service"},
		{"replaced", 401, `{"error":{"code":"token_replaced"}}`, Replaced, ""},
		{"a code of its own", 401, `{"error":{"code":"E17","message":"no"}}`, Invalid, "cannot accept the token: no"},
		{"unavailable is no refusal", 403, `{"error":{"code":"unavailable"}}`, Forbidden, ""},
		{"HTML", 403, "<h1>Forbidden</h1>", Forbidden, "the service that knows it refuses it"},
		{"other JSON", 401, `{"error":"no"}`, Invalid, "the service that knows it refuses it"},
		{"lines, controls, invisible characters", 401, `{"error":{"message":" a\nb\u0000\u001b[31mc\u200bd "}}`, Invalid, "cannot accept the token: a b[31mcd"},
		{"the token", 401, `{"error":{"message":"bad token ` + hookToken + `"}}`, Invalid, "the service that knows it refuses it"},
		{"a part of the token", 403, `{"error":{"message":"bad signature ` + hookToken[45:55] + `"}}`, Forbidden, "the service that knows it refuses it"},
		{"long", 401, `{"error":{"message":"` + strings.Repeat("弹", 300) + `"}}`, Invalid, strings.Repeat("弹", 200)},
		{"too long to be read", 401, `{"error":{"code":"token_expired","message":"` + strings.Repeat("x", 4<<10) + `"}}`, Invalid, "the service that knows it refuses it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := hookServer(t, ConnectConfig{}, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.answer)
			})
			_, no := f.Check(t.Context(), hookAsked)
			wantRefused(t, no, c.code, c.want)
			if len([]rune(no.Why)) > 300 {
				t.Errorf("the reason has %d characters", len([]rune(no.Why)))
			}
			if got := f.Stats(); got != (HookStats{Calls: 1, Refused: 1}) || f.log.String() != "" {
				t.Errorf("counted %+v, logged %q", got, f.log)
			}
		})
	}
}

func TestHook_QuestionIsSignedWhereASecretIsSet(t *testing.T) {
	secret, err := signed.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"} {
		f := hookServer(t, ConnectConfig{Secret: text}, func(_ http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			const want = `{"room":"live-1","user_id":"alice","token":"` + hookToken + `","address":"192.0.2.7","origin":"https://example.com"}`
			if string(body) != want || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s %v\n%s; want\n%s", r.Method, r.Header, body, want)
			}
			err = secret.Verify(r.Header, hookTime, body)
			if isSigned := r.Header.Get("webhook-signature") != ""; isSigned != (text != "") || isSigned && err != nil {
				t.Errorf("signed: %v, %v", isSigned, err)
			}
			for _, name := range []string{"Idempotency-Key", "Accept-Encoding"} {
				if _, sent := r.Header[name]; sent {
					t.Errorf("%s is sent", name)
				}
			}
			wantNoToken(t, fmt.Sprint(r.Header, r.URL))
		})
		_, _ = f.Check(t.Context(), hookAsked)
		wantNoToken(t, f.log.String())
	}
}

func TestHook_FollowsNoRedirect(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		f := hookServer(t, ConnectConfig{}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", other.URL)
			w.WriteHeader(status)
		})
		_, no := f.Check(t.Context(), hookAsked)
		wantRefused(t, no, Unavailable, "")
		if want := fmt.Sprintf("its answer has status %d", status); !strings.Contains(f.log.String(), want) {
			t.Errorf("it logs %s; want %s", f.log, want)
		}
	}
}

// TestHook_LogsNoURL: an answer of the service may have keys in it, as the URL of the configuration has.
func TestHook_LogsNoURL(t *testing.T) {
	f := hookServer(t, ConnectConfig{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://me:hunter2@id.test:port/?key=hunter2")
		w.WriteHeader(http.StatusFound)
	})
	_, no := f.Check(t.Context(), hookAsked)
	wantRefused(t, no, Unavailable, "")
	if log := f.log.String(); !strings.Contains(log, "a redirect to what is no URL") || strings.Contains(log, "hunter2") {
		t.Errorf("it logs %s; want that the redirect cannot be read, without its URL", log)
	}
}

func TestHook_ServiceThatIsSlow(t *testing.T) {
	f := hookServer(t, ConnectConfig{Timeout: 20 * time.Millisecond}, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	_, no := f.Check(t.Context(), hookAsked)
	wantRefused(t, no, Unavailable, "cannot check the token now")
	if !strings.Contains(f.log.String(), "no answer within 20ms") || f.health.Failures() != 1 {
		t.Errorf("it logs %s", f.log)
	}
}

// TestHook_ServiceThatTrickles: the time is for the whole answer, not for its beginning.
func TestHook_ServiceThatTrickles(t *testing.T) {
	var began atomic.Bool
	f := hookServer(t, ConnectConfig{Timeout: 3 * time.Second}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "{")
		began.Store(true)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	_, no := f.Check(t.Context(), hookAsked)
	wantRefused(t, no, Unavailable, "cannot check the token now")
	if !strings.Contains(f.log.String(), "no answer within 3s") || !began.Load() {
		t.Errorf("it logs %s; the answer has begun: %v", f.log, began.Load())
	}
}

func TestHook_ServiceThatIsDead(t *testing.T) {
	hangUp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { hijack(t, w, "") }))
	defer hangUp.Close()
	garbage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { hijack(t, w, hookToken+"\r\n") }))
	defer garbage.Close()
	large := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		hijack(t, w, "HTTP/1.1 401 No\r\nX: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
	}))
	defer large.Close()
	plain := httptest.NewServer(nil)
	defer plain.Close()
	untrusted := httptest.NewTLSServer(nil)
	untrusted.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	defer untrusted.Close()
	for _, c := range []struct{ name, url, logged string }{
		{"nobody listens", "http://" + port.Dead, "dial: connect: connection refused"},
		{"it hangs up", hangUp.URL, "EOF"},
		{"it speaks something else", garbage.URL, "a part of the token is in it"},
		{"a huge header", large.URL, "server response headers exceeded 32768 bytes"},
		{"no TLS", "https" + plain.URL[len("http"):], "server gave HTTP response to HTTPS client"},
		{"a certificate of nobody's", untrusted.URL, "x509: certificate signed by unknown authority"},
		{"a password in the URL", "http://user:hunter2@" + port.Dead, "connection refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newHook(t, ConnectConfig{URL: c.url}, nil)
			for i := range 3 {
				a := hookAsked
				a.Room = fmt.Sprint(i)
				_, no := f.Check(t.Context(), a)
				wantRefused(t, no, Unavailable, "cannot check the token now")
			}
			got := f.log.String()
			if !strings.Contains(got, c.logged) || strings.Count(got, "\n") != 1 || strings.Contains(got, "hunter2") || strings.Contains(got, "127.0.0.1") {
				t.Errorf("it logs %q; want one line, %q", got, c.logged)
			}
			wantNoToken(t, got)
			if f.health.Failures() != 3 {
				t.Errorf("%d calls without an answer; want 3", f.health.Failures())
			}
		})
	}
}

// hijack writes bytes instead of an answer, and hangs up.
func hijack(t *testing.T, w http.ResponseWriter, answer string) {
	t.Helper()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = io.WriteString(conn, answer)
	_ = conn.Close()
}

// TestHook_KeptConnectionThatIsClosed: services close connections that nobody uses, just when somebody does.
func TestHook_KeptConnectionThatIsClosed(t *testing.T) {
	conns := make(chan net.Conn, 10)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"user_id":"alice"}`) }))
	server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateIdle {
			conns <- c
		}
	}
	server.Start()
	defer server.Close()
	f := newHook(t, ConnectConfig{URL: server.URL}, nil)
	for range 20 {
		if _, no := f.Check(t.Context(), hookAsked); no != nil {
			t.Fatalf("%v; it logs %s", no, f.log)
		}
		_ = (<-conns).Close()
	}
}

func TestLeaks_FindsPartsOfTheToken(t *testing.T) {
	f := func(text, token string, want bool) {
		t.Helper()
		if got := leaks(text, token); got != want {
			t.Errorf("leaks(%q, %q) = %v; want %v", text, token, got, want)
		}
	}
	f("", "token", false)
	f("bad", "", false)
	f("123 is bad", "123", false)
	f("your token 12345 is bad", "12345", true)
	f("abcdefg", "abcdefgh", false)
	f("abcdefgh", "abcdefgh", true)
	f("x-cdefghij-x", "abcdefghijklmn", true)
	f("short", "a much longer token", false)
}
