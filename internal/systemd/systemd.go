// Package systemd is what a node and systemd send each other. The node notifies systemd that it serves, that it leaves,
// and that it still delivers. It receives the socket that it is to serve. Without systemd the package does nothing. It
// is over coreos/go-systemd.
package systemd

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// beats is how many signs of life there are in WatchdogSec: one may be late and one lost.
const beats = 4

// Listener is the socket that systemd has opened for the node, nil where there is none. More than one is an error. Call
// it once, before there are goroutines: it changes the environment.
func Listener() (net.Listener, error) {
	all, err := activation.Listeners()
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot take the socket of systemd: %w", err)
	case len(all) == 0:
		return nil, nil //nolint:nilnil // no socket is no error
	case len(all) > 1 || all[0] == nil:
		return nil, fmt.Errorf("cannot take the sockets of systemd: it has opened %d, want one for TCP: leave one ListenStream in barrage.socket", len(all))
	}
	return all[0], nil
}

// Ready notifies systemd that the node serves. From then on until ctx ends it reports that the node delivers, as often
// as WatchdogSec of its unit asks for. The function sinceDelivery is how long ago the node last did. Where that is
// longer than half of WatchdogSec, systemd receives nothing, and so restarts the node. The goroutine for that is one of
// workers.
func Ready(ctx context.Context, workers *sync.WaitGroup, sinceDelivery func() time.Duration, log *slog.Logger) {
	notify(log, daemon.SdNotifyReady)
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("cannot read how often systemd wants a report that the node delivers", "err", err)
	}
	if every == 0 {
		return
	}
	workers.Go(func() {
		t := time.NewTicker(every / beats)
		defer t.Stop()
		for {
			if since := sinceDelivery(); since < every/2 {
				notify(log, daemon.SdNotifyWatchdog)
			} else {
				log.Error("the node does not deliver: systemd is not notified, and will restart it", "for", since)
			}
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
		}
	})
}

// Leaving notifies systemd that the node leaves, which may take so long, whatever TimeoutStopSec of its unit is.
func Leaving(atMost time.Duration, log *slog.Logger) {
	const spare = 10 * time.Second // after a drain sockets are cut off, and the store and the other nodes are notified
	notify(log, fmt.Sprintf("%s\nEXTEND_TIMEOUT_USEC=%d", daemon.SdNotifyStopping, (atMost+spare).Microseconds()))
}

// notify sends a state to systemd, if there is a systemd.
func notify(log *slog.Logger, what string) {
	if _, err := daemon.SdNotify(false, what); err != nil {
		log.Warn("cannot notify systemd", "what", what, "err", err)
	}
}
