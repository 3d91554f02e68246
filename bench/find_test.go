package bench

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSearch_EndsAtTheLastGoodLevel(t *testing.T) {
	f := func(from, to float64, whole bool, limit, wantGood float64, wantTried ...float64) {
		t.Helper()
		var tried []float64
		good, err := search(from, to, whole, func(level float64) (bool, error) {
			tried = append(tried, level)
			return level <= limit, nil
		})
		if good != wantGood || err != nil || !slices.Equal(tried, wantTried) {
			t.Errorf("search(%v, %v) with limit %v = %v, %v after %v; want %v after %v", from, to, limit, good, err, tried, wantGood, wantTried)
		}
	}
	f(200, 0, false, 1000, 1000, 200, 400, 800, 1600, 1200, 1000, 1100)
	f(200, 0, false, 100, 0, 200)                // broken already
	f(200, 500, false, 9999, 500, 200, 400, 500) // the end is good
	f(200, 500, false, 420, 400, 200, 400, 500, 450, 425)
	f(200, 200, false, 9999, 200, 200)
	f(1, 0, true, 5, 5, 1, 2, 4, 8, 6, 5) // no level twice
	f(0.5, 0, false, 0.9, 0.875, 0.5, 1, 0.75, 0.875, 0.9375)
}

func TestSearch_ErrorKeepsWhatWasGood(t *testing.T) {
	stop := errors.New("stop")
	good, err := search(1, 0, false, func(level float64) (bool, error) {
		if level > 4 {
			return false, stop
		}
		return true, nil
	})
	if good != 4 || !errors.Is(err, stop) {
		t.Errorf("search = %v, %v; want 4 and the error", good, err)
	}
}

func TestHunt_JudgeSaysWhatBroke(t *testing.T) {
	h := Hunt{P99: 300 * time.Millisecond, Loss: 0.01}
	fine := Result{
		Machine:  Machine{Cores: 2},
		Messages: Messages{Offered: 10, Sent: 10, Expected: 1000, Delivered: 995, Lost: 5},
		Latency:  Quantiles{Count: 1, P99: 299},
	}
	f := func(change func(*Result), broke, limit string) {
		t.Helper()
		r := fine
		change(&r)
		if s := h.Judge(7, r); s.Broke != broke || s.Limit != limit || s.Level != 7 {
			t.Errorf("Judge = %q by the %q; want %q by the %q", s.Broke, s.Limit, broke, limit)
		}
	}
	f(func(*Result) {}, "", "")
	f(func(r *Result) { r.Latency.P99 = 400 }, "p99 is 400ms, above 300ms", "server")
	f(func(r *Result) { r.Messages.Lost = 11 }, "11 of 1000 copies were lost", "server")
	f(func(r *Result) { r.Messages.Sent = 9 }, "1 of 10 messages could not be sent", "server")
	f(func(r *Result) { r.Partial = "node 1 ended" }, "node 1 ended", "server")
	f(func(r *Result) { r.Latency.P99, r.Client.Busiest = 400, 0.95 }, "p99 is 400ms, above 300ms", "client")
	f(func(r *Result) { r.Latency.P99, r.Client.LateP99 = 400, 6 }, "p99 is 400ms, above 300ms", "client")
	f(func(r *Result) { r.Client.LateP99 = 301 }, "the client wrote its messages 301 ms late", "client")
	f(func(r *Result) { r.Latency.P99, r.Client.Cores, r.Server.Cores = 400, 0.95, 0.96 }, "p99 is 400ms, above 300ms", "machine")
}

func TestHunt_ValidateRefusesWhatCannotBe(t *testing.T) {
	storm, err := Named("storm")
	if err != nil {
		t.Fatal(err)
	}
	f := func(change func(*Hunt), want string) {
		t.Helper()
		h := Hunt{Scenario: storm, Vary: "rate", P99: time.Second}
		if err := h.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&h)
		if err := h.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate() = %v; want %s", err, want)
		}
	}
	f(func(h *Hunt) { h.Vary = "body" }, `cannot vary "body": it can be rate or viewers`)
	f(func(h *Hunt) { h.From, h.To = 10, 5 }, "cannot go from rate 10 to 5: the end is before the beginning")
	f(func(h *Hunt) { h.From = -1 }, "cannot begin with rate -1: it must be above 0 and at most 1000000000")
	f(func(h *Hunt) { h.From = math.NaN() }, "cannot begin with rate NaN: it must be above 0")
	f(func(h *Hunt) { h.From = math.Inf(1) }, "cannot begin with rate +Inf: it must be above 0")
	f(func(h *Hunt) { h.To = math.NaN() }, "cannot go up to rate NaN")
	f(func(h *Hunt) { h.To = math.Inf(1) }, "cannot go up to rate +Inf")
	f(func(h *Hunt) { h.Vary, h.From = "viewers", 0.4 }, "cannot begin with viewers 0.4: it must be at least 1")
	f(func(h *Hunt) { h.Vary, h.From, h.Scenario.Rooms = "viewers", 2, 3 }, "rooms: 3 for 2 viewers")
	f(func(h *Hunt) { h.Loss = math.NaN() }, "cannot ask for a loss of NaN")
	f(func(h *Hunt) { h.P99 = 0 }, "cannot ask for a p99 of 0s")
	f(func(h *Hunt) { h.Loss = 2 }, "cannot ask for a loss of 2: it is a share, 0 to 1")
	f(func(h *Hunt) { h.Scenario.Viewers = 0 }, "viewers: 0")
	f(func(h *Hunt) { h.Scenario.Duration, h.Scenario.Rate, h.Scenario.Warmup = 0, 0, 0 }, "no messages come in it")
}
