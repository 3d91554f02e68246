package v1

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"barrage/codec"
	"barrage/gateway/edge"
	"barrage/gateway/pass"
	"barrage/internal/chat"
	"barrage/room"
)

// This file is the socket of barrage.v1 (docs/protocol.md).

// socket serves GET /v1/rooms/{room}/ws.
func (n *API) socket(w http.ResponseWriter, r *http.Request) {
	n.edge.Admit(w, r, n.visitor, WriteProblem, func(ctx context.Context, v *edge.Visitor) *edge.Refusal {
		id := strings.Clone(r.PathValue("room"))
		if bad := edge.CheckID("room", id); bad != nil {
			return bad
		}
		since, bad := readSince(r)
		if bad != nil {
			return bad
		}
		a := arrival{Visitor: *v, request: r, room: id, since: since}
		a.More = "Sec-WebSocket-Protocol: " + subprotocol + "\r\n"
		if n.edge.Config().Server.Deflate {
			answer := answerDeflate(r.Header["Sec-Websocket-Extensions"])
			if a.Deflate = answer != ""; a.Deflate {
				a.More += "Sec-WebSocket-Extensions: " + answer + "\r\n"
			}
		}
		if a.Token == "" && r.URL.Query().Get("auth") == "frame" {
			return n.waitForToken(w, v, a)
		}
		m := new(member)
		welcome, bad := n.arrive(ctx, &a, m)
		*v = a.Visitor
		if bad != nil {
			return bad
		}
		m.Init(n.edge, v, m)
		return m.Enter(w, v, welcome)
	})
}

// arrival is a client on its way into a room.
type arrival struct {
	edge.Visitor
	request *http.Request
	room    string
	since   room.Since
}

// readPatience bounds how long a client that comes back waits until the room has read of the message that it received
// last. A read takes some milliseconds. Eight clients that show their token in a frame hold up the others meanwhile.
const readPatience = time.Second

// arrive finds out who it is and puts m into the room, whose first frame it returns. Where nobody is refused, m.Gone
// takes it out again.
func (n *API) arrive(ctx context.Context, a *arrival, m *member) (welcome []byte, bad *edge.Refusal) {
	v := &a.Visitor
	rm, bad := n.edge.ComeIn(ctx, a.request, v, a.room)
	if bad != nil {
		return nil, bad
	}
	// The event of that message is late, or lost.
	if rm.IsBehind(a.since) && rm.ReadOn(a.since, n.missed(ctx, a.request, a.room, a.since)) {
		reading, cancel := context.WithTimeout(ctx, readPatience)
		_ = edge.WaitUntil(reading, func() bool { return !rm.IsBehind(a.since) }) // else it begins anew
		cancel()
	}
	var read chat.History
	if rm.Lacks(a.since) {
		read = n.missed(ctx, a.request, a.room, a.since)
	}
	encoding := room.Native
	if v.Deflate {
		encoding = room.Deflated
	}
	in := rm.EnterNative(&m.Here, m, encoding, a.since, read)
	frames := codec.AppendFrame(nil, codec.OpText, n.welcome(*v, rm, in))
	for _, text := range in.Taken {
		frames = codec.AppendFrame(frames, codec.OpText, text)
	}
	return frames, nil
}

// missed reads what a client that comes back lacks. Where that cannot be had now, the client is notified that it could
// not be resumed, and reads pages.
func (n *API) missed(ctx context.Context, r *http.Request, id string, since room.Since) (read chat.History) {
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

// welcome is the first frame's text.
func (n *API) welcome(v edge.Visitor, rm *room.Room, a room.Welcome) string {
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
	rate, burst := n.edge.WelcomeRate()
	welcome := codec.Welcome{
		Room: rm.ID(), UserID: v.User, Node: n.edge.Hall.Node(),
		Epoch: a.Epoch, Seq: a.Seq, Online: a.Online, Likes: a.Likes, Total: a.Total,
		Recovered: a.Recovered, Messages: messages, Recalled: recalled,
		Heartbeat: n.edge.Config().Server.PingInterval.Milliseconds(),
		Limits: codec.Limits{
			MaxBodyBytes:  n.maxBody(),
			MaxFrameBytes: int(n.edge.Config().Server.MaxMessageBytes),
			RecallMS:      n.edge.Config().RecallLimit.Milliseconds(),
			RatePerSecond: rate, Burst: burst, MaxBodyRunes: n.maxRunes(),
		},
		Guest: v.Guest, Can: v.Rights.Can.Names(), Role: v.Rights.Role, Expires: v.Rights.ExpiresIn(time.Now()),
		Modes: json.RawMessage(a.Modes), You: you(rm, v.User, v.Rights),
	}
	welcome.Can, welcome.You.Can = welcome.You.Can, nil
	return welcome.Text()
}

// maxBody is how many bytes the body of a native message may have. It is what is left of a frame when the rest of the
// op is in it.
func (n *API) maxBody() int { return int(n.edge.Config().Server.MaxMessageBytes) / 2 }

// maxRunes is how many characters a body may have; 0 = any number.
func (n *API) maxRunes() int {
	if !n.edge.Config().Limits.Enabled {
		return 0
	}
	return n.edge.Config().Limits.BodyRunes
}

// tooLong says why a body has too many characters; "" where it has not.
func (n *API) tooLong(body string) string {
	most := n.maxRunes()
	if most == 0 || len(body) <= most { // no character takes less than a byte
		return ""
	}
	if runes := utf8.RuneCountInString(body); runes > most {
		return fmt.Sprintf("body has %d characters, at most %d are allowed", runes, most)
	}
	return ""
}

// member is a socket of barrage.v1.
type member struct{ edge.Member }

func (m *member) api() *API { return m.Edge().Native.(*API) }

// Message takes an op; ErrGone says that it was one too many of those that cannot be taken.
func (m *member) Message(code codec.Opcode, payload []byte) error {
	if code == codec.OpBinary {
		m.CloseWith(edge.CloseProtocolError, codec.CloseUnsupported, "only text messages are understood here")
		return edge.ErrGone
	}
	op, err := codec.ParseOp(payload, m.api().maxBody())
	if why := m.api().tooLong(op.Body); err == nil && why != "" {
		err = errors.New("cannot take the op: " + why)
	}
	if err != nil {
		if err := m.turnDown(op.ID, "bad_request", err.Error(), 0); err != nil {
			return err
		}
		if m.BadOp() {
			m.Close(edge.CloseBadOps)
			return edge.ErrGone
		}
		return nil
	}
	m.GoodOp()
	if op.T == codec.OpAlive {
		if !m.Bears(edge.NuisanceOf(len(payload))) {
			return edge.ErrGone
		}
	} else if wait := m.TakeOp(); wait > 0 {
		m.Edge().Stats.RateLimited.Add(1)
		return m.turnDown(op.ID, room.CodeRateLimited, answerTexts[room.CodeRateLimited], wait.Milliseconds())
	}
	if !m.mayDo(&op) {
		return m.turnDown(op.ID, codeForbidden, edge.MayNot, 0)
	}
	return m.do(&op, payload)
}

// do carries out an op that was read, from somebody who may do it.
func (m *member) do(op *codec.Op, payload []byte) error {
	switch op.T {
	case codec.OpSend:
		return m.post(op)
	case codec.OpLike:
		if left, muted := m.Muted(); muted {
			return m.turnDown("", room.CodeMuted, ruleTexts[room.CodeMuted], left.Milliseconds())
		}
		m.Here.Room().Like(uint64(m.TakeLikes(uint32(op.N))))
	case codec.OpRecall:
		here, known := m.Here.Room().Place(&m.Here)
		id, epoch, seq := op.ID, cmp.Or(op.Epoch, here), op.Seq
		if !m.api().recalls.Add(askerOf(m), func(ctx context.Context) { m.recall(ctx, id, known, epoch, seq) }) {
			m.busy(id, "too many recalls wait")
		}
	case codec.OpAuth:
		if !m.Bears(edge.NuisanceRefusal) { // a token costs a call, good or bad
			return edge.ErrGone
		}
		m.refresh(op)
	case codec.OpMod:
		return m.mod(op, payload)
	case codec.OpAlive:
		m.writeText(codec.PongText(op.TS))
	}
	return nil
}

// post posts a message; ErrGone says that it was one too many of those that are refused.
func (m *member) post(op *codec.Op) error {
	return m.Speak(func() (said bool, err error) { return m.offer(op) })
}

// offer is post, but for what becomes of the user.
func (m *member) offer(op *codec.Op) (said bool, err error) {
	held, err := m.api().post(m.Here.Room(), m, m.User(), m.Rights(), op)
	if held && err == nil && !m.Bears(edge.NuisanceRefusal) { // it will be refused, and moderators have enough to do
		return false, edge.ErrGone
	}
	switch no := refusedPost(err); {
	case no == nil:
		return !held, nil
	case no.Code == room.CodeBusy:
		m.busy(op.ID, no.Why)
		return false, nil
	default:
		return false, m.turnDown(op.ID, no.Word(), no.Why, no.Wait.Milliseconds())
	}
}

// codeForbidden is the answer to who may not do that, whenever they ask.
const codeForbidden = string(pass.Forbidden)

// mayDo reports whether the token grants an op.
func (m *member) mayDo(op *codec.Op) bool {
	switch r := m.Rights(); op.T {
	case codec.OpSend:
		return r.MaySay(m.Edge().Hall.High(op.Kind))
	case codec.OpLike:
		return r.Can.Has(pass.Like)
	case codec.OpRecall:
		return r.Can.Has(pass.Recall)
	default:
		return true
	}
}

// turnDown refuses an op, which makes its sender a nuisance; ErrGone says that it was one too many.
func (m *member) turnDown(id, code, message string, retryMS int64) error {
	if !m.Bears(edge.NuisanceRefusal) {
		return edge.ErrGone
	}
	m.refused(id, code, message, retryMS)
	return nil
}

// busy refuses an op for which there is no place now.
func (m *member) busy(id, message string) { m.refused(id, room.CodeBusy, message, busyRetry) }

// answer refuses an op as calls are refused.
func (m *member) answer(id string, bad *edge.Refusal) {
	m.refused(id, bad.Word(), bad.Why, retryMS(bad))
}

// stillIn reports whether the token behind an errand, which gave these rights, still counts. It closes the socket where
// it does not, and refuses what was asked for where nobody knows.
func (m *member) stillIn(ctx context.Context, rights *edge.Rights, id string) bool {
	switch state, bad := m.Edge().Guard.StillCounts(ctx, rights); {
	case bad != nil:
		m.answer(id, bad)
	case state != chat.TokenRight:
		m.Revoked(state)
	default:
		return true
	}
	return false
}

// writeText sends text to this member alone.
func (m *member) writeText(text string) { m.Unicast(codec.AppendFrame(nil, codec.OpText, text)) }

// refused notifies a native client that something was not done.
func (m *member) refused(id, code, message string, retryMS int64) {
	m.writeText(codec.RefusedText(id, code, message, retryMS))
}

func (m *member) Revoked(state chat.TokenState) {
	if state == chat.TokenReplaced || state == chat.TokenOther { // it was right when the socket began
		m.Close(edge.CloseReplaced)
		return
	}
	m.Close(edge.CloseRevoked)
}

// Barred closes the socket of a user whom a measure keeps out, and sends banned or kicked as the reason.
func (m *member) Barred(measure chat.Measure) {
	m.CloseWith(edge.CloseBarred, edge.CloseBarred.Code(), edge.BarCode(&measure))
}

// Judged notifies the user of what holds for them now.
func (m *member) Judged() {
	now := you(m.Here.Room(), m.User(), m.Rights())
	m.writeText(now.Text())
}

// you is what holds in a room for a user with the rights of a token.
func you(rm *room.Room, user string, r *edge.Rights) codec.You {
	role, can := rm.RoleOf(user, r.Rank()), r.Can
	if role >= chat.RoleModerator {
		can |= pass.Moderate
	}
	y := codec.You{Role: r.Role, Can: can.Names()}
	if token, _ := chat.ParseRole(r.Role); role > max(token, chat.RoleViewer) && role != r.Rank() {
		y.Role = role.String()
	}
	if m, ok := rm.Against(user, r.Rank(), chat.Mute); ok {
		y.MutedUntil, y.Reason = m.Until, m.Reason
	}
	return y
}

// Notify sends a frame that the edge has made: a message waits for a moderator, the client is to come back elsewhere.
func (m *member) Notify(frame string) { m.writeText(frame) }

func (m *member) Flooded() { m.Close(edge.CloseFlooded) }

// Settled notifies a native client of what became of its message, see room.Author.
func (m *member) Settled(a room.Outcome) {
	no, wait := refusedOutcome(a), a.Wait.Milliseconds()
	switch {
	case no == nil:
		m.writeText(codec.AckText(a.ID, a.Epoch, a.Seq, a.TS))
	case ruled(a.Code):
		m.refused(a.ID, a.Code, no.Why, wait)
	default:
		m.refused(a.ID, a.Code, no.Why, cmp.Or(wait, answerRetry))
	}
}

// When a client may ask again, in milliseconds: for what the store did not do, and where a queue of the node was full.
const (
	answerRetry = 2000
	busyRetry   = 1000
)

var answerTexts = map[string]string{
	room.CodeBusy:        "too many messages wait, try again",
	room.CodeExpired:     "the message waited too long for the store, and was not stored",
	room.CodeStore:       "the store does not take the message",
	room.CodeRateLimited: "too many at once",
	room.CodeUnconfirmed: "the message may have been stored or not: send it again with the same id, it is stored once",
}
