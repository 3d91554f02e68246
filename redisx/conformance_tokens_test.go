package redisx_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"barrage/internal/chat"
)

// tokensPerUser is that of the stores under test.
const tokensPerUser = 2

// wantToken holds the answers of CheckToken and CheckTokens against what a credential must be.
func (h *harness) wantToken(t *testing.T, c chat.Credential, want chat.TokenState) {
	t.Helper()
	got, err := h.CheckToken(t.Context(), c)
	wantEqual(t, fmt.Sprintf("CheckToken(%+v)", c), got, err, want)
	all, err := h.CheckTokens(t.Context(), []chat.Credential{{UserID: "nobody", Token: "x"}, c})
	wantEqual(t, fmt.Sprintf("CheckTokens(%+v)", c), all, err, []chat.TokenState{chat.TokenWrong, want})
}

// testTokensPerUser: two count at once; a token that they replace is known as that, and one that never was, as wrong.
func testTokensPerUser(s *harness) {
	t := s.t
	for _, user := range []string{"u", `"ü{s}er"`, "u{}", "br}ace", "{open", "弹幕 1"} {
		of := func(token string) chat.Credential { return chat.Credential{UserID: user, Token: token} }
		for i := range 3 {
			noError(t, s.SetToken(t.Context(), user, fmt.Sprintf("token %d", i)))
		}
		if s.tagged && (user == "u{}" || user == "br}ace") { // a cluster has no place for the earlier ones
			s.wantToken(t, of("token 2"), chat.TokenRight)
			s.wantToken(t, of("token 1"), chat.TokenWrong)
			continue
		}
		s.wantToken(t, of("token 2"), chat.TokenRight)
		s.wantToken(t, of("token 1"), chat.TokenRight)
		s.wantToken(t, of("token 0"), chat.TokenReplaced)
		s.wantToken(t, of("token"), chat.TokenWrong)
		s.wantToken(t, of("token 1 2"), chat.TokenWrong)
		s.wantToken(t, of(""), chat.TokenWrong)
		noError(t, s.SetToken(t.Context(), user, "token 0")) // back again
		s.wantToken(t, of("token 0"), chat.TokenRight)
		s.wantToken(t, of("token 2"), chat.TokenRight)
		s.wantToken(t, of("token 1"), chat.TokenReplaced)
		for i := range 9 { // eight are remembered
			noError(t, s.SetToken(t.Context(), user, fmt.Sprintf("more %d", i)))
		}
		s.wantToken(t, of("token 0"), chat.TokenReplaced)
		s.wantToken(t, of("token 2"), chat.TokenWrong)
	}
	if s.pass == nil {
		return
	}
	// An earlier token lives as long as it is used, and ends by itself.
	const most = chat.TokenLife - time.Hour
	older, newer := chat.Credential{UserID: "v", Token: "older"}, chat.Credential{UserID: "v", Token: "newer"}
	noError(t, s.SetToken(t.Context(), "v", "older"))
	noError(t, s.SetToken(t.Context(), "v", "newer"))
	s.pass(most + time.Minute)
	s.wantToken(t, older, chat.TokenRight) // prolongs
	s.pass(most)
	s.wantToken(t, newer, chat.TokenWrong)
	s.wantToken(t, older, chat.TokenRight)
	s.pass(chat.TokenLife + time.Minute)
	s.wantToken(t, older, chat.TokenWrong)
}

// testRevoked: a user's tokens end, those of a login at once and signed ones by when they were made. One alone ends by
// its name.
func testRevoked(s *harness) {
	t := s.t
	then := time.UnixMilli(1_790_000_000_000)
	signed := func(user, id string, at time.Time) chat.Credential {
		return chat.Credential{UserID: user, Signed: true, ID: id, Issued: at.UnixMilli()}
	}
	noError(t, s.SetToken(t.Context(), "u", "first"))
	noError(t, s.SetToken(t.Context(), "u", "second"))
	before := []chat.Credential{
		{UserID: "u", Token: "second"},
		signed("u", "j-1", then), signed("v", "j-1", then), signed("", "j-1", then),
		signed("u", "", then.Add(-time.Hour)), signed("", "", then), signed("j-1", "", then),
	}
	for _, c := range before {
		s.wantToken(t, c, chat.TokenRight)
	}
	told := s.tokensTold()
	noError(t, s.RevokeUser(t.Context(), "u", then))
	s.wantToken(t, chat.Credential{UserID: "u", Token: "first"}, chat.TokenWrong)
	for i, want := range []chat.TokenState{
		chat.TokenWrong, chat.TokenRevoked, chat.TokenRight, chat.TokenRight, chat.TokenRevoked, chat.TokenRight, chat.TokenRight,
	} {
		s.wantToken(t, before[i], want)
	}
	s.wantToken(t, signed("u", "j-1", then.Add(time.Millisecond)), chat.TokenRight)
	noError(t, s.SetToken(t.Context(), "u", "third"))
	s.wantToken(t, chat.Credential{UserID: "u", Token: "third"}, chat.TokenRight)
	eventually(t, "TokensChanged was called for u, and nobody else", func() (bool, string) {
		users, all := s.tokensSince(told)
		slices.Sort(users)
		return slices.Equal(slices.Compact(users), []string{"u"}) && all == 0, fmt.Sprint(users, all)
	})

	noError(t, s.RevokeToken(t.Context(), "j-1", s.now().Add(time.Hour)))
	noError(t, s.RevokeToken(t.Context(), "j-2", s.now().Add(-time.Hour))) // it is over
	s.wantToken(t, signed("v", "j-1", then), chat.TokenRevoked)
	s.wantToken(t, signed("", "j-1", then), chat.TokenRevoked)
	s.wantToken(t, signed("j-1", "", then), chat.TokenRight)
	s.wantToken(t, signed("v", "j", then), chat.TokenRight)
	eventually(t, "TokensChanged was called for the token", func() (bool, string) {
		ids := s.idsTold()
		return slices.Contains(ids, "j-1"), fmt.Sprint(ids)
	})
	if s.pass == nil {
		return
	}
	s.pass(2 * time.Hour)
	s.wantToken(t, signed("v", "j-1", then), chat.TokenRight) // nobody has it any more
	s.wantToken(t, signed("u", "", then), chat.TokenRevoked)
}
