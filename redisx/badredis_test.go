package redisx_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"barrage/internal/chat"
	"barrage/internal/port"
	"barrage/internal/redistest"
	"barrage/redisx"
)

// This file is about addresses that do not lead to the Redis that is wanted.

// TestRedis_AddressThatLeadsElsewhereIsNamed with one clear error for each, while the store tries on.
func TestRedis_AddressThatLeadsElsewhereIsNamed(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	master := redistest.Start(t)
	replica := redistest.StartReplica(t, master)
	bus, err := port.Hold()
	noError(t, err)
	t.Cleanup(bus.Free)
	_, busPort, _ := net.SplitHostPort(bus.Addr)
	node := redistest.Start(t, "--cluster-enabled", "yes", "--cluster-port", busPort)
	secure := redistest.StartTLS(t, false)
	gone := redistest.Start(t)
	gone.Kill(t) // its port stays its own
	for _, c := range []struct {
		name, addr, mode, want string
	}{
		{"nobody listens", gone.Addr, "standalone", "cannot reach Redis at " + gone.Addr + ": connection refused"},
		{"no such host", "no-such-host.invalid:1", "standalone", "cannot reach Redis at no-such-host.invalid:1: lookup no-such-host.invalid"},
		{"web server", web.Listener.Addr().String(), "standalone", "it is no Redis: see redis.addrs"},
		{"too old", startOld(t), "standalone", "version 6.2.1 is too old: it must be 7.0 or newer"},
		{"read-only replica", replica.Addr, "standalone", "it is a read-only replica: READONLY"},
		{"node of a cluster", node.Addr, "standalone", "it is a node of a cluster: set redis.mode to cluster"},
		{"no cluster", master.Addr, "cluster", "it is no cluster: set redis.mode to standalone"},
		{"cluster is gone", gone.Addr, "cluster", "cannot reach Redis cluster at " + gone.Addr + ": connection refused"},
		{"cluster without slots", node.Addr, "cluster", "the slot has no redis node"},
		{"wants TLS", secure.Addr, "standalone", "it closes the connection at once: if it wants TLS, see redis.tls"},
		{"cluster that wants TLS", secure.Addr, "cluster", "if it wants TLS, see redis.tls"},
		{"sentinel that wants TLS", secure.Addr, "sentinel", "if it wants TLS, see redis.tls"},
		{"no sentinel", master.Addr, "sentinel", "it is no sentinel: see redis.mode"},
		{"sentinels are gone", gone.Addr, "sentinel", "of the sentinels at " + gone.Addr + ": connection refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newConfigured(t, func(cfg *redisx.Config) {
				cfg.Addrs, cfg.Mode = []string{c.addr}, c.mode
				if c.mode == "sentinel" {
					cfg.SentinelMaster = "m"
				}
			})
			h.wantState(t, c.want)
			h.wantAway(t, 1, 0)
			_, err := h.put(t.Context(), "r", "n.1", drafts("r", "u", 1))
			if err == nil || !strings.Contains(err.Error(), h.State().Error()) {
				t.Errorf("Publish: error %v; want what State says", err)
			}
			wantRefused(t, err, false)
		})
	}
}

// TestRedis_WithoutTLSNamesTheSetting: Redis waits for the end of what it takes for a line, or sends what no TLS server
// would.
func TestRedis_WithoutTLSNamesTheSetting(t *testing.T) {
	own := redistest.Start(t)
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	for addr, want := range map[string]string{
		own.Addr:                     "no answer to TLS in time: if it does not speak TLS, see redis.tls",
		web.Listener.Addr().String(): "it does not speak TLS: see redis.tls",
	} {
		for _, mode := range []string{"standalone", "cluster"} {
			h := newConfigured(t, func(c *redisx.Config) { c.Addrs, c.Mode, c.TLS = []string{addr}, mode, true })
			h.wantState(t, want)
		}
	}
}

// TestRedis_FailedAttemptsLeaveNothing: rueidis dials both addresses at once, and gives
// up at the first answer.
func TestRedis_FailedAttemptsLeaveNothing(t *testing.T) {
	one, two := redistest.Start(t), redistest.Start(t)
	h := newConfigured(t, func(c *redisx.Config) { c.Addrs = []string{one.Addr, two.Addr} })
	h.wantState(t, "it is no cluster")
	raw := newRaw(t, one.Addr)
	eventually(t, "ten attempts more were made", func() (bool, string) {
		info := raw.text("INFO", "stats")
		return connectionsReceived(t, info) > 10, info
	})
	eventually(t, "few connections are open", func() (bool, string) {
		open := strings.Count(raw.text("CLIENT", "LIST"), "name=barrage-")
		return open <= 1, strconv.Itoa(open)
	})
}

// connectionsReceived is that field of INFO stats.
func connectionsReceived(t *testing.T, info string) int {
	t.Helper()
	_, rest, _ := strings.Cut(info, "total_connections_received:")
	text, _, _ := strings.Cut(rest, "\r\n")
	n, err := strconv.Atoi(text)
	noError(t, err)
	return n
}

// TestRedis_ReplicaThatBecomesMasterIsUsed: the fault is repaired, and all works.
func TestRedis_ReplicaThatBecomesMasterIsUsed(t *testing.T) {
	replica := redistest.StartReplica(t, redistest.Start(t))
	h := newConfigured(t, func(c *redisx.Config) { c.Addrs = []string{replica.Addr} })
	h.wantState(t, "READONLY")
	_, err := replica.Do("REPLICAOF", "NO", "ONE")
	noError(t, err)
	h.wantAll(t, "r")
	h.wantAway(t, 1, 1)
}

// TestRedis_LimitedUserMayDoAllThatIsNeeded: an ACL user with what doc.go says, and no more, will do.
func TestRedis_LimitedUserMayDoAllThatIsNeeded(t *testing.T) {
	own := redistest.Start(t)
	acl := strings.Fields("ACL SETUSER limiter on >secret resetkeys resetchannels nocommands " + redisx.ACL)
	_, err := own.Do(acl...)
	noError(t, err)
	h := newConfigured(t, func(c *redisx.Config) {
		c.Addrs, c.Username, c.Password = []string{own.Addr}, "limiter", "secret"
	})
	h.wantAll(t, "r")
	h.wantRecall(t, "r", "u", 1, false)
	_, err = h.Report(t.Context(), "n", []chat.Report{{Room: "r", Online: 1}})
	noError(t, err)
	noError(t, h.DueFeeds(t.Context(), "to.0", []string{"r"}))
	due, err := h.TakeFeeds(t.Context(), "to.0", "n", 1, 0)
	noError(t, err)
	noError(t, h.DoneFeeds(t.Context(), "to.0", due.Rooms))
	noError(t, h.AddNews(t.Context(), "r", "{}"))
	_, err = h.ReadFeed(t.Context(), "r", "to", 1)
	noError(t, err)

	_, err = own.Do("ACL", "SETUSER", "limiter", "resetkeys", "~gm*")
	noError(t, err)
	err = h.SetToken(t.Context(), "u", "x")
	if err == nil || !strings.Contains(err.Error(), "NOPERM") {
		t.Errorf("SetToken that the user may not: error %v; want NOPERM", err)
	}
	wantRefused(t, err, true)
	noError(t, h.State())
}

// TestRedis_UserWithoutRightsIsNamedAsTheCause has a user be given more and more: the error says each time
// where to look, and nothing about the inside of the client.
func TestRedis_UserWithoutRightsIsNamedAsTheCause(t *testing.T) {
	own := redistest.Start(t)
	for _, c := range []struct{ rights, lacks string }{
		{"+ping", "'client|tracking' command"},
		{"+@connection", "'evalsha' command"},
		{"+@scripting", "to access"}, // one of the keys, or a key
		{"~*", "run th"},             // this command, or the 'set' command
	} {
		_, err := own.Do("ACL", "SETUSER", "limiter", "on", ">secret", c.rights)
		noError(t, err)
		h := newConfigured(t, func(cfg *redisx.Config) {
			cfg.Addrs, cfg.Username, cfg.Password = []string{own.Addr}, "limiter", "secret"
		})
		h.wantState(t, "cannot use Redis at "+own.Addr+": the user may not do all that is needed: see redis.username in config.yaml: ")
		if said := h.State().Error(); !strings.Contains(said, c.lacks) || strings.Contains(said, "ClientOption") {
			t.Errorf("State with %s says %q; want %q and no word about an option", c.rights, said, c.lacks)
		}
	}
}

// TestACL_StandsInConfigYAML: operators find there what the user must be allowed.
func TestACL_StandsInConfigYAML(t *testing.T) {
	text, err := os.ReadFile("../config.yaml")
	noError(t, err)
	comment := strings.Join(strings.Fields(strings.ReplaceAll(string(text), "#", "")), " ")
	if !strings.Contains(comment, redisx.ACL) {
		t.Errorf("config.yaml does not say what the user must be allowed: %s", redisx.ACL)
	}
}

// startOld starts a server that reports to be Redis 6.2.1, and does nothing else.
func startOld(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	noError(t, err)
	var working sync.WaitGroup
	t.Cleanup(func() {
		noError(t, l.Close())
		working.Wait()
	})
	working.Go(func() { // Ends with the listener; waited for above.
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			working.Go(func() { answerOld(conn) }) // Ends with the store's connection.
		}
	})
	return l.Addr().String()
}

func answerOld(conn net.Conn) {
	defer func() { _ = conn.Close() }() // The peer is gone.
	in := bufio.NewReader(conn)
	for {
		args, err := readCommand(in)
		if err != nil {
			return
		}
		answer := "+OK\r\n"
		switch strings.ToUpper(args[0]) {
		case "HELLO":
			answer = "%3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n6.2.1\r\n$5\r\nproto\r\n:3\r\n"
		case "PING":
			answer = "+PONG\r\n"
		case "INFO":
			text := "# Server\r\nredis_version:6.2.1\r\nredis_mode:standalone\r\n"
			answer = fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
		}
		if _, err := conn.Write([]byte(answer)); err != nil {
			return
		}
	}
}

// readCommand reads a command as clients write it.
func readCommand(in *bufio.Reader) ([]string, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.Trim(line, "*\r\n"))
	args := make([]string, n)
	for i := range args {
		if _, err = in.ReadString('\n'); err != nil { // its length
			return nil, err
		}
		if args[i], err = in.ReadString('\n'); err != nil {
			return nil, err
		}
		args[i] = strings.TrimSpace(args[i])
	}
	return args, err
}

// wantRefused checks what an error says about trying again.
func wantRefused(t *testing.T, err error, want bool) {
	t.Helper()
	if got := errors.Is(err, chat.ErrRefused); got != want {
		t.Errorf("error %v is chat.ErrRefused: %v; want %v", err, got, want)
	}
}
