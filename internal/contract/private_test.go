package contract

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"barrage/internal/redistest"
)

// TestPrivateRooms_ShowNothingToOthers: with room.auto_join off nobody but members sees or changes anything of a room,
// on any path; with room.self_join off nobody becomes one by themselves.
func TestPrivateRooms_ShowNothingToOthers(t *testing.T) {
	t.Parallel()
	const notMember = `{"code":100,"msg":"不是群成员","data":null}`
	server := redistest.Start(t)
	n := startNode(t, append(onRedis(server), "room.auto_join=false", "room.self_join=false")...)
	in, out := n.login(t, "in"), n.login(t, "out")
	dialRedis(t, server).do("SADD", "ugs:in", "g")
	m := n.member(t, "g", "in")
	m.say("secret")
	message := m.wantMessage("g", "in", "secret")
	ts := fmt.Sprint(timestamp(t, message))
	for path, p := range map[string]params{
		"/group/listMessage":    {"groupId": "g", "startPage": "0", "endPage": "-1"},
		"/group/listOldMessage": {"groupId": "g", "userId": "in", "ts": ts, "count": "9"},
		"/group/delMessage":     {"groupId": "g", "ts": ts},
	} {
		n.wantEnvelope(t, path, out, p, notMember)
	}
	n.wantEnvelope(t, "/group/listMessage", out, params{"groupId": "g", "userId": "in", "ts": ts, "count": "9"}, notMember)
	n.wantEnvelope(t, "/user/joinGroup", out, params{"groupId": "g"}, refused)
	n.wantEnvelope(t, "/user/listGroup", out, nil, listed())
	n.dial(t, chatPath("g", "out", out.token)).wantClose(4403)
	for path, method := range map[string]string{
		"/v1/rooms/g": http.MethodGet, "/v1/rooms/g/messages": http.MethodGet, "/v1/rooms/g/messages/1": http.MethodDelete,
	} {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+n.addr+path+"?user_id=out", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+out.token)
		if got := send(t, req); got.status != http.StatusForbidden {
			t.Errorf("%s %s = %d %s; want 403", method, path, got.status, got.body)
		}
	}
	n.wantEnvelope(t, "/group/listMessage", in, params{"groupId": "g", "startPage": "0", "endPage": "-1"}, listed(message))
	n.wantEnvelope(t, "/group/delMessage", in, params{"groupId": "g", "ts": ts}, recalled)
}

// TestReservedIDs_AreRefusedOnEveryPath: ids that nobody can mean, or that look like others, are refused on every path,
// and nobody notices.
func TestReservedIDs_AreRefusedOnEveryPath(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	n := startNode(t, append(onRedis(server), "room.linger=0s")...)
	a := n.login(t, "alice")
	redis := dialRedis(t, server)
	probes := redis.strings("PUBSUB", "CHANNELS", "mq:\x00node:*")
	if len(probes) != 1 {
		t.Fatalf("channels of probes = %q; want one", probes)
	}
	node := strings.TrimPrefix(probes[0], "mq:\x00node:")
	for _, id := range []string{"__node:" + node, "__x", "\x00node:" + node, "al\u200bice", " alice", "alice\u00a0"} {
		for _, path := range []string{chatPath(id, "u", "t"), chatPath("r", id, "t"), listPath(id, "t")} {
			got := get(t, "http://"+n.addr+path)
			if got.status != http.StatusBadRequest {
				t.Errorf("GET %s = %d; want 400", path, got.status)
			}
			handshaken := dialRaw(t, n.addr).send(strings.Replace(handshake("r", "u"), "/group/chat/r/u/t", path, 1)).response()
			if handshaken.status != http.StatusBadRequest || !strings.Contains(handshaken.body, "Id ") {
				t.Errorf("handshake for %s = %d %s; want 400 and the id's fault", path, handshaken.status, handshaken.body)
			}
		}
		if got := get(t, "http://"+n.addr+escaped("/v1/rooms", id)); got.status != http.StatusBadRequest {
			t.Errorf("GET /v1/rooms/%q = %d; want 400", id, got.status)
		}
		wantBad(t, n.call(t, "/user/joinGroup", a, params{"groupId": id}), http.StatusBadRequest, "groupId")
		wantBad(t, n.call(t, "/user/login", nobody, params{"userId": id, "password": "p"}), http.StatusBadRequest, "userId")
	}
	// An id of another server's making stands in the user's set. The node stays subscribed to its probes when the list
	// goes that would have shown that room.
	redis.do("SADD", "ugs:alice", "\x00node:"+node, "good")
	list := n.dial(t, listPath("alice", a.token))
	m := n.member(t, "good", "bob")
	m.say("hi")
	list.wantList(entry(m.wantMessage("good", "bob", "hi"), 1))
	for _, c := range []*client{list, m} {
		_ = c.conn.CloseNow()
	}
	eventually(t, func() error { // linger is 0: both rooms go
		if good := redis.strings("PUBSUB", "CHANNELS", "mq:good"); len(good) > 0 {
			return fmt.Errorf("channels of the room = %q", good)
		}
		return nil
	})
	if still := redis.strings("PUBSUB", "CHANNELS", "mq:\x00node:*"); !slices.Equal(still, probes) {
		t.Errorf("channels of probes = %q; want %q as before", still, probes)
	}
}
