package redisx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/redis/rueidis"
)

// passing begins the errors of a Redis that may do later what it does not do now. All
// others say that the call is wrong, and will be.
var passing = []string{
	"ASK", "BUSY", "CLUSTERDOWN", "DENIED", "max number of clients", "LOADING",
	"MASTERDOWN", "MISCONF", "MOVED", "NOAUTH", "NOREPLICAS", "NOSCRIPT", "OOM", "READONLY",
	"TRYAGAIN", "UNBLOCKED", "UNKILLABLE", "WRONGPASS",
}

// refused reports whether err is Redis' answer to a call that it will never do.
func refused(err error) bool {
	said, ok := errors.AsType[*rueidis.RedisError](err)
	return ok && !passes(said.Error())
}

// passes reports whether Redis may do later what it answered so.
func passes(said string) bool {
	return slices.ContainsFunc(passing, func(code string) bool {
		rest, found := strings.CutPrefix(said, code)
		return found && (rest == "" || rest[0] == ' ')
	})
}

// mayNot is about users who lack something of [ACL].
const mayNot = "the user may not do all that is needed: see redis.username in config.yaml"

// advice is what an operator can do about errors that contain a text.
var advice = []struct{ text, say string }{
	{"cluster support disabled", "it is no cluster: set redis.mode to standalone"},
	{"No such master with that name", "the sentinels do not know redis.sentinel_master"},
	{"unknown command 'SENTINEL'", "it is no sentinel: see redis.mode and redis.sentinel_master"},
	{"unknown message type", "it is no Redis: see redis.addrs and redis.tls"},
	{"does not look like a TLS handshake", "it does not speak TLS: see redis.tls"},
	{"NOPERM", mayNot},
	{"The user executing the script can't", mayNot}, // 7.0 says it so
	{"ACL failure in script", mayNot},               // Redis 8 and Valkey 8 do
	{"OOM command", "its memory is full: see its setting maxmemory"},
	{"READONLY", "it is a read-only replica"},
}

// explain says in an operator's words what rueidis met.
func (r *Redis) explain(err error) error {
	if errors.Is(err, rueidis.ErrNoCache) { // The text of that error is about an option of rueidis.
		said := strings.TrimSpace(strings.TrimSuffix(err.Error(), rueidis.ErrNoCache.Error()))
		err = &unfitError{cmp.Or(said, "it has no RESP3 or no CLIENT TRACKING: it must be 7.0 or newer")}
	}
	for _, a := range advice {
		if strings.Contains(err.Error(), a.text) {
			return fmt.Errorf("cannot use Redis %s: %s: %w", r.where, a.say, err)
		}
	}
	if _, ok := rueidis.IsRedisErr(err); ok {
		return fmt.Errorf("cannot use Redis %s: %w", r.where, err)
	}
	if unfit, ok := errors.AsType[*unfitError](err); ok {
		return fmt.Errorf("cannot use Redis %s: %w", r.where, unfit)
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("cannot reach Redis %s: no answer in time: %w", r.where, err)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		why := op.Err
		if call, ok := errors.AsType[*os.SyscallError](why); ok {
			why = call.Err
		}
		err = why
		if op.Addr != nil && !strings.HasSuffix(r.where, "at "+op.Addr.String()) {
			err = fmt.Errorf("%v: %w", op.Addr, why)
		}
	}
	return fmt.Errorf("cannot reach Redis %s: %w", r.where, err)
}

// unfitError says what Redis has instead of what it must have.
type unfitError struct{ why string }

func (e *unfitError) Error() string { return e.why }
