package edge

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
	// recheckEvery is the least time between two rounds of the token watcher, or two tries. It is half of the second
	// within which a revoked token must stop working.
	recheckEvery = 500 * time.Millisecond
	// recheckBatch is how many tokens are checked in one call of the store.
	recheckBatch = 500
	// mostNoted bounds the users noted between two rounds; more are all.
	mostNoted = 10_000
	// lostFrom is the least that the store must lack to have lost it, see mostLost.
	lostFrom = 100
)

// mostLost reports whether the store lacks so much of what it had that it has lost it, tokens or memberships. Then
// those who are here stay until they speak, as in FastIM. To send hundreds of thousands away at once to log in would be
// the greater harm.
func mostLost(lacking, all int) bool { return lacking >= lostFrom && 2*lacking > all }

// TokenWatcher ends the sessions whose tokens count no more, without waiting for them to send something. Where tokens
// count the store reports whose tokens may have changed, and one round over all sessions finds theirs.
type TokenWatcher struct {
	// Immutable after Start.
	edge *Edge
	due  once.Signal // somebody is noted

	// Owned by run: the sessions to check next, and their credentials. Also: how many were checked in this round, and
	// those of them whose token counts no more.
	batch   []*Session
	creds   []chat.Credential
	checked int
	ended   []endedToken

	mu      sync.Mutex // guards the fields below
	noted   noted
	changes uint64 // how often the store reported a change
}

// noted is whose sessions are to be checked: of users, of signed tokens by their names, or all.
type noted struct {
	users, ids map[string]struct{}
	all        bool
}

func nobodyNoted() noted { return noted{users: map[string]struct{}{}, ids: map[string]struct{}{}} }

// has reports whether a session with these rights is noted.
func (n *noted) has(user string, r *Rights) bool {
	if !r.asks {
		return false
	}
	if _, ok := n.users[user]; ok || n.all {
		return true
	}
	_, ok := n.ids[r.cred.ID]
	return ok
}

// endedToken is a session whose token counts no more, and why.
type endedToken struct {
	session *Session
	state   chat.TokenState
}

func newTokenWatcher(e *Edge) *TokenWatcher {
	return &TokenWatcher{edge: e, due: once.NewSignal(), noted: nobodyNoted()}
}

// TokensChanged is the store's call: the tokens of users may have changed, and signed ones by their names; both nil:
// all. It never blocks.
func (e *Edge) TokensChanged(users, ids []string) {
	if e.Config().Auth.checks() {
		e.Tokens.changed(users, ids)
	}
}

// changed is the store's call: the tokens of users may have changed, and signed ones by their names; both nil: all.
func (r *TokenWatcher) changed(users, ids []string) {
	r.mu.Lock()
	r.changes++
	r.mu.Unlock()
	r.note(users, ids)
}

// asOf returns how many of the store's reports of changes have come. A handshake takes it before it checks the token,
// see Entered.
func (r *TokenWatcher) asOf() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changes
}

// Entered is called when the visitor's session can be found. If a change was reported since its token was checked, a
// round for that may not have seen the session. Nor was the token checked at all if the store was away.
func (r *TokenWatcher) Entered(v Visitor) {
	if r.asOf() != v.asOf || v.unsure {
		r.note([]string{v.User}, nil)
	}
}

// note has the next round check the sessions of users and of signed tokens, both nil = all. It never blocks.
func (r *TokenWatcher) note(users, ids []string) {
	r.mu.Lock()
	n := &r.noted
	for _, u := range users {
		n.users[u] = struct{}{}
	}
	for _, id := range ids {
		n.ids[id] = struct{}{}
	}
	if users == nil && ids == nil || len(n.users)+len(n.ids) > mostNoted {
		n.all = true
		clear(n.users)
		clear(n.ids)
	}
	r.mu.Unlock()
	r.due.Set()
}

// take returns who is noted and begins anew.
func (r *TokenWatcher) take() noted {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.noted
	r.noted = nobodyNoted()
	return n
}

// run makes a round when somebody is noted, until ctx ends.
func (r *TokenWatcher) run(ctx context.Context) {
	timer := time.NewTimer(r.edge.Times.Recheck)
	defer timer.Stop()
	var failure once.Failure
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		select {
		case <-ctx.Done():
			return
		case <-r.due:
		}
		err := r.Round(ctx)
		if failure.IsNew(err) {
			r.edge.Log.Warn("cannot check tokens that may have changed; trying again", "err", err)
		}
		timer.Reset(r.edge.Times.Recheck)
	}
}

// Round ends the sessions of who is noted that may not stay. After an error they are noted still.
func (r *TokenWatcher) Round(ctx context.Context) error {
	ended, err := r.find(ctx)
	for _, e := range ended {
		e.session.Checked(e.state)
	}
	return err
}

// find is Round but for the ends.
func (r *TokenWatcher) find(ctx context.Context) (ended []endedToken, err error) {
	who := r.take()
	if !who.all && len(who.users)+len(who.ids) == 0 {
		return nil, nil
	}
	defer func() { r.checked, r.ended = 0, nil }()
	r.edge.Sessions.Each(func(c *Session) {
		if err != nil {
			return
		}
		// Without rights it has yet to show a token; Entered follows.
		if rs := c.Rights(); rs == nil || !who.has(c.user, rs) || c.ending() {
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
	wrong := 0
	for _, e := range r.ended {
		if e.state == chat.TokenWrong {
			wrong++
		}
	}
	switch {
	case err != nil && who.all:
		r.note(nil, nil)
		return nil, err // the result may be the beginning of a loss
	case who.all && mostLost(wrong, r.checked):
		r.edge.Log.Warn("the store has lost most tokens: sessions stay until they speak", "wrong", wrong, "of", r.checked)
		return slices.DeleteFunc(r.ended, func(e endedToken) bool { return e.state == chat.TokenWrong }), nil
	case err != nil:
		r.note(slices.AppendSeq([]string{}, maps.Keys(who.users)), slices.Collect(maps.Keys(who.ids)))
	}
	return r.ended, err
}

// check notes the sessions of the batch whose tokens count no more, and empties it.
func (r *TokenWatcher) check(ctx context.Context) error {
	defer func() {
		clear(r.batch) // those that are gone are not to be kept
		clear(r.creds)
		r.batch, r.creds = r.batch[:0], r.creds[:0]
	}()
	if len(r.batch) == 0 {
		return nil
	}
	for _, c := range r.batch {
		r.creds = append(r.creds, c.Rights().cred)
	}
	ctx, cancel := context.WithTimeout(ctx, chat.CallTimeout)
	defer cancel()
	states, err := r.edge.store.CheckTokens(ctx, r.creds)
	if err != nil {
		return err
	}
	r.checked += len(r.batch)
	for i, c := range r.batch {
		if states[i] != chat.TokenRight {
			r.ended = append(r.ended, endedToken{c, states[i]})
		}
	}
	return nil
}
