package fastim

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
	"barrage/gateway/edge"
	"barrage/gateway/filter"
	"barrage/gateway/pass"
	"barrage/internal/chat"
	"barrage/room"
	"barrage/web"
)

// This file is FastIM's sockets; its HTTP calls are in calls.go.

// Store is what FastIM's calls and lists need of the state that all nodes share.
type Store interface {
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

// FastIM is the protocol of FastIM: its HTTP calls and its two sockets. Make it with New.
type FastIM struct {
	edge  *edge.Edge
	store Store
	// Lists are the sockets of lists; the node calls them when rooms and users have changed.
	Lists *Lists
	// rejected counts the sockets that are open only to receive why not.
	rejected atomic.Int64
}

// New is the protocol of a node over its edge, whose Hall is set before the first request.
func New(cfg Config, e *edge.Edge, store Store) *FastIM {
	e.Paths = append(e.Paths, edge.SocketPath{Begin: chatPath, Room: true}, edge.SocketPath{Begin: listPath})
	return &FastIM{edge: e, store: store, Lists: newLists(e, store, cfg.UpdateInterval)}
}

// Beginnings of the paths of the sockets.
const (
	chatPath = "/group/chat/"
	listPath = "/group/list/"
)

// Route adds what FastIM serves.
func (f *FastIM) Route(mux *http.ServeMux) {
	served := map[string]http.HandlerFunc{
		"GET " + chatPath + "{groupId}/{userId}/{token}": f.chat,
		"GET " + listPath + "{userId}/{token}":           f.list,
		"POST /user/login":                               f.open(f.login),
		"POST /user/joinGroup":                           f.api(f.joinGroup),
		"POST /user/listGroup":                           f.api(f.listGroup),
		"POST /group/listMessage":                        f.api(f.scan(f.listMessage)),
		"POST /group/listOldMessage":                     f.api(f.scan(f.listOldMessage)),
		"POST /group/delMessage":                         f.api(f.scan(f.delMessage)),
	}
	page := web.Page("test.html", nil).ServeHTTP
	switch f.edge.Config().Server.TestPage {
	case edge.TestPageAll:
		served["GET /test/websocket"] = page
	case edge.TestPageLocal:
		served["GET /test/websocket"] = f.edge.Door.Local(page)
	}
	for address, serve := range served {
		mux.HandleFunc(address, serve)
		mux.HandleFunc(address+"/{$}", serve) // original nodes take a slash at the end, too
	}
}

// visitor is who asks for one of FastIM's sockets: the path says it.
func (f *FastIM) visitor(r *http.Request) (v edge.Visitor, bad *edge.Refusal) {
	v = f.edge.Visitor(r, strings.Clone(r.PathValue("userId")), strings.Clone(r.PathValue("token")), r.PathValue("groupId"))
	if bad := edge.CheckUser("userId", v.User); bad != nil {
		return v, bad
	}
	return v, edge.CheckToken(v.Token)
}

// notLoggedIn is the frame of contract section 2, item 1. FastIM sends the reason as a text, before the socket is
// closed.
var notLoggedIn = codec.AppendFrame(nil, codec.OpText, "440")

// tooMuch is the frame of somebody who sends too much: 429, as 440 is.
var tooMuch = codec.AppendFrame(nil, codec.OpText, "429")

// chat serves GET /group/chat/{groupId}/{userId}/{token}.
func (f *FastIM) chat(w http.ResponseWriter, r *http.Request) {
	f.edge.Admit(w, r, f.visitor, writeRefusal, func(ctx context.Context, v *edge.Visitor) *edge.Refusal {
		id := strings.Clone(r.PathValue("groupId"))
		if bad := edge.CheckID("groupId", id); bad != nil {
			return bad
		}
		rm, bad := f.edge.ComeIn(ctx, r, v, id)
		if bad != nil {
			return f.reject(w, v, bad)
		}
		return f.upgradeToChat(w, v, rm)
	})
}

// list serves GET /group/list/{userId}/{token}.
func (f *FastIM) list(w http.ResponseWriter, r *http.Request) {
	f.edge.Admit(w, r, f.visitor, writeRefusal, func(ctx context.Context, v *edge.Visitor) *edge.Refusal {
		if bad := f.edge.Guard.Who(ctx, v, false); bad != nil {
			return f.reject(w, v, bad)
		}
		v.Rights = f.edge.Guard.RightsIn(v, "")
		if bad := f.edge.Barred(r, v, nil); bad != nil {
			return f.reject(w, v, bad)
		}
		if bad := f.edge.Enter(v); bad != nil {
			return bad
		}
		rooms, err := f.Lists.open(ctx, r, v)
		if err != nil {
			return edge.Cannot(f.edge.Log, "read the user's rooms", err, "user", v.User)
		}
		return newList(f, v, rooms).show(w, v)
	})
}

// reject ends a WebSocket right after the handshake, because only there FastIM clients look for the reason. It refuses
// the handshake where that could not even be decided.
func (f *FastIM) reject(w http.ResponseWriter, v *edge.Visitor, bad *edge.Refusal) *edge.Refusal {
	why := edge.CloseForbidden
	switch bad.Status {
	case http.StatusUnauthorized:
		why = edge.CloseUnauthorized
	case http.StatusForbidden:
	default:
		return bad
	}
	// They wait for their answer to be read, and must not take the slots of others.
	if most := f.edge.Sessions.Few(); f.rejected.Add(1) > most {
		f.rejected.Add(-1)
		return edge.Refuse(bad.Status, "%s", why.Text())
	}
	c := new(rejected)
	c.fastIM = f
	c.Init(f.edge, v, c)
	var first []byte
	if why == edge.CloseUnauthorized {
		first = notLoggedIn
	}
	if bad := c.TakeOver(w, v, first); bad != nil {
		c.Gone()
		return bad
	}
	c.Close(why)
	return nil
}

// upgradeToChat makes the request a member of rm. It takes over the hold on rm.
func (f *FastIM) upgradeToChat(w http.ResponseWriter, v *edge.Visitor, rm *room.Room) *edge.Refusal {
	m := new(member)
	m.Init(f.edge, v, m)
	return m.Enter(w, v, rm.Enter(&m.Here, m))
}

// member is a socket of FastIM's chat (contract section 2).
type member struct{ edge.Member }

// maxFastIMUnits is how long a message of FastIM's clients may be, in UTF-16 code units: the text buffer of original
// nodes.
const maxFastIMUnits = 8192

// Message posts all text that comes in the room. Binary messages are ignored, as original nodes do.
func (m *member) Message(op codec.Opcode, payload []byte) error {
	if op == codec.OpBinary {
		return m.over(&m.Edge().Stats.Binary)
	}
	if tooLong(payload) {
		m.CloseWith(edge.CloseProtocolError, codec.CloseTooBig, fmt.Sprintf("the message is longer than %d UTF-16 units", maxFastIMUnits))
		return edge.ErrGone
	}
	if m.TakeOp() > 0 {
		return m.over(&m.Edge().Stats.RateLimited)
	}
	if !m.Rights().Can.Has(pass.Send) {
		return m.over(&m.Edge().Stats.Forbidden)
	}
	// Refused messages are counted; FastIM clients have no word for a refusal.
	action, text, _ := m.Edge().Words.Check(m.Here.Room(), m.User(), m.Rights(), string(payload), nil)
	if action == filter.Block {
		return m.refused()
	}
	return m.Speak(func() (said bool, err error) { return m.offer(action, text) })
}

// offer posts text as the word filter's action asks; ErrGone says that it was one too many of those that are refused.
func (m *member) offer(action filter.Action, text string) (said bool, err error) {
	err = m.post(action, text)
	if action == filter.Hold && err == nil {
		return false, m.refused() // moderators have enough to do
	}
	if _, ok := errors.AsType[*room.TooFastError](err); ok && !m.Bears(edge.NuisanceRefusal) {
		return false, edge.ErrGone
	}
	return err == nil, nil
}

// post has the room take text as the word filter's action asks.
func (m *member) post(action filter.Action, text string) error {
	switch action {
	case filter.Shadow:
		return m.Here.Room().Shadow(m, m.User(), &codec.Op{Kind: codec.KindChat, Body: text}, time.Now())
	case filter.Hold:
		return m.Here.Room().Hold(m, m.User(), &codec.Op{Kind: codec.KindChat, Body: text}, time.Now())
	case filter.None, filter.Flag, filter.Mask, filter.Block:
	}
	return m.Here.Room().Post(m, m.User(), text, time.Now())
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

// over drops a message and counts it: FastIM's clients have no word for that. ErrGone says that it was one too many.
func (m *member) over(count *atomic.Uint64) error {
	count.Add(1)
	return m.refused()
}

// refused drops a message that was counted; ErrGone says that it was one too many.
func (m *member) refused() error {
	if !m.Bears(edge.NuisanceRefusal) {
		return edge.ErrGone
	}
	return nil
}

func (m *member) Revoked(chat.TokenState) { m.CloseAfter(notLoggedIn, edge.CloseUnauthorized) }

// Barred closes the socket as that of somebody who is no member of the room: FastIM's clients know no more.
func (m *member) Barred(chat.Measure) { m.Close(edge.CloseForbidden) }

// Judged does nothing: FastIM's clients are not notified of measures.
func (m *member) Judged() {}

func (m *member) Flooded() { m.CloseAfter(tooMuch, edge.CloseTooMuch) }

// Settled is never called: FastIM's messages have no ids.
func (m *member) Settled(room.Outcome) {}

// list is a socket of FastIM's list of rooms (contract section 3).
type list struct {
	edge.Deaf
	lists    *Lists
	contents *contents
}

func newList(f *FastIM, v *edge.Visitor, rooms *contents) *list {
	l := new(list)
	l.lists, l.contents = f.Lists, rooms
	l.Init(f.edge, v, l)
	rooms.session = &l.Session
	return l
}

// show takes over the connection and begins to send the list. On a refusal its contents are removed.
func (l *list) show(w http.ResponseWriter, v *edge.Visitor) *edge.Refusal {
	if bad := l.TakeOver(w, v, nil); bad != nil {
		l.Gone()
		return bad
	}
	l.lists.attach(l.contents)
	return nil
}

func (l *list) Revoked(chat.TokenState) { l.CloseAfter(notLoggedIn, edge.CloseUnauthorized) }
func (l *list) Flooded()                { l.CloseAfter(tooMuch, edge.CloseTooMuch) }
func (l *list) Gone()                   { l.lists.remove(l.contents) }

// rejected is a socket that is closed as soon as it is open, because only there FastIM's clients look for the reason.
type rejected struct {
	edge.Deaf
	fastIM *FastIM
}

func (*rejected) Revoked(chat.TokenState) {} // it is being closed
func (*rejected) Flooded()                {}
func (r *rejected) Gone()                 { r.fastIM.rejected.Add(-1) }
