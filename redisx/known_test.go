package redisx_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"barrage/internal/await"
	"barrage/internal/chat"
	"barrage/redisx"
)

// This file is about what a node knows without asking: tokens and memberships.

// newThree is two nodes on the shared server, empty, and a client past them.
func newThree(t *testing.T) (one, two *harness, raw *rawClient) {
	t.Helper()
	one, raw = newPair(t)
	return one, newNode(t, server.Addr, raw), raw
}

// wantChange waits until check says yes, within the second that a change has for its way to the nodes.
func wantChange(t *testing.T, what string, check func() (bool, error)) {
	t.Helper()
	changed := await.Start()
	eventually(t, what, func() (bool, string) {
		ok, err := check()
		return ok && err == nil, fmt.Sprint(ok, err)
	})
	changed.WantWithin(t, what, time.Second)
}

// callsOf counts the calls that f makes of the store.
func (h *harness) callsOf(f func()) uint64 {
	before := h.Stats().Calls
	f()
	return h.Stats().Calls - before
}

// TestRedis_ForgetsBeforeItReturns: a caller that has set or revoked a token finds it so on that node at once. Where a
// user has one token, the one before it is at its end at once, too.
func TestRedis_ForgetsBeforeItReturns(t *testing.T) {
	s, _ := newPair(t)
	one := limits
	one.TokensPerUser = 1
	s.Store.(*redisx.Redis).Reload(one)
	right := func(cred chat.Credential) bool {
		states, err := s.CheckTokens(t.Context(), []chat.Credential{cred})
		return err == nil && states[0] == chat.TokenRight
	}
	var all sync.WaitGroup
	for user := range 16 { // at once, so that answers and words of changes mix
		all.Go(func() {
			for i := range 100 {
				cred := chat.Credential{UserID: fmt.Sprint("u", user), Token: fmt.Sprint(i)}
				before := chat.Credential{UserID: cred.UserID, Token: "before"}
				if err := s.SetToken(t.Context(), before.UserID, before.Token); err != nil || !right(before) {
					t.Errorf("%+v was set (%v), and does not count", before, err)
				}
				if err := s.SetToken(t.Context(), cred.UserID, cred.Token); err != nil || right(before) || !right(cred) {
					t.Errorf("%+v was set (%v), and does not count, or the one before it does", cred, err)
				}
				if err := s.RevokeUser(t.Context(), cred.UserID, time.Now()); err != nil || right(cred) {
					t.Errorf("%+v was revoked (%v), and counts", cred, err)
				}
				signed := chat.Credential{Signed: true, ID: fmt.Sprint(user, ".", i)}
				if !right(signed) {
					t.Errorf("%+v does not count", signed)
				}
				if err := s.RevokeToken(t.Context(), signed.ID, time.Now().Add(time.Hour)); err != nil || right(signed) {
					t.Errorf("%+v was revoked (%v), and counts", signed, err)
				}
			}
		})
	}
	all.Wait()
}

func TestRedis_KnownTokensCostNothing(t *testing.T) {
	s, _ := newPair(t)
	var creds []chat.Credential
	for i := range 100 {
		c := chat.Credential{UserID: fmt.Sprint("u", i), Token: fmt.Sprint("token", i)}
		noError(t, s.SetToken(t.Context(), c.UserID, c.Token))
		creds = append(creds, c)
	}
	check := func(want bool) {
		t.Helper()
		right, err := areRight(s.CheckTokens(t.Context(), creds))
		noError(t, err)
		for i, got := range right {
			if got != want {
				t.Fatalf("CheckTokens: %v for %+v; want %v", got, creds[i], want)
			}
		}
	}
	wantEqual(t, "calls for 100 unknown tokens", s.callsOf(func() { check(true) }), nil, 1)
	wantEqual(t, "calls for 100 known tokens", s.callsOf(func() {
		for range 20 {
			check(true)
			_, err := isRight(s.CheckToken(t.Context(), chat.Credential{UserID: "u7", Token: "token7"}))
			noError(t, err)
		}
	}), nil, 0)
	for i := range creds {
		creds[i].Token += "x"
	}
	check(false)
}

// TestRedis_JoinCostsNothing: a user joins a room that is live on a node, with a token and a membership that the node
// knows. That costs no call of Redis.
func TestRedis_JoinCostsNothing(t *testing.T) {
	s, _ := newPair(t)
	noError(t, s.SetToken(t.Context(), "u", "token"))
	_, err := s.Join(t.Context(), "u", "r")
	noError(t, err)
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	join := func() {
		right, err := isRight(s.CheckToken(t.Context(), chat.Credential{UserID: "u", Token: "token"}))
		wantEqual(t, "CheckToken", right, err, true)
		member, err := s.IsMember(t.Context(), "u", "r")
		wantEqual(t, "IsMember", member, err, true)
	}
	join()
	wantEqual(t, "calls of Redis", s.callsOf(join), nil, 0)
}

func TestRedis_ChangedTokenStops(t *testing.T) {
	one, two, raw := newThree(t)
	check := func(s *harness, token string) (bool, error) {
		return isRight(s.CheckToken(t.Context(), chat.Credential{UserID: "u", Token: token}))
	}
	right := func(s *harness, token string) {
		t.Helper()
		got, err := check(s, token)
		wantEqual(t, "CheckToken of "+token, got, err, true)
	}
	stops := func(s *harness, token string) {
		t.Helper()
		wantChange(t, token+" is wrong", func() (bool, error) {
			right, err := check(s, token)
			return !right, err
		})
	}
	noError(t, one.SetToken(t.Context(), "u", "first"))
	right(one, "first")
	right(two, "first")
	noError(t, one.SetToken(t.Context(), "u", "between"))
	noError(t, one.SetToken(t.Context(), "u", "second"))
	got, err := check(one, "first")
	wantEqual(t, "CheckToken of the old one where it was set", got, err, false)
	stops(two, "first")
	right(two, "second")
	right(one, "second")
	raw.do("SET", "login:u", `"foreign"`)
	stops(one, "second")
	stops(two, "second")
	right(one, "foreign")
	right(two, "foreign")
	raw.do("DEL", "login:u")
	stops(one, "foreign")
	stops(two, "foreign")
	noError(t, two.SetToken(t.Context(), "u", "third"))
	right(one, "third") // A token that is known to be wrong is looked up.
	raw.do("FLUSHALL")
	stops(one, "third")
	stops(two, "third")
}

func TestRedis_ChangedMembershipIsHeardOnAllNodes(t *testing.T) {
	one, two, raw := newThree(t)
	member := func(s *harness) (bool, error) { return s.IsMember(t.Context(), "u", "r") }
	for _, s := range []*harness{one, two} {
		got, err := member(s)
		wantEqual(t, "IsMember at first", got, err, false)
	}
	_, err := one.Join(t.Context(), "u", "r")
	noError(t, err)
	for _, s := range []*harness{one, two} {
		got, err := member(s)
		wantEqual(t, "IsMember after Join", got, err, true)
		eventually(t, "nobody asks any more", func() (bool, string) {
			calls := s.callsOf(func() {
				_, err := member(s)
				noError(t, err)
			})
			return calls == 0, fmt.Sprint(calls)
		})
	}
	raw.do("SREM", "ugs:u", "r")
	for _, s := range []*harness{one, two} {
		wantChange(t, "the membership is over", func() (bool, error) {
			got, err := member(s)
			return !got, err
		})
	}
}

// TestRedis_ProlongsOnce has two nodes check a token again and again whose life must
// begin anew: one write is enough, and all know of it.
func TestRedis_ProlongsOnce(t *testing.T) {
	one, two, raw := newThree(t)
	noError(t, one.SetToken(t.Context(), "u", "token"))
	check := func() {
		t.Helper()
		for _, s := range []*harness{one, two} {
			right, err := isRight(s.CheckToken(t.Context(), chat.Credential{UserID: "u", Token: "token"}))
			wantEqual(t, "CheckToken", right, err, true)
		}
	}
	check()
	nodes := []*harness{one, two}
	before := []int{one.tokensTold(), two.tokensTold()}
	raw.do("PEXPIRE", "login:u", fmt.Sprint((chat.TokenLife - 2*time.Hour).Milliseconds()))
	raw.do("CONFIG", "RESETSTAT")
	for i, s := range nodes {
		eventually(t, "the node has heard that it changed", func() (bool, string) {
			users, _ := s.tokensSince(before[i])
			return slices.Contains(users, "u"), fmt.Sprint(users)
		})
	}
	quiet := 0 // in a row: the other node is notified of each write
	eventually(t, "it was written, and nobody asks any more", func() (bool, string) {
		if quiet++; one.callsOf(check) > 0 || two.callsOf(check) > 0 {
			quiet = 0
		}
		return quiet >= 100 && strings.Contains(raw.text("INFO", "commandstats"), "cmdstat_pexpire:"), fmt.Sprint(quiet)
	})
	wantEqual(t, "writes", raw.statOf("pexpire"), nil, 1)
	if got := time.Duration(raw.int("PTTL", "login:u")) * time.Millisecond; got < chat.TokenLife-time.Minute {
		t.Errorf("the token lives for %v; want %v", got, chat.TokenLife)
	}
}

// statOf is how often a command was called since the last RESETSTAT.
func (r *rawClient) statOf(command string) (calls int) {
	r.t.Helper()
	info := r.text("INFO", "commandstats")
	if _, err := fmt.Sscanf(after(info, "cmdstat_"+command+":"), "calls=%d,", &calls); err != nil {
		r.t.Fatalf("%s in %s: %v", command, info, err)
	}
	return calls
}

// TestRedis_TellsOfChangedTokens: a node is notified whoever changed tokens, and only of those that it has checked.
func TestRedis_TellsOfChangedTokens(t *testing.T) {
	one, two, raw := newThree(t)
	check := func(want bool) {
		t.Helper()
		for _, s := range []*harness{one, two} {
			right, err := areRight(s.CheckTokens(t.Context(), []chat.Credential{{UserID: "u", Token: "token"}, {UserID: "v", Token: "token"}}))
			wantEqual(t, "CheckTokens", right, err, []bool{want, want})
		}
	}
	for _, c := range []struct {
		name   string
		change func()
		all    int
	}{
		{"SetToken", func() { noError(t, one.SetToken(t.Context(), "u", "new")) }, 0},
		{"SET", func() { raw.do("SET", "login:u", `"foreign"`) }, 0},
		{"DEL", func() { raw.do("DEL", "login:u") }, 0},
		{"end of its life", func() { raw.do("PEXPIREAT", "login:u", fmt.Sprint(time.Now().Add(100*time.Millisecond).UnixMilli())) }, 0},
		{"FLUSHDB", func() { raw.do("FLUSHDB") }, 1},
		{"lost connections", func() { raw.do("CLIENT", "KILL", "TYPE", "normal") }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, s := range []*harness{one, two} {
				s.wantReady(t)
			}
			for _, user := range []string{"u", "v"} {
				noError(t, one.SetToken(t.Context(), user, "token"))
			}
			_, err := two.Join(t.Context(), "v", "r "+c.name) // A node that reads that is notified of it.
			noError(t, err)
			_, err = one.IsMember(t.Context(), "v", "r "+c.name)
			noError(t, err)
			check(true)
			before := []int{one.tokensTold(), two.tokensTold()}
			raw.do("SADD", "ugs:v", "other "+c.name)
			c.change()
			for i, s := range []*harness{one, two} {
				wantChange(t, "the node is told", func() (bool, error) {
					users, all := s.tokensSince(before[i])
					if c.all > 0 {
						return all >= c.all, nil
					}
					return slices.Contains(users, "u"), nil
				})
				if users, all := s.tokensSince(before[i]); slices.Contains(users, "v") || c.all == 0 && all > 0 {
					t.Errorf("told of the tokens of %q, of all %d times; want those of u", users, all)
				}
			}
		})
	}
}
