package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf16"

	"barrage/codec"
	"barrage/gateway/pass"
	"barrage/internal/chat"
	"barrage/room"
	"barrage/web"
)

// This file is FastIM's sockets; its HTTP calls are in fastim_calls.go.

// FastIMStore is what FastIM's calls and lists need of the state that all nodes share.
type FastIMStore interface {
	// Join makes user a member of room; added is false where it was one already. An error
	// with chat.ErrTooManyRooms in its chain says that the user is in too many.
	Join(ctx context.Context, user, room string) (added bool, err error)
	// IsMember reports whether user is a member of room.
	IsMember(ctx context.Context, user, room string) (bool, error)
	// Rooms lists the rooms that user is a member of.
	Rooms(ctx context.Context, user string) ([]string, error)
	// Range reads the history's entries from start to stop as LRANGE does.
	Range(ctx context.Context, room string, start, stop int64) ([]string, error)
	// Before reads the count messages just before the one of user at ts.
	Before(ctx context.Context, room, user string, ts int64, count int) (msgs []string, found bool, err error)
	// Recall takes a message of user back, see room.Store.
	Recall(ctx context.Context, room, user string, ts int64) (chat.Event, error)
	// SubscribeUser returns once changes of the user's rooms reach Lists.UserChanged.
	SubscribeUser(ctx context.Context, user string) error
	// UnsubscribeUser ends that. It never blocks.
	UnsubscribeUser(user string)
}

// fastIM is the protocol of FastIM: its HTTP calls and its two sockets. Make it with newFastIM.
type fastIM struct {
	edge  *Edge
	store FastIMStore
	Lists *Lists
	// rejected counts the sockets that are open only to be told why not.
	rejected atomic.Int64
}

// newFastIM is for a node whose lists are sent at most every so often.
func newFastIM(e *Edge, store FastIMStore, listEvery time.Duration) *fastIM {
	return &fastIM{edge: e, store: store, Lists: newLists(e, store, listEvery)}
}

// route adds what FastIM serves.
func (f *fastIM) route(mux *http.ServeMux) {
	served := map[string]http.HandlerFunc{
		"GET /group/chat/{groupId}/{userId}/{token}": f.chat,
		"GET /group/list/{userId}/{token}":           f.list,
		"POST /user/login":                           f.open(f.login),
		"POST /user/joinGroup":                       f.api(f.joinGroup),
		"POST /user/listGroup":                       f.api(f.listGroup),
		"POST /group/listMessage":                    f.api(f.scan(f.listMessage)),
		"POST /group/listOldMessage":                 f.api(f.scan(f.listOldMessage)),
		"POST /group/delMessage":                     f.api(f.scan(f.delMessage)),
	}
	page := web.Page("test.html").ServeHTTP
	switch f.edge.Config.Server.TestPage {
	case TestPageAll:
		served["GET /test/websocket"] = page
	case TestPageLocal:
		served["GET /test/websocket"] = f.edge.Door.Local(page)
	}
	for address, serve := range served {
		mux.HandleFunc(address, serve)
		mux.HandleFunc(address+"/{$}", serve) // original nodes take a slash at the end, too
	}
}

// visitor is who asks for one of FastIM's sockets: the path says it.
func (f *fastIM) visitor(r *http.Request) (v visitor, bad *refusal) {
	v = f.edge.visitor(r, strings.Clone(r.PathValue("userId")), strings.Clone(r.PathValue("token")), r.PathValue("groupId"))
	if bad := checkUser("userId", v.user); bad != nil {
		return v, bad
	}
	return v, checkToken(v.token)
}

// notLoggedIn is the frame of contract section 2, item 1.
var notLoggedIn = codec.AppendFrame(nil, codec.OpText, "440")

// tooMuch is the frame of somebody who sends too much: 429, as 440 is.
var tooMuch = codec.AppendFrame(nil, codec.OpText, "429")

// chat serves GET /group/chat/{groupId}/{userId}/{token}.
func (f *fastIM) chat(w http.ResponseWriter, r *http.Request) {
	f.edge.Admit(w, r, f.visitor, writeRefusal, func(ctx context.Context, v *visitor) (bad *refusal) {
		id := strings.Clone(r.PathValue("groupId"))
		if bad := checkID("groupId", id); bad != nil {
			return bad
		}
		if v.rights, bad = f.edge.Guard.mayEnter(ctx, v, id); bad != nil {
			return f.reject(w, v, bad)
		}
		if bad := f.edge.Enter(v); bad != nil {
			return bad
		}
		rm, bad := f.edge.OpenRoom(ctx, r, id)
		if bad != nil {
			return bad
		}
		return f.upgradeToChat(w, v, rm)
	})
}

// list serves GET /group/list/{userId}/{token}.
func (f *fastIM) list(w http.ResponseWriter, r *http.Request) {
	f.edge.Admit(w, r, f.visitor, writeRefusal, func(ctx context.Context, v *visitor) *refusal {
		if bad := f.edge.Guard.who(ctx, v, false); bad != nil {
			return f.reject(w, v, bad)
		}
		v.rights = f.edge.Guard.rightsIn(v, "")
		if bad := f.edge.Enter(v); bad != nil {
			return bad
		}
		rooms, err := f.Lists.open(ctx, v)
		if err != nil {
			f.edge.Log.Warn("cannot open a list", "user", v.user, "err", err)
			return refuse(http.StatusServiceUnavailable, "cannot read the user's rooms now")
		}
		return newFastIMList(f, v, rooms).show(w, v)
	})
}

// reject ends a WebSocket right after the handshake, because only there FastIM
// clients look for the reason; or refuses the handshake where that could not even be
// decided.
func (f *fastIM) reject(w http.ResponseWriter, v *visitor, bad *refusal) *refusal {
	why := closeForbidden
	switch bad.status {
	case http.StatusUnauthorized:
		why = closeUnauthorized
	case http.StatusForbidden:
	default:
		return bad
	}
	// They wait for their answer to be read, and must not take the places of others.
	if most := f.edge.Sessions.Few(); f.rejected.Add(1) > most {
		f.rejected.Add(-1)
		return refuse(bad.status, "%s", why.text())
	}
	c := new(rejected)
	c.fastIM = f
	c.init(f.edge, v, c)
	var first []byte
	if why == closeUnauthorized {
		first = notLoggedIn
	}
	if bad := c.takeOver(w, v, first); bad != nil {
		c.gone()
		return bad
	}
	c.close(why)
	return nil
}

// upgradeToChat makes the request a member of rm. It takes over the hold on rm.
func (f *fastIM) upgradeToChat(w http.ResponseWriter, v *visitor, rm *room.Room) *refusal {
	m := new(fastIMMember)
	m.init(f.edge, v, m)
	return m.enter(w, v, rm.Enter(&m.place, m))
}

// fastIMMember is a socket of FastIM's chat (contract section 2).
type fastIMMember struct{ member }

// maxFastIMUnits is how long a message of FastIM's clients may be, in UTF-16 code units: the text buffer of original
// nodes.
const maxFastIMUnits = 8192

// message says all text that comes in the room. Binary messages are ignored, as original nodes do.
func (m *fastIMMember) message(op codec.Opcode, payload []byte) error {
	if op == codec.OpBinary {
		return m.over(&m.edge.Stats.binary)
	}
	if tooLong(payload) {
		m.closeWith(closeProtocolError, codec.CloseTooBig, fmt.Sprintf("the message is longer than %d UTF-16 units", maxFastIMUnits))
		return errGone
	}
	if m.takeOp() > 0 {
		return m.over(&m.edge.Stats.rateLimited)
	}
	if !m.has().can.Has(pass.Send) {
		return m.over(&m.edge.Stats.forbidden)
	}
	// What is refused is counted by the room; FastIM clients have no word for it.
	err := m.place.Room().Post(m, m.user, string(payload), time.Now())
	if _, ok := errors.AsType[*room.TooFastError](err); ok && !m.bears(nuisanceRefusal) {
		return errGone
	}
	m.speaks()
	return nil
}

// tooLong reports whether text, which is UTF-8, has more than maxFastIMUnits.
func tooLong(text []byte) bool {
	if len(text) <= maxFastIMUnits {
		return false // no unit takes less than a byte
	}
	units := 0
	for _, c := range string(text) { // not copied
		units += utf16.RuneLen(c)
	}
	return units > maxFastIMUnits
}

// over drops a message and counts it: FastIM's clients have no word for that. errGone says that it was one too many.
func (m *fastIMMember) over(count *atomic.Uint64) error {
	count.Add(1)
	if !m.bears(nuisanceRefusal) {
		return errGone
	}
	return nil
}

func (m *fastIMMember) revoked(chat.TokenState) { goodbye(&m.session, notLoggedIn, closeUnauthorized) }
func (m *fastIMMember) flooded()                { goodbye(&m.session, tooMuch, closeTooMuch) }

// Answered is never called: FastIM's messages have no ids.
func (m *fastIMMember) Answered(room.Answer) {}

// goodbye says why in FastIM's way, by a text, before the socket is closed.
func goodbye(s *session, text []byte, why closeReason) {
	s.unicast(text)
	s.close(why)
}

// fastIMList is a socket of FastIM's list of rooms (contract section 3).
type fastIMList struct {
	deaf
	lists *Lists
	feed  *feed
}

func newFastIMList(f *fastIM, v *visitor, rooms *feed) *fastIMList {
	l := &fastIMList{lists: f.Lists, feed: rooms}
	l.init(f.edge, v, l)
	rooms.session = &l.session
	return l
}

// show takes over the connection and begins to send the list. On a refusal the feed is removed.
func (l *fastIMList) show(w http.ResponseWriter, v *visitor) *refusal {
	if bad := l.takeOver(w, v, nil); bad != nil {
		l.gone()
		return bad
	}
	l.lists.attach(l.feed)
	return nil
}

func (l *fastIMList) revoked(chat.TokenState) { goodbye(&l.session, notLoggedIn, closeUnauthorized) }
func (l *fastIMList) flooded()                { goodbye(&l.session, tooMuch, closeTooMuch) }
func (l *fastIMList) gone()                   { l.lists.remove(l.feed) }

// rejected is a socket that is closed as soon as it is open, because only there FastIM's clients look for the reason.
type rejected struct {
	deaf
	fastIM *fastIM
}

func (*rejected) revoked(chat.TokenState) {} // it is being closed
func (*rejected) flooded()                {}
func (r *rejected) gone()                 { r.fastIM.rejected.Add(-1) }
