package pass

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"barrage/internal/chat"
)

func TestHook_WhatNobodyIsAskedAbout(t *testing.T) {
	f := newHook(t, ConnectConfig{}, always(http.StatusOK, `{}`))
	for _, c := range []struct {
		asked Asked
		code  Code
		want  string
	}{
		{Asked{Token: strings.Repeat("x", chat.MaxToken+1)}, Invalid, "it has 4097 bytes, at most 4096 are allowed"},
		{Asked{Token: "\xff"}, Invalid, "it is not UTF-8"},
		{Asked{User: "\xff"}, Invalid, `user "\xff" or room "" is not UTF-8`},
		{Asked{Room: "\xff"}, Invalid, `room "\xff" is not UTF-8`},
		{Asked{Room: "*"}, Forbidden, `room "*" ends in a *`},
		{Asked{Room: "live-*"}, Forbidden, "which means many rooms in an answer"},
	} {
		_, no := f.Check(t.Context(), c.asked)
		wantRefused(t, no, c.code, c.want)
	}
	if got := f.Stats(); got != (HookStats{}) {
		t.Errorf("counted %+v; want no call", got)
	}
}

func TestHook_GoneClientCostsNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newHook(t, ConnectConfig{}, always(http.StatusOK, `{"user_id":"alice"}`))
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, no := f.Check(gone, hookAsked)
		wantRefused(t, no, Unavailable, "its client has gone")
		synctest.Wait()
		if got := f.Stats(); got != (HookStats{}) {
			t.Errorf("counted %+v; want no call", got)
		}
	})
}

// TestHook_OneCallForMany: a thousand at once ask the same. The first one to ask may go; the call stays.
func TestHook_OneCallForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		f := newHook(t, ConnectConfig{Cache: time.Minute}, hookAnswers(func(*http.Request) (*http.Response, error) {
			<-answer
			return hookAnswer(http.StatusOK, `{"user_id":"alice"}`), nil
		}))
		first, leave := context.WithCancel(t.Context())
		gone := make(chan *Refused, 1)
		go func() {
			_, no := f.Check(first, hookAsked)
			gone <- no
		}()
		synctest.Wait()
		passes := make(chan *Pass, 1000)
		for range 1000 {
			go func() {
				p, no := f.Check(t.Context(), hookAsked)
				if no != nil {
					t.Error(no)
				}
				passes <- p
			}()
		}
		synctest.Wait()
		leave()
		wantRefused(t, <-gone, Unavailable, "its client has gone")
		close(answer)
		want := <-passes
		for range 999 {
			if p := <-passes; p != want {
				t.Fatalf("another pass: %+v", p)
			}
		}
		if got := f.Stats(); got != (HookStats{Calls: 1, Shared: 1000}) {
			t.Errorf("counted %+v; want one call", got)
		}
	})
}

// TestHook_LooksAgainBeforeACall: one look at what is known may be just before an answer, and the call just after it.
func TestHook_LooksAgainBeforeACall(t *testing.T) {
	f := newHook(t, ConnectConfig{Cache: time.Minute}, always(http.StatusOK, `{"user_id":"alice"}`))
	first, again := f.ask(t.Context(), hookAsked, hookAsked.key()), f.ask(t.Context(), hookAsked, hookAsked.key())
	if got := f.Stats(); got.Calls != 1 || first != again {
		t.Errorf("counted %+v; want one call", got)
	}
}

// TestHook_AnswerCountsForNoOtherQuestion: an answer counts for no other room, user or token; without a token for no
// other address.
func TestHook_AnswerCountsForNoOtherQuestion(t *testing.T) {
	f := newHook(t, ConnectConfig{Cache: time.Minute}, always(http.StatusOK, `{"user_id":""}`))
	calls := uint64(0)
	check := func(isNew bool, a Asked) {
		t.Helper()
		if isNew {
			calls++
		}
		if _, no := f.Check(t.Context(), a); no != nil {
			t.Error(no)
		}
		if got := f.Stats().Calls; got != calls {
			t.Fatalf("%+v: call %d; want %d", a, got, calls)
		}
	}
	check(true, Asked{Room: "a", Token: "b", Address: "1"})
	check(false, Asked{Room: "a", Token: "b", Address: "2", Origin: "x"})
	check(true, Asked{Room: "", Token: "ab"})
	check(true, Asked{Room: "ab", Token: ""})
	check(true, Asked{Room: "a", Token: "c"})
	check(true, Asked{Room: "b", Token: "b"})
	check(true, Asked{Room: "r", Address: "1"})
	check(false, Asked{Room: "r", Address: "1"})
	check(true, Asked{Room: "r", Address: "2"})
	check(true, Asked{Room: "r", Address: "2", Origin: "x"})
}

// TestHook_CallsOfAnAddressLeaveOthersTheirTurn: guesses of tokens while the service is slow leave others their turn.
func TestHook_CallsOfAnAddressLeaveOthersTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		f := newHook(t, ConnectConfig{}, hookAnswers(func(*http.Request) (*http.Response, error) {
			<-answer
			return hookAnswer(http.StatusOK, `{}`), nil
		}))
		var waiting sync.WaitGroup
		ask := func(from, i int) {
			waiting.Go(func() {
				if _, no := f.Check(t.Context(), Asked{Token: fmt.Sprint("token", i), From: from}); no != nil {
					t.Error(no)
				}
			})
		}
		for i := range 8 {
			ask(1, i)
			ask(0, 10+i) // from nowhere that counts
		}
		synctest.Wait()
		_, no := f.Check(t.Context(), Asked{Token: "guessed", From: 1})
		wantRefused(t, no, Unavailable, "8 others from the same address")
		ask(2, 30)
		ask(0, 31)
		synctest.Wait()
		close(answer)
		waiting.Wait()
		ask(1, 40)
		waiting.Wait()
		if f.mu.Lock(); len(f.of) != 0 {
			t.Errorf("when nobody waits, %v are counted", f.of)
		}
		f.mu.Unlock()
	})
}

func TestHook_AtMost64Calls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		f := newHook(t, ConnectConfig{}, hookAnswers(func(*http.Request) (*http.Response, error) {
			<-answer
			return hookAnswer(http.StatusOK, `{}`), nil
		}))
		ask := func(i int) *Refused {
			_, no := f.Check(t.Context(), Asked{Token: fmt.Sprint("token", i)})
			return no
		}
		var waiting sync.WaitGroup
		for i := range 64 {
			waiting.Go(func() {
				if no := ask(i); no != nil {
					t.Error(no)
				}
			})
		}
		synctest.Wait()
		began := time.Now()
		wantRefused(t, ask(64), Unavailable, "64 others are being checked")
		if waited := time.Since(began); waited > 0 {
			t.Errorf("the 65th was refused after %v", waited)
		}
		waiting.Go(func() {
			if no := ask(7); no != nil { // one that is being asked about already
				t.Error(no)
			}
		})
		synctest.Wait()
		close(answer)
		waiting.Wait()
		if no := ask(64); no != nil {
			t.Error(no)
		}
		if got := f.Stats(); got != (HookStats{Calls: 65, Shared: 1, Busy: 1}) {
			t.Errorf("counted %+v", got)
		}
	})
}

func TestHook_KeepsGoodAnswers(t *testing.T) {
	for _, c := range []struct {
		cache  time.Duration
		answer string
		good   time.Duration // how long no call is made
	}{
		{time.Minute, `{"user_id":"alice"}`, time.Minute},
		{time.Minute, `{"user_id":"alice","expires_in_ms":90000}`, time.Minute},
		{time.Minute, `{"user_id":"alice","expires_in_ms":20000}`, 20 * time.Second},
		{0, `{"user_id":"alice"}`, 0},
	} {
		f := newHook(t, ConnectConfig{Cache: c.cache}, always(http.StatusOK, c.answer))
		check := func(calls uint64) *Pass {
			t.Helper()
			p, no := f.Check(t.Context(), hookAsked)
			if no != nil || f.Stats().Calls != calls {
				t.Errorf("cache %v, %s: %v after %d calls; want %d", c.cache, c.answer, no, f.Stats().Calls, calls)
			}
			return p
		}
		first := check(1)
		if c.good > 0 {
			f.advance(c.good - time.Nanosecond)
			if again := check(1); again != first {
				t.Errorf("another pass is kept: %+v", again)
			}
			f.advance(time.Nanosecond)
		}
		if again := check(2); again == first || !again.Issued.Equal(hookTime.Add(c.good)) {
			t.Errorf("the new pass is of %v", again.Issued)
		}
	}
}

func TestHook_KeepsRefusalsForASecond(t *testing.T) {
	f := newHook(t, ConnectConfig{Cache: time.Minute}, always(http.StatusForbidden, ""))
	check := func(calls uint64) {
		t.Helper()
		_, no := f.Check(t.Context(), hookAsked)
		wantRefused(t, no, Forbidden, "")
		if got := f.Stats().Calls; got != calls {
			t.Errorf("%d calls; want %d", got, calls)
		}
	}
	check(1)
	for range 100 {
		check(1)
	}
	f.advance(time.Second - time.Nanosecond)
	check(1)
	f.advance(time.Nanosecond)
	check(2)
	if got := f.Stats(); got != (HookStats{Calls: 2, Refused: 2, Cached: 101}) {
		t.Errorf("counted %+v", got)
	}
	f.client.Transport = always(http.StatusOK, `{"user_id":"alice"}`)
	f.advance(time.Second)
	if _, no := f.Check(t.Context(), hookAsked); no != nil {
		t.Errorf("what was refused is refused for good: %v", no)
	}
}

func TestHook_MemoryIsBounded(t *testing.T) {
	f := newHook(t, ConnectConfig{Cache: time.Hour}, hookAnswers(func(r *http.Request) (*http.Response, error) {
		var a Asked
		if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
			return nil, err
		}
		if a.User == "" {
			return hookAnswer(http.StatusForbidden, ""), nil
		}
		return hookAnswer(http.StatusOK, `{"user_id":"alice"}`), nil
	}))
	for i := range maxHookPasses + 100 {
		if _, no := f.Check(t.Context(), Asked{User: "alice", Token: fmt.Sprint("token", i)}); no != nil {
			t.Fatal(no)
		}
	}
	for i := range maxHookRefusals + 100 {
		_, _ = f.Check(t.Context(), Asked{Token: fmt.Sprint("token", i)})
	}
	if passes, refusals := f.passes.Len(), f.refused.Len(); passes != maxHookPasses || refusals != maxHookRefusals {
		t.Errorf("%d passes and %d refusals are kept; want %d and %d", passes, refusals, maxHookPasses, maxHookRefusals)
	}
}

func TestHook_LeavesADeadServiceAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := errors.New("away")
		f := newHook(t, ConnectConfig{}, hookAnswers(func(*http.Request) (*http.Response, error) { return nil, dead }))
		n := 0
		check := func() *Refused {
			n++
			_, no := f.Check(t.Context(), Asked{Token: fmt.Sprint("token", n)})
			return no
		}
		for range 10 {
			wantRefused(t, check(), Unavailable, "gave no answer that makes sense")
		}
		for range 100 {
			wantRefused(t, check(), Unavailable, "the service that knows it does not answer")
		}
		f.advance(time.Second - time.Nanosecond)
		wantRefused(t, check(), Unavailable, "does not answer")
		if got := f.Stats(); got != (HookStats{Calls: 10, Failures: 10, Busy: 101}) {
			t.Errorf("counted %+v", got)
		}

		f.advance(time.Nanosecond)
		wantRefused(t, check(), Unavailable, "gave no answer") // the one that tries
		wantRefused(t, check(), Unavailable, "does not answer")

		f.advance(time.Second)
		back := make(chan struct{})
		f.client.Transport = hookAnswers(func(*http.Request) (*http.Response, error) {
			<-back
			return hookAnswer(http.StatusUnauthorized, ""), nil
		})
		tried := make(chan *Refused, 1)
		go func() { tried <- check() }()
		synctest.Wait()
		_, no := f.Check(t.Context(), Asked{Token: "while one tries"})
		wantRefused(t, no, Unavailable, "does not answer")
		close(back)
		wantRefused(t, <-tried, Invalid, "") // a refusal is an answer, too
		f.client.Transport = always(http.StatusOK, `{}`)
		for range 20 {
			if no := check(); no != nil {
				t.Error(no)
			}
		}
		want := []string{"cannot ask the connect hook", "the connect hook answers again"}
		for i, line := range strings.Split(strings.TrimSpace(f.log.String()), "\n") {
			if i >= len(want) || !strings.Contains(line, want[i]) {
				t.Errorf("line %d of the log is %s", i, line)
			}
		}
	})
}

// TestHook_AnswerBeginsTheCountOfFailuresAnew: an answer in between begins the count anew.
func TestHook_AnswerBeginsTheCountOfFailuresAnew(t *testing.T) {
	f := newHook(t, ConnectConfig{}, nil)
	for i := range 30 {
		status := http.StatusBadGateway
		if i%10 == 9 {
			status = http.StatusOK
		}
		f.client.Transport = always(status, `{}`)
		_, _ = f.Check(t.Context(), Asked{Token: fmt.Sprint("token", i)})
	}
	if got := f.Stats(); got != (HookStats{Calls: 30, Failures: 27}) {
		t.Errorf("counted %+v; want a call each time", got)
	}
}

func TestHook_CloseEndsCallsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newHook(t, ConnectConfig{}, hookAnswers(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}))
		asked := make(chan *Refused, 1)
		go func() {
			_, no := f.Check(t.Context(), hookAsked)
			asked <- no
		}()
		synctest.Wait()
		began := time.Now()
		f.Close()
		wantRefused(t, <-asked, Unavailable, "")
		if waited := time.Since(began); waited > 0 {
			t.Errorf("it waits %v for a call", waited)
		}
		_, no := f.Check(t.Context(), hookAsked)
		wantRefused(t, no, Unavailable, "")
		if f.log.String() != "" {
			t.Errorf("it logs %s", f.log)
		}
		f.Close() // again, as the fixture does
	})
}

func TestHookConfig_ValidateRefusesWithoutShowingSecrets(t *testing.T) {
	good := ConnectConfig{URL: "http://hook.internal:8080/connect", Timeout: time.Second, Cache: time.Minute}
	for _, c := range []struct {
		change func(*ConnectConfig)
		want   string // empty: good
	}{
		{func(*ConnectConfig) {}, ""},
		{func(c *ConnectConfig) { c.URL = "https://user:pass@example.com" }, ""},
		{func(c *ConnectConfig) { c.Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }, ""},
		{func(c *ConnectConfig) { c.URL = "" }, `connect_url: "" is not an http or https URL`},
		{func(c *ConnectConfig) { c.URL = "example.com/connect" }, `connect_url: "example.com/connect" is not`},
		{func(c *ConnectConfig) { c.URL = "ftp://user:hunter2@example.com?key=hunter2" }, `connect_url: "ftp://user:***@example.com?key=***" is not`},
		{func(c *ConnectConfig) { c.URL = "http://" }, "connect_url: "},
		{func(c *ConnectConfig) { c.Secret = "hunter2" }, "hook_secret: it has 7 bytes, below 24"},
		{func(c *ConnectConfig) { c.Secret = "whsec_hunter2" }, "hook_secret: it begins with whsec_, and base64 does not follow"},
		{func(c *ConnectConfig) { c.URL, c.Secret = "", "x" }, "\nhook_secret: "},
	} {
		cfg := good
		c.change(&cfg)
		err := cfg.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("Validate = %v; want %q", err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error shows a secret: %v", err)
		}
	}
}

func BenchmarkHook_Cached(b *testing.B) {
	cfg := ConnectConfig{URL: "https://hook.example", Timeout: time.Second, Cache: time.Minute}
	h := NewHook(cfg, func() time.Time { return hookTime }, slog.New(slog.DiscardHandler))
	defer h.Close()
	h.client.Transport = always(http.StatusOK, `{"user_id":"alice"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, no := h.Check(b.Context(), hookAsked); no != nil {
			b.Fatal(no)
		}
	}
}

// TestHook_InheritGoesOnCounting: a reload goes on counting, with what the hook of before still answers.
func TestHook_InheritGoesOnCounting(t *testing.T) {
	old, f := newHook(t, ConnectConfig{}, always(http.StatusOK, `{"user_id":"alice"}`)), newHook(t, ConnectConfig{}, always(http.StatusUnauthorized, ""))
	_, _ = old.Check(t.Context(), hookAsked)
	f.Inherit(nil)
	f.Inherit(old.Hook)
	_, no := f.Check(t.Context(), hookAsked)
	wantRefused(t, no, Invalid, "")
	_, _ = old.Check(t.Context(), hookAsked)
	if got := f.Stats(); got != (HookStats{Calls: 3, Refused: 1}) {
		t.Errorf("counted %+v; want the calls of both", got)
	}
}
