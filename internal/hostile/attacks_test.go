//nolint:thelper // what onBoth is given is no helper but a test
package hostile

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// enemy is the attacker's address.
const enemy = "203.0.113.66"

// knock is how long an attacker's socket waits before it is opened again: twenty of them knock a thousand times a
// second.
const knock = 20 * time.Millisecond

// raw opens a TCP connection to the node, with a buffer so small that unread bytes wait in the node.
func (n *node) raw(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{Control: func(_, _ string, rc syscall.RawConn) error {
		var set error
		err := rc.Control(func(fd uintptr) { set = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
		return errors.Join(err, set)
	}}
	return d.DialContext(ctx, "tcp", n.public)
}

// shake opens a WebSocket by hand, and leaves what comes unread.
func (n *node) shake(ctx context.Context, path, more string) (net.Conn, error) {
	c, err := n.raw(ctx)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n", path, enemy, more)
	return c, err
}

// statusOf is with which one the node answers, "" where no answer comes before ctx ends. The rest is left unread.
func statusOf(ctx context.Context, c net.Conn) string {
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Now()) })
	defer stop()
	var first [len("HTTP/1.1 101")]byte
	if _, err := io.ReadFull(c, first[:]); err != nil {
		return ""
	}
	return strings.TrimPrefix(string(first[:]), "HTTP/1.1 ")
}

// hush opens a WebSocket as shake does, for an attacker who reads nothing of it; nil where the node does not let it in.
func (n *node) hush(ctx context.Context, path, more string) net.Conn {
	c, err := n.shake(ctx, path, more)
	if err != nil {
		return nil
	}
	if statusOf(ctx, c) != "101" {
		_ = c.Close()
		return nil
	}
	n.entered.Add(1)
	return c
}

// masked is a whole frame of a client.
func masked(op byte, payload string) string {
	if len(payload) > 125 {
		panic("BUG: too long")
	}
	return string([]byte{0x80 | op, 0x80 | byte(len(payload)), 0, 0, 0, 0}) + payload
}

// flood opens sockets by hand and writes bytes into each as fast as they are taken; one that is closed is opened again.
func flood(n *node, sockets int, path func(i int) string, more, bytes string) func(context.Context) {
	return func(ctx context.Context) {
		var all sync.WaitGroup
		for i := range sockets {
			all.Go(func() {
				for ctx.Err() == nil {
					c, err := n.shake(ctx, path(i), more)
					if err != nil {
						return
					}
					stop := context.AfterFunc(ctx, func() { _ = c.Close() })
					in := bufio.NewReader(c)
					resp, err := http.ReadResponse(in, nil) //nolint:bodyclose // c is closed
					if err == nil && resp.StatusCode == http.StatusSwitchingProtocols {
						n.entered.Add(1)
						go func() { _, _ = io.Copy(io.Discard, in) }() // ends with c
						for err == nil {
							_, err = io.WriteString(c, bytes)
						}
						if ctx.Err() == nil {
							n.cut.Add(1)
						}
					}
					stop()
					_ = c.Close()
					select { // it has the cores of its victims: knocking without a pause would measure only itself
					case <-ctx.Done():
					case <-time.After(knock):
					}
				}
			})
		}
		all.Wait()
	}
}

// wantGrown wants a node to have grown by no more than most bytes.
func wantGrown(t *testing.T, grown, most int64) {
	t.Helper()
	if grown > most {
		t.Errorf("the node grew by %d MiB; want at most %d", grown>>20, most>>20)
	}
}

// wasCut is whether the node has closed a socket of flood or hold.
func (n *node) wasCut() bool { return n.cut.Load() > 0 }

// wasEntered is whether the node has let an attacker in.
func (n *node) wasEntered() bool { return n.entered.Load() > 0 }

func TestPings_AreCutUnnoticed(t *testing.T) {
	n := startNode(t)
	during(t, n, flood(n, 20, func(i int) string { return fmt.Sprint("/group/chat/legit/enemy", i, "/any") }, "", strings.Repeat(masked(9, ""), 1000)), n.wasCut)
}

func TestNativeOps_BadOnesAreCutUnnoticed(t *testing.T) {
	onBoth(t, func(t *testing.T, settings ...string) {
		n := startNode(t, settings...)
		ops := strings.Repeat(masked(1, `{"t":"dance"}`), 9) + masked(1, `{"t":"ping"}`) + strings.Repeat(masked(1, `{"t":"recall","seq":1}`), 9)
		during(t, n, flood(n, 8, func(i int) string { return fmt.Sprint("/v1/rooms/legit/ws?token=t&user_id=enemy", i) },
			"Sec-WebSocket-Protocol: barrage.v1\r\n", strings.Repeat(ops, 50)), n.wasCut)
	})
}

// TestVerbs_OfStrangersAreCutUnnoticed: people who are no moderators want somebody muted.
func TestVerbs_OfStrangersAreCutUnnoticed(t *testing.T) {
	onBoth(t, func(t *testing.T, settings ...string) {
		n := startNode(t, settings...)
		during(t, n, flood(n, 8, func(i int) string { return fmt.Sprint("/v1/rooms/legit/ws?token=t&user_id=enemy", i) },
			"Sec-WebSocket-Protocol: barrage.v1\r\n", strings.Repeat(masked(1, `{"t":"mod","id":"1","verb":"mute","user_id":"person1"}`), 100)), n.wasCut)
	})
}

// TestFirstFrames_WrongTokensHoldUpNobody: sockets that have yet to show a token, and show a wrong one again and again.
func TestFirstFrames_WrongTokensHoldUpNobody(t *testing.T) {
	onBoth(t, func(t *testing.T, settings ...string) {
		n := startNode(t, append(settings, "SERVER_MAX_CONNECTIONS=400")...)
		during(t, n, flood(n, 40, func(int) string { return "/v1/rooms/legit/ws?auth=frame&user_id=person1" },
			"Sec-WebSocket-Protocol: barrage.v1\r\n", strings.Repeat(masked(1, `{"t":"auth","token":""}`), 100)), n.wasEntered)
	})
}

// TestWithinRates_ManySocketsHoldUpNobody: hundreds of sockets of five addresses, each of which sends no more than it
// may.
func TestWithinRates_ManySocketsHoldUpNobody(t *testing.T) {
	onBoth(t, func(t *testing.T, settings ...string) {
		n := startNode(t, settings...)
		during(t, n, func(ctx context.Context) {
			var all sync.WaitGroup
			for i := range 700 {
				all.Go(func() {
					from := fmt.Sprintf("X-Forwarded-For: 203.0.113.%d\r\n", 1+i%5)
					c, err := n.shake(ctx, fmt.Sprint("/group/chat/other", i%10, "/enemy", i, "/any"), from)
					if err != nil {
						return
					}
					defer func() { _ = c.Close() }()
					stop := context.AfterFunc(ctx, func() { _ = c.Close() })
					defer stop()
					in := bufio.NewReader(c)
					resp, err := http.ReadResponse(in, nil) //nolint:bodyclose // c is closed
					if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
						return
					}
					n.entered.Add(1)
					go func() { _, _ = io.Copy(io.Discard, in) }() // ends with c
					tick := time.NewTicker(time.Second / 5)
					defer tick.Stop()
					for err == nil {
						select {
						case <-ctx.Done():
							return
						case <-tick.C:
							_, err = io.WriteString(c, masked(1, strings.Repeat("x", 120)))
						}
					}
				})
			}
			all.Wait()
		}, n.wasEntered)
	})
}

// TestMessages_EmptyOnesAreCutUnnoticed: two sockets with empty texts in the room of the others.
func TestMessages_EmptyOnesAreCutUnnoticed(t *testing.T) {
	onBoth(t, func(t *testing.T, settings ...string) {
		n := startNode(t, settings...)
		during(t, n, flood(n, 2, func(i int) string { return fmt.Sprint("/group/chat/legit/enemy", i, "/any") }, "", strings.Repeat(masked(1, ""), 1000)), n.wasCut)
	})
}

// TestOtherRooms_FloodsHoldUpNobody: eight sockets, each in a room of its own.
func TestOtherRooms_FloodsHoldUpNobody(t *testing.T) {
	onBoth(t, func(t *testing.T, settings ...string) {
		n := startNode(t, settings...)
		during(t, n, flood(n, 8, func(i int) string { return fmt.Sprint("/group/chat/other", i, "/enemy", i, "/any") }, "",
			strings.Repeat(masked(1, strings.Repeat("x", 120)), 500)), n.wasEntered)
	})
}

// TestRoomsOpened_TakeBoundedMemory: rooms that nobody knows, asked for and entered.
func TestRoomsOpened_TakeBoundedMemory(t *testing.T) {
	onBoth(t, func(t *testing.T, settings ...string) {
		n := startNode(t, settings...)
		grown := during(t, n, func(ctx context.Context) {
			var all sync.WaitGroup
			for w := range 4 {
				all.Go(func() {
					for i := 0; ctx.Err() == nil; i++ {
						_, _ = n.get(enemy, fmt.Sprintf("/v1/rooms/none-%d-%d", w, i))                            // it is refused
						if c, _, err := n.dial(ctx, enemy, fmt.Sprintf("new-%d-%d", w, i), "enemy"); err == nil { //nolint:bodyclose // there is no body after a 101
							n.entered.Add(1)
							_ = c.CloseNow()
						}
					}
				})
			}
			all.Wait()
		}, n.wasEntered)
		wantGrown(t, grown, 32<<20)
	})
}

// hold keeps as many connections to the node open as it lets, each of which sends something first; those that are
// closed are opened again. They come from an address of their own.
func (n *node) hold(ctx context.Context, most int, says string) {
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 66)}}
	var all sync.WaitGroup
	for i := range most {
		all.Go(func() {
			select { // within a second: the cores are the people's, too
			case <-ctx.Done():
			case <-time.After(time.Duration(i) * time.Second / time.Duration(most)):
			}
			for ctx.Err() == nil {
				c, err := from.DialContext(ctx, "tcp", n.public)
				if err != nil {
					return
				}
				stop := context.AfterFunc(ctx, func() { _ = c.Close() })
				if _, err = io.WriteString(c, says); err == nil {
					// Nothing is read: only whether it is closed matters.
					var closed [1]byte
					for err == nil && says == "" {
						_, err = c.Read(closed[:])
					}
					for err == nil {
						select {
						case <-ctx.Done():
							err = ctx.Err()
						case <-time.After(10 * knock):
							_, err = io.WriteString(c, "x")
						}
					}
					if ctx.Err() == nil {
						n.cut.Add(1)
					}
				}
				stop()
				_ = c.Close()
				select {
				case <-ctx.Done():
				case <-time.After(25 * knock): // it is about descriptors: limits by address do not slow this one down
				}
			}
		})
	}
	all.Wait()
}

// TestConnections_CrowdsHoldUpNobody: more connections than there are descriptors, that ask for nothing, ask slowly, or
// do not read.
func TestConnections_CrowdsHoldUpNobody(t *testing.T) {
	for _, c := range []struct{ what, says string }{
		{"silent", ""},
		{"half a head", "GET / HTT"},
		{"slow bodies", "POST /user/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\nu"},
		{"unread", strings.Repeat("GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", 50)},
	} {
		t.Run(c.what, func(t *testing.T) {
			n := startNode(t, openFiles+"600", "SERVER_TRUSTED_PROXIES=127.0.0.1/32")
			during(t, n, func(ctx context.Context) { n.hold(ctx, 700, c.says) }, n.wasCut)
		})
	}
}

// TestNames_OfOthersShutNobodyOut: somebody without a right token takes the name of a person who has one.
func TestNames_OfOthersShutNobodyOut(t *testing.T) {
	n := startNode(t, "AUTH_MODE=redis", "LIMITS_IP_HANDSHAKES=0")
	token := login(t, n, "victim")
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
	defer stop()
	var attacker sync.WaitGroup
	for range 8 {
		attacker.Go(func() {
			for ctx.Err() == nil {
				if c, err := n.shake(ctx, "/group/chat/legit/victim/wrong", ""); err == nil {
					t.Cleanup(func() { _ = c.Close() })
					if statusOf(ctx, c) != "" {
						n.entered.Add(1)
					}
				}
				select {
				case <-ctx.Done():
				case <-time.After(knock):
				}
			}
		})
	}
	for came := 0; ctx.Err() == nil || came == 0; came++ {
		c, _, err := websocket.Dial(t.Context(), "ws://"+n.public+"/group/chat/legit/victim/"+token, &websocket.DialOptions{ //nolint:bodyclose // there is no body after a 101
			HTTPHeader: http.Header{"X-Forwarded-For": {house}},
		})
		if err != nil {
			t.Fatalf("the victim is refused the %d. time: %v", came+1, err)
		}
		if _, text, err := c.Read(t.Context()); err != nil || string(text) == "440" {
			t.Fatalf("the victim is told %q, %v", text, err)
		}
		_ = c.CloseNow()
		select {
		case <-ctx.Done():
		case <-time.After(5 * knock): // not so often that one's own sockets are too many
		}
	}
	attacker.Wait()
	if !n.wasEntered() {
		t.Error("the node has answered no attacker")
	}
}

// TestAnswersUnread_TakeBoundedMemory: pages of a large history that nobody reads.
func TestAnswersUnread_TakeBoundedMemory(t *testing.T) {
	onBoth(t, func(t *testing.T, settings ...string) {
		n := startNode(t, append(settings, "LIMITS_HTTP_RATE=0")...)
		fill(t, n, 60, strings.Repeat("\x01", 8000))
		grown := during(t, n, func(ctx context.Context) {
			var all sync.WaitGroup
			for range 200 {
				all.Go(func() {
					c, err := n.raw(ctx)
					if err != nil {
						return
					}
					for err == nil {
						_, err = fmt.Fprintf(c, "GET /v1/rooms/full/messages?limit=100 HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: %s\r\n\r\n", enemy)
						if err == nil && statusOf(ctx, c) == "200" {
							n.entered.Add(1)
							<-ctx.Done() // the rest is not read
						}
						_ = c.Close()
						if ctx.Err() != nil {
							return
						}
						<-time.After(knock)
						c, err = n.raw(ctx)
					}
				})
			}
			all.Wait()
		}, n.wasEntered)
		// 8 MiB of answers, and what the kernel, 200 connections and two reads at a time take
		wantGrown(t, grown, 45<<20)
	})
}

// TestPosts_KeepToTheUserRate: messages by HTTP, as fast as they go, of one user who is behind a proxy that is not
// trusted.
func TestPosts_KeepToTheUserRate(t *testing.T) {
	onBoth(t, func(t *testing.T, settings ...string) {
		n := startNode(t, append(settings, "LIMITS_HTTP_RATE=0")...)
		token := login(t, n, "enemy")
		var taken, refused atomic.Int64
		during(t, n, func(ctx context.Context) {
			var all sync.WaitGroup
			for w := range 8 {
				all.Go(func() {
					for i := 0; ctx.Err() == nil; i++ {
						req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+n.public+"/v1/rooms/legit/messages?user_id=enemy",
							strings.NewReader(fmt.Sprintf(`{"id":"%d-%d","body":"buy"}`, w, i)))
						if err != nil {
							return
						}
						switch status, _, err := n.do(req, enemy, "Content-Type", "application/json", "Authorization", "Bearer "+token); {
						case err == nil && status == http.StatusCreated:
							taken.Add(1)
						case err == nil && status == http.StatusTooManyRequests:
							refused.Add(1)
						case err == nil:
							t.Errorf("a message by HTTP = %d", status)
							return
						}
					}
				})
			}
			all.Wait()
		}, func() bool { return refused.Load() > 0 })
		if taken.Load() > 20+5*60 { // a burst, and five a second in as long as this may take
			t.Errorf("%d messages were taken, %d refused; want limits.user_rate", taken.Load(), refused.Load())
		}
	})
}

// welcomeHeld is what 300 sockets may hold that do not read their welcome: 8 MiB of an address, and what belongs to a
// socket.
const welcomeHeld = 32 << 20

// TestWelcomesUnread_TakeBoundedMemory: sockets that do not read their welcome, in a room full of what takes much as
// JSON.
func TestWelcomesUnread_TakeBoundedMemory(t *testing.T) {
	n := startNode(t)
	fill(t, n, 60, strings.Repeat("\x01", 8000))
	grown := during(t, n, func(ctx context.Context) {
		var all sync.WaitGroup
		for i := range 300 {
			all.Go(func() {
				if c := n.hush(ctx, fmt.Sprint("/group/chat/full/enemy", i, "/any"), ""); c != nil {
					<-ctx.Done()
					_ = c.Close()
				}
			})
		}
		all.Wait()
	}, n.wasEntered)
	wantGrown(t, grown, welcomeHeld)
}

// TestResumes_TakeBoundedMemory: sockets that come back for a thousand messages of 48 KB each.
func TestResumes_TakeBoundedMemory(t *testing.T) {
	onBoth(t, func(t *testing.T, settings ...string) {
		n := startNode(t, settings...)
		fill(t, n, 300, strings.Repeat("\x01", 8000))
		since := place(t, n, "full")
		grown := during(t, n, func(ctx context.Context) {
			var all sync.WaitGroup
			for i := range 20 {
				all.Go(func() {
					if c := n.hush(ctx, fmt.Sprint("/v1/rooms/full/ws?token=t&"+since+"&user_id=enemy", i), "Sec-WebSocket-Protocol: barrage.v1\r\n"); c != nil {
						<-ctx.Done()
						_ = c.Close()
					}
				})
			}
			all.Wait()
		}, n.wasEntered)
		wantGrown(t, grown, 128<<20)
	})
}

// TestRanges_TakeBoundedMemory: the whole of a history, again and again.
func TestRanges_TakeBoundedMemory(t *testing.T) {
	onBoth(t, func(t *testing.T, settings ...string) {
		n := startNode(t, settings...)
		fill(t, n, 300, strings.Repeat("\x01", 8000))
		token := login(t, n, "enemy")
		grown := during(t, n, func(ctx context.Context) {
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					for ctx.Err() == nil {
						req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+n.public+"/group/listMessage?groupId=full&startPage=0&endPage=-1", http.NoBody)
						if err != nil {
							return
						}
						switch status, body, err := n.do(req, enemy, "userId", "enemy", "token", token); {
						case err == nil && len(body) > 3<<20:
							t.Errorf("an answer of %d bytes with %d", len(body), status)
						case err == nil && status == http.StatusOK && len(body) > 64<<10: // refusals have 200, too
							n.entered.Add(1)
						}
					}
				})
			}
			all.Wait()
		}, n.wasEntered)
		wantGrown(t, grown, 128<<20)
	})
}

// fill sends the same count times in room full, as fast as the limits let a crowd.
func fill(t *testing.T, n *node, count int, text string) {
	t.Helper()
	const burst = 20
	for k := 0; k < count; k += burst {
		c, _, err := n.dial(t.Context(), fmt.Sprintf("192.0.2.%d", 10+k/burst), "full", fmt.Sprint("filler", k)) //nolint:bodyclose // there is no body after a 101
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		for i := range burst + 1 { // the first is the welcome
			_, _, err := c.Read(ctx)
			if err == nil && i < burst {
				err = c.Write(ctx, websocket.MessageText, []byte(text))
			}
			if err != nil {
				t.Fatalf("message %d of the room does not come: %v", k+i, err)
			}
		}
		cancel()
		_ = c.CloseNow()
	}
}

// place is the first message of a room as a client comes back with it.
func place(t *testing.T, n *node, room string) string {
	t.Helper()
	body, err := n.get(house, "/v1/rooms/"+room+"/messages?after=0&limit=1")
	var page struct {
		Epoch    string
		Messages []struct{ Seq, TS int64 }
	}
	if err == nil {
		err = json.Unmarshal(body, &page)
	}
	if err != nil || len(page.Messages) != 1 {
		t.Fatalf("the first message of %s: %.200s, %v", room, body, err)
	}
	return fmt.Sprintf("epoch=%s&since=%d&ts=%d", page.Epoch, page.Messages[0].Seq, page.Messages[0].TS)
}

// login logs a user in and returns the token.
func login(t *testing.T, n *node, user string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+n.public+"/user/login?password=p&userId="+user, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	_, body, err := n.do(req, enemy)
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(string(body), `"msg":"`)
	return token[:32]
}
