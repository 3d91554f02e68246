package edge

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"barrage/internal/signed"
)

// The login hook is asked once for those who ask the same at once, signed, and by no more than mostLogins at a time.
func TestLogins_HookIsAskedOnceForTheSame(t *testing.T) {
	const text = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	secret, err := signed.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	goOn := make(chan struct{})
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = secret.Verify(r.Header, time.Now(), body)
		}
		if err != nil {
			t.Errorf("the hook was asked without a good signature: %v", err)
		}
		asked.Add(1)
		<-goOn
		if string(body) != "password=right&userId=u" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer hook.Close()
	cfg := defaultAuth()
	cfg.LoginURL, cfg.HookSecret, cfg.LoginTimeout = hook.URL, text, patience
	l := newLogins(&cfg)
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if ok, err := l.ok(t.Context(), "u", "right"); !ok || err != nil {
				t.Errorf("the right password: %v, %v", ok, err)
			}
		})
	}
	wantAsked(t, &asked, 1)
	for i := range mostLogins - 1 {
		all.Go(func() {
			if ok, err := l.ok(t.Context(), "u", string(rune('a'+i))); ok || err != nil {
				t.Errorf("a wrong password: %v, %v", ok, err)
			}
		})
	}
	wantAsked(t, &asked, mostLogins)
	if ok, err := l.ok(t.Context(), "other", "p"); ok || err != errManyLogins { //nolint:errorlint // it is returned bare
		t.Errorf("one more than %d: %v, %v; want %v", mostLogins, ok, err, errManyLogins)
	}
	close(goOn)
	all.Wait()
	before := asked.Load()
	if ok, err := l.ok(t.Context(), "u", "right"); !ok || err != nil || asked.Load() != before+1 {
		t.Errorf("later: %v, %v, asked %d times; want it asked once more", ok, err, asked.Load()-before)
	}
}

// TestLogins_ErrorHasNothingOfTheAnswer: where a redirect goes may be a secret, and another one each time.
func TestLogins_ErrorHasNothingOfTheAnswer(t *testing.T) {
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://me:hunter2@id.test:port/?key=hunter2")
		w.WriteHeader(http.StatusFound)
	}))
	defer hook.Close()
	cfg := defaultAuth()
	cfg.LoginURL, cfg.LoginTimeout = hook.URL, patience
	if ok, err := newLogins(&cfg).ok(t.Context(), "u", "p"); ok || err == nil || err.Error() != "a redirect to what is no URL" {
		t.Errorf("%v, %v; want that the redirect cannot be read, without its URL", ok, err)
	}
}

// TestLogins_KeptConnectionThatIsClosed: hooks close connections that nobody uses, just when somebody does.
func TestLogins_KeptConnectionThatIsClosed(t *testing.T) {
	var served sync.Map // connections
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, kept := served.LoadOrStore(r.RemoteAddr, nil); kept {
			panic(http.ErrAbortHandler)
		}
	}))
	defer hook.Close()
	cfg := defaultAuth()
	cfg.LoginURL, cfg.LoginTimeout = hook.URL, patience
	l := newLogins(&cfg)
	for range 3 {
		if ok, err := l.ok(t.Context(), "u", "p"); !ok || err != nil {
			t.Fatalf("%v, %v; want it asked again over another connection", ok, err)
		}
	}
}

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// wantAsked waits until the hook was asked so often.
func wantAsked(t *testing.T, asked *atomic.Int32, want int32) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if WaitUntil(ctx, func() bool { return asked.Load() == want }) != nil {
		t.Fatalf("%d calls; want %d", asked.Load(), want)
	}
}
