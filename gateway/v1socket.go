package gateway

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws/wsflate"
	"golang.org/x/net/http/httpguts"

	"barrage/codec"
	"barrage/gateway/pass"
	"barrage/internal/chat"
	"barrage/room"
)

// This file is the socket of barrage.v1 (docs/protocol.md).

// subprotocol is what a native client must offer.
const subprotocol = "barrage.v1"

// deflateAnswer is what we agree to of permessage-deflate: no context is kept, so that a
// batch is deflated once for a room and an idle member costs no memory for it.
const deflateAnswer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

// mostBadOps is how many ops in a row may be bad before the socket is closed.
const mostBadOps = 10

// socket serves GET /v1/rooms/{room}/ws.
func (n *v1) socket(w http.ResponseWriter, r *http.Request) {
	n.edge.Admit(w, r, n.visitor, writeProblem, func(ctx context.Context, v *visitor) *refusal {
		id := strings.Clone(r.PathValue("room"))
		if bad := checkID("room", id); bad != nil {
			return bad
		}
		since, bad := readSince(r)
		if bad != nil {
			return bad
		}
		a := arrival{visitor: *v, request: r, room: id, since: since}
		a.more = "Sec-WebSocket-Protocol: " + subprotocol + "\r\n"
		if n.edge.Config.Server.Deflate && offersDeflate(r.Header["Sec-Websocket-Extensions"]) {
			a.deflate = true
			a.more += "Sec-WebSocket-Extensions: " + deflateAnswer + "\r\n"
		}
		if a.token == "" && r.URL.Query().Get("auth") == "frame" {
			return n.waitForToken(w, v, a)
		}
		m := &nativeMember{v1: n}
		welcome, bad := n.arrive(ctx, &a, m)
		*v = a.visitor
		if bad != nil {
			return bad
		}
		m.init(n.edge, v, m)
		return m.enter(w, v, welcome)
	})
}

// arrival is a client on its way into a room.
type arrival struct {
	visitor
	request *http.Request
	room    string
	since   room.Since
}

// arrive finds out who it is and puts m into the room, whose first frame it returns. Where nobody is refused, m.gone
// takes it out again.
func (n *v1) arrive(ctx context.Context, a *arrival, m *nativeMember) (welcome []byte, bad *refusal) {
	v := &a.visitor
	if v.rights, bad = n.edge.Guard.mayEnter(ctx, v, a.room); bad != nil {
		return nil, bad
	}
	if bad := n.edge.Enter(v); bad != nil {
		return nil, bad
	}
	rm, bad := n.edge.OpenRoom(ctx, a.request, a.room)
	if bad != nil {
		return nil, bad
	}
	var read chat.History
	if rm.Lacks(a.since) {
		read = n.missed(ctx, a.request, a.room, a.since)
	}
	encoding := room.Native
	if v.deflate {
		encoding = room.Deflated
	}
	in := rm.EnterNative(&m.place, m, encoding, a.since, read)
	return codec.AppendFrame(nil, codec.OpText, n.welcome(*v, rm, in)), nil
}

// missed reads what a client that comes back lacks. Where that cannot be had now, the client is told that it could not
// be resumed, and reads pages.
func (n *v1) missed(ctx context.Context, r *http.Request, id string, since room.Since) (read chat.History) {
	reading, no := n.edge.Door.Scan(r)
	if no != nil {
		return read
	}
	defer reading.Sent()
	read, err := n.store.Since(ctx, id, max(since.Seq, 1)-1, room.MaxResume+1)
	if err != nil {
		n.edge.Log.Warn("cannot read what a client missed", "room", id, "err", err)
	}
	return read
}

// visitor is who asks for a native socket.
func (n *v1) visitor(r *http.Request) (v visitor, bad *refusal) {
	if !httpguts.HeaderValuesContainsToken(r.Header["Sec-Websocket-Protocol"], subprotocol) {
		return v, refuse(http.StatusBadRequest, "cannot upgrade: Sec-WebSocket-Protocol %q does not offer %s",
			bearerHidden.ReplaceAllString(r.Header.Get("Sec-WebSocket-Protocol"), bearerProtocol+"…"), subprotocol)
	}
	return n.callerOf(r)
}

// callerOf reads who calls: the user id from the query, if it is there, and the token, if there is one, from the header
// Authorization, from the sub-protocols or from the query. The first that has one counts.
func (n *v1) callerOf(r *http.Request) (v visitor, bad *refusal) {
	q := r.URL.Query()
	v = n.edge.visitor(r, strings.Clone(q.Get("user_id")), strings.Clone(q.Get("token")), r.PathValue("room"))
	if token := offeredToken(r.Header["Sec-Websocket-Protocol"]); token != "" {
		v.token = token
	}
	scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") { // RFC 9110 section 11.1
		v.token = strings.Clone(strings.TrimLeft(bearer, " "))
	}
	if q.Has("user_id") {
		if bad := checkUser("user_id", v.user); bad != nil {
			return v, bad
		}
	}
	if v.token == "" {
		return v, nil
	}
	return v, checkToken(v.token)
}

// bearerHidden finds the token among the sub-protocols, which no answer shows.
var bearerHidden = regexp.MustCompile(`(?i)bearer\.[^,\s]*`)

// bearerProtocol begins the sub-protocol in which a browser can show a token, as it cannot set a header.
const bearerProtocol = "bearer."

// offeredToken is the token among the sub-protocols that a client offers, in base64url; empty where there is none. What
// is no base64url is a token that nobody takes.
func offeredToken(headers []string) string {
	for _, h := range headers {
		for protocol := range strings.SplitSeq(h, ",") {
			text, is := strings.CutPrefix(strings.Trim(protocol, " \t"), bearerProtocol)
			if !is {
				continue
			}
			token, err := base64.RawURLEncoding.DecodeString(text)
			if err != nil || len(token) == 0 {
				return text
			}
			return string(token)
		}
	}
	return ""
}

// readSince reads where a client that comes back has got.
func readSince(r *http.Request) (since room.Since, bad *refusal) {
	q := r.URL.Query()
	text := q.Get("since")
	if since.Epoch = strings.Clone(q.Get("epoch")); since.Epoch == "" && text == "" {
		return since, nil
	}
	seq, err := strconv.ParseUint(text, 10, 64)
	if err != nil || len(since.Epoch) > codec.MaxEpoch {
		return since, refuse(http.StatusBadRequest, "since %q beside epoch %q is not a sequence number", text, since.Epoch)
	}
	since.Seq = seq
	if stamp := q.Get("ts"); stamp != "" {
		if since.TS, err = strconv.ParseInt(stamp, 10, 64); err != nil || since.TS < 0 {
			return since, refuse(http.StatusBadRequest, "ts %q beside since %q is not a time in Unix milliseconds", stamp, text)
		}
	}
	return since, nil
}

// offersDeflate reports whether one of the client's offers of permessage-deflate suits
// us: we cannot deflate with a smaller window than our own (RFC 7692 section 7.1).
func offersDeflate(headers []string) bool {
	for _, h := range headers {
		offers, ok := httphead.ParseOptions([]byte(h), nil)
		if !ok {
			return false
		}
		for _, o := range offers {
			if string(o.Name) != "permessage-deflate" {
				continue
			}
			if suits(o) {
				return true
			}
		}
	}
	return false
}

// suits reports whether we can do all that an offer of permessage-deflate asks for. A
// parameter that is unknown, stands there twice or has no such value spoils it (RFC 7692
// section 7.1). We deflate with a window of 15 bits and no other.
func suits(offer httphead.Option) bool {
	var p wsflate.Parameters
	return p.Parse(offer) == nil && (!p.ServerMaxWindowBits.Defined() || p.ServerMaxWindowBits == 15)
}

// welcome is the first frame's text.
func (n *v1) welcome(v visitor, rm *room.Room, a room.Arrival) string {
	messages := make([]json.RawMessage, len(a.Messages))
	for i, e := range a.Messages {
		messages[i] = codec.AppendNativeMessage(nil, e.Seq, e.JSON)
	}
	recalled := make([]json.RawMessage, len(a.Recalled))
	for i, ev := range a.Recalled {
		seq := ev.Seq
		if ev.Epoch != a.Epoch {
			seq = 0
		}
		recalled[i] = json.RawMessage(codec.RecalledFields(seq, ev.Messages[0], ev.Tip))
	}
	rate, burst := n.edge.SaidRate()
	welcome := codec.Welcome{
		Room: rm.ID(), UserID: v.user, Node: n.edge.Hall.Node(),
		Epoch: a.Epoch, Seq: a.Seq, Online: a.Online, Likes: a.Likes, Total: a.Total,
		Recovered: a.Recovered, Messages: messages, Recalled: recalled,
		Heartbeat: n.edge.Config.Server.PingInterval.Milliseconds(),
		Limits: codec.Limits{
			MaxBodyBytes:  n.maxBody(),
			MaxFrameBytes: int(n.edge.Config.Server.MaxMessageBytes),
			RecallMS:      n.edge.Config.RecallLimit.Milliseconds(),
			RatePerSecond: rate, Burst: burst, MaxBodyRunes: n.maxRunes(),
		},
		Guest: v.guest, Can: v.rights.can.Names(), Role: v.rights.role, Expires: v.rights.expiresIn(time.Now()),
	}
	return welcome.Text()
}

// maxBody is how many bytes the body of a native message may have: what is left of a
// frame when the rest of the op is in it.
func (n *v1) maxBody() int { return int(n.edge.Config.Server.MaxMessageBytes) / 2 }

// maxRunes is how many characters a body may have; 0 = any number.
func (n *v1) maxRunes() int {
	if !n.edge.Config.Limits.Enabled {
		return 0
	}
	return n.edge.Config.Limits.BodyRunes
}

// tooLong says why a body has too many characters; "" where it has not.
func (n *v1) tooLong(body string) string {
	most := n.maxRunes()
	if most == 0 || len(body) <= most { // no character takes less than a byte
		return ""
	}
	if runes := utf8.RuneCountInString(body); runes > most {
		return fmt.Sprintf("body has %d characters, at most %d are allowed", runes, most)
	}
	return ""
}

// nativeMember is a socket of barrage.v1.
type nativeMember struct {
	member
	v1 *v1
}

// message takes an op; errGone says that it was one too many of those that cannot be taken.
func (m *nativeMember) message(code codec.Opcode, payload []byte) error {
	if code == codec.OpBinary {
		m.closeWith(closeProtocolError, codec.CloseUnsupported, "only text messages are understood here")
		return errGone
	}
	op, err := codec.ParseOp(payload, m.v1.maxBody())
	if why := m.v1.tooLong(op.Body); err == nil && why != "" {
		err = errors.New("cannot take the op: " + why)
	}
	if err != nil {
		if !m.bears(nuisanceRefusal) {
			return errGone
		}
		m.refused(op.ID, "bad_request", err.Error(), 0)
		if m.badOp() >= mostBadOps {
			m.close(closeBadOps)
			return errGone
		}
		return nil
	}
	m.goodOp()
	if op.T == codec.OpAlive {
		if !m.bears(nuisanceFrame) {
			return errGone
		}
	} else if wait := m.takeOp(); wait > 0 {
		m.edge.Stats.rateLimited.Add(1)
		return m.tooFast(&op, wait)
	}
	if !m.mayDo(&op) {
		if !m.bears(nuisanceRefusal) {
			return errGone
		}
		m.refused(op.ID, codeForbidden, mayNot, 0)
		return nil
	}
	switch op.T {
	case codec.OpSend:
		op.User = m.has().info
		err := m.place.Room().PostNative(m, m.user, &op, time.Now())
		if fast, ok := errors.AsType[*room.TooFastError](err); ok {
			return m.tooFast(&op, fast.Wait)
		}
		if err != nil {
			m.refused(op.ID, room.CodeBusy, err.Error(), 1000)
		}
		m.speaks()
	case codec.OpLike:
		m.place.Room().Like(uint64(m.takeLikes(uint32(op.N))))
	case codec.OpRecall:
		here, known := m.place.Room().Place(&m.place)
		id, epoch, seq := op.ID, cmp.Or(op.Epoch, here), op.Seq
		if !m.v1.recalls.add(askerOf(m), func(ctx context.Context) { m.recall(ctx, id, known, epoch, seq) }) {
			m.refused(id, room.CodeBusy, "too many recalls wait", 1000)
		}
	case codec.OpAuth:
		if !m.bears(nuisanceRefusal) { // a token costs a call, good or bad
			return errGone
		}
		m.refresh(&op)
	case codec.OpAlive:
		m.tell(codec.PongText(op.TS))
	}
	return nil
}

// codeForbidden is the answer to who may not do that, whenever they ask.
const codeForbidden = "forbidden"

// mayDo reports whether the token grants an op.
func (m *nativeMember) mayDo(op *codec.Op) bool {
	switch r := m.has(); op.T {
	case codec.OpSend:
		return r.maySay(op.Kind)
	case codec.OpLike:
		return r.can.Has(pass.Like)
	case codec.OpRecall:
		return r.can.Has(pass.Recall)
	default:
		return true
	}
}

// tooFast refuses an op that comes too soon; errGone says that it was one too many.
func (m *nativeMember) tooFast(op *codec.Op, wait time.Duration) error {
	if !m.bears(nuisanceRefusal) {
		return errGone
	}
	m.refused(op.ID, room.CodeRateLimited, answerTexts[room.CodeRateLimited], wait.Milliseconds())
	return nil
}

// tell sends text to this member alone.
func (m *nativeMember) tell(text string) { m.unicast(codec.AppendFrame(nil, codec.OpText, text)) }

// refused tells a native client that something was not done.
func (m *nativeMember) refused(id, code, message string, retryMS int64) {
	m.tell(codec.RefusedText(id, code, message, retryMS))
}

func (m *nativeMember) revoked(state chat.TokenState) {
	if state == chat.TokenReplaced || state == chat.TokenOther { // it was right when the socket began
		m.close(closeReplaced)
		return
	}
	m.close(closeRevoked)
}

func (m *nativeMember) flooded() { m.close(closeFlooded) }

// Answered tells a native client what became of its message, see room.Author.
func (m *nativeMember) Answered(a room.Answer) {
	if a.Code == "" {
		m.tell(codec.AckText(a.ID, a.Epoch, a.Seq, a.TS))
	} else {
		m.refused(a.ID, a.Code, answerTexts[a.Code], cmp.Or(a.Wait.Milliseconds(), answerRetry))
	}
}

// answerRetry is when a client may ask again for what the store did not do, in
// milliseconds.
const answerRetry = 2000

var answerTexts = map[string]string{
	room.CodeExpired:     "the message waited too long for the store, and was not stored",
	room.CodeStore:       "the store does not take the message",
	room.CodeRateLimited: "too many at once",
	room.CodeUnconfirmed: "the message may have been stored or not: send it again with the same id, it is stored once",
}
