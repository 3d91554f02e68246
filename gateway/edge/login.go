package edge

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/sync/singleflight"

	"barrage/internal/remote"
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

// LogIn makes a token for whoever may log in as the user: the service at auth.login_url decides that. The token is the
// user's from now on.
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

// mostLogins is how many calls of auth.login_url are under way at once; more fail at once, and may be tried again. A
// hook that takes 100 ms is asked 640 times a second, which is more logins than a hook that hashes passwords does.
const mostLogins = 64

var errManyLogins = fmt.Errorf("%d logins are being checked already", mostLogins)

// logins asks the login hook.
type logins struct {
	url    string // empty: any password passes; LoginOff: none
	client *remote.Client
	busy   chan struct{} // has a place for each call under way
	same   singleflight.Group
}

func newLogins(cfg *AuthConfig) *logins {
	to := remote.Service{URL: cfg.LoginURL, Secret: cfg.HookSecret, Now: time.Now, Timeout: cfg.LoginTimeout, Header: http.Header{}}
	to.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return &logins{url: cfg.LoginURL, client: remote.NewClient(to), busy: make(chan struct{}, mostLogins)}
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
		return l.ask(context.WithoutCancel(ctx), user, password) // a caller that goes away does not fail the others
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
	answer, err := l.client.Post(ctx, signed.NewID(), body)
	return err == nil && answer.Status == http.StatusOK, err
}
