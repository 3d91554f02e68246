package contract

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"barrage/internal/await"
)

// Clients send bad input here. Nobody else may notice.

// undisturbed runs bad while a room is in use, and wants its members to notice nothing.
func undisturbed(t *testing.T, n *node, room string, bad func()) {
	t.Helper()
	bystander, speaker := n.member(t, room, "bystander"), n.member(t, room, "speaker")
	speaker.say("before")
	bystander.wantMessage(room, "speaker", "before")
	bad()
	speaker.say("after")
	bystander.wantMessage(room, "speaker", "after")
}

func TestBadHandshake_IsRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	for _, c := range []struct {
		name, old, new string // the change in a correct handshake
		status         int
		word           string // in the reason
	}{
		{"no Upgrade", "Upgrade: websocket\r\n", "", 400, "Upgrade"},
		{"another Upgrade", "Upgrade: websocket", "Upgrade: h2c", 400, "h2c"},
		{"no Connection", "Connection: Upgrade\r\n", "", 400, "Connection"},
		{"another Connection", "Connection: Upgrade", "Connection: keep-alive", 400, "keep-alive"},
		{"no key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 400, "Sec-WebSocket-Key"},
		{"two keys", "Sec-WebSocket-Key:", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key:", 400, "Sec-WebSocket-Key"},
		{"short key", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j", 400, "Sec-WebSocket-Key"},
		{"key that is not base64", "dGhlIHNhbXBsZSBub25jZQ==", "????????????????????????", 400, "Sec-WebSocket-Key"},
		{"wrong version", "Version: 13", "Version: 8", 426, `"8"`},
		{"no version", "Sec-WebSocket-Version: 13\r\n", "", 426, "Sec-WebSocket-Version"},
		{"HTTP/1.0", "HTTP/1.1", "HTTP/1.0", 400, "HTTP/1.0"},
		{"HTTP/2.0", "HTTP/1.1", "HTTP/2.0", 505, ""},
		{"no Host", "Host: x\r\n", "", 400, "Host"},
		{"a body", "==\r\n\r\n", "==\r\nContent-Length: 3\r\n\r\nabc", 400, "body"},
		{"a chunked body", "==\r\n\r\n", "==\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 400, "body"},
		{"a frame before the answer", "==\r\n\r\n", "==\r\n\r\n" + whole(opText, "too early"), 400, ""},
		{"POST", "GET ", "POST ", 405, ""},
		{"no HTTP", "GET /", "HELLO", 400, ""},
		{"bad header", "Host: x\r\n", "Host: x\r\nno colon\r\n", 400, ""},
		{"unknown path", "/group/chat/", "/group/talk/", 404, ""},
		{"path without a token", "/bad/t ", "/bad ", 404, ""},
		{"path with more", "/bad/t ", "/bad/t/more ", 404, ""},
		{"empty group", "/g/bad/t", "//bad/t", 400, "empty"},
		{"empty user", "/g/bad/t", "/g//t", 400, "empty"},
		{"empty token", "/g/bad/t", "/g/bad/", 400, "empty"},
		{"empty user of a list", "/group/chat/g/bad/t", "/group/list//t", 400, "empty"},
		{"empty token of a list", "/group/chat/g/bad/t", "/group/list/bad/", 400, "empty"},
		{"long group", "/g/bad/t", "/" + strings.Repeat("%E5%BC%B9", 43) + "/bad/t", 400, "128"},
		{"long user", "/g/bad/t", "/g/" + strings.Repeat("x", 129) + "/t", 400, "128"},
		{"long user of a list", "/group/chat/g/bad/t", "/group/list/" + strings.Repeat("x", 129) + "/t", 400, "128"},
		{"long token", "/bad/t ", "/bad/" + strings.Repeat("x", 4097) + " ", 400, "token"},
		{"NUL in the group", "/g/bad/t", "/g%00/bad/t", 400, "groupId"},
		{"newline in the user", "/g/bad/t", "/g/bad%0A/t", 400, "userId"},
		{"DEL in the user", "/g/bad/t", "/g/bad%7F/t", 400, "userId"},
		{"CSI in the user", "/g/bad/t", "/g/bad%C2%9B/t", 400, "userId"},
		{"user that is not UTF-8", "/g/bad/t", "/g/bad%FF/t", 400, "userId"},
		{"newline in the token", "/bad/t ", "/bad/t%0D%0A ", 400, "token"},
		{"bad escape", "/bad/t ", "/bad/%zz ", 400, ""},
		{"huge header", "Host: x\r\n", "Host: x\r\nCookie: " + strings.Repeat("x", 64<<10) + "\r\n", 431, ""},
		{"many headers", "Host: x\r\n", "Host: x\r\n" + strings.Repeat("A: b\r\n", 8<<10), 431, ""},
		{"huge address", "/bad/t ", "/bad/" + strings.Repeat("x", 64<<10) + " ", 431, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			good := handshake("g", "bad")
			request := strings.Replace(good, c.old, c.new, 1)
			if request == good {
				t.Fatalf("BUG: %q is not in the handshake", c.old)
			}
			undisturbed(t, n, "room of "+c.name, func() {
				got := dialRaw(t, n.addr).send(request).response()
				if got.status != c.status || !strings.Contains(got.body, c.word) {
					t.Errorf("answer = %d %q; want %d with %q in it", got.status, got.body, c.status, c.word)
				}
				if version := got.header.Get("Sec-WebSocket-Version"); c.status == http.StatusUpgradeRequired && version != "13" {
					t.Errorf("Sec-WebSocket-Version of the answer = %q; want 13", version)
				}
			})
		})
	}
}

func TestHandshake_IsTakenAsDifferentClientsSendIt(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	for _, c := range []struct{ name, old, new string }{
		{"as in RFC 6455", "", ""},
		{"Firefox", "Connection: Upgrade", "Connection: keep-alive, Upgrade"},
		{"two Connection headers", "Connection: Upgrade", "Connection: keep-alive\r\nConnection: upgrade"},
		{"other case", "Upgrade: websocket\r\nConnection: Upgrade", "upgrade: WebSocket\r\nconnection: upgrade"},
		{"extensions and protocols offered", "Host: x\r\n", "Host: x\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Protocol: a, b\r\n"},
		{"query", "/t HTTP", "/t?x=1 HTTP"},
		{"empty body", "Host: x\r\n", "Host: x\r\nContent-Length: 0\r\n"},
		{"longest ids", "/g/u/", "/" + strings.Repeat("g", 128) + "/" + strings.Repeat("%E5%BC%B9", 42) + "/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conn := dialRaw(t, n.addr).send(strings.Replace(handshake("g", "u"), c.old, c.new, 1))
			got := conn.response()
			if accept := got.header.Get("Sec-WebSocket-Accept"); got.status != http.StatusSwitchingProtocols || accept != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
				t.Fatalf("answer = %d %s, Sec-WebSocket-Accept %q", got.status, got.body, accept)
			}
			for _, name := range []string{"Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"} {
				if v := got.header.Get(name); v != "" {
					t.Errorf("%s = %q; want none: nothing of the kind is spoken", name, v)
				}
			}
			if op, payload := conn.frame(); op != opText {
				t.Errorf("first frame has opcode %d: %q", op, payload)
			}
		})
	}
}

func TestBadFrames_CloseWithTheirCode(t *testing.T) {
	t.Parallel()
	const most = 1 << 10
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := startOn(t, store, "server.max_message_bytes=1KiB")
			long := strings.Repeat("x", most+1)
			for _, c := range []struct {
				name, bytes string
				code        websocket.StatusCode
			}{
				{"message too long", whole(opText, long), 1009},
				{"fragments too long together", masked(opText, long[:most]) + masked(0x80, "x"), 1009},
				{"only the head of a huge message", "\x81\xff\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00", 1009},
				{"length beyond all bounds", "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", 1002},
				{"unmasked", "\x81\x02hi", 1002},
				{"reserved bit", masked(0xC0|opText, "hi"), 1002},
				{"unknown opcode", whole(0x3, "hi"), 1002},
				{"continuation of nothing", whole(0x0, "hi"), 1002},
				{"message within a message", masked(opText, "a") + whole(opText, "b"), 1002},
				{"fragmented ping", masked(opPing, "hi"), 1002},
				{"long ping", whole(opPing, strings.Repeat("x", 126)), 1002},
				{"length not in the shortest form", "\x81\xfe\x00\x02\x00\x00\x00\x00hi", 1002},
				{"close with half a code", whole(opClose, "\x03"), 1002},
				{"close with a code of nobody", whole(opClose, "\x03\xed"), 1002},
				{"close with a reason that is not UTF-8", whole(opClose, "\x03\xe8\xff"), 1007},
				{"bad UTF-8", whole(opText, "a\xff"), 1007},
				{"cut UTF-8", whole(opText, "a\xe5\xbc"), 1007},
				{"surrogate", whole(opText, "\xed\xa0\x80"), 1007},
			} {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					room := "room of " + c.name
					undisturbed(t, n, room, func() {
						quick := n.rawMember(t, room, "bad").send(c.bytes)
						quick.wantClose(c.code)
						quick.wantEnd()
						slow := n.rawMember(t, room, "bad")
						for i := range min(len(c.bytes), 64) { // byte by byte, each a segment of its own
							slow.send(c.bytes[i : i+1])
						}
						slow.send(c.bytes[min(len(c.bytes), 64):])
						slow.wantClose(c.code)
					})
				})
			}
			t.Run("gone in the middle of a frame", func(t *testing.T) {
				t.Parallel()
				undisturbed(t, n, "gone", func() {
					if err := n.rawMember(t, "gone", "bad").send("\x81\xfe\x01\x00mask and").conn.Close(); err != nil {
						t.Error(err)
					}
				})
			})
		})
	}
}

// TestTooLong_CountsUTF16UnitsNotBytes: the bound of FastIM's sockets is that of original nodes, 8,192 UTF-16 units,
// whatever the bytes are.
func TestTooLong_CountsUTF16UnitsNotBytes(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"24KiB", "1MiB"} {
		n := startNode(t, "server.max_message_bytes="+setting)
		for what, text := range map[string]string{
			"letters": strings.Repeat("x", 8193), "two bytes": strings.Repeat("é", 8193),
			"three bytes": strings.Repeat("弹", 8193), "pairs": strings.Repeat("🎉", 4096) + "x",
		} {
			undisturbed(t, n, what, func() {
				m := n.rawMember(t, what, "bad").send(whole(opText, text))
				m.wantClose(1009)
				m.wantEnd()
			})
		}
	}
}

// TestBinary_IsIgnoredAndCounted: as on original nodes, binary messages on FastIM's sockets are ignored. They are
// counted.
func TestBinary_IsIgnoredAndCounted(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	list := n.dial(t, listPath("u", "any"))
	m := n.member(t, "r", "u")
	for _, c := range []*client{m, list} {
		for _, b := range []string{"", "hi", strings.Repeat("\xff", 8193)} {
			if err := c.conn.Write(t.Context(), websocket.MessageBinary, []byte(b)); err != nil {
				t.Fatal(err)
			}
		}
	}
	m.say("text")
	message := m.wantMessage("r", "u", "text") // and nothing before it
	list.wantList(entry(message, 1))
	n.wantMetrics(t, map[string]float64{
		`barrage_dropped_messages_total{reason="binary"}`: 3, `barrage_dropped_messages_total{reason="not_listening"}`: 3,
	})
}

// TestSlashes_OneMayEndAnAddress: an address may end in a slash, and in no more than one; testdata/original.txt has the
// calls.
func TestSlashes_OneMayEndAnAddress(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	m := n.dial(t, chatPath("r", "u", "t")+"/")
	m.wantText(firstFrame(0))
	m.say("hi")
	message := m.wantMessage("r", "u", "hi")
	n.dial(t, listPath("u", "t")+"/").wantText(list(entry(message, 1)))
	if page, same := get(t, "http://"+n.addr+"/test/websocket/"), get(t, "http://"+n.addr+"/test/websocket"); page.status != 200 || page.body != same.body {
		t.Errorf("/test/websocket/ = %d, %d bytes; want 200 and the page without the slash", page.status, len(page.body))
	}
	for _, path := range []string{"/user/login//", "/user//login", "/group//listMessage", "/group/listMessage//"} {
		req := n.request(t, "urlencoded", path, nobody, params{"userId": "u", "password": "p"})
		if got := send(t, req); got.status != http.StatusBadRequest {
			t.Errorf("POST %s = %d %s; want 400, and no redirect", path, got.status, got.body)
		}
	}
	for _, path := range []string{"/group/chat/r/u/t//", "/group/chat/r/u/", "/group/list/u/", "/group/chat/r//t/", "/group/list/u/t//"} {
		got := dialRaw(t, n.addr).send(strings.Replace(handshake("r", "u"), "/group/chat/r/u/t", path, 1)).response()
		if got.status != http.StatusBadRequest {
			t.Errorf("%s = %d %s; want 400", path, got.status, got.body)
		}
	}
}

func TestBadReader_SlowsNobodyElse(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := startOn(t, store, "fanout.log_bytes=128KiB")
			bystander, speaker := n.member(t, "r", "bystander"), n.member(t, "r", "speaker")
			sleeper := n.rawMember(t, "r", "sleeper")
			info := strings.Repeat("x", 8<<10)
			const count = 1000 // 8 MiB: more than kernel, node and log hold for one
			for range count {
				speaker.say(info)
				speaker.wantMessage("r", "speaker", info)
				bystander.wantMessage("r", "speaker", info)
			}
			stop := speaker.keepTalking("awake?")
			got := 0
			for payload := ""; !strings.Contains(payload, "awake?"); got++ {
				var op byte
				if op, payload = sleeper.frame(); op != opText || !chatMessage.MatchString(payload) {
					t.Fatalf("frame with opcode %d came: %.100q", op, payload)
				}
			}
			stop()
			if got > count {
				t.Errorf("%d messages came to one who slept; want some of them skipped", got)
			}
			eventually(t, func() error {
				m := n.metrics(t)
				accepted, sent, slow := m["barrage_accepted_messages_total"], m["barrage_sent_copies_total"], m[`barrage_dropped_copies_total{reason="slow"}`]
				if slow < 1 || sent+slow != 3*accepted {
					return fmt.Errorf("%v messages for 3 members: %v sent, %v dropped; want all of them accounted for", accepted, sent, slow)
				}
				return nil
			})
		})
	}
}

func TestGoodFrames_AreTakenInAllForms(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			n := startOn(t, store, "server.max_message_bytes=1KiB")
			t.Run("longest message", func(t *testing.T) {
				t.Parallel()
				m := n.member(t, "longest", "u")
				info := strings.Repeat("x", 1<<10)
				m.say(info)
				m.wantMessage("longest", "u", info)
			})
			t.Run("fragments, and a ping between them", func(t *testing.T) {
				t.Parallel()
				m := n.member(t, "fragments", "1")
				c := n.rawMember(t, "fragments", "2").send(masked(opText, "\xe5\xbc") + whole(opPing, "there?") + masked(0, "\xb9") + whole(0, "幕"))
				if op, payload := c.frame(); op != opPong || payload != "there?" {
					t.Errorf("answer to a ping has opcode %d: %q", op, payload)
				}
				m.wantMessage("fragments", "2", "弹幕")
			})
			t.Run("goodbye is answered", func(t *testing.T) {
				t.Parallel()
				c := n.rawMember(t, "goodbye", "1").send(whole(opClose, "\x03\xe8bye"))
				c.wantClose(1000)
				c.wantEnd()
			})
			t.Run("goodbye without a code is answered", func(t *testing.T) {
				t.Parallel()
				c := n.rawMember(t, "goodbye", "2").send(whole(opClose, ""))
				if op, payload := c.frame(); op != opClose {
					t.Errorf("answer to a close has opcode %d: %q", op, payload)
				}
				c.wantEnd()
			})
		})
	}
}

func TestLimits_ConnectionsBeyondTheBoundGet503(t *testing.T) {
	t.Parallel()
	n := startNode(t, "server.max_connections=3")
	var inside []*client
	for i := range 3 {
		inside = append(inside, n.member(t, "full", strconv.Itoa(i)))
	}
	got := dialRaw(t, n.addr).send(handshake("full", "4")).response()
	if seconds, err := strconv.Atoi(got.header.Get("Retry-After")); got.status != http.StatusServiceUnavailable || err != nil || seconds < 1 {
		t.Errorf("answer to one too many = %d, Retry-After %q; want 503 and some seconds", got.status, got.header.Get("Retry-After"))
	}
	if !strings.Contains(got.body, "full") {
		t.Errorf("answer to one too many = %q; want the reason", got.body)
	}
	n.wantMetrics(t, map[string]float64{"barrage_full_total": 1, "barrage_connections": 3})
	n.login(t, "u") // The API stays open.
	inside[0].say("nobody came in")
	inside[1].wantMessage("full", "0", "nobody came in")
	_ = inside[0].conn.CloseNow() // Cannot fail in a way that matters.
	eventually(t, func() error {
		c := dialRaw(t, n.addr).send(handshake("full", "5"))
		defer func() { _ = c.conn.Close() }() // The next one counts on its place.
		if status := c.response().status; status != http.StatusSwitchingProtocols {
			return fmt.Errorf("answer after one has left = %d; want 101", status)
		}
		return nil
	})
}

func TestLimits_SlowHeadersAreCut(t *testing.T) {
	t.Parallel()
	const timeout = 200 * time.Millisecond
	n := startNode(t, "server.read_header_timeout="+timeout.String())
	for name, sent := range map[string]string{
		"nothing": "", "half a line": "GET /gro", "no end": strings.TrimSuffix(handshake("g", "u"), "\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			undisturbed(t, n, "room of "+name, func() {
				start, late := time.Now(), await.Start()
				dialRaw(t, n.addr).send(sent).wantEnd()
				if took := time.Since(start); took < timeout/2 {
					t.Errorf("cut after %v; want about %v", took, timeout)
				}
				late.WantWithin(t, "it was cut", patience/2)
			})
		})
	}
	t.Run("drop by drop", func(t *testing.T) {
		t.Parallel()
		c := dialRaw(t, n.addr)
		ticker := time.NewTicker(timeout / 10)
		defer ticker.Stop()
		for range 100 {
			<-ticker.C
			if _, err := c.conn.Write([]byte("G")); err != nil {
				if !errors.Is(err, net.ErrClosed) {
					return // cut, as it should be
				}
				t.Fatal(err)
			}
		}
		t.Errorf("not cut after %v of dripping; want about %v", 10*timeout, timeout)
	})
}

func TestLimits_SilentOnesAreClosed(t *testing.T) {
	t.Parallel()
	n := startNode(t, "server.ping_interval=1s", "server.idle_timeout=5s")
	t.Run("who answers pings stays", func(t *testing.T) {
		t.Parallel()
		c := n.rawMember(t, "r", "1")
		for range 6 { // longer than idle_timeout
			op, payload := c.frame()
			if op != opPing {
				t.Fatalf("frame with opcode %d came: %q; want a ping", op, payload)
			}
			c.send(whole(opPong, payload))
		}
		c.send(whole(opText, "still here"))
		if op, payload := c.frame(); op != opText || !strings.Contains(payload, "still here") {
			t.Errorf("frame with opcode %d came: %q; want the message", op, payload)
		}
	})
	t.Run("who does not is closed with 4408", func(t *testing.T) {
		t.Parallel()
		c := n.rawMember(t, "r", "2")
		c.wantClose(4408)
		if err := c.conn.Close(); err != nil {
			t.Error(err)
		}
	})
}
