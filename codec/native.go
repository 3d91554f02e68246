package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/bytedance/sonic/decoder"
	"github.com/bytedance/sonic/encoder"

	"barrage/internal/chat"
)

// This file is barrage.v1 (docs/protocol.md): the JSON of its frames, and how its messages
// stand in a history that FastIM clients read as well.
//
// A stored message is FastIM's object. Data that only native clients know stands in one more field before the last one:
//
//	{"groupId":"1","userId":"3","info":"hi","x":{"kind":"gift","id":"c-1","ext":…},"ts":5}
//
// The bytes `,"x":{` cannot occur within a text field, because quotes are escaped there, so
// the field is found and cut out without parsing.

// Bounds of what a native client may send.
const (
	// MaxSendID is how many bytes the id of a send, or of a recall, may have.
	MaxSendID = 64
	// MaxEpoch is how many bytes the name of an epoch may have that a client gives back.
	MaxEpoch = 128
	// MaxKind is how many bytes a message's kind may have.
	MaxKind = 32
	// MaxExt is how many bytes a message's ext may have.
	MaxExt = 4 << 10
	// MaxExtDepth is how many arrays and objects may stand in each other in a message's ext.
	MaxExtDepth = 32
	// MaxLikes is how many likes one op may carry.
	MaxLikes = 100
)

// Kinds of messages; others are the clients' own affair.
const (
	// KindChat is the kind of a message that names no other.
	KindChat = "chat"
	// KindSystem is the kind of what the room itself sends. Clients may not send it: else anybody could pose as the room.
	KindSystem = "system"
)

// extra is the field x of a stored message.
type extra struct {
	kind string // empty: KindChat
	id   string
	ext  json.RawMessage
	user json.RawMessage // the public data of the sender, from their token
}

// append appends the fields that are not empty, each behind a comma.
func (x *extra) append(dst []byte) []byte {
	if x.kind != "" {
		dst = appendString(append(dst, `,"kind":`...), x.kind)
	}
	if x.id != "" {
		dst = appendString(append(dst, `,"id":`...), x.id)
	}
	if len(x.ext) > 0 {
		dst = append(append(dst, `,"ext":`...), x.ext...)
	}
	if len(x.user) > 0 {
		dst = append(append(dst, `,"user":`...), x.user...)
	}
	return dst
}

const extraStart = `,"x":{`

// NewNativeDraft is [NewDraft] for a message with a kind, an id, an ext and a user. Each of these may be empty; ext and
// user are valid JSON.
func NewNativeDraft(room, user string, op *Op, ts int64) chat.Draft {
	x := extra{id: op.ID, ext: op.Ext, user: op.User}
	if op.Kind != KindChat {
		x.kind = op.Kind
	}
	return chat.Draft{UserID: user, TS: ts, ID: op.ID, Head: headOf(room, user, op.Body, x)}
}

// FastIMText is a stored message as FastIM clients see it. It allocates only where there
// is something to leave out.
func FastIMText(stored string) string {
	head, tail := FastIMParts(stored)
	return head + tail
}

// FastIMParts are the two parts of a stored message that are [FastIMText] together; the second one may be empty. It
// allocates nothing.
func FastIMParts(stored string) (head, tail string) {
	from := strings.Index(stored, extraStart)
	if from < 0 {
		return stored, ""
	}
	to := strings.LastIndex(stored, `,"ts":`)
	if to < from {
		return stored, ""
	}
	return stored[:from], stored[to:]
}

// AppendNativeMessage appends a stored message as native clients see it. A message that
// no node of ours wrote may have its fields in any order.
func AppendNativeMessage(dst []byte, seq uint64, stored string) []byte {
	user, info, x, ts, ok := cutStored(stored)
	if !ok {
		m, err := ParseMessage(stored)
		if err != nil {
			return AppendRecalledMessage(dst, seq) // the store hands over messages only
		}
		d := NewDraft(m.GroupID, m.UserID, m.Info, m.TS)
		return AppendNativeMessage(dst, seq, d.JSON(m.TS))
	}
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendUint(dst, seq, 10)
	if !strings.HasPrefix(x, `"kind":`) {
		dst = append(dst, `,"kind":"chat"`...)
	}
	dst = append(dst, `,"user_id":`...)
	dst = append(dst, user...)
	dst = append(dst, `,"body":`...)
	dst = append(dst, info...)
	dst = append(dst, `,"ts":`...)
	dst = append(dst, ts...)
	if x != "" {
		dst = append(append(dst, ','), x...)
	}
	return append(dst, '}')
}

// AppendRecalledMessage appends what stands in a history where a message was taken back.
func AppendRecalledMessage(dst []byte, seq uint64) []byte {
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendUint(dst, seq, 10)
	return append(dst, `,"recalled":true}`...)
}

// cutStored cuts a stored message that [chat.Draft.AppendJSON] made into the JSON of its fields. The result x is
// without its braces, and ok is false for any other form.
func cutStored(s string) (user, info, x, ts string, ok bool) {
	user, info, x, ts, ok = cutFields(s)
	if ts, ended := strings.CutSuffix(ts, "}"); ok && ended {
		return user, info, x, ts, true
	}
	return "", "", "", "", false
}

// cutFields is cutStored for a message whose end may be missing: ts is all that stands behind the name of
// that field.
func cutFields(s string) (user, info, x, ts string, ok bool) {
	rest, ok1 := strings.CutPrefix(s, `{"groupId":`)
	_, rest, ok2 := cutString(rest)
	rest, ok3 := strings.CutPrefix(rest, `,"userId":`)
	user, rest, ok4 := cutString(rest)
	rest, ok5 := strings.CutPrefix(rest, `,"info":`)
	info, rest, ok6 := cutString(rest)
	at := strings.LastIndex(rest, `,"ts":`)
	if at < 0 || !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 {
		return "", "", "", "", false
	}
	x, ts = rest[:at], rest[at+len(`,"ts":`):]
	if x != "" {
		if !strings.HasPrefix(x, extraStart) || !strings.HasSuffix(x, "}") {
			return "", "", "", "", false
		}
		x = x[len(extraStart) : len(x)-1]
	}
	return user, info, x, ts, true
}

// DraftText is the kind and the body of a draft.
func DraftText(d *chat.Draft) (kind, body string) {
	_, info, x, _, ok := cutFields(d.Head)
	if !ok || strict.UnmarshalFromString(info, &body) != nil {
		return KindChat, ""
	}
	rest, named := strings.CutPrefix(x, `"kind":`)
	if text, _, ok := cutString(rest); !named || !ok || strict.UnmarshalFromString(text, &kind) != nil {
		return KindChat, body
	}
	return kind, body
}

// WithBody is a draft with another body, but the same in everything else.
func WithBody(d *chat.Draft, body string) chat.Draft {
	const info = `,"info":`
	other := *d
	head, rest, _ := strings.Cut(d.Head, info) // quotes within a text are escaped
	if _, tail, ok := cutString(rest); ok {
		other.Head = head + info + quote(body) + tail
	}
	return other
}

// AppendReviewMessage appends a draft as the service that reviews it is shown it: as native clients will see it, but
// for its number.
func AppendReviewMessage(dst []byte, d *chat.Draft) []byte {
	const seq = `{"seq":0,`
	from := len(dst)
	dst = AppendNativeMessage(dst, 0, d.JSON(d.TS))
	return append(dst[:from+1], dst[from+len(seq):]...)
}

// Sender is the user who sent a stored message, "" where the message cannot be read.
func Sender(stored string) string {
	m, err := ParseMessage(stored)
	if err != nil {
		return ""
	}
	return m.UserID
}

// cutString cuts the JSON string that s begins with, with its quotes.
func cutString(s string) (text, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", s, false
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[:i+1], s[i+1:], true
		}
	}
	return "", s, false
}

// AppendBatchBegin appends a batch up to its first message, whose number is seq. The
// messages follow, with commas between, then [BatchEnd].
func AppendBatchBegin(dst []byte, epoch string, seq uint64) []byte {
	dst = append(dst, `{"t":"batch","epoch":"`...)
	dst = append(dst, epoch...)
	dst = append(dst, `","seq":`...)
	dst = strconv.AppendUint(dst, seq, 10)
	return append(dst, `,"messages":[`...)
}

// BatchEnd ends a batch.
const BatchEnd = `]}`

// The reasons of a gap.
const (
	GapSlow = "slow" // the member was too slow
	GapLost = "lost" // the messages are nowhere any more
)

// GapText notifies a client that messages from to to, both included, will not come by themselves.
func GapText(from, to uint64, reason string) string {
	return fmt.Sprintf(`{"t":"gap","from":%d,"to":%d,"reason":"%s"}`, from, to, reason)
}

// EpochText notifies a client that counting started again: seq is the newest number, ts that message's timestamp, 0
// where it is not known.
func EpochText(epoch string, seq uint64, ts int64) string {
	return fmt.Sprintf(`{"t":"epoch","epoch":"%s","seq":%d,"ts":%d}`, epoch, seq, ts)
}

// ModeratedPrefix begins the name of a recall that is not its sender's: a moderator took the message away. The recall
// does not name the moderator.
const ModeratedPrefix = "~"

// RecalledText notifies a client that the message with the [Husk] was taken back. The argument seq is the message's
// number in the reader's epoch, 0 where it has none there. The argument name is the recall's.
func RecalledText(seq uint64, husk, name string) string {
	return `{"t":"recalled",` + RecalledFields(seq, husk, name)[1:]
}

// RecalledFields is [RecalledText] without t, as it stands in a welcome.
func RecalledFields(seq uint64, husk, name string) string {
	user, by, id := `""`, `""`, `""`
	if u, _, _, _, ok := cutStored(husk); ok {
		user, by = u, u
	}
	if strings.HasPrefix(name, ModeratedPrefix) {
		by = `""`
	}
	if _, named, ok := SendKey(husk); ok {
		id = named
	}
	return `{"seq":` + strconv.FormatUint(seq, 10) + `,"by":` + by + `,"user_id":` + user + `,"id":` + id +
		`,"ts":` + strconv.FormatInt(Timestamp(husk), 10) + `}`
}

// CountersText reports what a room counts.
func CountersText(c chat.Counters) string {
	return fmt.Sprintf(`{"t":"counters","online":%d,"likes":%d}`, c.Online, c.Likes)
}

// StormText reports how many of how many messages were shown in the last second, see [chat.Storm].
func StormText(s chat.Storm) string {
	return fmt.Sprintf(`{"t":"storm","shown":%d,"offered":%d,"level":%d,"ms":1000}`, s.Shown, s.Offered, s.Level)
}

// ReconnectText asks the client to come back after a random time up to afterMS.
func ReconnectText(afterMS int64, reason string) string {
	return fmt.Sprintf(`{"t":"reconnect","after_ms":%d,"reason":"%s"}`, afterMS, reason)
}

// AckText acknowledges that the op with that id is done. The message is in the room's history, as message seq
// of epoch, or message seq of epoch was taken back; then ts is 0.
func AckText(id, epoch string, seq uint64, ts int64) string {
	return `{"t":"ack","id":` + quote(id) + `,"epoch":"` + epoch + `","seq":` + strconv.FormatUint(seq, 10) +
		`,"ts":` + strconv.FormatInt(ts, 10) + `}`
}

// RefusedText reports that the op of a client was not done. retryMS 0: trying again is no use.
func RefusedText(id, code, message string, retryMS int64) string {
	return `{"t":"refused","id":` + quote(id) + `,"code":"` + code + `","message":` + quote(message) + `,"retry_after_ms":` + strconv.FormatInt(retryMS, 10) + `}`
}

// AuthText reports that a new token counts from now on: for how many ms, 0 where nobody knows, and for what.
func AuthText(id string, expiresMS int64, can []string) string {
	var buf []byte
	if err := encoder.EncodeInto(&buf, can, 0); err != nil {
		panic("BUG: cannot encode words: " + err.Error())
	}
	return `{"t":"auth","id":` + quote(id) + `,"expires_ms":` + strconv.FormatInt(expiresMS, 10) + `,"can":` + string(buf) + `}`
}

// PongText answers a ping that carried ts.
func PongText(ts int64) string { return `{"t":"pong","ts":` + strconv.FormatInt(ts, 10) + `}` }

// Limits are the bounds of what a client may send.
type Limits struct {
	MaxBodyBytes  int   `json:"max_body_bytes"`
	MaxFrameBytes int   `json:"max_frame_bytes"` // a larger one closes the socket
	RecallMS      int64 `json:"recall_ms"`       // how old a message may be when it is taken back; 0: no message can be
	RatePerSecond int   `json:"rate_per_second"` // 0: no limit
	Burst         int   `json:"burst"`           // 0: no limit
	// MaxBodyRunes bounds the characters of a body; 0, left out: no limit.
	MaxBodyRunes int `json:"max_body_runes,omitempty"`
}

// Welcome is the first frame of a native client.
type Welcome struct {
	T         string            `json:"t"` // "welcome"
	Room      string            `json:"room"`
	UserID    string            `json:"user_id"`
	Node      string            `json:"node"`
	Epoch     string            `json:"epoch"`
	Seq       uint64            `json:"seq"`
	Online    uint64            `json:"online"`
	Likes     uint64            `json:"likes"`
	Total     uint64            `json:"total"`
	Recovered bool              `json:"recovered"`
	Messages  []json.RawMessage `json:"messages"`
	Recalled  []json.RawMessage `json:"recalled"`
	Heartbeat int64             `json:"heartbeat_ms"`
	Limits    Limits            `json:"limits"`
	Guest     bool              `json:"guest"`           // the node has given the user id
	Can       []string          `json:"can"`             // the client's permissions here
	Role      string            `json:"role"`            // empty: none
	Expires   int64             `json:"auth_expires_ms"` // in how many ms the token's life is over; 0: nobody knows
	Modes     json.RawMessage   `json:"modes"`           // of the room
	You       You               `json:"you"`             // the measures and limits of the client
}

// Text is the JSON of w.
func (w *Welcome) Text() string {
	w.T = "welcome"
	var buf []byte
	if err := encoder.EncodeInto(&buf, w, encoder.ValidateString); err != nil {
		panic("BUG: cannot encode a welcome: " + err.Error())
	}
	return string(buf)
}

// Op is what a native client asks for. T decides which fields count.
type Op struct {
	T    string          `json:"t"` // send, like, recall, auth, mod or ping
	ID   string          `json:"id"`
	Body string          `json:"body"`
	Kind string          `json:"kind"`
	Ext  json.RawMessage `json:"ext"`
	N    int64           `json:"n"`
	Seq  uint64          `json:"seq"`
	// Epoch is what Seq counts in, "" for the socket's.
	Epoch string `json:"epoch"`
	TS    int64  `json:"ts"`
	Token string `json:"token"`
	// User is not the client's: the gateway puts in what the sender's token says of them.
	User json.RawMessage `json:"-"`
}

// The ops.
const (
	OpSend   = "send"
	OpLike   = "like"
	OpRecall = "recall"
	OpAuth   = "auth"
	OpMod    = "mod"
	OpAlive  = "ping"
)

// errBadOp is wrapped by ParseOp.
var errBadOp = errors.New("cannot take the op")

// ParseOp reads what a native client sent and checks its fields; maxBody bounds the body
// in bytes. The result shares no memory with payload. Beside an error, ID says which send
// it was, as far as it could be read.
func ParseOp(payload []byte, maxBody int) (Op, error) {
	var op Op
	if err := strict.Unmarshal(payload, &op); err != nil {
		why := errors.New(`it is no JSON object of the form {"t":…}`)
		if wrong, ok := errors.AsType[*decoder.MismatchTypeError](err); ok && wrong.Type != reflect.TypeFor[Op]() {
			why = fmt.Errorf("the value up to byte %d is of the wrong type", wrong.Pos)
		}
		return Op{ID: clipID(op.ID)}, fmt.Errorf("%w: %w", errBadOp, why)
	}
	if err := op.check(maxBody); err != nil {
		return Op{ID: clipID(op.ID)}, fmt.Errorf("%w: %w", errBadOp, err)
	}
	return op, nil
}

func (op *Op) check(maxBody int) error {
	switch op.T {
	case OpSend:
		return op.CheckSend(maxBody)
	case OpLike:
		if op.N < 1 || op.N > MaxLikes {
			return fmt.Errorf("n is %d, not within 1 and %d", op.N, MaxLikes)
		}
	case OpRecall:
		if op.Seq < 1 || op.Seq > math.MaxInt64 {
			return fmt.Errorf("seq is %d, not within 1 and %d", op.Seq, math.MaxInt64)
		}
		if len(op.Epoch) > MaxEpoch {
			return fmt.Errorf("epoch has %d bytes, at most %d are allowed", len(op.Epoch), MaxEpoch)
		}
		if len(op.ID) > MaxSendID {
			return fmt.Errorf("id has %d bytes, at most %d are allowed", len(op.ID), MaxSendID)
		}
	case OpAuth:
		if op.Token == "" || len(op.Token) > chat.MaxToken {
			return fmt.Errorf("token has %d bytes, 1 to %d are allowed", len(op.Token), chat.MaxToken)
		}
		if len(op.ID) > MaxSendID {
			return fmt.Errorf("id has %d bytes, at most %d are allowed", len(op.ID), MaxSendID)
		}
	case OpMod: // the verb is checked by whoever carries it out
		if len(op.ID) > MaxSendID {
			return fmt.Errorf("id has %d bytes, at most %d are allowed", len(op.ID), MaxSendID)
		}
	case OpAlive:
	default:
		return fmt.Errorf("t is %q, not one of send, like, recall, auth, mod, ping", clip(op.T))
	}
	return nil
}

// CheckSend checks the fields of a send, and puts in what may be left out; maxBody bounds
// the body in bytes.
func (op *Op) CheckSend(maxBody int) error {
	if op.Kind == "" {
		op.Kind = KindChat
	}
	switch {
	case op.ID == "" || len(op.ID) > MaxSendID:
		return fmt.Errorf("id has %d bytes, 1 to %d are allowed", len(op.ID), MaxSendID)
	case strings.HasPrefix(op.ID, MadeIDPrefix):
		return fmt.Errorf("id %q begins with %s, which is reserved for nodes", clip(op.ID), MadeIDPrefix)
	case len(op.Body) > maxBody:
		return fmt.Errorf("body has %d bytes, at most %d are allowed", len(op.Body), maxBody)
	case len(op.Kind) > MaxKind:
		return fmt.Errorf("kind has %d bytes, at most %d are allowed", len(op.Kind), MaxKind)
	case strings.EqualFold(op.Kind, KindSystem):
		return fmt.Errorf("kind %q is reserved for the server", op.Kind)
	case strings.ContainsFunc(op.Kind, notOfKinds):
		return fmt.Errorf("kind %q has characters other than a-z, A-Z, 0-9, '.', '_' and '-'", clip(op.Kind))
	case len(op.Ext) > MaxExt:
		return fmt.Errorf("ext has %d bytes, at most %d are allowed", len(op.Ext), MaxExt)
	}
	var err error
	op.Ext, err = checkExt(op.Ext)
	return err
}

// notOfKinds reports whether no kind has the character: a kind is a word of a program, and no two look the same.
func notOfKinds(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-'
}

func clipID(id string) string {
	if len(id) > MaxSendID {
		return ""
	}
	return id
}
