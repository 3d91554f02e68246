package door

import (
	"context"
	"net"

	"golang.org/x/time/rate"
)

// How fast connections are accepted: as many a second as acceptedOf times limits.handshakes, since calls come as well,
// and as many at once as come in a second divided by acceptedAtOnce. A connection that is refused costs the node some
// 100 µs, which is nothing anybody is refused for; hundreds of them at once would be served before those who chat.
const (
	acceptedOf     = 2
	acceptedAtOnce = 100
)

// Pace is ln, accepting no faster than limits.handshakes lets anybody come in; who comes faster waits in the kernel's
// queue. Without that limit it is ln itself.
func (d *Door) Pace(ln net.Listener) net.Listener {
	if !d.cfg.Enabled || d.cfg.Handshakes == 0 {
		return ln
	}
	perSecond := acceptedOf * d.cfg.Handshakes
	return pacedListener{ln, rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond/acceptedAtOnce)))}
}

type pacedListener struct {
	net.Listener
	rate *rate.Limiter
}

// Accept waits for less than a connection's time, 250 µs at 2,000 handshakes a second: Close need not end that.
func (l pacedListener) Accept() (net.Conn, error) {
	if err := l.rate.Wait(context.Background()); err != nil {
		return nil, err
	}
	return l.Listener.Accept()
}
