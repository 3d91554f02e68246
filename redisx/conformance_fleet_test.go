package redisx_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"barrage/internal/chat"
)

// wantBeats holds what nodes report of themselves against what they should.
func (h *harness) wantBeats(t *testing.T, want ...string) {
	t.Helper()
	got, err := h.Beats(t.Context())
	slices.Sort(got)
	wantEqual(t, "Beats", append([]string{}, got...), err, append([]string{}, want...))
}

// testBeats: the last beat of a node counts, until the node takes it back or sends none for a while.
func testBeats(s *harness) {
	t := s.t
	s.wantBeats(t)
	noError(t, s.Beat(t.Context(), "a", "a 1"))
	noError(t, s.Beat(t.Context(), "b", "b 1"))
	noError(t, s.Beat(t.Context(), "a", "a 2"))
	s.wantBeats(t, "a 2", "b 1")
	noError(t, s.Beat(t.Context(), "b", ""))
	noError(t, s.Beat(t.Context(), "nobody", ""))
	s.wantBeats(t, "a 2")
	if s.pass == nil {
		return
	}
	s.pass(chat.BeatLife + time.Second)
	s.wantBeats(t)
}

// testLeases: one node has the lease until it gives it back, or has not renewed it within its life.
func testLeases(s *harness) {
	t := s.t
	lease := func(node string, life time.Duration, want string) {
		t.Helper()
		got, err := s.TakeLease(t.Context(), node, life)
		wantEqual(t, fmt.Sprintf("TakeLease(%q, %v)", node, life), got, err, want)
	}
	lease("", 0, "")
	lease("b", 0, "")
	lease("a", time.Minute, "a")
	lease("b", time.Minute, "a")
	lease("b", 0, "a") // it is not b's to give back
	lease("", 0, "a")
	lease("a", time.Hour, "a")
	if s.pass != nil {
		s.pass(2 * time.Minute)
	}
	lease("b", time.Minute, "a")
	lease("a", 0, "")
	lease("b", time.Minute, "b")
	if s.pass == nil {
		return
	}
	s.pass(2 * time.Minute)
	lease("", 0, "")
	lease("a", time.Minute, "a")
}

// testQuestions: every node receives a question, and each node that knows its name reads all answers.
func testQuestions(s *harness) {
	t := s.t
	eventually(t, "a question is heard", func() (bool, string) { // Its channel may be subscribed to a moment late.
		noError(t, s.Ask(t.Context(), "who?"))
		return slices.Contains(s.questions(), "who?"), fmt.Sprint(s.questions())
	})
	got, err := s.Answers(t.Context(), "q")
	wantEqual(t, "Answers", append([]string{}, got...), err, []string{})
	noError(t, s.Answer(t.Context(), "q", "I"))
	noError(t, s.Answer(t.Context(), "q", "I, too"))
	noError(t, s.Answer(t.Context(), "other", "not I"))
	got, err = s.Answers(t.Context(), "q")
	wantEqual(t, "Answers", got, err, []string{"I", "I, too"})
	if s.pass == nil {
		return
	}
	s.pass(chat.AnswersLife + time.Second)
	got, err = s.Answers(t.Context(), "q")
	wantEqual(t, "Answers", append([]string{}, got...), err, []string{})
}

// A node that died is forgotten as soon as another one sends a beat.
func TestRedis_DeadNodesAreForgotten(t *testing.T) {
	s := newRedis(t)
	raw := newRaw(t, server.Addr)
	for _, node := range []string{"dead", "b"} {
		noError(t, s.Beat(t.Context(), node, node))
	}
	raw.do("ZINCRBY", "gmg:{nodes}:at", fmt.Sprint(-chat.BeatLife.Milliseconds()-1000), "dead")
	noError(t, s.Beat(t.Context(), "b", "b"))
	for _, kept := range [][]string{raw.strings("HKEYS", "gmg:{nodes}"), raw.strings("ZRANGE", "gmg:{nodes}:at", "0", "-1")} {
		if !slices.Equal(kept, []string{"b"}) {
			t.Errorf("Redis has the nodes %q; want b", kept)
		}
	}
	if life := raw.int("PTTL", "gmg:{nodes}"); life <= 0 || life > chat.BeatLife.Milliseconds() {
		t.Errorf("what nodes say lives for %d ms; want at most %v", life, chat.BeatLife)
	}
}
