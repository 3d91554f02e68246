package contract

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"barrage/internal/await"
	"barrage/internal/redistest"
)

// Tokens that others sign, on real nodes.

const jwtSecret = "a secret that only these tests know"

// jwtOf is a token as docs/auth.md has a backend make it, by nothing but the standard library.
func jwtOf(tb testing.TB, header, claims map[string]any) string {
	tb.Helper()
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			tb.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	signed := part(header) + "." + part(claims)
	mac := hmac.New(sha256.New, []byte(jwtSecret))
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// jwtFor is one of a user for an hour, made at a time.
func jwtFor(tb testing.TB, user string, made time.Time) string {
	tb.Helper()
	return jwtOf(tb, map[string]any{"alg": "HS256"}, map[string]any{"sub": user, "iat": made.Unix(), "exp": made.Add(time.Hour).Unix()})
}

// dialToken opens a native socket of a room as browsers do and reads the first frame; status is that of a refusal.
func (n *node) dialToken(ctx context.Context, room, token string) (conn *websocket.Conn, first string, status int, err error) {
	conn, resp, err := websocket.Dial(ctx, "ws://"+n.addr+escaped("/v1/rooms", room, "ws"), &websocket.DialOptions{ //nolint:bodyclose // coder/websocket has read it
		Subprotocols: []string{"barrage.v1", "bearer." + base64.RawURLEncoding.EncodeToString([]byte(token))},
	})
	if err != nil {
		if resp != nil {
			status = resp.StatusCode
		}
		return nil, "", status, err
	}
	_, text, err := conn.Read(ctx)
	return conn, string(text), 101, err
}

// post calls the admin port.
func (n *node) post(tb testing.TB, path string) {
	tb.Helper()
	resp, err := http.Post("http://"+n.admin+path, "", http.NoBody) //nolint:noctx // the client has a time of its own
	if err != nil {
		tb.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		tb.Fatalf("POST %s = %d; want 204", path, resp.StatusCode)
	}
}

// While a crowd comes and goes on two nodes and renews its tokens, the tokens of every second user are revoked. On both
// nodes their sockets end within a second, and none of them comes in again with an old token. The others notice
// nothing.
func TestTokens_RevokedInAStormEndWithinASecond(t *testing.T) {
	t.Parallel()
	const users = 60
	nodes := twoNodes(t, redistest.Start(t), "auth.mode=jwt", "auth.jwt_secret="+jwtSecret)
	made := time.Now().Add(-time.Minute)
	var revoked [users]atomic.Pointer[await.Stopwatch] // begun when the call for the user had returned; nil: not yet
	var renewed, refused, ended atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	// life is one connection: it renews its token and goes after a while, or is ended.
	life := func(u int, n *node, stays time.Duration) {
		token := jwtFor(t, fmt.Sprint("user-", u), made)
		late := revoked[u].Load().Passed() > revocation
		conn, _, status, err := n.dialToken(ctx, "storm", token)
		was := revoked[u].Load()
		if err != nil {
			switch {
			case ctx.Err() != nil:
			case status == http.StatusUnauthorized && was != nil:
				refused.Add(1)
			case status == http.StatusUnauthorized && u%2 == 0: // under way
			default:
				t.Errorf("user %d, revoked: %v: %v", u, was != nil, err)
			}
			return
		}
		defer func() { _ = conn.CloseNow() }()
		if late {
			t.Errorf("user %d came in %v after the tokens were revoked", u, was.Passed())
		}
		for _, op := range []string{fmt.Sprintf(`{"t":"auth","id":"a","token":%q}`, jwtFor(t, fmt.Sprint("user-", u), made.Add(time.Second))), `{"t":"ping","ts":1}`} {
			_ = conn.Write(ctx, websocket.MessageText, []byte(op)) // Read reports it
		}
		reading, cancel := context.WithTimeout(ctx, stays)
		defer cancel()
		for {
			_, text, err := conn.Read(reading)
			switch code := websocket.CloseStatus(err); {
			case err == nil && strings.HasPrefix(string(text), `{"t":"auth","id":"a","expires_ms":3`):
				renewed.Add(1)
			case err == nil:
			case code == 4401 && u%2 == 0:
				ended.Add(1)
				return
			case reading.Err() != nil:
				if passed := revoked[u].Load().Passed(); passed > revocation {
					t.Errorf("user %d is still in %v after the tokens were revoked", u, passed)
				}
				return
			default:
				t.Errorf("user %d: %v", u, err)
				return
			}
		}
	}
	var crowd sync.WaitGroup
	for u := range users {
		for i, n := range nodes {
			crowd.Go(func() {
				for k := 0; ctx.Err() == nil; k++ {
					life(u, n, time.Duration(20+(7*u+13*i+31*k)%200)*time.Millisecond)
				}
			})
		}
	}
	eventually(t, func() error {
		if renewed.Load() < users {
			return fmt.Errorf("%d tokens were renewed; want %d", renewed.Load(), users)
		}
		return nil
	})
	for u := 0; u < users; u += 2 {
		nodes[u/2%2].post(t, "/v1/admin/users/"+url.PathEscape(fmt.Sprint("user-", u))+"/revoke")
		revoked[u].Store(await.Start())
	}
	eventually(t, func() error { // every one of them tries again on both nodes, many times
		if refused.Load() < 10*users {
			return fmt.Errorf("%d were refused; want %d", refused.Load(), 10*users)
		}
		return nil
	})
	stop()
	crowd.Wait()
	t.Logf("%d renewals, %d sockets ended, %d refused", renewed.Load(), ended.Load(), refused.Load())
	// A token that is made later counts.
	for _, n := range nodes {
		conn, first, _, err := n.dialToken(t.Context(), "storm", jwtFor(t, "user-0", time.Now().Add(2*time.Second)))
		if err != nil || !strings.Contains(first, `"user_id":"user-0"`) {
			t.Errorf("with a new token: %s, %v; want a welcome", first, err)
			continue
		}
		_ = conn.CloseNow()
	}
}

// While the provider of keys does not answer, strangers come with tokens of keys that nobody has. A user with a good
// token comes in all the same, and the provider is asked now and then.
func TestTokens_RandomKeysKeepNobodyGoodOut(t *testing.T) {
	t.Parallel()
	provider, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	var silent sync.WaitGroup
	silent.Go(func() { // ends with the listener
		var all []net.Conn
		for {
			conn, err := provider.Accept()
			if err != nil {
				for _, c := range all {
					_ = c.Close()
				}
				return
			}
			asked.Add(1)
			all = append(all, conn)
		}
	})
	defer silent.Wait()
	defer func() { _ = provider.Close() }()
	n := startNode(t, "auth.mode=jwt", "auth.jwt_secret="+jwtSecret, "auth.jwks_url=http://"+provider.Addr().String()+"/jwks.json")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var strangers sync.WaitGroup
	var turnedAway atomic.Int64
	for k := range 4 {
		strangers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				token := jwtOf(t, map[string]any{"alg": "RS256", "kid": fmt.Sprint(k, "-", i)}, map[string]any{"sub": "u"})
				_, _, status, err := n.dialToken(ctx, "r", token)
				switch {
				case ctx.Err() != nil:
				case status == http.StatusServiceUnavailable || status == http.StatusUnauthorized:
					turnedAway.Add(1)
				default:
					t.Errorf("a token with an unknown key: %d, %v", status, err)
					return
				}
			}
		})
	}
	made := time.Now()
	var took []time.Duration
	for i := 0; i < 300 || turnedAway.Load() < 1000; i++ {
		began := time.Now()
		conn, first, _, err := n.dialToken(t.Context(), "r", jwtFor(t, fmt.Sprint("legit-", i), made))
		took = append(took, time.Since(began))
		if err != nil || !strings.Contains(first, `"t":"welcome"`) {
			t.Fatalf("legit client %d: %s, %v; want a welcome", i, first, err)
		}
		_ = conn.CloseNow()
	}
	stop()
	strangers.Wait()
	if got := asked.Load(); got < 1 || got > 5 {
		t.Errorf("the provider was asked %d times; want once at the start, and seldom after that", got)
	}
	slices.Sort(took)
	t.Logf("%d strangers were turned away in %v, the provider was asked %d times; a handshake with a good token took %v, p99 %v",
		turnedAway.Load(), time.Since(made), asked.Load(), took[len(took)/2], took[len(took)*99/100])
}

// The Go program of docs/auth.md makes tokens that a node takes, with what they say.
func TestTokens_GoExampleOfTheDocsIsTaken(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/auth.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("(?s)```go\n(.*?)```").FindSubmatch(text)
	if code == nil {
		t.Fatal("docs/auth.md has no program in Go")
	}
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, code[1], 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	run := exec.CommandContext(t.Context(), "go", "run", file, jwtSecret, "alice", "Alice")
	run.Stderr = &stderr
	token, err := run.Output()
	if err != nil {
		t.Fatalf("the program does not run: %v\n%s", err, &stderr)
	}
	n := startNode(t, "auth.mode=jwt", "auth.jwt_secret="+jwtSecret)
	conn, first, _, err := n.dialToken(t.Context(), "live-7", strings.TrimSpace(string(token)))
	if err != nil || !strings.Contains(first, `"user_id":"alice"`) || !strings.Contains(first, `"can":["read","send","like","recall"]`) {
		t.Fatalf("first frame = %s, %v; want alice's welcome", first, err)
	}
	defer func() { _ = conn.CloseNow() }()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(`{"t":"send","id":"1","body":"hi"}`)); err != nil {
		t.Fatal(err)
	}
	for {
		_, frame, err := conn.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(frame), `"t":"batch"`) {
			if !strings.Contains(string(frame), `"user":{"name":"Alice"}`) {
				t.Errorf("batch = %s; want the sender's name in it", frame)
			}
			break
		}
	}
	if _, _, status, err := n.dialToken(t.Context(), "other", strings.TrimSpace(string(token))); status != http.StatusForbidden {
		t.Errorf("another room: %d, %v; want 403", status, errors.Unwrap(err))
	}
}
