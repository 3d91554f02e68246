package contract

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"barrage/internal/await"
	"barrage/internal/redistest"
)

// These tests are about nodes that leave.

// sayAndSync sends messages, and returns once the node has them all: the answer to a
// ping cannot overtake what was sent before.
func (c *raw) sayAndSync(count int) {
	c.tb.Helper()
	var b strings.Builder
	for i := range count {
		b.WriteString(whole(opText, strconv.Itoa(i)))
	}
	c.send(b.String() + whole(opPing, "had all?"))
	for op := byte(0); op != opPong; {
		op, _ = c.frame()
	}
}

// wantRestart wants count messages, then the close frame of a node that leaves.
func (c *client) wantRestart(count int) (messages []string) {
	c.tb.Helper()
	messages = c.wantMessages(count)
	if reason := c.wantClose(1012); reason == "" {
		c.tb.Error("close has no reason")
	}
	return messages
}

func TestDrain_DeliversThenSendsEverybodyAway(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := startOn(t, store, "list.update_interval=10ms")
			const count = 500
			stays := n.rawMember(t, "r", "never answers")
			members := []*client{n.member(t, "r", "1"), n.member(t, "r", "1"), n.member(t, "r", "2")}
			elsewhere, l := n.member(t, "quiet", "3"), n.dial(t, listPath("1", "t"))
			stays.sayAndSync(count)
			n.signal(t)

			first := members[0].wantRestart(count)
			for _, m := range members[1:] {
				if !slices.Equal(m.wantRestart(count), first) {
					t.Error("members see different messages")
				}
			}
			elsewhere.wantRestart(0)
			l.wantClose(1012)
			stays.wantClose(1012)
			if why := n.wantNotReady(t); !strings.Contains(why, "leaving") {
				t.Errorf("reason why not ready = %q; want that it is leaving", why)
			}
			if conn, err := net.DialTimeout("tcp", n.addr, patience); err == nil {
				_ = conn.Close() // It should not be there.
				t.Error("a leaving node takes new connections")
			}
			if err := stays.conn.Close(); err != nil {
				t.Error(err)
			}
			n.wantExit(t, 0, 2*time.Second)
		})
	}
}

// Messages that the node takes while it is asked to leave reach all members or none.
func TestDrain_BurstReachesAllMembersOrNone(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := startOn(t, store)
			speaker := n.rawMember(t, "r", "speaker")
			members := []*client{n.member(t, "r", "1"), n.member(t, "r", "2"), n.member(t, "r", "3")}
			got, ends := make([][]string, len(members)), make([]error, len(members))
			var reading, talking sync.WaitGroup
			begun := make(chan struct{}) // Closed by the first member with its first message.
			for i, m := range members {
				reading.Go(func() { // Ends with the socket.
					for {
						text, err := m.next()
						if err != nil {
							ends[i] = err
							return
						}
						if got[i] = append(got[i], text); i == 0 && len(got[i]) == 1 {
							close(begun)
						}
					}
				})
			}
			talking.Go(func() { // Ends when the connection is closed below.
				ticker := time.NewTicker(time.Millisecond) // No faster than the members here can read.
				defer ticker.Stop()
				for err := error(nil); err == nil; <-ticker.C {
					_, err = io.WriteString(speaker.conn, whole(opText, "x"))
				}
			})
			select {
			case <-begun:
			case <-time.After(patience):
				t.Error("nothing came")
			}
			n.signal(t)
			reading.Wait()
			if err := speaker.conn.Close(); err != nil {
				t.Error(err)
			}
			talking.Wait()
			for i := range members {
				if websocket.CloseStatus(ends[i]) != websocket.StatusServiceRestart {
					t.Errorf("member %d: want a close with 1012; got %v", i, ends[i])
				}
				if !slices.Equal(got[i], got[0]) {
					t.Errorf("member %d got %d messages, member 0 %d; want the same", i, len(got[i]), len(got[0]))
				}
			}
			n.wantExit(t, 0, 2*time.Second)
		})
	}
}

// Members of a node that leaves in good order are counted no more at once, and the last likes are not lost.
func TestDrain_CountersOfOtherNodesFollowAtOnce(t *testing.T) {
	t.Parallel()
	nodes := twoNodes(t, redistest.Start(t), "auth.mode=any")
	watcher := nodes[0].dialNative(t, "r", account{"stays", "any"})
	other := nodes[1].dialNative(t, "r", account{"goes", "any"})
	watcher.wantCounters(`"online":2,"likes":0`)
	other.say(`{"t":"like","n":7}`)
	other.say(`{"t":"ping","ts":1}`)
	for !strings.HasPrefix(other.text(), `{"t":"pong"`) {
	}
	nodes[1].signal(t)
	watcher.wantCounters(`"online":1,"likes":7`)
}

// wantCounters reads until counters say so. It has less time than a node that died is counted.
func (c *client) wantCounters(what string) {
	c.tb.Helper()
	for end := time.Now().Add(patience); ; {
		text := c.text()
		if strings.HasPrefix(text, `{"t":"counters"`) && strings.Contains(text, what) {
			return
		}
		if time.Now().After(end) {
			c.tb.Fatalf("the counters do not say %s in time; the last frame is %s", what, text)
		}
	}
}

func TestDrain_IdleNodeExitsAtOnce(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	m := n.member(t, "r", "1")
	n.signal(t)
	m.wantRestart(0)
	n.wantExit(t, 0, 2*time.Second)
}

func TestDrain_EndsWithClientsThatDoNotAnswer(t *testing.T) {
	t.Parallel()
	n := startNode(t, "server.drain_timeout=500ms")
	c := n.rawMember(t, "r", "1")
	n.signal(t)
	c.wantClose(1012)
	n.wantExit(t, 0, 3*time.Second)
	c.wantEnd()
}

func TestDrain_SecondSignalEndsItAtOnce(t *testing.T) {
	t.Parallel()
	n := startNode(t, "server.drain_timeout=1m")
	c := n.rawMember(t, "r", "never answers")
	n.signal(t)
	c.wantClose(1012)
	n.signal(t)
	n.wantExit(t, 1, time.Second)
	c.wantEnd()
}

func TestDrain_RequestsThatDoNotEndHoldNobodyUp(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"nothing sent yet": "",
		"half a header":    "GET / HTTP/1.1\r\nHost: x\r\n",
		"half a body": "POST /user/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n" +
			"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNode(t, "server.drain_timeout=4s")
			m := n.member(t, "r", "1")
			slow := dialRaw(t, n.addr).send(request)
			get(t, "http://"+n.addr+"/") // Connections are accepted in order: it has the one above too.
			if strings.HasSuffix(request, "\r\n\r\n") {
				slow.wantStatus(http.StatusContinue) // The node waits for the body now.
			}
			start := await.Start()
			n.signal(t)
			m.wantRestart(0)
			start.WantWithin(t, "the members heard of it", 2*time.Second)
			n.wantExit(t, 0, patience)
		})
	}
}

func TestDrain_WithoutRedisEndsInTime(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*redistest.Server, testing.TB){"killed": (*redistest.Server).Kill, "hanging": (*redistest.Server).Pause} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			n := startNode(t, onRedis(server)...)
			stays := n.rawMember(t, "r", "1")
			m := n.member(t, "r", "2")
			fail(server, t)
			stays.sayAndSync(10)
			n.signal(t)
			m.wantClose(1012)
			stays.wantClose(1012)
			if err := stays.conn.Close(); err != nil {
				t.Error(err)
			}
			n.wantExit(t, 0, patience)
		})
	}
}

func TestDrain_OtherNodeGoesOn(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	leaves, stays := startNode(t, onRedis(server)...), startNode(t, onRedis(server)...)
	m, sender := stays.member(t, "r", "1"), leaves.rawMember(t, "r", "2")
	const count = 500
	sender.sayAndSync(count)
	leaves.signal(t)
	all := m.wantMessages(count)
	sender.wantClose(1012)
	if err := sender.conn.Close(); err != nil {
		t.Error(err)
	}
	leaves.wantExit(t, 0, patience)
	m.say("I am still here")
	last := m.wantMessage("r", "1", "I am still here")
	stays.dial(t, chatPath("r", "2", "t")).wantText(firstFrame(count+1, append(all[count-49:], last)...))
}
