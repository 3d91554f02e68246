package codec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"barrage/codec"
	"barrage/internal/chat"
)

// FuzzReader holds the reader, fed in random pieces, against a server written with
// gobwas/ws: the same messages, and the same refusal at the same place.
//
// Where the two differ on purpose, the oracle says so itself, one rule each, so a
// difference without such a rule fails:
//
//   - lengths in a longer form than needed: gobwas/ws takes them, RFC 6455 section
//     5.2 forbids them;
//   - close codes 5000 and up: gobwas/ws takes them, section 7.4.2 knows none;
//   - close codes 1012 to 1014: gobwas/ws does not know them, the IANA registry does;
//   - the largest message is ours to set: gobwas/ws leaves it to its caller.
//
// The oracle sees whole headers only, so a header that the input cuts off is left out for both.
// TestReader_SplitAtEveryByteReadsTheSame shows that the reader refuses by the first bad byte.
func FuzzReader(f *testing.F) {
	for _, s := range streams() {
		if len(s.stream) < 1<<12 {
			f.Add(s.stream, uint32(s.limit()), uint64(1))
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte, limit uint32, seed uint64) {
		maxMessage := int(limit % (1 << 20))
		want, judged := oracle(stream, maxMessage)
		stream = stream[:judged]
		whole := read(t, stream, maxMessage)
		if code, _, _ := strings.Cut(whole.refused, " "); code != want.refused || !slices.Equal(whole.delivered, want.delivered) {
			t.Errorf("limit %d, read % x:\n%v\nwant, as gobwas/ws has it,\n%v", maxMessage, stream, whole, want)
		}
		cuts := randomCuts(rand.New(rand.NewPCG(seed, 0)), len(stream))
		if got := read(t, stream, maxMessage, cuts...); !got.equal(whole) {
			t.Errorf("limit %d, read % x, cuts %v:\n%v\nwant, as in one piece,\n%v", maxMessage, stream, cuts, got, whole)
		}
	})
}

// oracle reads stream with gobwas/ws. Its refusals are close codes without a reason.
// judged is how much of stream it could judge.
func oracle(stream []byte, maxMessage int) (v verdict, judged int) {
	in := bytes.NewReader(stream)
	state := ws.StateServerSide
	var message []byte
	var kind ws.OpCode
	var text *wsutil.UTF8Reader // over the fragments of one message
	for {
		begin := len(stream) - in.Len()
		h, err := ws.ReadHeader(in)
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return v, begin
		case err != nil || ws.CheckHeader(h, state) != nil:
			v.refused = "1002"
			return v, len(stream)
		}
		size := len(stream) - in.Len() - begin
		switch { // ours alone
		case h.OpCode.IsData() && h.Length > int64(maxMessage-len(message)):
			v.refused = "1009"
			return v, len(stream)
		case size != ws.HeaderSize(h):
			v.refused = "1002"
			return v, len(stream)
		}
		if int64(in.Len()) < h.Length {
			return v, len(stream)
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(in, payload); err != nil {
			panic(err) // there were as many
		}
		ws.Cipher(payload, h.Mask, 0)
		if h.OpCode.IsControl() {
			if h.OpCode == ws.OpClose {
				v.refused = oracleClose(payload)
			}
			if v.refused != "" {
				return v, len(stream)
			}
			v.delivered = append(v.delivered, codec.Opcode(h.OpCode).String()+" "+string(payload))
			continue
		}
		if h.OpCode != ws.OpContinuation {
			kind, text = h.OpCode, wsutil.NewUTF8Reader(nil)
		}
		message = append(message, payload...)
		state = state.Set(ws.StateFragmented)
		if kind == ws.OpText {
			text.Source = bytes.NewReader(payload)
			_, err := io.Copy(io.Discard, text)
			if err != nil || h.Fin && !text.Valid() {
				v.refused = "1007"
				return v, len(stream)
			}
		}
		if h.Fin {
			v.delivered = append(v.delivered, codec.Opcode(kind).String()+" "+string(message))
			message, state = nil, state.Clear(ws.StateFragmented)
		}
	}
}

// oracleClose judges a close frame's payload.
func oracleClose(payload []byte) string {
	if len(payload) == 0 {
		return ""
	}
	code, reason := ws.ParseCloseFrameData(payload)
	switch { // ours alone
	case code >= 5000:
		return "1002"
	case code >= 1012 && code <= 1014:
		code = ws.StatusNormalClosure
	}
	switch err := ws.CheckCloseFrameData(code, reason); {
	case errors.Is(err, ws.ErrProtocolInvalidUTF8):
		return "1007"
	case err != nil:
		return "1002"
	}
	return ""
}

// FuzzParseEvent: no text that comes over the channel makes it panic; an event that it
// takes can be written back and read again the same.
func FuzzParseEvent(f *testing.F) {
	ours := map[string]bool{}
	for _, s := range []string{
		"m2 e 1 1 1 - n.1\n{}", "m2 17-ab 18446744073709551615 0 7 n.1 n.2\n{}\n{}\n", "m2 e 0 1 1 - n.1\n{}", "m2 e 1 1 1 - -\n{}", "m2 e 01 1 01 - n.1\n{}",
		"m2 e +1 1 1 - n.1\n{}", "m2", "m2\n", "m3 e 7 9 3 - n.1 256 9 2\n{}", "m3 e 7 9 3 - n.1 257 9 2\n{}", "m3",
		"r2 e 7 9 2 n.1 x\n{}", "r2 e 7 9 0 - x\n", "c1 5 6", "c1 05 6",
		`p1 e 7 9 2 n.1 x` + "\n" + `{"userId":"ann","since":1,"until":2}`, "p1 e 0 9 2 n.1 x\n{}", "p1 e 0 9 2 n.1 x\n[]",
		"x2 - v1\n{}", `x2 v1 v2` + "\n" + `{"o:slow":"5","pin":"7 {}","clear":"e 7","m:ann":"0 {}","m:bob":""}`, "x2 v1 -\n{}", "x2 v1 v2",
		"h1 waiting\n5 7-a filter {}", "h1 waiting\n{}", "h1 \n5 7-a filter {}", "h1",
	} {
		f.Add(s)
		ours[s[:2]] = true
	}
	for _, s := range []string{"", "\n", `{"groupId":"1"}`, `"{\"groupId\":\"1\"}"`, "m1 e 1 1 n.1\n{}", "r1 e 7 9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := codec.ParseEvent(s)
		if err != nil {
			if !ours[s[:min(len(s), 2)]] && !errors.Is(err, codec.ErrForeignEvent) {
				t.Fatalf("ParseEvent(%q) = %v; want ErrForeignEvent", s, err)
			}
			return
		}
		if e.Rules != nil {
			e.Rules.Cleared = chat.Place{} // the store's to set: a change does not write it
		}
		back := codec.AppendEvent(nil, &e)
		again, err := codec.ParseEvent(string(back))
		if err != nil || !sameEvent(again, e) || !reflect.DeepEqual(again, e) {
			t.Fatalf("ParseEvent(%q) = %+v, %v; want %+v", back, again, err, e)
		}
		if e.Kind != chat.EventMessages && e.Kind != chat.EventRecall {
			return
		}
		// Numbers may lose leading zeros; the messages stay as they are.
		_, want, _ := strings.Cut(s, "\n")
		if _, got, _ := strings.Cut(string(back), "\n"); got != want {
			t.Fatalf("messages %q are written back as %q", want, got)
		}
	})
}

// FuzzHusk: a husk is a message of the same user, with the same ts and id and nothing else.
func FuzzHusk(f *testing.F) {
	f.Add("1", "3", "hello", "c-1", "gift", "made")
	f.Add(`"`, "\\", `,"info":","x":{"id":"no"},"ts":7}`, `"\`, "", "")
	f.Add("房", "\u2028", "", "", `,"id":"no"`, "")
	f.Fuzz(func(t *testing.T, room, user, body, id, kind, made string) {
		d := codec.NewNativeDraft(room, user, &codec.Op{ID: id, Kind: kind, Body: body, Ext: []byte(`{"x":{"id":"no"},"ts":1}`)}, 5)
		if id == "" && kind == "" {
			d = codec.NewDraft(room, user, body, 5)
			if made = strings.Map(word, made); made != "" {
				d.SetMadeID(made)
			}
		}
		stored := string(d.AppendJSON(nil, d.TS))
		husk, ok := codec.Husk(stored)
		if !ok {
			t.Fatalf("Husk(%q) is none", stored)
		}
		before, err1 := codec.ParseMessage(stored)
		after, err2 := codec.ParseMessage(husk)
		before.Info = ""
		if (err1 == nil) != (err2 == nil) || before != after {
			t.Fatalf("Husk(%q) = %q: %+v, %v; want %+v, %v", stored, husk, after, err2, before, err1)
		}
		user1, id1, ok1 := codec.SendKey(stored)
		user2, id2, ok2 := codec.SendKey(husk)
		if user1 != user2 || id1 != id2 || ok1 != ok2 {
			t.Fatalf("the key of %q is %s %s %v; want %s %s %v", husk, user2, id2, ok2, user1, id1, ok1)
		}
		if again, ok := codec.Husk(husk); !ok || again != husk {
			t.Fatalf("Husk(%q) = %q, %v; want the same", husk, again, ok)
		}
	})
}

// word keeps what an id may have.
func word(r rune) rune {
	if strings.ContainsRune("~-_.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", r) {
		return r
	}
	return -1
}

// FuzzParseOp: the op of a stranger becomes JSON for all members, in which kind and body are as they went in. An op
// need be no JSON in fields that nobody reads: sonic passes over a bad escape there.
func FuzzParseOp(f *testing.F) {
	for _, seed := range []string{
		`{"t":"send","id":"1","body":"hi","kind":"chat","ext":{"a":[1,2,"\u00e9"]}}`, `{"t":"like","n":3}`, `{"t":"recall","seq":7,"epoch":"1-A"}`,
		`{"t":"auth","token":"x"}`, `{"t":"mod","verb":"mute","user_id":"u"}`, `{"t":"ping","ts":1}`,
		`{"t":"send","id":"\ud800","body":"\u0000\"\\</script>","ext":"\udc00"}`, `{"t":"send","id":"a","body":"b","ext":[[[[1e999]]]]}`, `[`, `{"t":"send"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		const most = 4096
		op, err := codec.ParseOp(bytes.Clone(payload), most)
		if err != nil {
			if len(op.ID) > codec.MaxSendID || op.T != "" {
				t.Errorf("beside an error: %+v", op)
			}
			return
		}
		if op.T != codec.OpSend {
			return
		}
		d := codec.NewNativeDraft("r", "u", &op, 5)
		text := string(d.AppendJSON(nil, 5))
		native := codec.AppendNativeMessage(nil, 7, text)
		if !json.Valid([]byte(text)) || !json.Valid(native) {
			t.Errorf("%q becomes %q, and %q to native clients: no JSON", payload, text, native)
		}
		kind, body := codec.DraftText(&d)
		if kind != op.Kind || body != op.Body || codec.Sender(text) != "u" || codec.Timestamp(text) != 5 || len(body) > most {
			t.Errorf("%q becomes %q: kind %q, body %q, of %q at %d", payload, text, kind, body, codec.Sender(text), codec.Timestamp(text))
		}
	})
}
