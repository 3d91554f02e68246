package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"barrage/internal/chat"
)

// fakeStore is what nodes share in a test.
type fakeStore struct {
	mu      sync.Mutex // guards the fields below
	nodes   []*Fleet
	beats   map[string]string
	answers map[string][]string
	away    error
	lease   string
	taken   int // calls of TakeLease that took it
}

func (s *fakeStore) TakeLease(ctx context.Context, node string, life time.Duration) (string, error) {
	unlock, err := s.lock()
	defer unlock()
	if err = cmp.Or(err, ctx.Err()); err != nil || node == "" || s.lease != "" && s.lease != node {
		return s.lease, err
	}
	if s.lease = node; life == 0 {
		s.lease = ""
	} else {
		s.taken++
	}
	return s.lease, nil
}

// leases is how often the lease was taken, and who has it.
func (s *fakeStore) leases() (taken int, holder string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken, s.lease
}

func (s *fakeStore) lock() (unlock func(), err error) {
	s.mu.Lock()
	return s.mu.Unlock, s.away
}

func (s *fakeStore) Beat(_ context.Context, node, text string) error {
	unlock, err := s.lock()
	defer unlock()
	if s.beats[node] = text; text == "" {
		delete(s.beats, node)
	}
	return err
}

func (s *fakeStore) Beats(context.Context) (all []string, err error) {
	unlock, err := s.lock()
	defer unlock()
	for _, text := range s.beats {
		all = append(all, text)
	}
	return all, err
}

func (s *fakeStore) Ask(_ context.Context, q string) error {
	unlock, err := s.lock()
	defer unlock()
	for _, f := range s.nodes {
		f.Asked(q)
	}
	return err
}

func (s *fakeStore) Answer(_ context.Context, id, answer string) error {
	unlock, err := s.lock()
	defer unlock()
	s.answers[id] = append(s.answers[id], answer)
	return err
}

func (s *fakeStore) Answers(_ context.Context, id string) ([]string, error) {
	unlock, err := s.lock()
	defer unlock()
	return slices.Clone(s.answers[id]), err
}

func (s *fakeStore) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = err
}

// ask is what nodes are asked to answer in tests; one that is asked to hang answers nothing while the test waits.
type ask struct {
	Text string `json:"text"`
	Hang string `json:"hang"`
}

// start runs nodes of these names until the test ends. Call it in a bubble.
func start(t *testing.T, names ...string) (*fakeStore, []*Fleet) {
	t.Helper()
	s := &fakeStore{beats: map[string]string{}, answers: map[string][]string{}}
	ctx, cancel := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	for _, name := range names {
		f := New(name, s, func() Node { return Node{Host: "host " + name, State: Ready} }, func() {}, slog.New(slog.DiscardHandler))
		On(f, "say", func(ctx context.Context, a ask) (string, error) {
			switch {
			case a.Hang == name:
				<-ctx.Done()
			case a.Text == "no":
				return "", &RefusedError{http.StatusConflict, "never"}
			case a.Text == "long":
				return strings.Repeat("x", maxAnswer), nil
			}
			return name + " says " + a.Text, nil
		})
		s.nodes = append(s.nodes, f)
	}
	for _, f := range s.nodes {
		f.Run(ctx, &workers)
	}
	t.Cleanup(func() {
		cancel()
		workers.Wait()
	})
	synctest.Wait() // all have sent a beat
	return s, s.nodes
}

func texts(replies []Reply[string]) (all []string) {
	for _, r := range replies {
		if r.Problem != nil {
			r.Body = fmt.Sprint(r.Problem.Status)
		}
		all = append(all, r.Body)
	}
	slices.Sort(all)
	return all
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("%s = %q; want %q", what, got, want)
	}
}

// All nodes answer, and the node that asks knows who did not.
func TestFleet_AsksAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, nodes := start(t, "a", "b", "c")
		replies, reach := All[string](t.Context(), nodes[0], "say", ask{Text: "hi"})
		want(t, "answers", texts(replies), []string{"a says hi", "b says hi", "c says hi"})
		want(t, "reach", reach, Reach{Nodes: reach.Nodes, Silent: []string{}})

		began := time.Now()
		replies, reach = All[string](t.Context(), nodes[0], "say", ask{Text: "hi", Hang: "b"})
		want(t, "answers", texts(replies), []string{"a says hi", "c says hi"})
		want(t, "silent", reach.Silent, []string{"b"})
		if took := time.Since(began); took != Patience {
			t.Errorf("it took %v; want %v", took, Patience)
		}
		time.Sleep(chat.CallTimeout) // until b answers again

		replies, _ = All[string](t.Context(), nodes[0], "say", ask{Text: "no"})
		want(t, "answers", texts(replies), []string{"409", "409", "409"})
		replies, _ = All[string](t.Context(), nodes[0], "dance", nil)
		want(t, "answers", texts(replies), []string{"501", "501", "501"})
		replies, _ = All[string](t.Context(), nodes[0], "say", ask{Text: "long"})
		want(t, "answers", texts(replies), []string{"507", "507", "507"})

		s.fail(errors.New("the store is away"))
		replies, reach = All[string](t.Context(), nodes[0], "say", ask{Text: "hi"})
		want(t, "answers", texts(replies), []string{"a says hi"})
		want(t, "note", reach.Note, "of this node alone: the store is away")
	})
}

// One node answers, or the error says why not.
func TestFleet_AsksOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, nodes := start(t, "a", "b")
		for _, c := range []struct {
			to, text, hang, want string
			status               int
		}{
			{"self", "hi", "", "a says hi", 0},
			{"a", "hi", "", "a says hi", 0},
			{"b", "hi", "", "b says hi", 0},
			{"b", "no", "", "", http.StatusConflict},
			{"c", "hi", "", "", http.StatusNotFound},
			{"b", "hi", "b", "", http.StatusServiceUnavailable},
		} {
			got, err := One[string](t.Context(), nodes[0], c.to, "say", ask{c.text, c.hang})
			status := 0
			if p, ok := errors.AsType[*RefusedError](err); ok {
				status = p.Status
			}
			if got != c.want || status != c.status {
				t.Errorf("%+v: %q, %v; want %q, %d", c, got, err, c.want, c.status)
			}
		}
		s.fail(errors.New("the store is away"))
		if _, err := One[string](t.Context(), nodes[0], "b", "say", ask{}); err == nil || !strings.Contains(err.Error(), "the store is away") {
			t.Errorf("One = %v; want that the store is away", err)
		}
		if got, err := One[string](t.Context(), nodes[0], "self", "say", ask{Text: "hi"}); err != nil || got != "a says hi" {
			t.Errorf("One = %q, %v; want this node's own answer", got, err)
		}
	})
}

// A question without what it asks with is refused, and does nothing: a drain without its args would be none. One that
// needs nothing is answered whatever it brings, as a later version may bring more.
func TestFleet_QuestionsBringWhatTheyNeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, nodes := start(t, "a", "b")
		for _, args := range []any{nil, 7, []int{1}} {
			got, err := One[string](t.Context(), nodes[0], "b", "say", args)
			if p, ok := errors.AsType[*RefusedError](err); !ok || p.Status != http.StatusBadRequest {
				t.Errorf("with %v: %q, %v; want 400", args, got, err)
			}
			if n, err := One[Node](t.Context(), nodes[0], "b", AboutNode, args); err != nil || n.Node != "b" {
				t.Errorf("about b, with %v: %+v, %v; want it", args, n, err)
			}
		}
	})
}

// Nodes are listed as they are; one that does not answer is silent, one that left is gone.
func TestFleet_SilentNodesAreListedGoneOnesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, nodes := start(t, "a", "b")
		s.mu.Lock()
		s.beats["dead"] = `{"node":"dead","host":"host z","state":"ready"}`
		s.beats["odd"] = `{"node":1}`
		s.mu.Unlock()
		list := func() (all []string) {
			nodes, _ := nodes[0].Nodes(t.Context())
			for _, n := range nodes {
				all = append(all, n.Node+" "+n.State)
			}
			return all
		}
		want(t, "nodes", list(), []string{"a ready", "b ready", "dead silent"})
		if err := nodes[1].Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		delete(s.beats, "dead")
		want(t, "nodes", list(), []string{"a ready"})
		// It beats again and again.
		time.Sleep(chat.BeatEvery + time.Second)
		want(t, "nodes", list(), []string{"a ready", "b ready"})
	})
}

// Nothing that somebody else publishes stops a node, and a flood of questions has a bound.
func TestFleet_QuestionsOfOthersAreBounded(t *testing.T) {
	f := New("a", &fakeStore{}, func() Node { return Node{} }, func() {}, slog.New(slog.DiscardHandler))
	for _, bad := range []string{"", "x", "[]", `{"from":"a"}`, `{"from":"b","to":"c"}`, `{"from":"b","args":"` + strings.Repeat("x", maxQuestion) + `"}`} {
		f.Asked(bad)
	}
	if len(f.queue) != 0 || f.Dropped() != 0 {
		t.Errorf("%d questions wait, %d were dropped; want none", len(f.queue), f.Dropped())
	}
	for range mostQuestions + 3 {
		f.Asked(`{"from":"b","topic":"node"}`)
	}
	if len(f.queue) != mostQuestions || f.Dropped() != 3 {
		t.Errorf("%d questions wait, %d were dropped; want %d and 3", len(f.queue), f.Dropped(), mostQuestions)
	}
}
