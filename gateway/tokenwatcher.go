package gateway

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"barrage/internal/chat"
	"barrage/internal/once"
)

const (
	// recheckEvery is the least time between two passes of the token watcher, or two tries: half of the
	// second within which a revoked token must stop working.
	recheckEvery = 500 * time.Millisecond
	// recheckBatch is how many tokens are checked in one call of the store.
	recheckBatch = 500
	// mostNoted bounds the users noted between two passes; more are all.
	mostNoted = 10_000
	// lostFrom is how many of everybody's tokens must be wrong, and more than half of them, to say
	// that the store has lost its tokens: then who is here may stay until they speak, as in FastIM.
	// Hundreds of thousands who are sent away at once to log in would be the greater harm.
	lostFrom = 100
)

// tokenWatcher ends the sessions whose tokens count no more, without waiting for them to say
// something: where auth.required is on the store tells whose tokens may have changed, and
// one pass over all sessions finds theirs.
type tokenWatcher struct {
	// Immutable after Start.
	srv *Server
	// every is recheckEvery; tests that make the passes themselves set more before Start.
	every time.Duration
	kick  once.Signal // somebody is noted

	// Owned by run: the sessions to check next, and their credentials; how many were checked in
	// this pass, and those of them whose token is wrong.
	batch   []*session
	creds   []chat.Credential
	checked int
	wrong   []*session

	mu      sync.Mutex // guards the fields below
	users   map[string]struct{}
	all     bool   // everybody is noted
	changes uint64 // how often the store told of a change
}

func newTokenWatcher(s *Server) *tokenWatcher {
	return &tokenWatcher{srv: s, every: recheckEvery, kick: once.NewSignal(), users: map[string]struct{}{}}
}

// changed is the store's call: the tokens of users, nil = of all, may have changed.
func (r *tokenWatcher) changed(users []string) {
	r.mu.Lock()
	r.changes++
	r.mu.Unlock()
	r.note(users)
}

// asOf says which of the store's words of changes have come. A handshake takes it before it
// checks the token, see entered.
func (r *tokenWatcher) asOf() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changes
}

// entered is called when the visitor's session can be found. If a change was told since its
// token was checked, a pass for that may not have seen the session.
func (r *tokenWatcher) entered(v visitor) {
	if r.asOf() != v.asOf {
		r.note([]string{v.user})
	}
}

// note has the next pass check the sessions of users, nil = all. It never blocks.
func (r *tokenWatcher) note(users []string) {
	r.mu.Lock()
	for _, u := range users {
		r.users[u] = struct{}{}
	}
	if users == nil || len(r.users) > mostNoted {
		r.all = true
		clear(r.users)
	}
	r.mu.Unlock()
	r.kick.Set()
}

// take returns who is noted and begins anew.
func (r *tokenWatcher) take() (users map[string]struct{}, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	users, all = r.users, r.all
	r.users, r.all = map[string]struct{}{}, false
	return users, all
}

// run makes a pass when somebody is noted, until ctx ends.
func (r *tokenWatcher) run(ctx context.Context) {
	timer := time.NewTimer(r.every)
	defer timer.Stop()
	for failure := (once.Failure{}); ; {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		select {
		case <-ctx.Done():
			return
		case <-r.kick:
		}
		err := r.pass(ctx)
		if failure.IsNew(err) {
			r.srv.log.Warn("cannot check tokens that may have changed; trying again", "err", err)
		}
		timer.Reset(r.every)
	}
}

// pass ends the sessions of who is noted that may not stay. After an error they are noted still.
func (r *tokenWatcher) pass(ctx context.Context) error {
	ended, err := r.find(ctx)
	for _, c := range ended {
		c.checked(ctx, false)
	}
	return err
}

// find is pass but for the ends.
func (r *tokenWatcher) find(ctx context.Context) (ended []*session, err error) {
	users, all := r.take()
	if !all && len(users) == 0 {
		return nil, nil
	}
	defer func() { r.checked, r.wrong = 0, nil }()
	r.srv.sessions.each(func(c *session) {
		if err != nil {
			return
		}
		if _, noted := users[c.user]; !noted && !all || c.ending() {
			return
		}
		r.batch = append(r.batch, c)
		if len(r.batch) == recheckBatch {
			err = r.check(ctx)
		}
	})
	if err == nil {
		err = r.check(ctx)
	}
	switch {
	case err != nil && all:
		r.note(nil)
		return nil, err // what was found may be the beginning of a loss
	case all && len(r.wrong) >= lostFrom && 2*len(r.wrong) > r.checked:
		r.srv.log.Warn("the store has lost most tokens: sessions stay until they speak", "wrong", len(r.wrong), "of", r.checked)
		return nil, nil
	case err != nil:
		r.note(slices.Collect(maps.Keys(users)))
	}
	return r.wrong, err
}

// check notes the sessions of the batch whose tokens are wrong, and empties it.
func (r *tokenWatcher) check(ctx context.Context) error {
	defer func() {
		clear(r.batch) // those that are gone are not to be kept
		clear(r.creds)
		r.batch, r.creds = r.batch[:0], r.creds[:0]
	}()
	if len(r.batch) == 0 {
		return nil
	}
	for _, c := range r.batch {
		r.creds = append(r.creds, c.credential())
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	ok, err := r.srv.store.CheckTokens(ctx, r.creds)
	if err != nil {
		return err
	}
	r.checked += len(r.batch)
	for i, c := range r.batch {
		if !ok[i] {
			r.wrong = append(r.wrong, c)
		}
	}
	return nil
}
