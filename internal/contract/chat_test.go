package contract

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// Contract section 2.

func TestChat_SocketsBehaveAsTheContractSays(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := startOn(t, store)
			t.Run("any token passes without auth", func(t *testing.T) {
				t.Parallel()
				n.login(t, "logged-in")
				n.member(t, "open", "never-logged-in")
				n.member(t, "open", "logged-in") // with a token that is not the one
			})
			t.Run("joins the room", func(t *testing.T) {
				t.Parallel()
				a := n.login(t, "joiner")
				n.wantEnvelope(t, "/user/listGroup", a, nil, listed())
				n.member(t, "joined", "joiner")
				n.wantEnvelope(t, "/user/listGroup", a, nil, listed("joined"))
			})
			t.Run("first frame of an empty room", func(t *testing.T) {
				t.Parallel()
				n.dial(t, chatPath("empty", "1", "t")).wantText(`{"list":[],"total":0}`)
			})
			t.Run("first frame has the newest 50 of 60", func(t *testing.T) {
				t.Parallel()
				m := n.member(t, "sixty", "1")
				for i := range 60 {
					m.say(strconv.Itoa(i))
				}
				messages := m.wantMessages(60)
				n.dial(t, chatPath("sixty", "2", "t")).wantText(firstFrame(60, messages[10:]...))
			})
			t.Run("all members get a message, the sender included", func(t *testing.T) {
				t.Parallel()
				members := []*client{n.member(t, "all", "1"), n.member(t, "all", "2"), n.member(t, "all", "3")}
				members[0].say("hi")
				want := members[0].wantMessage("all", "1", "hi")
				members[1].wantText(want)
				members[2].wantText(want)
			})
			t.Run("rooms do not mix", func(t *testing.T) {
				t.Parallel()
				one, two := n.member(t, "here", "1"), n.member(t, "there", "2")
				two.say("there")
				two.wantMessage("there", "2", "there")
				one.say("here")
				one.wantMessage("here", "1", "here")
			})
			t.Run("many connections of one user", func(t *testing.T) {
				t.Parallel()
				tabs := []*client{n.member(t, "tabs", "1"), n.member(t, "tabs", "1")}
				other := n.member(t, "tabs 2", "1")
				tabs[1].say("to the first room")
				want := tabs[0].wantMessage("tabs", "1", "to the first room")
				tabs[1].wantText(want)
				other.say("to the second")
				other.wantMessage("tabs 2", "1", "to the second")
				tabs[0].say("still both")
				tabs[1].wantMessage("tabs", "1", "still both")
			})
			t.Run("a leaving connection leaves the user's others alone", func(t *testing.T) {
				t.Parallel()
				stays, leaves := n.member(t, "leave", "1"), n.member(t, "leave", "1")
				if err := leaves.conn.Close(websocket.StatusNormalClosure, "bye"); err != nil {
					t.Fatalf("the node did not answer the close: %v", err)
				}
				stays.say("still here")
				stays.wantMessage("leave", "1", "still here")
			})
			for _, id := range []string{"a/b", "张三", "50%", "a b+c", "https://x?y=1#z", "a//b", ".hidden", strings.Repeat("x", 128)} {
				t.Run("id in the address "+id, func(t *testing.T) {
					t.Parallel()
					m := n.member(t, id, id)
					m.say("x")
					want := firstFrame(1, m.wantMessage(id, id, "x"))
					n.dial(t, chatPath(id, "2", "tok/en")).wantText(want)
				})
			}
			t.Run("one order for all under concurrent senders", func(t *testing.T) {
				t.Parallel()
				wantOneOrder(t, "order", []*node{n}, 10, 200, 5)
			})
		})
	}
}

// wantOneOrder has senders on all nodes talk at once, and wants all members on all
// nodes to see the same, and nothing lost.
func wantOneOrder(t *testing.T, room string, nodes []*node, senders, each, members int) {
	t.Helper()
	var audience, speakers []*client
	for i := range members {
		audience = append(audience, nodes[i%len(nodes)].member(t, room, "member"))
	}
	for i := range senders {
		speakers = append(speakers, nodes[i%len(nodes)].member(t, room, strconv.Itoa(i)))
	}
	var talking sync.WaitGroup
	for _, s := range speakers {
		talking.Go(func() { // Ends after its messages.
			for k := range each {
				s.say(strconv.Itoa(k))
			}
		})
	}
	want := audience[0].wantMessages(senders * each)
	talking.Wait()
	said := map[string]int{}
	for _, message := range want {
		f := chatMessage.FindStringSubmatch(message)
		if next := strconv.Itoa(said[f[1]]); f[2] != next {
			t.Fatalf("message %s of user %s came; want %s", f[2], f[1], next)
		}
		said[f[1]]++
	}
	for i, m := range audience[1:] {
		if got := m.wantMessages(len(want)); !slices.Equal(got, want) {
			t.Fatalf("member %d sees another order than member 0", i+1)
		}
	}
}

func TestChat_AuthRefusesAllButTheRightToken(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := startOn(t, store, "auth.mode=redis", "list.update_interval=50ms")
			for _, c := range []struct {
				name  string
				token func(right, others account) string
			}{
				{"wrong token", func(account, account) string { return "wrong" }},
				{"token of somebody else", func(_, others account) string { return others.token }},
				{"token in quotes", func(right, _ account) string { return `"` + right.token + `"` }},
				{"token and more", func(right, _ account) string { return right.token + "0" }},
			} {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					user := "u " + c.name
					token := c.token(n.login(t, user), n.login(t, "other of "+c.name))
					n.dial(t, chatPath("r", user, token)).wantRefused()
					n.dial(t, listPath(user, token)).wantRefused()
				})
			}
			t.Run("never logged in", func(t *testing.T) {
				t.Parallel()
				n.dial(t, chatPath("r", "stranger", "t")).wantRefused()
				n.dial(t, listPath("stranger", "t")).wantRefused()
			})
			t.Run("who is refused does not join", func(t *testing.T) {
				t.Parallel()
				a := n.login(t, "intruder")
				n.dial(t, chatPath("r", "intruder", "wrong")).wantRefused()
				n.wantEnvelope(t, "/user/listGroup", a, nil, listed())
			})
			t.Run("right token", func(t *testing.T) {
				t.Parallel()
				a := n.login(t, "right")
				c := n.dial(t, chatPath("right", a.user, a.token))
				c.wantText(firstFrame(0))
				c.say("hi")
				message := c.wantMessage("right", "right", "hi")
				n.dial(t, listPath(a.user, a.token)).wantText(list(entry(message, 1)))
			})
			t.Run("token revoked while connected", func(t *testing.T) {
				t.Parallel()
				alice, bob := n.login(t, "alice"), n.login(t, "bob")
				a, b := n.dial(t, chatPath("revoked", alice.user, alice.token)), n.dial(t, chatPath("revoked", bob.user, bob.token))
				a.wantWelcome()
				b.wantWelcome()
				a.say("before")
				before := b.wantMessage("revoked", "alice", "before")
				a.wantText(before)
				alice = n.login(t, "alice")
				a.say("after")
				a.wantRefused()
				b.say("and I am still here")
				last := b.wantMessage("revoked", "bob", "and I am still here")
				n.dial(t, chatPath("revoked", alice.user, alice.token)).wantText(firstFrame(2, before, last))
			})
		})
	}
}

func TestChat_WithoutAutoJoinOnlyMembersComeIn(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := startOn(t, store, "room.auto_join=false")
			a := n.login(t, "1")
			t.Run("a stranger is closed with 4403 and a reason", func(t *testing.T) {
				if reason := n.dial(t, chatPath("club", a.user, "t")).wantClose(4403); reason == "" {
					t.Error("close has no reason")
				}
				n.wantEnvelope(t, "/user/listGroup", a, nil, listed())
			})
			t.Run("a member comes in", func(t *testing.T) {
				n.wantEnvelope(t, "/user/joinGroup", a, params{"groupId": "club"}, done)
				m := n.member(t, "club", a.user)
				m.say("hi")
				m.wantMessage("club", a.user, "hi")
			})
		})
	}
}

func TestChat_HistoryOnJoinHasTheNewest(t *testing.T) {
	t.Parallel()
	for _, onJoin := range []int{0, 3} {
		t.Run(fmt.Sprint(onJoin), func(t *testing.T) {
			t.Parallel()
			for _, store := range stores {
				t.Run(store, func(t *testing.T) {
					t.Parallel()
					n := startOn(t, store, fmt.Sprintf("history.on_join=%d", onJoin))
					m := n.member(t, "r", "1")
					for i := range 5 {
						m.say(strconv.Itoa(i))
					}
					messages := m.wantMessages(5)
					n.dial(t, chatPath("r", "2", "t")).wantText(firstFrame(5, messages[5-onJoin:]...))
				})
			}
		})
	}
}

func TestChat_HistoryIsBounded(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := startOn(t, store, "history.max_messages=10", "history.on_join=5")
			m := n.member(t, "r", "1")
			for i := range 25 {
				m.say(strconv.Itoa(i))
			}
			messages := m.wantMessages(25)
			n.dial(t, chatPath("r", "2", "t")).wantText(firstFrame(25, messages[20:]...))
			n.wantEnvelope(t, "/group/listMessage", n.login(t, "1"), params{"groupId": "r", "startPage": "0", "endPage": "-1"}, listed(messages[15:]...))
		})
	}
}
