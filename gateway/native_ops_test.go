//nolint:thelper // its functions are no helpers but cases, each a subtest of its own
package gateway

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/gateway/door"
	"barrage/internal/chat"
	"barrage/room"
)

// TestNative_OpsAreAnsweredWithinTheirBounds has every op with its answer, and the bounds of its fields.
func TestNative_OpsAreAnsweredWithinTheirBounds(t *testing.T) { runCases(t, nativeOps) }

var nativeOps = and(and(authOps, modOps), map[string]func(*testing.T){"send": opSend, "like": opLike, "recall": opRecall, "ping": opPing})

// wantRefused wants a refusal; retry says whether it may be tried again.
func (n *native) wantRefused(id, code, message string, retry bool) {
	n.tb.Helper()
	f := n.want("refused")
	if f.ID != id || f.Code != code || !strings.Contains(f.Message, message) || f.Message == "" || (f.Retry > 0) != retry {
		n.tb.Errorf("refused = %+v; want id %q, %s, a message with %q, to be tried again: %v", f, id, code, message, retry)
	}
}

// wantBad sends an op that cannot be taken, behind a good one: ten in a row would close
// the socket.
func (n *native) wantBad(op, id, message string) {
	n.tb.Helper()
	n.send(`{"t":"ping","ts":4711}`)
	n.want("pong")
	n.send(op)
	n.wantRefused(id, badRequest, message, false)
}

const badRequest = "bad_request"

// watched is room r with one who misbehaves and one who must not notice.
func watched(t *testing.T, s *Server, query string, deflate bool) (actor *native, undisturbed func()) {
	t.Helper()
	witness, w := dialV1(t, s, "r", "user_id=witness&token=t", true)
	actor, _ = dialV1(t, s, "r", query, deflate)
	seq := w.Seq
	return actor, func() {
		t.Helper()
		seq++
		text := fmt.Sprint("still here ", seq)
		publishAll(t, s, text)
		b, err := witness.next()
		for err == nil && b.T == "counters" { // the next second brings them
			b, err = witness.next()
		}
		if m := b.messages(t); err != nil || b.T != "batch" || b.Seq != seq || len(m) != 1 || m[0].Body != text {
			t.Errorf("the other member's next frame = %+v, %v; want message %d alone", b, err, seq)
		}
	}
}

func opSend(t *testing.T) {
	s := newServer(t, manualCheck)
	n := joinV1(t, s, "a")
	f := func(what, op string, want messageV1, ext string) {
		t.Helper()
		n.send(op)
		got := n.wantAll("ack", "batch")
		m := got["batch"].messages(t)[0]
		if ext == "" && m.Ext != nil || ext != "" && sameJSON(string(m.Ext), ext) != nil {
			t.Errorf("%s: ext = %s; want %s", what, m.Ext, ext)
		}
		m.Ext, want.Seq, want.TS, want.UserID = nil, got["ack"].Seq, got["ack"].TS, "a"
		if fmt.Sprint(m) != fmt.Sprint(want) || got["ack"].ID != want.ID {
			t.Errorf("%s: ack %+v, message %+v; want %+v", what, got["ack"], m, want)
		}
	}
	long := func(n int) string { return strings.Repeat("x", n) }
	f("id alone", `{"t":"send","id":"1"}`, messageV1{ID: "1", Kind: "chat"}, "")
	f("id of 64 bytes", `{"t":"send","id":"`+long(64)+`","body":"b"}`, messageV1{ID: long(64), Kind: "chat", Body: "b"}, "")
	f("id of any text", `{"t":"send","id":"\u0000\"弹","body":"b"}`, messageV1{ID: "\x00\"弹", Kind: "chat", Body: "b"}, "")
	f("body of 12,288 bytes", `{"t":"send","id":"2","body":"`+long(12_288)+`"}`, messageV1{ID: "2", Kind: "chat", Body: long(12_288)}, "")
	f("kind of 32 bytes", `{"t":"send","id":"3","kind":"`+long(32)+`"}`, messageV1{ID: "3", Kind: long(32)}, "")
	f("kind in other letters", `{"t":"send","id":"3s","kind":"Gift_1.x-y"}`, messageV1{ID: "3s", Kind: "Gift_1.x-y"}, "")
	f("empty kind", `{"t":"send","id":"4","kind":""}`, messageV1{ID: "4", Kind: "chat"}, "")
	f("ext of 4,096 bytes", `{"t":"send","id":"5","ext":"`+long(4094)+`"}`, messageV1{ID: "5", Kind: "chat"}, `"`+long(4094)+`"`)
	deep := strings.Repeat("[", 32) + strings.Repeat("]", 32)
	f("ext 32 deep", `{"t":"send","id":"6","ext":`+deep+`}`, messageV1{ID: "6", Kind: "chat"}, deep)
	f("ext null", `{"t":"send","id":"7","ext":null}`, messageV1{ID: "7", Kind: "chat"}, "")
	f("ext over several lines", "{\"t\":\"send\",\"id\":\"8\",\"ext\":{\"a\":\n[1,\r\n2]}}", messageV1{ID: "8", Kind: "chat"}, `{"a":[1,2]}`)
	f("fields that are not named", `{"user_id":"b","dance":[{}],"t":"send","id":"9"}`, messageV1{ID: "9", Kind: "chat"}, "")
	f("fields in other letters", `{"T":"ping","t":"send","ID":"b","id":"9l","Body":"x","KIND":"gift"}`, messageV1{ID: "9l", Kind: "chat"}, "")
	f("fields that stand twice", `{"t":"ping","t":"send","id":"x","id":"10","body":"x","body":"y"}`, messageV1{ID: "10", Kind: "chat", Body: "y"}, "")
	f("halves of surrogate pairs", `{"t":"send","id":"11","body":"a\ud800\udc00\udc00b","ext":{"\ud800":"\ud83d"}}`,
		messageV1{ID: "11", Kind: "chat", Body: "a\U00010000\uFFFDb"}, `{"\ufffd":"\ufffd"}`)
}

func opLike(t *testing.T) {
	s := newServer(t, manualCheck)
	n, undisturbed := watched(t, s, "user_id=a&token=t", false)
	for _, like := range []string{"1", "100"} {
		n.send(`{"t":"like","n":` + like + `}`)
	}
	for like, message := range map[string]string{
		"0": "n is 0, not within 1 and 100", "-1": "n is -1", "101": "n is 101", "1000000000": "n is 1000000000", "null": "n is 0",
		"1.5": "wrong type", `"3"`: "wrong type", "true": "wrong type", "[1]": "wrong type", "1e1": "wrong type", "9223372036854775808": "wrong type",
	} {
		n.wantBad(`{"t":"like","n":`+like+`}`, "", message)
	}
	n.wantBad(`{"t":"like"}`, "", "n is 0")
	undisturbed()
	r := roomOf(t, s, "r")
	eventually(t, func() error {
		s.edge.Hall.Tick(time.Now(), 0) // lets this node report
		return differ("counters", r.Counters(), chat.Counters{Online: 2, Likes: 101})
	})
}

func opRecall(t *testing.T) {
	s := newServerV1(t, manualCheck)
	n, undisturbed := watched(t, s, "user_id=u&token=t", false)
	undisturbed() // message 1, of u
	n.want("batch")
	for seq, message := range map[string]string{
		"0": "seq is 0, not within 1 and 9223372036854775807", "null": "seq is 0", "9223372036854775808": "seq is 9223372036854775808",
		"-1": "wrong type", "1e3": "wrong type", "1.0": "wrong type", `"1"`: "wrong type", "18446744073709551616": "wrong type",
	} {
		n.wantBad(`{"t":"recall","seq":`+seq+`}`, "", message)
	}
	n.wantBad(`{"t":"recall"}`, "", "seq is 0")
	for _, seq := range []string{"2", "9007199254740993", "9223372036854775807"} {
		n.send(`{"t":"recall","seq":` + seq + `}`)
		n.wantRefused("", "not_found", "there is no message "+seq, false)
	}
	other := joinV1(t, s, "v")
	other.send(`{"t":"recall","id":"back","seq":1}`)
	other.wantRefused("back", "forbidden", "message 1 is not yours", false)
	other.wantBad(`{"t":"recall","seq":1,"id":"`+strings.Repeat("x", 65)+`"}`, "", "id has 65 bytes")
	undisturbed() // nobody was notified of a recall
	n.want("batch")
	n.send(`{"t":"recall","seq":1}`)
	if f := n.want("recalled"); f.Seq != 1 || f.By != "u" {
		t.Errorf("recalled = %+v; want 1 by u", f)
	}
	n.send(`{"t":"recall","seq":1}`)
	if f := n.want("recalled"); f.Seq != 1 || f.By != "u" { // it may be that somebody missed it
		t.Errorf("taken back once more: %+v; want 1 by u", f)
	}
	if h, _ := historyV1(t, s, ""); string(h.Messages[0]) != `{"seq":1,"recalled":true}` {
		t.Errorf("history has %s", h.Messages)
	}
}

func opPing(t *testing.T) {
	n := joinV1(t, newServer(t, nil), "a")
	for ts, want := range map[string]int64{
		`,"ts":77`: 77, `,"ts":-5`: -5, ``: 0, `,"ts":null`: 0, `,"ts":9223372036854775807`: 9223372036854775807, `,"TS":4,"Ts":5`: 0,
	} {
		n.send(`{"t":"ping"` + ts + `}`)
		if f := n.want("pong"); f.TS != want {
			t.Errorf("pong = %+v; want %d", f, want)
		}
	}
	for _, ts := range []string{"1.5", `"1"`, "1e3", "9223372036854775808", "{}"} {
		n.wantBad(`{"t":"ping","ts":`+ts+`}`, "", "wrong type")
	}
}

// TestNative_RefusedOpsHaveTheirCodes has every code that an op can be refused with.
func TestNative_RefusedOpsHaveTheirCodes(t *testing.T) { runCases(t, nativeRefused) }

var nativeRefused = and(and(authRefused, modRefused), map[string]func(*testing.T){
	"rate_limited":  refusedTooOften,
	badRequest:      refusedBadOps,
	room.CodeBusy:   func(t *testing.T) { t.Run("send", refusedBusySend); t.Run("recall", refusedBusyRecall) },
	"expired":       refusedExpired,
	"store_refused": refusedByStore,
	"unconfirmed":   refusedUnconfirmed,
	"not_found":     func(t *testing.T) { refusedRecall(t, nil, "u", 9, "not_found", "there is no message 9", false) },
	"forbidden":     func(t *testing.T) { refusedRecall(t, nil, "v", 1, "forbidden", "message 1 is not yours", false) },
	"too_old": func(t *testing.T) {
		// A message sent now is too old at once, and the welcome's recall_ms is 0.
		refusedRecall(t, func(c *setup) { c.RecallLimit = -999 * time.Microsecond }, "u", 1, "too_old", "message 1 is older than", false)
	},
	"unavailable": func(t *testing.T) { refusedRecall(t, nil, "away", 1, "unavailable", "now", true) },
	"other_epoch": refusedOtherEpoch,
	"blocked":     func(t *testing.T) { refusedByFilter(t, "d4rn", "blocked") },
	"held":        func(t *testing.T) { refusedByFilter(t, "oh RATS", "held") },
})

// A frame that is no op, or not as it should be, is refused, and nobody else notices.
func refusedBadOps(t *testing.T) {
	s := newServer(t, func(c *setup) { manualCheck(c); c.Server.MaxMessageBytes = 64 << 10 })
	n, undisturbed := watched(t, s, "user_id=a&token=t", true)
	long := func(n int) string { return strings.Repeat("x", n) }
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, op := range []string{
		`hello`, ``, ` `, `{`, `{}x`, `{"t":"ping"} {"t":"ping"}`, `{"t":"ping",}`, `{t:"ping"}`, `{'t':'ping'}`, `[{"t":"ping"}]`, `"ping"`, `7`, `true`,
		"\ufeff" + `{"t":"ping"}`, "{\"t\":\"ping\",\"x\":\"\x01\"}", `{"t":"ping","x":"\u12"}`, `{"t":"ping","ts":01}`, `{"t":"ping","ts":NaN}`,
		nested(30_000), `{"t":` + nested(30_000) + `}`, `{"t":"ping","x":` + nested(30_000) + `}`,
	} {
		n.wantBad(op, "", "no JSON object")
	}
	for _, t := range []string{`null`, `{}`, `{"t":""}`, `{"t":null}`, `{"T":"ping","ts":4}`} {
		n.wantBad(t, "", `t is ""`)
	}
	n.wantBad(`{"t":"dance"}`, "", `t is "dance", not one of send, like, recall, auth, mod, ping`)
	n.wantBad(`{"t":"welcome","id":"w"}`, "w", `t is "welcome"`)
	n.wantBad(`{"t":7}`, "", "wrong type")
	n.wantBad(`{"t":["ping"]}`, "", "wrong type")
	// The refusal of a send has its id, if that could be read.
	n.wantBad(`{"t":"send","body":"x"}`, "", "id has 0 bytes, 1 to 64 are allowed")
	n.wantBad(`{"t":"send","id":"","body":"x"}`, "", "id has 0 bytes")
	n.wantBad(`{"t":"send","id":"`+long(65)+`","body":"x"}`, "", "id has 65 bytes")
	n.wantBad(`{"t":"send","id":7,"body":"x"}`, "", "wrong type")
	n.wantBad(`{"t":"send","id":"i","body":7}`, "i", "wrong type")
	n.wantBad(`{"t":"send","body":["x"],"id":"i"}`, "i", "wrong type")
	n.wantBad(`{"t":"send","id":"i","kind":{}}`, "i", "wrong type")
	n.wantBad(`{"t":"send","id":"i",`, "i", "no JSON object")
	n.wantBad(`{"t":"send","id":"b","body":"`+long(32<<10+1)+`"}`, "b", "body has 32769 bytes, at most 32768")
	n.wantBad(`{"t":"send","id":"k","kind":"`+long(33)+`"}`, "k", "kind has 33 bytes, at most 32")
	n.wantBad(`{"t":"send","id":"k","kind":"system","body":"the room is closed"}`, "k", `kind "system" is reserved for the server`)
	n.wantBad(`{"t":"send","id":"k","kind":"s\u0079stem"}`, "k", "is reserved for the server")
	for _, kind := range []string{"System", "SYSTEM"} {
		n.wantBad(`{"t":"send","id":"k","kind":"`+kind+`"}`, "k", "is reserved for the server")
	}
	for _, kind := range []string{`a\u0000`, `\n`, `\u007f`, `\u0085`, `system `, ` system`, `s\u200bystem`, `\u0455ystem`, `\udfff`} {
		n.wantBad(`{"t":"send","id":"k","kind":"`+kind+`"}`, "k", "has characters other than")
	}
	n.wantBad(`{"t":"send","id":"e","ext":"`+long(4095)+`"}`, "e", "ext has 4097 bytes, at most 4096")
	n.wantBad(`{"t":"send","id":"e","ext":`+nested(33)+`}`, "e", "ext is nested 33 deep, at most 32")
	n.wantBad(`{"t":"send","id":"e","ext":`+nested(2000)+`}`, "e", "ext is nested 2000 deep")
	n.wantBad(`{"t":"send","id":"e","ext":1e999}`, "e", "a number that is too large")
	undisturbed()
}

// A megabyte is refused, or closes the socket, by how much the node takes at all.
func TestNative_MegabyteIsRefusedOrCloses(t *testing.T) {
	op := func(n int) string { return `{"t":"send","id":"big","body":"` + strings.Repeat("x", n) + `"}` }
	t.Run("below max_message_bytes", func(t *testing.T) {
		s := newServerV1(t, func(c *setup) { manualCheck(c); c.Server.MaxMessageBytes = 1 << 20 })
		n, undisturbed := watched(t, s, "user_id=u&token=t", false)
		n.wantBad(op(1_000_000), "big", "body has 1000000 bytes, at most 524288")
		undisturbed()
		n.want("batch")
		n.send(op(512 << 10))
		if got := n.wantAll("ack", "batch"); len(got["batch"].messages(t)[0].Body) != 512<<10 {
			t.Errorf("got a body of %d bytes", len(got["batch"].messages(t)[0].Body))
		}
	})
	t.Run("above max_message_bytes", func(t *testing.T) {
		for _, deflate := range []bool{false, true} {
			s := newServer(t, manualCheck)
			n, undisturbed := watched(t, s, "user_id=u&token=t", deflate)
			n.send(op(1 << 20))
			n.wantClose(codec.CloseTooBig)
			undisturbed()
		}
	})
}

func refusedBusySend(t *testing.T) {
	s := newServer(t, func(c *setup) { manualCheck(c); c.rooms.QueueMessages = 1 })
	n := joinV1(t, s, "u")
	goOn := storeOf(s).hold("Publish")
	defer goOn()
	n.send(`{"t":"send","id":"1","body":"x"}`)
	n.send(`{"t":"send","id":"2","body":"x"}`)
	n.wantRefused("2", "busy", "too many messages wait", true)
	goOn()
	if ack := n.wantAll("ack", "batch")["ack"]; ack.ID != "1" {
		t.Errorf("ack = %+v; want that of 1", ack)
	}
}

func refusedBusyRecall(t *testing.T) {
	s := newServer(t, manualCheck)
	n := joinV1(t, s, "u")
	goOn := storeOf(s).hold("RecallSeq")
	defer goOn()
	for range recallers {
		n.send(`{"t":"recall","seq":1}`)
	}
	eventually(t, func() error { return differ("recalls under way", storeOf(s).called("RecallSeq"), recallers) })
	// One user has a share of the queue, and leaves the others theirs.
	for range errandShare + 1 {
		n.send(`{"t":"recall","seq":1}`)
	}
	n.wantRefused("", "busy", "too many recalls wait", true)
	for i := range errandQueue/errandShare - 1 {
		m := joinV1(t, s, fmt.Sprint("v", i))
		for range errandShare {
			m.send(`{"t":"recall","seq":1}`)
		}
	}
	waiting := func() int {
		queued, _ := s.v1.PeekRecalls()
		return queued
	}
	eventually(t, func() error { return differ("recalls that wait", waiting(), errandQueue) })
	other := joinV1(t, s, "w")
	other.send(`{"t":"recall","id":"x","seq":1}`)
	other.wantRefused("x", "busy", "too many recalls wait", true)
	n.send(`{"t":"ping"}`)
	n.want("pong") // a recall does not block the poller
	goOn()
	eventually(t, func() error {
		_, askers := s.v1.PeekRecalls()
		return differ("askers who wait", askers, 0)
	})
}

// Each op but ping counts, and the time to wait is exact.
func refusedTooOften(t *testing.T) {
	s := limited(t, func(c *door.Limits) { c.MessageRate, c.MessageBurst = 0.5, 2 })
	n := joinV1(t, s, "u")
	for _, op := range []string{`{"t":"like","n":1}`, `{"t":"like","n":1}`} {
		n.send(op)
	}
	n.send(`{"t":"send","id":"1","body":"x"}`)
	f := n.want("refused")
	if f.ID != "1" || f.Code != "rate_limited" || f.Retry < 1 || f.Retry > 2000 {
		t.Fatalf("refused = %+v; want 1, rate_limited, for up to 2 s", f)
	}
	n.send(`{"t":"ping","ts":1}`)
	n.want("pong")
	<-time.After(time.Duration(f.Retry) * time.Millisecond) // only time lets it in
	n.send(`{"t":"send","id":"1","body":"x"}`)
	n.wantAll("ack", "batch")
}

// A message that waited too long for the store was delivered on this node alone.
func refusedExpired(t *testing.T) {
	s := newServer(t, manualCheck)
	n := joinV1(t, s, "u")
	s.Away(errAway)
	n.send(`{"t":"send","id":"1","body":"x"}`)
	n.want("batch")
	s.edge.Hall.Tick(time.Now().Add(time.Hour), 0)
	n.wantRefused("1", "expired", "waited too long", true)
}

// A message that was given to a store that did not answer may be there or not. Sent again it is there.
func refusedUnconfirmed(t *testing.T) {
	s := newServerV1(t, manualCheck)
	n := joinV1(t, s, "u")
	storeOf(s).fail(errAway, "Publish")
	const send = `{"t":"send","id":"1","body":"x"}`
	n.send(send)
	eventually(t, func() error { return differ("batches tried", storeOf(s).called("Publish"), 1) })
	eventually(t, func() error {
		s.edge.Hall.Tick(time.Now().Add(time.Hour), 0)
		return differ("messages that wait", s.edge.Hall.Stats().Waiting, 0)
	})
	n.wantRefused("1", "unconfirmed", "send it again with the same id", true)
	storeOf(s).fail(nil, "Publish")
	n.send(send)
	if ack := n.wantAll("ack", "batch")["ack"]; ack.ID != "1" || ack.Seq != 1 {
		t.Errorf("ack = %+v; want message 1", ack)
	}
}

func refusedByStore(t *testing.T) {
	s := newServer(t, manualCheck)
	n, undisturbed := watched(t, s, "user_id=u&token=t", false)
	storeOf(s).fail(fmt.Errorf("no memory left: %w", chat.ErrRefused), "Publish")
	n.send(`{"t":"send","id":"1","body":"x"}`)
	n.wantRefused("1", "store_refused", "does not take the message", true)
	storeOf(s).fail(nil, "Publish")
	undisturbed()
}

// refusedRecall recalls message seq, where 1 is u's; "away" is u while the store is.
func refusedRecall(t *testing.T, change func(*setup), user string, seq int, code, message string, retry bool) {
	t.Helper()
	s := newServer(t, change)
	publishMany(t, s, 1)
	if user == "away" {
		user = "u"
		storeOf(s).fail(errAway, "RecallSeq")
	}
	n := joinV1(t, s, user)
	n.send(fmt.Sprintf(`{"t":"recall","seq":%d}`, seq))
	n.wantRefused("", code, message, retry)
}

// refusedOtherEpoch recalls a number of an epoch that is over. In that of now it is taken back.
func refusedOtherEpoch(t *testing.T) {
	s := newServer(t, nil)
	n := joinV1(t, s, "u")
	n.send(`{"t":"send","id":"1","body":"x"}`)
	ack := n.wantAll("ack", "batch")["ack"]
	n.send(`{"t":"recall","epoch":"0-other","seq":1,"id":"r"}`)
	n.wantRefused("r", "other_epoch", "the room counts anew", false)
	n.send(`{"t":"recall","epoch":"` + strings.Repeat("e", codec.MaxEpoch+1) + `","seq":1}`)
	n.wantRefused("", "bad_request", "epoch has 129 bytes", false)
	n.send(fmt.Sprintf(`{"t":"recall","id":"r","epoch":%q,"seq":%d}`, ack.Epoch, ack.Seq))
	if got := n.wantAll("ack", "recalled"); got["recalled"].Seq != 1 || got["ack"].ID != "r" || got["ack"].TS != 0 || ack.Epoch == "" {
		t.Errorf("acknowledged as %d of %q; recalled %+v", ack.Seq, ack.Epoch, got)
	}
}

// Nine bad ops are forgiven by a good one, as often as one likes.
func TestNative_NineBadOpsAreForgivenByOneGood(t *testing.T) {
	n := joinV1(t, newServer(t, nil), "a")
	for range 3 {
		for range mostBadOps - 1 {
			n.send(`{"t":"dance"}`)
		}
		n.send(`{"t":"ping","ts":1}`)
		for range mostBadOps - 1 {
			n.wantRefused("", badRequest, "dance", false)
		}
		n.want("pong")
	}
}

// An op that the client sent behind the one for which it was closed is not done, though it came in the same packet.
func TestNative_NothingIsDoneBehindTheClose(t *testing.T) {
	s := newServerV1(t, manualCheck)
	const send = `{"t":"send","id":"late","body":"too late"}`
	f := func(what string, code codec.CloseCode, bad []byte) {
		t.Helper()
		c := wireV1(t, s, userAndToken, "", 0)
		c.mustWrite(string(slices.Concat(bad, masked(codec.OpText, send), masked(codec.OpText, `{"t":"like","n":100}`))))
		for {
			f, err := c.nextV1()
			if closed, ok := err.(closedError); ok && closed.code() == code { //nolint:errorlint // text returns it bare
				break
			}
			if err != nil || f.T != "refused" {
				t.Fatalf("%s: next frame = %+v, %v; want to be closed with %d", what, f, err, code)
			}
		}
		c.wantEOF()
		_ = c.conn.Close()
	}
	f("binary", codec.CloseUnsupported, masked(codec.OpBinary, "x"))
	f("ten bad ops", 4400, slices.Repeat(masked(codec.OpText, `{`), mostBadOps))
	f("no mask", codec.CloseProtocolError, []byte{0x81, 0x00})
	f("close", codec.CloseNormal, masked(codec.OpClose, "\x03\xE8"))
	wantSessions(t, s, 0) // all that came is read
	if got := s.edge.Stats.MessagesIn.Load(); got != 1+mostBadOps {
		t.Errorf("%d messages were taken; want the bad ones alone", got)
	}
	if a := callV1(t, s, http.MethodGet, pathMessages, "", ""); !strings.Contains(a.body, `"messages":[]`) {
		t.Errorf("history = %s; want none", a.body)
	}
}

// TestNative_SameIDAgainIsAnsweredWithTheFirstAck, also on another socket, and sent once.
func TestNative_SameIDAgainIsAnsweredWithTheFirstAck(t *testing.T) {
	s := newServer(t, nil)
	witness := join(t, s, "1", "w")
	var first frameV1
	for i := range 3 {
		n, _ := dialV1(t, s, "1", "user_id=a&token=t", false)
		n.send(`{"t":"send","id":"same","body":"once"}`)
		var ack frameV1
		for ack.T != "ack" {
			f, err := n.next()
			if err != nil {
				t.Fatal(err)
			}
			ack = f
		}
		if i == 0 {
			first = ack
		}
		if ack.Seq != first.Seq || ack.TS != first.TS || ack.ID != "same" || ack.Seq != 1 {
			t.Errorf("ack %d = %+v; want %+v", i, ack, first)
		}
	}
	other, _ := dialV1(t, s, "1", "user_id=b&token=t", false)
	other.send(`{"t":"send","id":"same","body":"another user's"}`)
	witness.wantInfo("once")
	witness.wantInfo("another user's")
	if h := s.edge.Hall.Stats(); h.Repeats != 2 {
		t.Errorf("Repeats = %d; want 2", h.Repeats)
	}
}
