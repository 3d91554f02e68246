package redisx

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
)

// attempt keeps the connections of a client that is being made. Where rueidis fails to
// make one for a cluster, it leaves those open that it was still dialing.
type attempt struct {
	// tls reads the files of TLS anew: certificates are renewed while a node runs.
	tls func() (*tls.Config, error)

	mu sync.Mutex // guards the fields below
	// over: the attempt has ended, with a client if made.
	over, made bool
	conns      []net.Conn
}

// dial is what rueidis dials with, as it does itself.
func (a *attempt) dial(ctx context.Context, addr string, dialer *net.Dialer, secure *tls.Config) (net.Conn, error) {
	var conn net.Conn
	var err error
	if secure == nil {
		conn, err = dialer.DialContext(ctx, "tcp", addr)
	} else {
		if renewed, err := a.tls(); err == nil { // else what was read before: somebody may be writing them
			secure = renewed
		}
		conn, err = (&tls.Dialer{NetDialer: dialer, Config: secure}).DialContext(ctx, "tcp", addr)
		if _, ok := errors.AsType[*net.OpError](err); !ok && errors.Is(err, context.DeadlineExceeded) {
			err = &unfitError{"no answer to TLS in time: if it does not speak TLS, see redis.tls"}
		}
	}
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over && !a.made {
		_ = conn.Close() // Nobody has used it.
		return nil, errNotYet
	}
	if !a.over {
		a.conns = append(a.conns, conn)
	}
	return conn, nil
}

// end leaves the connections to the client, or closes them where none was made.
func (a *attempt) end(made bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over, a.made = true, made
	if !made {
		for _, conn := range a.conns {
			_ = conn.Close() // It may be closed already.
		}
	}
	a.conns = nil
}
