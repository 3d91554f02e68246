package redisx

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

// TestLink_AsksAgainForWhatTheServerEnds: a subscription that the server ends by itself, as one does that gives a slot
// away, is asked for again. Nobody takes it for confirmed until then.
func TestLink_AsksAgainForWhatTheServerEnds(t *testing.T) {
	l := newLink(linkKind{probes: "probe:"}, "p", time.Second)
	l.add("c", false)
	if on, _ := l.take(10); !slices.Contains(on, "c") {
		t.Fatalf("channels %q are asked for; want c", on)
	}
	l.confirm([]string{"c"}, nil)
	if err := l.await(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	l.onSubscription(rueidis.PubSubSubscription{Kind: "sunsubscribe", Channel: "c"})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.await(over, "c"); !errors.Is(err, context.Canceled) {
		t.Errorf("await = %v; want it to wait for the server", err)
	}
	if on, _ := l.take(10); !slices.Contains(on, "c") {
		t.Errorf("channels %q are asked for; want c again", on)
	}
	if late := l.confirm([]string{"c"}, nil); !late {
		t.Error("confirmed again, as if no event had been missed meanwhile")
	}
}
