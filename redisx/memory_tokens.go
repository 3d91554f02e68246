package redisx

import (
	"context"
	"maps"
	"slices"
	"time"

	"barrage/internal/chat"
)

// memoryTokens are a user's tokens, the newest first: those that count, and behind them those that were replaced.
type memoryTokens []memoryToken

// memoryToken is a token that counts until expires.
type memoryToken struct {
	text    string
	expires time.Time
}

// alive are those whose life is not over.
func (t memoryTokens) alive(now time.Time) memoryTokens {
	return slices.DeleteFunc(t, func(one memoryToken) bool { return !now.Before(one.expires) })
}

// memoryRevoked says that signed tokens are revoked: by its name the one, by a user's those made until then. It is kept
// until expires.
type memoryRevoked struct {
	then    int64 // Unix ms
	expires time.Time
}

// nameOf is the name in userShard.revoked of a signed token, which no user has: ids have no control characters.
func nameOf(id string) string { return "\x00" + id }

// SetToken makes token one of the user's, for chat.TokenLife.
func (m *Memory) SetToken(_ context.Context, user, token string) error {
	u := m.user(user)
	now := m.now()
	users := u.expireLocked(now)
	all := slices.DeleteFunc(u.tokens[user].alive(now), func(one memoryToken) bool { return one.text == token })
	all = slices.Insert(all, 0, memoryToken{token, now.Add(chat.TokenLife)})
	u.tokens[user] = all[:min(len(all), m.limits.Load().tokens()+replacedKept)]
	u.mu.Unlock()
	m.tokensChanged(append(users, user), nil)
	return nil
}

func (m *Memory) tokensChanged(users, ids []string) {
	if m.handler != nil {
		m.handler.TokensChanged(users, ids)
	}
}

// expireLocked drops now and then what has expired, and returns whose tokens. u.mu must be held.
func (u *userShard) expireLocked(now time.Time) (users []string) {
	if now.Before(u.expireAt) {
		return nil
	}
	u.expireAt = now.Add(expireEvery)
	for user, all := range u.tokens {
		left := all.alive(now)
		if len(left) < len(all) {
			users = append(users, user)
		}
		if u.tokens[user] = left; len(left) == 0 {
			delete(u.tokens, user)
		}
	}
	maps.DeleteFunc(u.revoked, func(_ string, r memoryRevoked) bool { return !now.Before(r.expires) })
	return users
}

// RevokeUser ends all tokens of a user: those that are here, and the signed ones that were made until then.
func (m *Memory) RevokeUser(_ context.Context, user string, then time.Time) error {
	u := m.user(user)
	delete(u.tokens, user)
	u.revoked[user] = memoryRevoked{then.UnixMilli(), m.now().Add(chat.RevokedLife)}
	u.mu.Unlock()
	m.tokensChanged([]string{user}, nil)
	return nil
}

// RevokeToken ends a signed token by its name. That is remembered until the token's own end.
func (m *Memory) RevokeToken(_ context.Context, id string, end time.Time) error {
	u := m.user(nameOf(id))
	u.revoked[nameOf(id)] = memoryRevoked{expires: end}
	u.mu.Unlock()
	m.tokensChanged(nil, []string{id})
	return nil
}

// CheckToken is what the store knows of a token, and prolongs its life if it counts.
func (m *Memory) CheckToken(_ context.Context, cred chat.Credential) (chat.TokenState, error) {
	return m.checkToken(&cred, true), nil
}

// CheckTokens is CheckToken for each of creds, but prolongs nothing.
func (m *Memory) CheckTokens(_ context.Context, creds []chat.Credential) ([]chat.TokenState, error) {
	states := make([]chat.TokenState, len(creds))
	for i := range creds {
		states[i] = m.checkToken(&creds[i], false)
	}
	return states, nil
}

// ProlongTokens is CheckToken for each of creds, whatever comes of it.
func (m *Memory) ProlongTokens(_ context.Context, creds []chat.Credential) error {
	for i := range creds {
		m.checkToken(&creds[i], true)
	}
	return nil
}

func (m *Memory) checkToken(c *chat.Credential, prolong bool) chat.TokenState {
	if c.Signed {
		return m.signedState(c)
	}
	u := m.user(c.UserID)
	defer u.mu.Unlock()
	now, state := m.now(), chat.TokenWrong
	for i, one := range u.tokens[c.UserID] {
		if now.Before(one.expires) && i == 0 && m.limits.Load().tokens() == 1 {
			state = chat.TokenOther
		}
		switch {
		case one.text != c.Token || !now.Before(one.expires):
			continue
		case i >= m.limits.Load().tokens():
			return chat.TokenReplaced
		case prolong && one.expires.Sub(now) < prolongBelow:
			u.tokens[c.UserID][i].expires = now.Add(chat.TokenLife)
		}
		return chat.TokenRight
	}
	return state
}

func (m *Memory) signedState(c *chat.Credential) chat.TokenState {
	revoked := func(name string, is func(memoryRevoked) bool) bool {
		u := m.user(name)
		defer u.mu.Unlock()
		r, ok := u.revoked[name]
		return ok && m.now().Before(r.expires) && is(r)
	}
	if c.UserID != "" && revoked(c.UserID, func(r memoryRevoked) bool { return c.Issued <= r.then }) ||
		c.ID != "" && revoked(nameOf(c.ID), func(memoryRevoked) bool { return true }) {
		return chat.TokenRevoked
	}
	return chat.TokenRight
}
