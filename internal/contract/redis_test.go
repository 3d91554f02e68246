package contract

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"barrage/internal/redistest"
)

// Contract section 5.

// redisClient talks to the redis-server beside the node.
type redisClient struct {
	tb testing.TB
	rueidis.Client
}

func dialRedis(tb testing.TB, s *redistest.Server) redisClient {
	tb.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.Addr}, ForceSingleClient: true, DisableCache: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return redisClient{tb, c}
}

// do runs one command.
func (c redisClient) do(command ...string) rueidis.RedisMessage {
	c.tb.Helper()
	reply, err := c.Do(c.tb.Context(), c.B().Arbitrary(command...).Build()).ToMessage()
	if err != nil && !rueidis.IsRedisNil(err) {
		c.tb.Fatalf("redis: %s: %v", command, err)
	}
	return reply
}

// strings is the reply of a command, a list.
func (c redisClient) strings(command ...string) []string {
	c.tb.Helper()
	reply := c.do(command...)
	all, err := reply.AsStrSlice()
	if err != nil {
		c.tb.Fatalf("redis: %s: %v", command, err)
	}
	return all
}

// want wants the reply of a command to be this, as fmt prints it.
//
// The id that a node gives a FastIM message stands in Redis alone.
func (c redisClient) want(want any, command ...string) {
	c.tb.Helper()
	reply := c.do(command...)
	got, err := reply.ToAny()
	if err != nil {
		c.tb.Fatalf("redis: %s: %v", command, err)
	}
	if nodesID.ReplaceAllString(fmt.Sprint(got), "") != fmt.Sprint(want) {
		c.tb.Fatalf("redis: %s:\n got %v\nwant %v", command, got, want)
	}
}

// nodesID is that id.
var nodesID = regexp.MustCompile(`,"x":\{"id":"~[0-9A-Za-z]+"\}`)

// wantLife wants the key to go after d, begun in the last patience.
func (c redisClient) wantLife(key string, d time.Duration) {
	c.tb.Helper()
	reply := c.do("PTTL", key)
	ms, err := reply.ToInt64()
	if err != nil {
		c.tb.Fatal(err)
	}
	if got := time.Duration(ms) * time.Millisecond; got > d || got < d-patience {
		c.tb.Errorf("life of %s = %v; want %v", key, got, d)
	}
}

func TestRedis_KeysAreThoseOfFastIM(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	n, redis := startNode(t, append(onRedis(server), "history.ttl=2h")...), dialRedis(t, server)

	t.Run("login", func(t *testing.T) {
		a := n.login(t, "张三")
		redis.want("string", "TYPE", "login:张三")
		redis.want(a.token, "GET", "login:张三")
		redis.wantLife("login:张三", 24*time.Hour)

		redis.do("EXPIRE", "login:张三", "60")
		n.wantEnvelope(t, "/user/listGroup", account{a.user, "wrong"}, nil, notLoggedIn)
		redis.wantLife("login:张三", time.Minute)
		n.wantEnvelope(t, "/user/listGroup", a, nil, listed())
		redis.wantLife("login:张三", 24*time.Hour)
	})
	t.Run("rooms of a user", func(t *testing.T) {
		a := n.login(t, "joiner")
		n.wantEnvelope(t, "/user/joinGroup", a, params{"groupId": "组"}, done)
		n.member(t, "other", "joiner")
		// It waits for memberships that are on their way: a user who has come in is a member a moment later.
		n.wantEnvelope(t, "/user/listGroup", a, nil, listed("other", "组"))
		redis.want("set", "TYPE", "ugs:joiner")
		redis.want(2, "SCARD", "ugs:joiner")
		redis.want([]int{1, 1}, "SMISMEMBER", "ugs:joiner", "组", "other")
		redis.wantLife("ugs:joiner", 30*24*time.Hour)
	})
	t.Run("history", func(t *testing.T) {
		m := n.member(t, "talk", "1")
		var messages []string
		for i := range 3 {
			m.say(`弹 "` + strconv.Itoa(i))
			messages = append(messages, m.wantMessage("talk", "1", `弹 "`+strconv.Itoa(i)))
		}
		redis.want("list", "TYPE", "gml:talk")
		redis.want(messages, "LRANGE", "gml:talk", "0", "-1")
		redis.wantLife("gml:talk", 2*time.Hour+30*time.Second) // prolonged by the first message of a bucket, of 30 s
	})
	t.Run("channel", func(t *testing.T) {
		m := n.member(t, "heard", "1")
		redis.want([]any{"mq:heard", 1}, "PUBSUB", "NUMSUB", "mq:heard")
		heard := make(chan string, 1)
		events, release := redis.Dedicate()
		defer release()
		events.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: func(m rueidis.PubSubMessage) { heard <- m.Message }})
		if err := events.Do(t.Context(), events.B().Subscribe().Channel("mq:heard").Build()).Error(); err != nil {
			t.Fatal(err)
		}
		m.say("x")
		message := m.wantMessage("heard", "1", "x")
		select {
		case payload := <-heard:
			if !strings.Contains(nodesID.ReplaceAllString(payload, ""), message) {
				t.Errorf("payload on mq:heard = %q; want the message %s in it", payload, message)
			}
		case <-time.After(patience):
			t.Error("nothing came on mq:heard")
		}
	})
	t.Run("bounded history, unbounded total", func(t *testing.T) {
		n := startNode(t, append(onRedis(server), "history.max_messages=10", "history.on_join=3")...)
		m := n.member(t, "bounded", "1")
		for i := range 25 {
			m.say(strconv.Itoa(i))
		}
		messages := m.wantMessages(25)
		redis.want(messages[15:], "LRANGE", "gml:bounded", "0", "-1")
		n.dial(t, chatPath("bounded", "2", "t")).wantText(firstFrame(25, messages[22:]...))
	})
}

// fastIM is text as an original node stores and publishes it.
func fastIM(text string) string { return quoted(text) }

// oldMessage is a message that an original node took, age ago.
func oldMessage(group, user, info string, age time.Duration) string {
	return fmt.Sprintf(`{"groupId":%s,"userId":%s,"info":%s,"ts":%d}`, quoted(group), quoted(user), quoted(info), time.Now().Add(-age).UnixMilli())
}

func TestRedis_ReadsWhatFastIMWrote(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	n, redis := startNode(t, append(onRedis(server), "auth.mode=redis", "list.update_interval=50ms")...), dialRedis(t, server)
	a := account{"1", "7d793037a0760186574b0282f2f435e7"}
	redis.do("SET", "login:1", fastIM(a.token), "EX", "60")
	chat := func(t *testing.T, group string) *client {
		t.Helper()
		return n.dial(t, chatPath(group, a.user, a.token))
	}
	// history stores messages as an original node does.
	history := func(group string, count int) (messages []string) {
		for i := range count {
			messages = append(messages, oldMessage(group, "1", `say "`+strconv.Itoa(i)+`" 弹`, time.Minute-time.Duration(i)*time.Millisecond))
			redis.do("RPUSH", "gml:"+group, fastIM(messages[i]))
		}
		return messages
	}

	t.Run("token", func(t *testing.T) {
		n.wantEnvelope(t, "/user/listGroup", a, nil, listed())
		redis.wantLife("login:1", 24*time.Hour)
		c := chat(t, "any")
		c.wantText(firstFrame(0))
		c.say("hi")
		c.wantMessage("any", "1", "hi")
	})
	t.Run("rooms of a user", func(t *testing.T) {
		redis.do("SADD", "ugs:2", fastIM("7"), fastIM(`a"b`))
		b := n.login(t, "2")
		n.wantEnvelope(t, "/user/listGroup", b, nil, listed("7", `a"b`))
		n.wantEnvelope(t, "/user/joinGroup", b, params{"groupId": "7"}, refused)
	})
	t.Run("history", func(t *testing.T) {
		messages := history("old", 60)
		c := chat(t, "old")
		c.wantText(firstFrame(60, messages[10:]...))
		n.wantEnvelope(t, "/group/listMessage", a, params{"groupId": "old", "startPage": "0", "endPage": "2"}, listed(messages[:3]...))
		n.wantEnvelope(t, "/group/listOldMessage", a,
			params{"groupId": "old", "userId": "1", "ts": fmt.Sprint(timestamp(t, messages[5])), "count": "2"}, fetched(messages[3:5]...))
		c.say("goes on")
		fresh := c.wantMessage("old", "1", "goes on")
		chat(t, "old").wantText(firstFrame(61, append(messages[11:], fresh)...))
		redis.want([]string{fastIM(messages[59]), fresh}, "LRANGE", "gml:old", "-2", "-1")
	})
	t.Run("history that goes on before anybody comes", func(t *testing.T) {
		messages := history("mixed", 3)
		one := chat(t, "mixed")
		one.wantText(firstFrame(3, messages...))
		one.say("new")
		messages = append(messages, one.wantMessage("mixed", "1", "new"))
		n.wantEnvelope(t, "/group/listMessage", a, params{"groupId": "mixed", "startPage": "0", "endPage": "-1"}, listed(messages...))
	})
	t.Run("list", func(t *testing.T) {
		redis.do("SADD", "ugs:3", fastIM("listed"))
		messages := history("listed", 2)
		c := n.login(t, "3")
		n.dial(t, listPath(c.user, c.token)).wantText(list(entry(messages[1], 2)))
	})
	t.Run("recall", func(t *testing.T) {
		messages := history("regret", 3)
		n.wantEnvelope(t, "/group/delMessage", a, params{"groupId": "regret", "ts": fmt.Sprint(timestamp(t, messages[1]))}, recalled)
		chat(t, "regret").wantText(firstFrame(3, messages[0], messages[2]))
	})
	t.Run("not a message", func(t *testing.T) {
		messages := history("junk", 2)
		redis.do("LINSERT", "gml:junk", "BEFORE", fastIM(messages[1]), "\xff not JSON")
		chat(t, "junk").wantText(firstFrame(3, messages...))
	})
}

// TestRedis_BesideOriginalNodesOneRoomIsShared: with redis.fastim_interop a node of ours and an original one serve a
// room on one Redis. The original one is played: it writes what such a node writes, and takes only what its decoder
// takes.
func TestRedis_BesideOriginalNodesOneRoomIsShared(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	redis := dialRedis(t, server)
	one := startNode(t, append(onRedis(server), "redis.fastim_interop=true")...)
	two := startNode(t, append(onRedis(server), "redis.fastim_interop=true")...)
	heard := make(chan string, 100) // By the original node; never closed.
	subscribed := make(chan struct{})
	go func() { // Ends with the client, at the test's end.
		first := true
		_ = redis.Receive(rueidis.WithOnSubscriptionHook(t.Context(), func(rueidis.PubSubSubscription) {
			if first {
				first = false
				close(subscribed)
			}
		}), redis.B().Subscribe().Channel("mq:r").Build(), func(m rueidis.PubSubMessage) { heard <- m.Message })
	}()
	select {
	case <-subscribed:
	case <-time.After(patience):
		t.Fatal("the original node is not subscribed")
	}
	original := func(info string) string {
		m := oldMessage("r", "9", info, 0)
		redis.do("RPUSH", "gml:r", fastIM(m))
		redis.do("EXPIRE", "gml:r", "604800")
		redis.do("PUBLISH", "mq:r", fastIM(m))
		return m
	}
	wantHeard := func(want string) {
		t.Helper()
		select {
		case got := <-heard:
			if got != fastIM(want) {
				t.Fatalf("the original node got %s; want the literal of %s", got, want)
			}
		case <-time.After(patience):
			t.Fatalf("the original node did not hear of %s", want)
		}
	}

	a, b := one.member(t, "r", "a"), two.member(t, "r", "b")
	first := original(`from "9"`)
	for _, m := range []*client{a, b} {
		m.wantText(first)
	}
	wantHeard(first)
	a.say("from a")
	second := a.wantMessage("r", "a", "from a")
	b.wantText(second)
	wantHeard(second)
	third := original("again")
	for _, m := range []*client{a, b} {
		m.wantText(third)
	}
	wantHeard(third)
	redis.want([]string{fastIM(first), fastIM(second), fastIM(third)}, "LRANGE", "gml:r", "0", "-1")
	two.dial(t, chatPath("r", "c", "any")).wantText(firstFrame(3, first, second, third))

	user := one.login(t, "a")
	redis.want(fastIM(user.token), "GET", "login:a")
	one.wantEnvelope(t, "/user/listGroup", user, nil, listed("r")) // it waits for memberships that are on their way
	redis.want([]string{fastIM("r")}, "SMEMBERS", "ugs:a")
	one.wantEnvelope(t, "/group/delMessage", user, params{"groupId": "r", "ts": fmt.Sprint(timestamp(t, second))}, recalled)
	redis.want([]string{fastIM(first), fastIM(third)}, "LRANGE", "gml:r", "0", "-1")
	eventually(t, func() error { // the other node is notified of it a moment later
		if got, want := two.dial(t, chatPath("r", "d", "any")).text(), firstFrame(2, first, third); got != want {
			return fmt.Errorf("first frame = %s; want %s", got, want)
		}
		return nil
	})
	last := original("after the recall")
	for _, m := range []*client{a, b} {
		m.wantText(last)
	}
	wantHeard(last) // and nothing it cannot decode came before
}

// A Redis may come back empty: a failover to an empty replica, a flush by mistake.
func TestRedis_ChatGoesOnAfterItLosesItsData(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	n, redis := startNode(t, onRedis(server)...), dialRedis(t, server)
	m := n.member(t, "r", "1")
	const burst = 100 // Its ts run ahead of the clock, see contract section 1.
	for i := range burst {
		m.say(strconv.Itoa(i))
	}
	m.wantMessages(burst)
	redis.do("FLUSHALL")
	m.say("first after that")
	first := m.wantMessage("r", "1", "first after that")
	m.say("second")
	second := m.wantMessage("r", "1", "second")
	n.wantFirstFrame(t, "r", "2", firstFrame(2, first, second))
}

// TestRedis_AnotherDatabaseIsNoticedOnce: pub/sub ignores databases. A node receives messages that are kept in another
// one. It logs that once, also where it has messages of its own in the room.
func TestRedis_AnotherDatabaseIsNoticedOnce(t *testing.T) {
	t.Parallel()
	const warning = "this node's Redis database lacks messages"
	for name, speak := range map[string]func(t *testing.T, server *redistest.Server) (settings []string, say func(string)){
		"of an original node, beside it": func(t *testing.T, server *redistest.Server) ([]string, func(string)) {
			t.Helper()
			o := startOriginalOn(t, server, 3)
			return beside(server.Addr), func(info string) { o.say(info) }
		},
		"of an original node, not beside it": func(t *testing.T, server *redistest.Server) ([]string, func(string)) {
			t.Helper()
			o := startOriginalOn(t, server, 3)
			return onRedis(server), func(info string) { o.say(info) }
		},
		"of ours": func(t *testing.T, server *redistest.Server) ([]string, func(string)) {
			t.Helper()
			speaker := startNode(t, append(onRedis(server), "redis.db=3")...).member(t, "r", "speaker")
			return onRedis(server), speaker.say
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			settings, say := speak(t, server)
			n := startNode(t, settings...)
			n.member(t, "r", "u")
			n.member(t, "s", "u")
			ours := n.member(t, "r", "ours")
			ours.say("our own") // this database has something of the room, too
			eventually(t, func() error {
				say("hi")
				_ = n.dial(t, chatPath("r", "visitor", "any")).conn.CloseNow() // that is reported, and answered
				if !strings.Contains(n.output.String(), warning) {
					return errors.New("nothing is said of the database")
				}
				return nil
			})
			for range 20 {
				say("again")
			}
			right := startNode(t, append(settings, "redis.db=3")...)
			right.member(t, "r", "u")
			say("here")
			eventually(t, func() error {
				c := right.dial(t, chatPath("r", "new", "any"))
				defer func() { _ = c.conn.CloseNow() }() // Nothing to lose.
				if welcome := c.text(); !strings.Contains(welcome, `"info":"here"`) {
					return fmt.Errorf("%s is the first frame", welcome)
				}
				return nil
			})
			for said, node := range map[int]*node{1: n} {
				if times := strings.Count(node.output.String(), warning); times != said {
					t.Errorf("it was said %d times; want %d", times, said)
				}
			}
		})
	}
}
