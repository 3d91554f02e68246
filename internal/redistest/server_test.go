package redistest

import (
	"strings"
	"testing"
	"time"
)

func TestStartClocked_SetsTheClockOfRedis(t *testing.T) {
	s, set := StartClocked(t)
	ahead := func() time.Duration {
		answer := s.mustDo(t, "EVAL", "return redis.call('TIME')[1]", "0")
		seconds, err := answer.AsInt64()
		if err != nil {
			t.Fatal(err)
		}
		return time.Until(time.Unix(seconds, 0)).Round(time.Minute)
	}
	for _, want := range []time.Duration{0, time.Hour, -time.Hour, 0} {
		set(want)
		wantSoon(t, "the clock is set", func() bool { return ahead() == want })
	}
}

func TestServer_KeepsItsAddressThroughItsLife(t *testing.T) {
	s := Start(t)
	wantAnswer(t, s, true)
	addr := s.Addr

	s.Pause(t)
	wantAnswer(t, s, false)
	s.Resume(t)
	wantAnswer(t, s, true)

	s.Kill(t)
	wantAnswer(t, s, false)
	s.Restart(t)
	wantAnswer(t, s, true)
	if s.Addr != addr {
		t.Errorf("Addr = %s after Restart; want %s", s.Addr, addr)
	}

	s.Stop()
	s.Stop()
	wantAnswer(t, s, false)
}

func TestServer_WantsPassword(t *testing.T) {
	s := Start(t, "--requirepass", "secret")
	wantAnswer(t, s, true)
}

func TestNew_BadArgumentShowsWhatTheServerWrote(t *testing.T) {
	s, err := New("--no-such-setting", "1")
	if err == nil {
		s.Stop()
		t.Fatal("New with an unknown setting succeeded")
	}
	if !strings.Contains(err.Error(), "no-such-setting") {
		t.Errorf("error %q does not show what the server wrote", err)
	}
}

func TestNew_NotInstalledNamesTheCommandThatInstalls(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := New()
	if err == nil || !strings.Contains(err.Error(), "apt-get install -y redis-server") {
		t.Errorf("New without redis-server: error %v; want the command that installs it", err)
	}
}

func wantAnswer(t *testing.T, s *Server, want bool) {
	t.Helper()
	if want { // within a second each time
		wantSoon(t, "the server answers", func() bool { return ping(s) == nil })
		return
	}
	err := ping(s)
	if got := err == nil; got != want {
		t.Fatalf("server answers = %v; want %v: %v", got, want, err)
	}
}
