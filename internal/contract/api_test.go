package contract

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Contract section 4.

func TestAPI_CallsTakeEachForm(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := startOn(t, store)
			for _, form := range forms {
				t.Run(form, func(t *testing.T) {
					t.Parallel()
					wantAllCalls(t, n, form)
				})
			}
		})
	}
}

// wantAllCalls makes each call once with success, its parameters in the form.
func wantAllCalls(t *testing.T, n *node, form string) {
	t.Helper()
	user, group := "用户 "+form, "组&"+form
	call := func(path string, as account, p params) response {
		return send(t, n.request(t, form, path, as, p))
	}
	a := account{user, wantLogin(t, call("/user/login", nobody, params{"userId": user, "password": "p&=%+ 密"}))}
	wantBody(t, call("/user/joinGroup", a, params{"groupId": group}), done)
	wantBody(t, call("/user/listGroup", a, nil), listed(group))
	m := n.member(t, group, user)
	for i := range 3 {
		m.say(strconv.Itoa(i))
	}
	messages := m.wantMessages(3)
	last := fmt.Sprint(timestamp(t, messages[2]))
	wantBody(t, call("/group/listMessage", a, params{"groupId": group, "startPage": "-2", "endPage": "-1"}), listed(messages[1:]...))
	before := params{"groupId": group, "userId": user, "ts": last, "count": "1"}
	wantBody(t, call("/group/listMessage", a, before), fetched(messages[1]))
	wantBody(t, call("/group/listOldMessage", a, before), fetched(messages[1]))
	wantBody(t, call("/group/delMessage", a, params{"groupId": group, "ts": last}), recalled)
}

func TestAPI_UsersHaveOneLoginAndJoinOnce(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := startOn(t, store)
			t.Run("a login ends the one before", func(t *testing.T) {
				t.Parallel()
				old := n.login(t, "again")
				fresh := n.login(t, "again")
				if old.token == fresh.token {
					t.Error("two logins gave the same token")
				}
				n.wantEnvelope(t, "/user/listGroup", old, nil, notLoggedIn)
				n.wantEnvelope(t, "/user/listGroup", fresh, nil, listed())
			})
			t.Run("joining twice is refused", func(t *testing.T) {
				t.Parallel()
				a := n.login(t, "twice")
				n.wantEnvelope(t, "/user/joinGroup", a, params{"groupId": "g"}, done)
				n.wantEnvelope(t, "/user/joinGroup", a, params{"groupId": "g"}, refused)
				n.member(t, "socket", "twice")
				n.wantEnvelope(t, "/user/joinGroup", a, params{"groupId": "socket"}, refused)
				n.wantEnvelope(t, "/user/listGroup", a, nil, listed("g", "socket"))
			})
		})
	}
}

// loggedInCalls are the calls that need a login, with parameters that are fine.
var loggedInCalls = map[string]params{
	"/user/joinGroup":       {"groupId": "g"},
	"/user/listGroup":       nil,
	"/group/listMessage":    {"groupId": "g", "startPage": "0", "endPage": "9"},
	"/group/listOldMessage": {"groupId": "g", "userId": "u", "ts": "1648368380132", "count": "9"},
	"/group/delMessage":     {"groupId": "g", "ts": "1648368380132"},
}

func TestAPI_NeedsLogin(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"any", "redis"} {
		t.Run("auth.mode="+mode, func(t *testing.T) {
			t.Parallel()
			for _, store := range stores {
				t.Run(store, func(t *testing.T) {
					t.Parallel()
					n := startOn(t, store, "auth.mode="+mode)
					alice, bob := n.login(t, "alice"), n.login(t, "bob")
					for name, as := range map[string]account{
						"no headers":               nobody,
						"no userId":                {token: alice.token},
						"no token":                 {user: alice.user},
						"wrong token":              {alice.user, strings.Repeat("0", 32)},
						"token of somebody else":   {alice.user, bob.token},
						"user who never logged in": {"carol", alice.token},
					} {
						t.Run(name, func(t *testing.T) {
							for path, p := range loggedInCalls {
								n.wantEnvelope(t, path, as, p, notLoggedIn)
							}
						})
					}
				})
			}
		})
	}
}

func TestAPI_BadParametersAreNamedInTheAnswer(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := startOn(t, store)
			a := n.login(t, "u")
			long := strings.Repeat("x", 129)
			for _, c := range []struct {
				name, path string
				p          params
				word       string // in the answer
			}{
				{"login without userId", "/user/login", params{"password": "x"}, "userId"},
				{"login without password", "/user/login", params{"userId": "u"}, "password"},
				{"login with an empty userId", "/user/login", params{"userId": "", "password": "x"}, "userId"},
				{"login with a long userId", "/user/login", params{"userId": long, "password": "x"}, "userId"},
				{"login with control characters", "/user/login", params{"userId": "a\nb", "password": "x"}, "userId"},
				{"login that is not UTF-8", "/user/login", params{"userId": "a\xff", "password": "x"}, "userId"},
				{"join without groupId", "/user/joinGroup", nil, "groupId"},
				{"join of a long groupId", "/user/joinGroup", params{"groupId": long}, "groupId"},
				{"join with control characters", "/user/joinGroup", params{"groupId": "a\x00"}, "groupId"},
				{"messages without groupId", "/group/listMessage", params{"startPage": "0", "endPage": "1"}, "groupId"},
				{"messages without startPage", "/group/listMessage", params{"groupId": "g", "endPage": "1"}, "startPage"},
				{"messages without endPage", "/group/listMessage", params{"groupId": "g", "startPage": "1"}, "endPage"},
				{"messages from a word", "/group/listMessage", params{"groupId": "g", "startPage": "one", "endPage": "1"}, "startPage"},
				{"messages to a fraction", "/group/listMessage", params{"groupId": "g", "startPage": "0", "endPage": "1.5"}, "endPage"},
				{"messages to a huge number", "/group/listMessage", params{"groupId": "g", "startPage": "0", "endPage": "99999999999999999999"}, "endPage"},
				{"old messages without userId", "/group/listOldMessage", params{"groupId": "g", "ts": "1", "count": "1"}, "userId"},
				{"old messages without ts", "/group/listOldMessage", params{"groupId": "g", "userId": "u", "count": "1"}, "ts"},
				{"old messages without count", "/group/listOldMessage", params{"groupId": "g", "userId": "u", "ts": "1"}, "count"},
				{"old messages of the other call without ts", "/group/listMessage", params{"groupId": "g", "userId": "u", "count": "1"}, "ts"},
				{"old messages with a count that is a word", "/group/listOldMessage", params{"groupId": "g", "userId": "u", "ts": "1", "count": "all"}, "count"},
				{"recall without ts", "/group/delMessage", params{"groupId": "g"}, "ts"},
				{"recall of a word", "/group/delMessage", params{"groupId": "g", "ts": "now"}, "ts"},
				{"recall without groupId", "/group/delMessage", params{"ts": "1"}, "groupId"},
			} {
				t.Run(c.name, func(t *testing.T) {
					wantBad(t, n.call(t, c.path, a, c.p), http.StatusBadRequest, c.word)
				})
			}
			t.Run("body over 64 KiB", func(t *testing.T) {
				for _, form := range []string{"urlencoded", "multipart"} {
					big := params{"groupId": "g", "padding": strings.Repeat("x", 65<<10)}
					wantBad(t, send(t, n.request(t, form, "/user/joinGroup", a, big)), http.StatusRequestEntityTooLarge, "")
				}
				n.wantEnvelope(t, "/user/listGroup", a, nil, listed())
			})
			t.Run("broken multipart", func(t *testing.T) {
				req := n.request(t, "urlencoded", "/user/joinGroup", a, params{"groupId": "g"})
				req.Header.Set("Content-Type", "multipart/form-data; boundary=x")
				wantBad(t, send(t, req), http.StatusBadRequest, "")
			})
			t.Run("broken urlencoding", func(t *testing.T) {
				req := n.request(t, "query", "/user/joinGroup", a, nil)
				req.URL.RawQuery = "groupId=%zz"
				wantBad(t, send(t, req), http.StatusBadRequest, "")
			})
		})
	}
}

func TestAPI_ListMessageGivesTheRangeAsked(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := startOn(t, store)
			a := n.login(t, "u")
			m := n.member(t, "g", "u")
			for i := range 5 {
				m.say(`"` + strconv.Itoa(i) + `" 弹`)
			}
			var messages []string
			for i := range 5 {
				messages = append(messages, m.wantMessage("g", "u", `"`+strconv.Itoa(i)+`" 弹`))
			}
			for _, c := range []struct {
				start, end int
				want       []string
			}{
				{0, 4, messages},
				{0, -1, messages},
				{0, 0, messages[:1]},
				{1, 2, messages[1:3]},
				{-2, -1, messages[3:]},
				{-4, 2, messages[1:3]},
				{3, 99, messages[3:]},
				{-99, 1, messages[:2]},
				{0, -6, nil},
				{5, 9, nil},
				{2, 1, nil},
			} {
				t.Run(fmt.Sprintf("%d to %d", c.start, c.end), func(t *testing.T) {
					n.wantEnvelope(t, "/group/listMessage", a,
						params{"groupId": "g", "startPage": strconv.Itoa(c.start), "endPage": strconv.Itoa(c.end)}, listed(c.want...))
				})
			}
			t.Run("room without messages", func(t *testing.T) {
				n.wantEnvelope(t, "/group/listMessage", a, params{"groupId": "none", "startPage": "0", "endPage": "-1"}, listed())
			})
		})
	}
}

func TestAPI_ListOldMessageGivesWhatCameBefore(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := startOn(t, store)
			a := n.login(t, "u")
			m, other := n.member(t, "g", "u"), n.member(t, "g", "v")
			var messages []string
			for i := range 6 {
				from := []*client{m, other}[i%2]
				from.say(strconv.Itoa(i))
				messages = append(messages, m.text())
			}
			last := fmt.Sprint(timestamp(t, messages[5])) // of v
			for _, c := range []struct {
				name string
				p    params
				want string
			}{
				{"some", params{"groupId": "g", "userId": "v", "ts": last, "count": "2"}, fetched(messages[3:5]...)},
				{"all", params{"groupId": "g", "userId": "v", "ts": last, "count": "5"}, fetched(messages[:5]...)},
				{"more than there are", params{"groupId": "g", "userId": "v", "ts": last, "count": "1000"}, fetched(messages[:5]...)},
				{"from the middle", params{"groupId": "g", "userId": "u", "ts": fmt.Sprint(timestamp(t, messages[2])), "count": "1"}, fetched(messages[1])},
				{"before the first", params{"groupId": "g", "userId": "u", "ts": fmt.Sprint(timestamp(t, messages[0])), "count": "9"}, fetched()},
				{"of another user", params{"groupId": "g", "userId": "w", "ts": last, "count": "9"}, notFetched},
				{"at another time", params{"groupId": "g", "userId": "v", "ts": "1648368380132", "count": "9"}, notFetched},
				{"in another room", params{"groupId": "h", "userId": "v", "ts": last, "count": "9"}, notFetched},
			} {
				t.Run(c.name, func(t *testing.T) {
					n.wantEnvelope(t, "/group/listOldMessage", a, c.p, c.want)
					n.wantEnvelope(t, "/group/listMessage", a, c.p, c.want)
				})
			}
		})
	}
}

func TestAPI_DelMessageTakesOnlyOnesOwn(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := startOn(t, store)
			alice, bob := n.login(t, "alice"), n.login(t, "bob")
			recall := func(t *testing.T, as account, group, message, want string) {
				t.Helper()
				n.wantEnvelope(t, "/group/delMessage", as, params{"groupId": group, "ts": fmt.Sprint(timestamp(t, message))}, want)
			}
			t.Run("own message, gone from everywhere", func(t *testing.T) {
				m := n.member(t, "own", "alice")
				for i := range 4 {
					m.say(strconv.Itoa(i))
				}
				all := m.wantMessages(4)
				recall(t, alice, "own", all[1], recalled)
				left := []string{all[0], all[2], all[3]}
				n.wantEnvelope(t, "/group/listMessage", alice, params{"groupId": "own", "startPage": "0", "endPage": "-1"}, listed(left...))
				n.wantEnvelope(t, "/group/listOldMessage", alice,
					params{"groupId": "own", "userId": "alice", "ts": fmt.Sprint(timestamp(t, all[3])), "count": "2"}, fetched(all[0], all[2]))
				n.wantEnvelope(t, "/group/listOldMessage", alice,
					params{"groupId": "own", "userId": "alice", "ts": fmt.Sprint(timestamp(t, all[1])), "count": "2"}, notFetched)
				n.wantFirstFrame(t, "own", "bob", firstFrame(4, left...))
				m.say("on")
				m.wantMessage("own", "alice", "on")
			})
			t.Run("twice", func(t *testing.T) {
				m := n.member(t, "twice", "alice")
				m.say("x")
				message := m.wantMessage("twice", "alice", "x")
				recall(t, alice, "twice", message, recalled)
				recall(t, alice, "twice", message, recalled) // somebody may have missed it
			})
			t.Run("message of somebody else", func(t *testing.T) {
				m := n.member(t, "others", "alice")
				m.say("x")
				message := m.wantMessage("others", "alice", "x")
				recall(t, bob, "others", message, noMessage)
				n.wantEnvelope(t, "/group/listMessage", bob, params{"groupId": "others", "startPage": "0", "endPage": "-1"}, listed(message))
			})
			t.Run("message that never was", func(t *testing.T) {
				recall(t, alice, "nowhere", fmt.Sprintf(`{"ts":%d}`, time.Now().UnixMilli()), noMessage)
			})
			t.Run("more than the first frame holds", func(t *testing.T) {
				m := n.member(t, "deep", "alice")
				for i := range 60 {
					m.say(strconv.Itoa(i))
				}
				all := m.wantMessages(60)
				for _, message := range all[30:] {
					recall(t, alice, "deep", message, recalled)
				}
				n.wantFirstFrame(t, "deep", "bob", firstFrame(60, all[:30]...))
			})
		})
	}
}

func TestAPI_DelMessageTooOldStays(t *testing.T) {
	t.Parallel()
	const limit = 20 * time.Millisecond
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := startOn(t, store, "history.recall_limit="+limit.String())
			a := n.login(t, "u")
			m := n.member(t, "g", "u")
			m.say("x")
			message := m.wantMessage("g", "u", "x")
			ts := timestamp(t, message)
			<-time.After(time.Until(time.UnixMilli(ts).Add(2 * limit))) // Only time makes it old.
			n.wantEnvelope(t, "/group/delMessage", a, params{"groupId": "g", "ts": fmt.Sprint(ts)}, tooOld)
			n.wantEnvelope(t, "/group/listMessage", a, params{"groupId": "g", "startPage": "0", "endPage": "-1"}, listed(message))
		})
	}
}

func TestAPI_MethodsOtherThanPOSTAreRefused(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	a := n.login(t, "u")
	for path, p := range loggedInCalls {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
			req := n.request(t, "query", path, a, p)
			req.Method = method
			if got := send(t, req); got.status != http.StatusMethodNotAllowed {
				t.Errorf("%s %s = %d; want 405", method, path, got.status)
			}
		}
	}
	n.wantEnvelope(t, "/user/listGroup", a, nil, listed())
}

// TestAPI_OldMessagesAreClamped: one page has 1,000 old messages at most.
func TestAPI_OldMessagesAreClamped(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := startOn(t, store)
			a := n.login(t, "u")
			m := n.member(t, "g", "u")
			for i := range 1002 {
				m.say(strconv.Itoa(i))
			}
			all := m.wantMessages(1002)
			p := params{"groupId": "g", "userId": "u", "ts": fmt.Sprint(timestamp(t, all[1001]))}
			for count, want := range map[string][]string{"1000": all[1:1001], "1001": all[1:1001], "99999": all[1:1001], "0": all[1000:1001], "-9": all[1000:1001]} {
				p["count"] = count
				n.wantEnvelope(t, "/group/listOldMessage", a, p, fetched(want...))
			}
		})
	}
}

// TestAPI_TooManyGroupsAreRefused: the group that is one too many is refused, a socket there is let in, and is not on
// the list.
func TestAPI_TooManyGroupsAreRefused(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := startOn(t, store, "room.rooms_per_user=2")
			a := n.login(t, "u")
			for _, group := range []string{"1", "2"} {
				n.wantEnvelope(t, "/user/joinGroup", a, params{"groupId": group}, done)
			}
			n.wantEnvelope(t, "/user/joinGroup", a, params{"groupId": "3"}, `{"code":100,"msg":"加入的群已达上限","data":null}`)
			n.wantEnvelope(t, "/user/joinGroup", a, params{"groupId": "2"}, refused)
			m := n.member(t, "3", "u")
			m.say("hi")
			m.wantMessage("3", "u", "hi")
			n.wantEnvelope(t, "/user/listGroup", a, nil, listed("1", "2"))
			eventually(t, func() error {
				if got := n.metrics(t)["barrage_memberships_refused_total"]; got != 1 {
					return fmt.Errorf("memberships refused = %v; want 1", got)
				}
				return nil
			})
		})
	}
}
