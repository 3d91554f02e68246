package redisx

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"barrage/internal/chat"
)

// This file is the tokens in Redis: those that a login gave, and which signed ones were revoked. Values may be quoted,
// as original FastIM nodes write them; ours are plain.

// knownFor is how long a node may go by what it has read of a key, unless Redis notifies it of a change. The node's
// knowledge of a token lasts no longer than the token lives.
const knownFor = chat.TokenLife

// prolongBelow is how little of a token's life may be left before it begins anew.
const prolongBelow = chat.TokenLife - time.Hour

// replacedKept is how many tokens of a user that were replaced are remembered, so that a client that shows one receives
// that as the reason. Each takes some 40 bytes of Redis for a day at most.
const replacedKept = 8

// tokens is how many tokens a user may have at once.
func (l Limits) tokens() int { return max(l.TokensPerUser, 1) }

// tokenKeys are the keys of a user's tokens.
func (r *Redis) tokenKeys(user string) []string {
	if before := r.keys.earlier(user); before != "" {
		return []string{r.keys.token(user), before}
	}
	return []string{r.keys.token(user)}
}

// SetToken makes token one of the user's, for chat.TokenLife. It returns when this node
// has forgotten the old ones: the notification of that comes before the second answer.
func (r *Redis) SetToken(ctx context.Context, user, token string) error {
	value, _ := r.written(token)
	results, err := r.runMulti(ctx, setTokenScript, []rueidis.LuaExec{{
		Keys: r.tokenKeys(user),
		Args: []string{value, millis(chat.TokenLife), strconv.Itoa(r.limits().tokens()), strconv.Itoa(replacedKept)},
	}})
	if err == nil && results[0].Error() != nil {
		err = r.described(results[0].Error())
	}
	if err == nil {
		err = r.awaitForgotten(ctx, r.keys.token(user))
	}
	if err != nil {
		return fmt.Errorf("cannot set token at key %q: %w", r.keys.token(user), err)
	}
	return nil
}

// awaitForgotten returns when this node has forgotten what it knew of a key that it changed before.
func (r *Redis) awaitForgotten(ctx context.Context, key string) error {
	_, err := r.do(ctx, r.client.B().Exists().Key(key).Build())
	return err
}

// RevokeUser ends all tokens of a user: those that are here, and the signed ones that were made until then.
func (r *Redis) RevokeUser(ctx context.Context, user string, then time.Time) error {
	mark := r.keys.revoked(user)
	_, err := r.do(ctx, r.client.B().Set().Key(mark).Value(strconv.FormatInt(then.UnixMilli(), 10)).Px(chat.RevokedLife).Build())
	if err == nil {
		_, err = r.do(ctx, r.client.B().Del().Key(r.tokenKeys(user)...).Build())
	}
	if err == nil {
		err = errors.Join(r.awaitForgotten(ctx, mark), r.awaitForgotten(ctx, r.keys.token(user)))
	}
	if err != nil {
		return fmt.Errorf("cannot revoke the tokens of user %q: %w", user, err)
	}
	return nil
}

// RevokeToken ends a signed token by its name. Redis remembers that until the token's own end.
func (r *Redis) RevokeToken(ctx context.Context, id string, end time.Time) error {
	key, life := r.keys.revokedID(id), min(time.Until(end), chat.RevokedLife)
	if life <= 0 {
		return nil // it is over
	}
	_, err := r.do(ctx, r.client.B().Set().Key(key).Value("1").Px(life).Build())
	if err == nil {
		err = r.awaitForgotten(ctx, key)
	}
	if err != nil {
		return fmt.Errorf("cannot revoke the token at key %q: %w", key, err)
	}
	return nil
}

// CheckToken is what Redis knows of a token, and prolongs its life if it counts.
func (r *Redis) CheckToken(ctx context.Context, cred chat.Credential) (chat.TokenState, error) {
	states, err := r.checkEach(ctx, []chat.Credential{cred}, true)
	if err != nil {
		return chat.TokenWrong, err
	}
	return states[0], nil
}

// CheckTokens is CheckToken for each of creds, but prolongs nothing.
func (r *Redis) CheckTokens(ctx context.Context, creds []chat.Credential) ([]chat.TokenState, error) {
	return r.checkEach(ctx, creds, false)
}

// ProlongTokens is CheckToken for each of creds, whatever comes of it.
func (r *Redis) ProlongTokens(ctx context.Context, creds []chat.Credential) error {
	_, err := r.checkEach(ctx, creds, true)
	return err
}

// checkEach is CheckTokens, and prolongs those that count if prolong is set. A key of
// the wrong type counts as no token.
func (r *Redis) checkEach(ctx context.Context, creds []chat.Credential, prolong bool) ([]chat.TokenState, error) {
	states := make([]chat.TokenState, len(creds))
	var cmds []rueidis.CacheableTTL
	for i := range creds {
		for _, key := range r.watchedKeys(&creds[i]) {
			cmds = append(cmds, rueidis.CT(r.client.B().Get().Key(key).Cache(), knownFor))
		}
	}
	if len(cmds) == 0 {
		for i := range states {
			states[i] = chat.TokenRight // Signed, by guests without a name: there is nothing to revoke.
		}
		return states, nil
	}
	values, err := r.known(ctx, cmds)
	if err != nil {
		return nil, fmt.Errorf("cannot check tokens (%d): %w", len(creds), err)
	}
	var unsure []int
	for i := range creds {
		keys := len(r.watchedKeys(&creds[i]))
		mine := values[:keys]
		values = values[keys:]
		if creds[i].Signed {
			states[i] = signedState(&creds[i], mine)
			continue
		}
		text, err := mine[0].ToString()
		if err == nil && (text == creds[i].Token || plainText(text) == creds[i].Token) {
			states[i] = chat.TokenRight
		}
		// A token that is known to be wrong may just have become right, or be one of those before.
		if states[i] != chat.TokenRight || prolong && mine[0].CachePTTL() < prolongBelow.Milliseconds() {
			unsure = append(unsure, i)
		}
	}
	if err := r.askTokens(ctx, creds, unsure, prolong, states); err != nil {
		return nil, err
	}
	return states, nil
}

// watchedKeys are the keys whose changes may end a credential.
func (r *Redis) watchedKeys(c *chat.Credential) (keys []string) {
	if !c.Signed {
		return []string{r.keys.token(c.UserID)}
	}
	if c.UserID != "" {
		keys = append(keys, r.keys.revoked(c.UserID))
	}
	if c.ID != "" {
		keys = append(keys, r.keys.revokedID(c.ID))
	}
	return keys
}

// signedState is what the values of watchedKeys say of a signed token.
func signedState(c *chat.Credential, values []rueidis.RedisResult) chat.TokenState {
	if c.UserID != "" {
		then, err := values[0].AsInt64()
		if err == nil && c.Issued <= then {
			return chat.TokenRevoked
		}
		values = values[1:]
	}
	if c.ID != "" && values[0].Error() == nil {
		return chat.TokenRevoked
	}
	return chat.TokenRight
}

// askTokens has Redis check those of creds that which names, and prolong them if prolong is set.
func (r *Redis) askTokens(ctx context.Context, creds []chat.Credential, which []int, prolong bool, states []chat.TokenState) error {
	if len(which) == 0 {
		return nil
	}
	below := "-1" // no key has less left
	if prolong {
		below = millis(prolongBelow)
	}
	execs := make([]rueidis.LuaExec, len(which))
	for i, c := range which {
		execs[i] = rueidis.LuaExec{
			Keys: r.tokenKeys(creds[c].UserID),
			Args: []string{creds[c].Token, quoted(creds[c].Token), millis(chat.TokenLife), below, strconv.Itoa(r.limits().tokens())},
		}
	}
	results, err := r.runMulti(ctx, checkTokenScript, execs)
	if err != nil {
		return fmt.Errorf("cannot check tokens (%d): %w", len(which), err)
	}
	for i, res := range results {
		state, err := res.AsInt64()
		if err != nil {
			state = 0 // the key has the wrong type
		}
		states[which[i]] = chat.TokenState(state)
	}
	return nil
}

// knownChanged notifies the handler of the keys that Redis reports as changed: those that this
// node has read and remembered. Where changed is nil these are all of them: Redis was emptied, or a connection is lost
// and with it what was read on it. It runs in rueidis' reader of the connection.
func (r *Redis) knownChanged(changed []rueidis.RedisMessage) {
	if r.ctx.Err() != nil {
		return // Close loses the connections, too.
	}
	var users, ids, members []string
	for i := range changed {
		key, _ := changed[i].ToString() // Always a string.
		if user, ok := strings.CutPrefix(key, tokenPrefix); ok {
			users = append(users, user)
		} else if user, ok := strings.CutPrefix(key, revokedPrefix); ok {
			users = append(users, user)
		} else if id, ok := strings.CutPrefix(key, revokedIDPrefix); ok {
			ids = append(ids, id)
		} else if user, ok := strings.CutPrefix(key, roomsPrefix); ok {
			members = append(members, user)
		}
	}
	if users != nil || ids != nil || changed == nil {
		r.handler.TokensChanged(users, ids)
	}
	if r.keys.fastIM {
		r.roomsChanged(members, changed == nil)
	}
}
