package swarm

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"barrage/codec"
)

// dialect is a protocol that servers speak over WebSocket.
type dialect interface {
	// path is where user's socket in room is.
	path(room, user string) string
	// hello appends the frames that a viewer sends first.
	hello(dst []byte, room string) []byte
	// say appends the payload of a text frame that sends body to room; gift has it be one, where the dialect has kinds of
	// messages.
	say(dst []byte, room string, body []byte, gift bool) []byte
	// read goes through one text payload and gives ear what is in it. Its error names what the server did wrong or
	// refused.
	read(payload []byte, ear listener) error
	manner() manner
}

// listener receives what a text payload holds.
type listener interface {
	welcomed() bool
	// welcome reports that the viewer is in and, where known, how many messages its room had before the first one that it
	// will get.
	welcome(total uint64, known bool)
	// message gets one message, and what stands around its body.
	message(text []byte)
	// answered reports that message number of this viewer was taken, or refused with a code.
	answered(number uint64, code string)
	// reply answers the server with a text frame.
	reply(payload string)
}

// manner is what the loop must know of a dialect to count without reading.
type manner struct {
	// greets: a viewer is in when read calls welcome, not when it is connected.
	greets bool
	// tail is how many bytes of the first payload read has to see, at its end; 0 is
	// all of them.
	tail int
	// needle stands in the payload once for each message; empty: a frame is a message.
	needle needle
	// ping, at the beginning of a line, asks for the reply pong.
	ping needle
	pong string
	// answers: the messages of a sender are answered, so senders have to read everything.
	answers bool
	// accounts: read calls answered for each message, so that refused ones are distinguished from lost ones.
	accounts bool
	// mark stands right before a body, with the body's "b ".
	mark []byte
	// protocol is offered as Sec-WebSocket-Protocol; empty: none is.
	protocol string
}

// CheckDialect reports an error that names the dialects there are, where name is none.
func CheckDialect(name string) error {
	_, err := newDialect(&Plan{Dialect: name})
	return err
}

func newDialect(p *Plan) (dialect, error) {
	if p.Deflate && p.Dialect != "native" {
		return nil, fmt.Errorf("cannot deflate in dialect %q: only native agrees on permessage-deflate", p.Dialect)
	}
	if p.Gifts > 0 && p.Dialect != "native" {
		return nil, fmt.Errorf("cannot send gifts in dialect %q: only native has kinds of messages", p.Dialect)
	}
	switch p.Dialect {
	case "fastim":
		return fastim{cmp.Or(p.Token, anyToken)}, nil
	case "native":
		return native{cmp.Or(p.Token, anyToken)}, nil
	case "raw":
		path := p.Path
		if path == "" {
			path = "/"
		}
		return raw(path), nil
	case "centrifugo":
		return centrifugo{p.Token}, nil
	}
	return nil, fmt.Errorf("cannot speak %q: dialects are fastim, native, raw and centrifugo", p.Dialect)
}

// anyToken is for servers that want a token and do not look at it.
const anyToken = "t"

// fastim is FastIM's own protocol: a welcome with the number of messages so far, then
// a frame for each.
type fastim struct{ token string }

func (f fastim) path(room, user string) string {
	return "/group/chat/" + url.PathEscape(room) + "/" + url.PathEscape(user) + "/" + url.PathEscape(f.token)
}
func (fastim) hello(dst []byte, _ string) []byte                    { return dst }
func (fastim) say(dst []byte, _ string, body []byte, _ bool) []byte { return append(dst, body...) }

func (fastim) manner() manner {
	return manner{greets: true, tail: 64, mark: []byte(`"info":"b `)}
}

func (fastim) read(payload []byte, ear listener) error {
	if ear.welcomed() {
		ear.message(payload)
		return nil
	}
	at := bytes.LastIndex(payload, []byte(`"total":`))
	if at < 0 {
		return fmt.Errorf("the server's first message is no welcome but %.80q", payload)
	}
	total, err := strconv.ParseUint(strings.TrimRight(string(payload[at+len(`"total":`):]), "} \n"), 10, 64)
	if err != nil {
		return fmt.Errorf("the server's welcome ends with %q: %w", payload[at:], err)
	}
	ear.welcome(total, true)
	return nil
}

// native is barrage.v1: a welcome with the number of messages so far, then a frame for
// each batch.
type native struct{ token string }

func (n native) path(room, user string) string {
	return "/v1/rooms/" + url.PathEscape(room) + "/ws?token=" + url.QueryEscape(n.token) + "&user_id=" + url.QueryEscape(user)
}
func (native) hello(dst []byte, _ string) []byte { return dst }

// say gives each message an id of its own: the beginning of its body, which has its due time and its number.
func (native) say(dst []byte, _ string, body []byte, gift bool) []byte {
	dst = append(dst, `{"t":"send",`...)
	if gift {
		dst = append(dst, `"kind":"gift",`...)
	}
	dst = append(dst, `"id":"`...)
	dst = append(dst, body[:bytes.LastIndexByte(body, ' ')]...)
	dst = append(append(dst, `","body":"`...), body...)
	return append(dst, `"}`...)
}

func (native) manner() manner {
	return manner{
		greets: true, needle: nativeMessage, answers: true, accounts: true,
		mark: []byte(`"body":"b `), protocol: "barrage.v1",
	}
}

// nativeMessage begins each message of a batch.
const nativeMessage = `{"seq":`

func (native) read(payload []byte, ear listener) error {
	var head struct {
		T, ID, Code, Message string
		Total                uint64
	}
	if bytes.HasPrefix(payload, []byte(`{"t":"batch"`)) {
		_, messages, _ := bytes.Cut(payload, []byte(nativeMessage))
		for text := range bytes.SplitSeq(messages, []byte(nativeMessage)) {
			ear.message(text)
		}
		return nil
	}
	if err := json.Unmarshal(payload, &head); err != nil {
		return fmt.Errorf("the server sent %.80q: %w", payload, err)
	}
	switch {
	case !ear.welcomed() && head.T != "welcome":
		return fmt.Errorf("the server's first message is no welcome but %.80q", payload)
	case !ear.welcomed():
		ear.welcome(head.Total, true)
	case head.T == "ack", head.T == "refused":
		_, number, ours := parseBody([]byte(head.ID+" "), []byte("b "))
		switch {
		case !ours && head.T == "refused":
			return fmt.Errorf("the server refused %q, which is no message: %s (%s)", head.ID, head.Message, head.Code)
		case !ours:
			return fmt.Errorf("the server acknowledged %q, which is no message", head.ID)
		case head.T == "refused":
			ear.answered(number, cmp.Or(head.Code, "unknown"))
		default:
			ear.answered(number, "")
		}
	}
	return nil
}

// raw is a broadcast without any protocol: the message of one is delivered to all of its room. It is
// the template of a path.
type raw string

func (r raw) path(room, user string) string {
	return strings.NewReplacer("{room}", url.PathEscape(room), "{user}", url.PathEscape(user)).Replace(string(r))
}
func (raw) hello(dst []byte, _ string) []byte                    { return dst }
func (raw) say(dst []byte, _ string, body []byte, _ bool) []byte { return append(dst, body...) }
func (raw) manner() manner                                       { return manner{mark: []byte("b ")} }

func (raw) read(payload []byte, ear listener) error {
	ear.message(payload)
	return nil
}

// centrifugo is the JSON form of Centrifugo's client protocol, version 2
// (https://centrifugal.dev/docs/transports/client_protocol): one JSON object a line,
// several lines in a frame. Servers must allow clients to subscribe and publish, and
// anonymous ones where there is no token.
type centrifugo struct{ token string }

func (centrifugo) path(string, string) string { return "/connection/websocket" }

func (c centrifugo) hello(dst []byte, room string) []byte {
	connect := `{"id":1,"connect":{}}`
	if c.token != "" {
		connect = `{"id":1,"connect":{"token":` + strconv.Quote(c.token) + `}}`
	}
	dst = appendFrame(dst, codec.OpText, []byte(connect))
	return appendFrame(dst, codec.OpText, []byte(`{"id":2,"subscribe":{"channel":`+strconv.Quote(room)+`}}`))
}

// say gives every message the same id: commands are answered in order, and an answer
// matters only when it is an error.
func (centrifugo) say(dst []byte, room string, body []byte, _ bool) []byte {
	dst = append(dst, `{"id":3,"publish":{"channel":`...)
	dst = strconv.AppendQuote(dst, room)
	dst = append(append(dst, `,"data":"`...), body...)
	return append(dst, `"}}`...)
}

func (centrifugo) manner() manner {
	return manner{
		greets: true, needle: `"pub":{`, ping: "\n{}", pong: "{}",
		answers: true, mark: []byte(`"data":"b `),
	}
}

func (centrifugo) read(payload []byte, ear listener) error {
	for line := range bytes.SplitSeq(payload, []byte("\n")) {
		switch {
		case len(line) == 0:
		case string(line) == "{}":
			ear.reply("{}")
		case bytes.Contains(line, []byte(`"pub":{`)):
			ear.message(line)
		default:
			if err := readReply(line, ear); err != nil {
				return err
			}
		}
	}
	return nil
}

// readReply reads what is no message: the answer to a command of ours, or a push.
func readReply(line []byte, ear listener) error {
	var r struct {
		ID    int
		Error *struct {
			Code    int
			Message string
		}
		Subscribe *struct{}
		Push      *struct{ Unsubscribe, Disconnect *struct{ Reason string } }
	}
	switch err := json.Unmarshal(line, &r); {
	case err != nil:
		return fmt.Errorf("the server sent %.80q: %w", line, err)
	case r.Error != nil:
		return fmt.Errorf("the server refused command %d: %s (%d)", r.ID, r.Error.Message, r.Error.Code)
	case r.Push != nil && (r.Push.Unsubscribe != nil || r.Push.Disconnect != nil):
		return errors.New("the server ended the subscription")
	case r.Subscribe != nil:
		ear.welcome(0, false)
	}
	return nil
}
