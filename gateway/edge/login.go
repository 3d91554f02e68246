package edge

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/sync/singleflight"

	"barrage/gateway/pass"
	"barrage/internal/signed"
)

// NewToken makes a token that is the user's from now on.
func (g *Guard) NewToken(ctx context.Context, user string) (string, error) {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails (crypto/rand)
	token := hex.EncodeToString(raw[:])
	return token, g.store.SetToken(ctx, user, token)
}

// Errors of LogIn that are not the store's.
var (
	ErrNoLogins      = errors.New("nobody logs in here: tokens are given elsewhere")
	ErrWrongPassword = errors.New("the password is not right")
	ErrNoLoginAnswer = errors.New("auth.login_url does not say who may")
)

// LogIn makes a token for whoever may log in as the user: auth.login_url says so. The token is the user's from now on.
func (g *Guard) LogIn(ctx context.Context, user, password string) (token string, err error) {
	set := g.set.Load()
	if !set.Auth.GivesTokens() {
		return "", ErrNoLogins
	}
	switch ok, err := set.logins.ok(ctx, user, password); {
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrNoLoginAnswer, err)
	case !ok:
		return "", ErrWrongPassword
	}
	return g.NewToken(ctx, user)
}

// Bounds of calls of auth.login_url.
const (
	// mostLogins is how many are under way at once; more fail at once, and may be tried again. A hook that takes 100 ms
	// is asked 640 times a second, which is more logins than a hook that hashes passwords does.
	mostLogins = 64
	// loginAnswer is how many bytes of an answer are read, so that its connection can be used again.
	loginAnswer = 4 << 10
)

var errManyLogins = fmt.Errorf("%d logins are being checked already", mostLogins)

// logins asks the login hook.
type logins struct {
	url     string // empty: any password passes; LoginOff: none
	timeout time.Duration
	secret  *signed.Secret // nil: calls are not signed
	client  *pass.HookClient
	busy    chan struct{} // has a place for each call under way
	same    singleflight.Group
}

func newLogins(cfg *AuthConfig) *logins {
	l := &logins{
		url: cfg.LoginURL, timeout: cfg.LoginTimeout, client: pass.NewHookClient(cfg.LoginTimeout), busy: make(chan struct{}, mostLogins),
	}
	if cfg.HookSecret != "" {
		secret, _ := signed.ParseSecret(cfg.HookSecret) // Validate has seen it
		l.secret = &secret
	}
	return l
}

// ok asks whether the password is the user's. Those who ask the same at the same time get the same answer.
func (l *logins) ok(ctx context.Context, user, password string) (bool, error) {
	switch l.url {
	case "":
		return true, nil
	case LoginOff:
		return false, nil
	}
	sum := sha256.Sum256([]byte(user + "\x00" + password)) // neither is kept
	answer := l.same.DoChan(string(sum[:]), func() (any, error) {
		// Its own time: who goes away does not fail the others.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.timeout)
		defer cancel()
		return l.ask(ctx, user, password)
	})
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case a := <-answer:
		ok, _ := a.Val.(bool)
		return ok, a.Err
	}
}

func (l *logins) ask(ctx context.Context, user, password string) (bool, error) {
	select {
	case l.busy <- struct{}{}:
		defer func() { <-l.busy }()
	default:
		return false, errManyLogins
	}
	body := []byte(url.Values{"userId": {user}, "password": {password}}.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url, bytes.NewReader(body))
	if err != nil {
		return false, errors.New("auth.login_url is no URL")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header["Idempotency-Key"] = []string{} // not sent: net/http may ask again where a kept connection is closed
	if l.secret != nil {
		l.secret.Sign(req.Header, signed.NewID(), time.Now(), body)
	}
	resp, err := l.client.Do(req)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return false, failed.Err // without the URL, which may have a key in its query
	}
	if err != nil {
		return false, err
	}
	_, _ = io.CopyN(io.Discard, resp.Body, loginAnswer)
	return resp.StatusCode == http.StatusOK, resp.Body.Close()
}
