package edge

import (
	"context"
	"net/http"
	"time"
)

const (
	// tarryFor is how long the refusal of a call waits that came too soon. Eight connections that called again at once
	// had some 2,000 refusals a second, most of a core; they have 32 now.
	tarryFor = 250 * time.Millisecond
	// mostTarrying bounds the refusals that wait on the node, each with a goroutine and a connection. Those above it
	// do not wait.
	mostTarrying = 256
)

// Tarry waits before a refusal of a call is written where the call came too soon (429). So a client that takes no
// notice of it costs little. It returns at once for other refusals. ctx is the request's.
func (e *Edge) Tarry(ctx context.Context, f *Refusal) {
	if f.Status != http.StatusTooManyRequests {
		return
	}
	defer e.tarrying.Add(-1)
	if e.tarrying.Add(1) > mostTarrying {
		return
	}
	select {
	case <-ctx.Done(): // the client has gone
	case <-time.After(e.Times.Tarry):
	}
}
