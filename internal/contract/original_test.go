package contract

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/redis/rueidis"

	"barrage/internal/redistest"
)

// original plays an original FastIM node: what it writes to Redis and sends to its clients, with its quirks. It fails
// the test on whatever such a node would fail on.
type original struct {
	redisClient
	// node has the address, for the methods of clients.
	node *node

	ctx      context.Context // ends with stop
	handlers sync.WaitGroup
	stop     func() // ends it; a second call does nothing

	mu sync.Mutex // guards the fields below
	// sessions are the chats by user: the second one of a user takes the place of the first.
	sessions map[string]*originalChat
}

// originalChat is a member's socket there.
type originalChat struct {
	group string
	conn  *websocket.Conn
}

// originalTokenLife is what each check of a token sets.
const originalTokenLife = 24 * time.Hour

// startOriginal starts an original node that checks tokens, on database 0.
func startOriginal(tb testing.TB, s *redistest.Server) *original {
	tb.Helper()
	return startOriginalOn(tb, s, 0)
}

func startOriginalOn(tb testing.TB, s *redistest.Server, db int) *original {
	tb.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.Addr}, SelectDB: db, ForceSingleClient: true, DisableCache: true})
	if err != nil {
		tb.Fatal(err)
	}
	o := &original{redisClient: redisClient{tb, c}, sessions: map[string]*originalChat{}}
	var cancel context.CancelFunc
	o.ctx, cancel = context.WithCancel(context.Background())
	conn, release := o.Dedicate()
	conn.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: o.published})
	if err := conn.Do(tb.Context(), conn.B().Psubscribe().Pattern("mq:*").Build()).Error(); err != nil {
		tb.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/group/chat/{group}/{user}/{token}", o.chat)
	mux.HandleFunc("/group/list/{user}/{token}", o.list)
	mux.HandleFunc("POST /user/login", o.login)
	for path, do := range map[string]func(*http.Request) (code int, msg string, data any){
		"/user/joinGroup": o.joinGroup, "/user/listGroup": o.listGroup, "/group/listMessage": o.listMessage,
		"/group/listOldMessage": o.listOldMessage, "/group/delMessage": o.delMessage,
	} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			if !o.checkToken(r.Header.Get("userId"), r.Header.Get("token")) {
				o.answer(w, 440, "请登录后访问", nil)
				return
			}
			code, msg, data := do(r)
			o.answer(w, code, msg, data)
		})
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.handlers.Add(1)
		defer o.handlers.Done()
		mux.ServeHTTP(w, r)
	}))
	o.stop = sync.OnceFunc(func() {
		cancel()
		server.Close()
		o.handlers.Wait()
		conn.Close()
		release()
		c.Close()
	})
	tb.Cleanup(o.stop)
	o.node = &node{addr: server.Listener.Addr().String()}
	return o
}

// do runs one command. Any goroutine may call it.
func (o *original) do(command ...string) rueidis.RedisMessage {
	reply, err := o.Do(o.ctx, o.B().Arbitrary(command...).Build()).ToMessage()
	if err != nil && !rueidis.IsRedisNil(err) && o.ctx.Err() == nil {
		o.tb.Errorf("redis: %s: %v", command, err)
	}
	return reply
}

func (o *original) answer(w http.ResponseWriter, code int, msg string, data any) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"code":%d,"msg":%s,"data":%s}`, code, quoted(msg), quoted(data)) // the client has gone
}

// checkToken is three calls of Redis, and a write each time.
func (o *original) checkToken(user, token string) bool {
	key := "login:" + user
	if n := o.do("EXISTS", key); o.number(n) == 0 {
		return false
	}
	if o.decoded("GET", key) != token {
		return false
	}
	o.do("SET", key, fastIM(token), "EX", strconv.Itoa(int(originalTokenLife.Seconds())))
	return true
}

// number and decoded are replies: decoded is the text in a JSON string literal, as all values of an original node are.
func (o *original) number(reply rueidis.RedisMessage) int64 {
	n, err := reply.AsInt64()
	if err != nil && o.ctx.Err() == nil {
		o.tb.Errorf("the original node cannot read %v: %v", reply, err)
	}
	return n
}

func (o *original) decoded(command ...string) string {
	reply := o.do(command...)
	text, err := reply.ToString()
	if err != nil {
		if o.ctx.Err() == nil {
			o.tb.Errorf("the original node cannot read the answer to %s: %v", command, err)
		}
		return ""
	}
	return o.plain(text)
}

func (o *original) plain(literal string) (text string) {
	// Of a node that is being stopped the answer is none.
	if err := json.Unmarshal([]byte(literal), &text); err != nil && o.ctx.Err() == nil {
		o.tb.Errorf("the original node fails on %s: %v", literal, err)
	}
	return text
}

// strings is the reply of a command, a list of literals.
func (o *original) strings(command ...string) []string {
	reply := o.do(command...)
	all, err := reply.AsStrSlice()
	if err != nil && o.ctx.Err() == nil {
		o.tb.Errorf("the original node cannot read the answer to %s: %v", command, err)
	}
	for i, text := range all {
		all[i] = o.plain(text)
	}
	return all
}

func (o *original) login(w http.ResponseWriter, r *http.Request) {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails (crypto/rand)
	token := hex.EncodeToString(raw[:])
	o.do("SET", "login:"+r.FormValue("userId"), fastIM(token), "EX", "86400")
	o.answer(w, 200, token, "user_info")
}

func (o *original) joinGroup(r *http.Request) (code int, msg string, data any) {
	if o.number(o.do("SADD", "ugs:"+r.Header.Get("userId"), fastIM(r.FormValue("groupId")))) == 0 {
		return 100, "操作失败", nil
	}
	return 200, "操作成功", nil
}

func (o *original) listGroup(r *http.Request) (code int, msg string, data any) {
	return 200, "操作成功", o.strings("SMEMBERS", "ugs:"+r.Header.Get("userId"))
}

func (o *original) listMessage(r *http.Request) (code int, msg string, data any) {
	return 200, "操作成功", o.strings("LRANGE", "gml:"+r.FormValue("groupId"), r.FormValue("startPage"), r.FormValue("endPage"))
}

// listOldMessage reads the whole list and parses each of it, then reads a page: one message more than was asked for.
func (o *original) listOldMessage(r *http.Request) (code int, msg string, data any) {
	key := "gml:" + r.FormValue("groupId")
	count, _ := strconv.Atoi(r.FormValue("count")) // the tests give numbers
	at := o.find(o.strings("LRANGE", key, "0", "-1"), r.FormValue("userId"), r.FormValue("ts"))
	if at < 0 {
		return 200, "获取成功", nil
	}
	return 200, "获取成功", o.strings("LRANGE", key, strconv.Itoa(max(at-1-count, 0)), strconv.Itoa(at-1))
}

// delMessage notifies nobody.
func (o *original) delMessage(r *http.Request) (code int, msg string, data any) {
	key := "gml:" + r.FormValue("groupId")
	list := o.strings("LRANGE", key, "0", "-1")
	if at := o.find(list, r.Header.Get("userId"), r.FormValue("ts")); at >= 0 {
		o.do("LREM", key, "1", fastIM(list[at]))
	}
	return 200, "撤回消息成功", nil
}

// find is the index of a message in a list all of which must be messages, -1 where it is not there.
func (o *original) find(list []string, user, ts string) int {
	at := -1
	for i, text := range list {
		var m struct {
			UserID string `json:"userId"`
			TS     int64  `json:"ts"`
		}
		if err := json.Unmarshal([]byte(text), &m); err != nil || m.TS == 0 {
			o.tb.Errorf("the original node fails on %s: %v", text, err)
		}
		if at < 0 && m.UserID == user && strconv.FormatInt(m.TS, 10) == ts {
			at = i
		}
	}
	return at
}

// accept makes a socket of a request, or answers 440.
func (o *original) accept(w http.ResponseWriter, r *http.Request) *websocket.Conn {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		o.tb.Errorf("the original node cannot accept: %v", err)
		return nil
	}
	if !o.checkToken(r.PathValue("user"), r.PathValue("token")) {
		_ = conn.Write(o.ctx, websocket.MessageText, []byte("440")) // the client may have gone
		_ = conn.Close(websocket.StatusNormalClosure, "")
		return nil
	}
	return conn
}

// chat is a member's socket: it joins, gets the newest 50, and sends what comes.
func (o *original) chat(w http.ResponseWriter, r *http.Request) {
	conn := o.accept(w, r)
	if conn == nil {
		return
	}
	group, user := r.PathValue("group"), r.PathValue("user")
	o.do("SADD", "ugs:"+user, fastIM(group))
	o.mu.Lock() // messages published from here on come behind the welcome
	total := o.number(o.do("LLEN", "gml:"+group))
	newest := o.strings("LRANGE", "gml:"+group, strconv.FormatInt(max(total-50, 0), 10), strconv.FormatInt(total, 10))
	err := conn.Write(o.ctx, websocket.MessageText, []byte(firstFrame(int(total), newest...)))
	o.sessions[user] = &originalChat{group, conn}
	o.mu.Unlock()
	for err == nil {
		var text []byte
		if _, text, err = conn.Read(o.ctx); err != nil {
			break
		}
		if !o.checkToken(user, r.PathValue("token")) {
			err = conn.Write(o.ctx, websocket.MessageText, []byte("440"))
			continue
		}
		o.send(fmt.Sprintf(`{"groupId":%s,"userId":%s,"info":%s,"ts":%d}`, quoted(group), quoted(user), quoted(string(text)), time.Now().UnixMilli()))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.sessions[user]; s != nil && s.conn == conn {
		delete(o.sessions, user)
	}
}

// list is the socket of a user's rooms: it polls, and pushes when the sum of the lengths has changed. The names in
// what it sends have no quotes.
func (o *original) list(w http.ResponseWriter, r *http.Request) {
	conn := o.accept(w, r)
	if conn == nil {
		return
	}
	ctx, tick := conn.CloseRead(o.ctx), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for was := int64(0); ; {
		var sum int64
		var entries []string
		for _, group := range o.strings("SMEMBERS", "ugs:"+r.PathValue("user")) {
			total := o.number(o.do("LLEN", "gml:"+group))
			newest := "null"
			if total > 0 {
				newest = o.decoded("LINDEX", "gml:"+group, "-1")
			}
			sum += total
			entries = append(entries, fmt.Sprintf("{newMessage:%s, total:%d}", newest, total))
		}
		if sum != was {
			was = sum
			if conn.Write(ctx, websocket.MessageText, []byte("["+strings.Join(entries, ", ")+"]")) != nil {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// published gives a message to the members of its group, if it has any: else the node has not subscribed.
func (o *original) published(m rueidis.PubSubMessage) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.sessions {
		if "mq:"+s.group != m.Channel {
			continue
		}
		text := o.plain(m.Message)
		o.find([]string{text}, "", "") // it must be a message
		ctx, cancel := context.WithTimeout(o.ctx, patience)
		_ = s.conn.Write(ctx, websocket.MessageText, []byte(text)) // it may be gone
		cancel()
	}
}

// say has user 9 send something in room r, without a socket.
func (o *original) say(info string) (message string) {
	o.tb.Helper()
	message = oldMessage("r", "9", info, 0)
	o.send(message)
	return message
}

// send is the three calls that an original node makes for a message.
func (o *original) send(message string) {
	var m struct {
		GroupID string `json:"groupId"`
	}
	if err := json.Unmarshal([]byte(message), &m); err != nil {
		o.tb.Errorf("BUG: %s: %v", message, err)
	}
	o.do("RPUSH", "gml:"+m.GroupID, fastIM(message))
	o.do("EXPIRE", "gml:"+m.GroupID, "604800")
	o.do("PUBLISH", "mq:"+m.GroupID, fastIM(message))
}

// userIn is a logged in member of group r on a node, an original one or ours.
func (n *node) userIn(tb testing.TB, a account) *client {
	tb.Helper()
	c := n.dial(tb, chatPath("r", a.user, a.token))
	c.wantWelcome()
	return c
}

// history is what a node reports to be in group r.
func (n *node) history(tb testing.TB, a account) []string {
	tb.Helper()
	got := n.call(tb, "/group/listMessage", a, params{"groupId": "r", "startPage": "0", "endPage": "-1"})
	var e struct {
		Code int
		Data []string
	}
	if err := json.Unmarshal([]byte(got.body), &e); err != nil || e.Code != 200 {
		tb.Fatalf("/group/listMessage = %d %s, %v", got.status, got.body, err)
	}
	return e.Data
}

// wantHeardOnce wants each of texts to be among messages, once.
func wantHeardOnce(tb testing.TB, where string, messages, texts []string) {
	tb.Helper()
	for _, text := range texts {
		if n := len(slices.DeleteFunc(slices.Clone(messages), func(m string) bool { return m != text })); n != 1 {
			tb.Fatalf("%s: %s is there %d times; want once", where, text, n)
		}
	}
}
