package admincmd

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"barrage/internal/cli"
)

// key is one of a file of keys, as to its form.
const key = "brg_yEQ2FSox13b2bXgg6IGWm9UlrM_dYFZLfEP1a75iloo"

// port is an admin port that answers always the same, and notes what it is asked.
type port struct {
	url    string
	status int
	answer string
	header http.Header

	mu    sync.Mutex // guards the fields below
	calls []string   // method, address and body
	auth  string     // of the last call
}

func newPort(t *testing.T, status int, answer string) *port {
	t.Helper()
	p := &port{status: status, answer: answer, header: http.Header{}}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// ServeHTTP notes the call.
func (p *port) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	p.calls = append(p.calls, strings.TrimSpace(r.Method+" "+r.RequestURI+" "+string(body)))
	p.auth = r.Header.Get("Authorization")
	p.mu.Unlock()
	for name := range p.header {
		w.Header().Set(name, p.header.Get(name))
	}
	w.WriteHeader(p.status)
	_, _ = io.WriteString(w, p.answer)
}

// said are the calls so far, one a line.
func (p *port) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.calls, "\n")
}

// outcome is what a command line did.
type outcome struct {
	code           int
	stdout, stderr string
}

// world is around a command line. The zero value has nothing in it, and nobody at a terminal.
type world struct {
	environ  []string
	stdin    string
	terminal bool
	stdout   io.Writer // nil: it is kept
}

// noon is the time of day in these tests.
var noon = time.UnixMilli(1_795_000_000_000)

// run runs "barrage admin" with arguments.
func (w world) run(args ...string) outcome {
	var out, complaints bytes.Buffer
	root := cli.Root(&cobra.Command{Use: "barrage"})
	admin := newAdmin(&program{env: lookup(w.environ), terminal: func(any) bool { return w.terminal }, now: func() time.Time { return noon }})
	root.AddCommand(admin)
	root.SetIn(strings.NewReader(w.stdin))
	if w.stdout == nil {
		w.stdout = &out
	}
	code := cli.Run(root, append([]string{"admin"}, args...), w.stdout, &complaints)
	return outcome{code, out.String(), complaints.String()}
}

// before is a world whose commands go to a port.
func before(p *port) world { return world{environ: []string{"BARRAGE_ADMIN_SERVER=" + p.url}} }

const mod, everywhere = "POST /v1/admin/rooms/r/mod ", "POST /v1/admin/everywhere/mod "

func TestVerbs_WhatTheyAskAndSay(t *testing.T) {
	for _, c := range []struct {
		line       string // arguments, with _ for a space within one
		call, says string
	}{
		{"mute r bob", mod + `{"verb":"mute","user_id":"bob"}`, "bob is muted in r for good"},
		{"mute r bob --for 10m --reason calm_down", mod + `{"verb":"mute","user_id":"bob","for_ms":600000,"reason":"calm down"}`, "bob is muted in r for 10m"},
		{"unmute r bob", mod + `{"verb":"unmute","user_id":"bob"}`, "bob is not muted in r"},
		{"shadow r bob --for 2w", mod + `{"verb":"shadow","user_id":"bob","for_ms":1209600000}`, "bob is shadowed in r for 14d"},
		{"unshadow r bob --reason x", mod + `{"verb":"unshadow","user_id":"bob","reason":"x"}`, "bob is not shadowed in r"},
		{"kick r bob", mod + `{"verb":"kick","user_id":"bob","for_ms":60000}`, "bob is out of r for 1m"},
		{"kick r bob --for 1h30m", mod + `{"verb":"kick","user_id":"bob","for_ms":5400000}`, "bob is out of r for 1h30m"},
		{"ban r bob --for 7d", mod + `{"verb":"ban","user_id":"bob","for_ms":604800000}`, "bob is banned from r for 7d"},
		{"ban r bob --purge --yes", mod + `{"verb":"ban","user_id":"bob","purge":true}`, "bob is banned from r for good, and 3 messages are taken away"},
		{"ban r --address 192.0.2.0/24", mod + `{"verb":"ban","address":"192.0.2.0/24"}`, "192.0.2.0/24 is banned from r for good"},
		{"ban r --address 198.51.100.7/8", mod + `{"verb":"ban","address":"198.0.0.0/8"}`, "198.0.0.0/8 is banned from r for good"},
		{"ban --everywhere bob --yes", everywhere + `{"verb":"ban","user_id":"bob"}`, "bob is banned from every room for good"},
		{"ban --everywhere --address ::1 --yes", everywhere + `{"verb":"ban","address":"::1"}`, "::1 is banned from every room for good"},
		{"unban r bob", mod + `{"verb":"unban","user_id":"bob"}`, "bob is not banned from r"},
		{"unban r --address ::1", mod + `{"verb":"unban","address":"::1"}`, "::1 is not banned from r"},
		{"unban bob --everywhere --yes", everywhere + `{"verb":"unban","user_id":"bob"}`, "bob is not banned from every room"},
		{"role r bob moderator --for 1d", mod + `{"verb":"role","user_id":"bob","for_ms":86400000,"role":"moderator"}`, "bob is moderator in r for 1d"},
		{"role r bob viewer", mod + `{"verb":"role","user_id":"bob","role":"viewer"}`, "bob is viewer in r"},
		{"delete r 120", mod + `{"verb":"delete","seq":120}`, "message 120 of r is taken away"},
		{"delete r 120 --epoch 1-ABC", mod + `{"verb":"delete","seq":120,"epoch":"1-ABC"}`, "message 120 of r is taken away"},
		{"purge r bob --yes", mod + `{"verb":"purge","user_id":"bob"}`, "3 messages of bob in r are taken away"},
		{"purge r bob --since 10m --yes", mod + `{"verb":"purge","user_id":"bob","since":1794999400000}`, "3 messages of bob in r are taken away"},
		{"clear r --yes", mod + `{"verb":"clear"}`, "the history of r is cleared"},
		{"modes r slow_ms=5s links=deny", mod + `{"verb":"modes","modes":{"links":"deny","slow_ms":5000}}`, "r goes by links=deny slow_ms=5000"},
		{"modes r slow_ms=off frozen=on emote_only=false", mod + `{"verb":"modes","modes":{"emote_only":false,"frozen":true,"slow_ms":0}}`, "r goes by emote_only=false frozen=true slow_ms=0"},
		{"modes r who=tagged tags=a,b", mod + `{"verb":"modes","modes":{"tags":["a","b"],"who":"tagged"}}`, "r goes by tags=a,b who=tagged"},
		{"modes r tags= who=1", mod + `{"verb":"modes","modes":{"tags":[],"who":"1"}}`, "r goes by tags= who=1"},
		{"modes r first_delay_ms=250 dup_s=1m unique_s=0 max_caps=70", mod + `{"verb":"modes","modes":{"dup_s":60,"first_delay_ms":250,"max_caps":70,"unique_s":0}}`, "r goes by dup_s=60 first_delay_ms=250 max_caps=70 unique_s=0"},
		{"modes r newer=true newest=word", mod + `{"verb":"modes","modes":{"newer":true,"newest":"word"}}`, "r goes by newer=true newest=word"},
		{"freeze r", mod + `{"verb":"modes","modes":{"frozen":true}}`, "r is frozen: only moderators write"},
		{"unfreeze r", mod + `{"verb":"modes","modes":{"frozen":false}}`, "r is not frozen"},
		{"slow r 5s", mod + `{"verb":"modes","modes":{"slow_ms":5000}}`, "r is in slow mode: each user writes once in 5s"},
		{"slow r off --reason calm", mod + `{"verb":"modes","reason":"calm","modes":{"slow_ms":0}}`, "r is not in slow mode"},
		{"announce r The_show_begins.", mod + `{"verb":"announce","body":"The show begins."}`, "announced in r"},
		{"announce r Hi --id show-42", mod + `{"id":"show-42","verb":"announce","body":"Hi"}`, "announced in r"},
		{"pin r 120 --epoch 1-ABC", mod + `{"verb":"pin","seq":120,"epoch":"1-ABC"}`, "message 120 is pinned in r"},
		{"unpin r", mod + `{"verb":"unpin"}`, "no message is pinned in r"},
		{"mute a/b?c_d bob/../x", "POST /v1/admin/rooms/a%2Fb%3Fc%20d/mod " + `{"verb":"mute","user_id":"bob/../x"}`, "bob/../x is muted in a/b?c d for good"},
		{"unpin ..", "POST /v1/admin/rooms/%2E%2E/mod " + `{"verb":"unpin"}`, "no message is pinned in .."},
		{"mute r bob\x1b[2J", mod + `{"verb":"mute","user_id":"bob\u001b[2J"}`, `"bob\x1b[2J is muted in r for good"`},
	} {
		t.Run(c.line, func(t *testing.T) {
			p := newPort(t, http.StatusOK, `{"verb":"x","n":3,"v":"3-ABC"}`+"\n")
			args := strings.Fields(c.line)
			for i := range args {
				if !strings.Contains(args[i], "=") && !strings.HasPrefix(args[i], "-") {
					args[i] = strings.ReplaceAll(args[i], "_", " ")
				}
			}
			if got, want := before(p).run(args...), (outcome{0, c.says + "\n", ""}); got != want || p.said() != c.call {
				t.Errorf("it says %+v\nwant %+v\nand asked %s\nwant %s", got, want, p.said(), c.call)
			}
		})
	}
}

func TestCalls_WithoutAVerbSayWhatIsDone(t *testing.T) {
	for _, c := range []struct{ line, call, says string }{
		{"room register live-1", "PUT /v1/admin/rooms/live-1", "live-1 is registered\n"},
		{"room unregister live-1", "DELETE /v1/admin/rooms/live-1", "live-1 is not registered\n"},
		{"revoke user al/ice", "POST /v1/admin/users/al%2Fice/revoke", "the tokens that al/ice has now are revoked\n"},
		{"revoke token a1", "POST /v1/admin/tokens/a1/revoke", "token a1 is revoked\n"},
		{"revoke token a1 --until 1796083200", "POST /v1/admin/tokens/a1/revoke?until=1796083200", "token a1 is revoked\n"},
		{"revoke token a1 --until 2026-12-01T00:00:00Z", "POST /v1/admin/tokens/a1/revoke?until=1796083200", "token a1 is revoked\n"},
		{"revoke token a1 --output json", "POST /v1/admin/tokens/a1/revoke", "{}\n"},
	} {
		p := newPort(t, http.StatusNoContent, "")
		if got, want := before(p).run(strings.Fields(c.line)...), (outcome{0, c.says, ""}); got != want || p.said() != c.call {
			t.Errorf("%s says %+v and asked %s\nwant %+v and %s", c.line, got, p.said(), want, c.call)
		}
	}
}

const someOrder = `{"modes":{"v":"3-ABC","slow_ms":5000,"frozen":false,"who":"all","tags":[],"links":"mods","newer":7,
"pinned":{"seq":12,"user_id":"carol","body":"read\u001b[2J this"},"cleared":9},"users":[
{"user_id":"bob","what":"mute","until":1795730096300,"reason":"calm down","by":"carol","at":1795729496300},
{"address":"192.0.2.0/24","what":"ban_address","until":253402300799000,"reason":"","by":"shop","at":1795729496300},
{"user_id":"dave","what":"role","until":253402300799000,"reason":"\u202etxt","by":"shop","at":1795729496300,"role":"vip"}]}`

const orderTop = `modes    links=mods newer=7 slow_ms=5000
pinned   "12, carol: read\x1b[2J this"
cleared  up to message 9
`

const narrow = `WHO  WHAT  UNTIL                 BY     SINCE                 REASON
bob  mute  2026-11-26T21:54:56Z  carol  2026-11-26T21:44:56Z  calm down
`

const banned = `WHO           WHAT         UNTIL     BY    SINCE                 REASON
192.0.2.0/24  ban_address  for good  shop  2026-11-26T21:44:56Z  -
`

func TestOrder_IsATable(t *testing.T) {
	rows := []string{
		"WHO           WHAT         UNTIL                 BY     SINCE                 REASON\n",
		"bob           mute         2026-11-26T21:54:56Z  carol  2026-11-26T21:44:56Z  calm down\n",
		"192.0.2.0/24  ban_address  for good              shop   2026-11-26T21:44:56Z  -\n",
		"dave          role vip     for good              shop   2026-11-26T21:44:56Z  " + `"\u202etxt"` + "\n",
	}
	reviewed := newPort(t, http.StatusOK, `{"modes":{"v":"1-A","who":"all","links":"allow","review":"all","dup_s":0,"pinned":null},"users":[]}`)
	if got := before(reviewed).run("order", "r"); !strings.HasPrefix(got.stdout, "modes   review=all\n") {
		t.Errorf("a room with reviews: %+v; want them shown", got)
	}
	for _, c := range []struct{ line, call, says string }{
		{"order r", "GET /v1/admin/rooms/r/mod", orderTop + "\n" + strings.Join(rows, "")},
		{"order r --limit 1", "GET /v1/admin/rooms/r/mod", orderTop + "\n" + narrow + "and 2 more: see --limit, or --output json for all\n"},
		{"order --everywhere --user 192.0.2.0/24", "GET /v1/admin/everywhere/mod", banned},
		{"order r --user nobody", "GET /v1/admin/rooms/r/mod", "nothing is in force about nobody\n"},
	} {
		p := newPort(t, http.StatusOK, someOrder)
		if got, want := before(p).run(strings.Fields(c.line)...), (outcome{0, c.says, ""}); got != want || p.said() != c.call {
			t.Errorf("%s says %+v\nwant %+v\nand asked %s", c.line, got, want, p.said())
		}
	}
	p := newPort(t, http.StatusOK, `{"modes":{"v":"","slow_ms":0,"who":"all","links":"allow","pinned":null,"cleared":0},"users":[]}`)
	if got, want := before(p).run("order", "r"), (outcome{0, "modes   none\npinned  none\n\nnothing is in force about anybody\n", ""}); got != want {
		t.Errorf("without rules: %+v; want %+v", got, want)
	}
}

// TestPublish_SaysWhyTheRoomDoesNotTakeIt puts a message into a room, and reports why the room does not take it.
func TestPublish_SaysWhyTheRoomDoesNotTakeIt(t *testing.T) {
	line := []string{"publish", "a/b", "a rose", "--user", "bob", "--kind", "gift", "--id", "o-1"}
	for answer, want := range map[string]outcome{
		`{"messages":[{"id":"o-1","epoch":"1-A","seq":7,"ts":5}]}`: {0, "published in a/b, as message 7\n", ""},
		`{"messages":[{"id":"o-1","epoch":"1-A","ts":5}]}`:         {0, "published in a/b\n", ""},
		`{"messages":[{"id":"o-1","code":"busy"}]}`:                {1, "", "barrage: cannot publish in room \"a/b\": busy\n"},
		`{"messages":[{"id":"o-1","seq":7,"code":"unconfirmed"}]}`: {1, "", "barrage: cannot confirm in room \"a/b\": the message may be stored and sent (unconfirmed); send it again with --id o-1, and it is stored once\n"},
	} {
		p := newPort(t, http.StatusOK, answer)
		const asked = `POST /v1/admin/rooms/a%2Fb/messages {"messages":[{"id":"o-1","user_id":"bob","kind":"gift","body":"a rose"}]}`
		if got := before(p).run(line...); got != want || p.said() != asked {
			t.Errorf("%+v, asked %s; want %+v", got, p.said(), want)
		}
	}
	p := newPort(t, http.StatusOK, `{"messages":[{"seq":1}]}`)
	if got := before(p).run("publish", "r", "x", "--user", "bob"); got.code != 0 || !strings.Contains(p.said(), `"id":"cli-`) {
		t.Errorf("without an id: %+v, asked %s; want one of its own", got, p.said())
	}
	if got := before(p).run("publish", "r", "x"); got.code != 2 || !strings.Contains(got.stderr, "--user is missing") {
		t.Errorf("without a user: %+v", got)
	}
}

func TestLog_IsATable(t *testing.T) {
	p := newPort(t, http.StatusOK, `{"entries":[
{"id":"A","at":1795729496300,"by":"carol","role":"moderator","via":"socket","verb":"purge","target":"bob","n":2,"reason":"spam"},
{"id":"B","at":1795729496300,"by":"shop","role":"server","via":"admin","verb":"modes","modes":{"slow_ms":5000,"who":"all"}},
{"id":"C","at":1795729496300,"by":"shop","role":"server","via":"admin","verb":"delete","target":"bob","seq":7,"n":1},
{"id":"D","at":1795729496300,"by":"shop","role":"server","via":"admin","verb":"announce","body":"`+strings.Repeat("é", 100)+`"}]}`)
	want := "WHEN                  BY     AS                 VERB      TARGET  UNTIL  DETAILS\n" +
		"2026-11-26T21:44:56Z  carol  moderator, socket  purge     bob     -      2 messages are taken away; spam\n" +
		"2026-11-26T21:44:56Z  shop   server, admin      modes     -       -      slow_ms=5000 who=all\n" +
		"2026-11-26T21:44:56Z  shop   server, admin      delete    bob     -      message 7; 1 message is taken away\n" +
		"2026-11-26T21:44:56Z  shop   server, admin      announce  -       -      " + strings.Repeat("é", 79) + "…\n"
	if got := before(p).run("log", "r", "--limit", "4"); got != (outcome{0, want, ""}) || p.said() != "GET /v1/admin/rooms/r/mod/log?limit=4" {
		t.Errorf("%+v\nwant %s\nand asked %s", got, want, p.said())
	}
	paged := newPort(t, http.StatusOK, `{"entries":[{"id":"C","at":1795729496300,"by":"x","role":"owner","via":"http","verb":"unpin"}],"next":"C"}`)
	if got := before(paged).run("log", "r", "--before", "F"); !strings.HasSuffix(got.stdout, "\nolder ones: --before C\n") || paged.said() != "GET /v1/admin/rooms/r/mod/log?before=F&limit=50" {
		t.Errorf("a page: %+v, asked %s", got, paged.said())
	}
	empty := newPort(t, http.StatusOK, `{"entries":[]}`)
	if got := before(empty).run("log", "--everywhere"); got != (outcome{0, "the log is empty\n", ""}) || empty.said() != "GET /v1/admin/everywhere/mod/log?limit=50" {
		t.Errorf("%+v, asked %s", got, empty.said())
	}
}

func TestRooms_IsATable(t *testing.T) {
	p := newPort(t, http.StatusOK, `{"rooms":[{"room":"live-1","members":4,"online":5,"rate":12.5,"level":160,"likes":7,"local":false,"total":9,"sent":18,"skipped":2,"nodes":["a","b"]},
{"room":"x","online":1,"local":true,"nodes":["a"]}],"next":"x","silent":["c"],"note":"of this node alone: why"}`)
	want := "ROOM    ONLINE  MSG/S  LEVEL  MESSAGES  LIKES  SENT  SKIPPED  NODES  LOCAL\n" +
		"live-1  5       12.5   160    9         7      18    2        2      no\n" +
		"x       1       0      0      0         0      0     0        1      yes\n" +
		"more behind --after x\nof this node alone: why\nwithout an answer of c\n"
	got := before(p).run("rooms", "--limit", "3", "--sort", "id", "--after", "k")
	if got != (outcome{0, want, ""}) || p.said() != "GET /v1/admin/rooms?after=k&limit=3&sort=id" {
		t.Errorf("%+v\nwant %s\nand asked %s", got, want, p.said())
	}
	if got := before(newPort(t, http.StatusOK, "{}")).run("rooms"); got != (outcome{0, "no rooms are live\n", ""}) {
		t.Errorf("without rooms: %+v", got)
	}
}

// someNode is a node as the admin port answers.
const someNode = `{"node":"N1","host":"edge-1","address":"[::]:9000","admin":"127.0.0.1:9001","version":"v1 commit x","config":"0f1e","started":1794996400000,` +
	`"at":1795000000000,"state":"draining","why":"","connections":1,"max_connections":100,"rooms":2,"members":1,"received_per_s":0.5,"sent_per_s":123456,"log_level":"info"}`

// The output for nodes, rooms and users is a table, and the call asks for what the command line says.
func TestNodesAndUsers_AreTables(t *testing.T) {
	for _, c := range []struct{ line, answer, call, says string }{
		{
			"nodes", `{"nodes":[` + someNode + `],"self":"N1","silent":[]}`, "GET /v1/admin/nodes",
			"NODE  HOST    ADDRESS    STATE     CONNECTIONS  ROOMS  IN/S  SENT/S  UP    CONFIG  VERSION\n" +
				"N1    edge-1  [::]:9000  draining  1            2      0.5   123k    1h0m  0f1e    v1 commit x\n",
		},
		{
			"node self", someNode, "GET /v1/admin/nodes/self",
			"node         N1\nhost         edge-1\nlistens on   [::]:9000\nadmin port   127.0.0.1:9001\nstate        draining\n" +
				"connections  1 of 100\nrooms        2\nmembers      1\nmessages in  0.5 a second\ncopies sent  123k a second\n" +
				"started      2026-11-18T10:06:40Z\nlog level    info\nconfig       0f1e\nversion      v1 commit x\n",
		},
		{"drain N1 --over 60s --yes", someNode, "POST /v1/admin/nodes/N1/drain?over=1m0s", "node N1 is draining, and has 1 connection\n"},
		{"drain N1 --yes", someNode, "POST /v1/admin/nodes/N1/drain", "node N1 is draining, and has 1 connection\n"},
		{"undrain self", `{"node":"N1","state":"ready"}`, "POST /v1/admin/nodes/self/undrain", "node N1 is ready, and has 0 connections\n"},
		{"log-level self", `{"level":"info"}`, "GET /v1/admin/nodes/self/log-level", "info\n"},
		{"log-level self debug", `{"level":"debug"}`, "PUT /v1/admin/nodes/self/log-level " + `{"level":"debug"}`, "debug\n"},
		{
			"config self --changed", `{"hash":"0f1e","settings":[{"key":"a.b","value":"1","from":"default"},{"key":"redis.password","value":"***","from":"file"}]}`,
			"GET /v1/admin/nodes/self/config", "SETTING         VALUE  FROM\nredis.password  ***    file\nhash 0f1e\n",
		},
		{
			"room show r", `{"room":"r","live":true,"online":5,"total":9,"seq":12,"rate":3,"likes":7,"level":160,"wanted":900,"shown":200,"modes":{"v":"1","slow_ms":5000},"measures":2,` +
				`"accounts":[{"node":"N1","members":4,"sent":18,"skipped":2,"left":1}],"silent":[]}`, "GET /v1/admin/rooms/r",
			"room      r\nonline    5\nmessages  9, the newest is 12, 3 a second\nlikes     7\nstorm     level 160 of 256, 200 of 900 messages shown in the last second\n" +
				"modes     slow_ms=5000\npinned    none\nmeasures  2 about users, see barrage admin order\n\n" +
				"NODE  MEMBERS  SENT  SKIPPED  LEFT  LOCAL\nN1    4        18    2        1     no\n",
		},
		{"room show r", `{"room":"r"}`, "GET /v1/admin/rooms/r", "room      r\nonline    0\nmessages  0, the newest is 0, 0 a second\nlikes     0\nmodes     none\npinned    none\n" +
			"measures  0 about users, see barrage admin order\nit is live on no node\n"},
		{
			"user bob", `{"user":"bob","nodes":[{"node":"N1","n":2,"sockets":[{"room":"r","since":1795000000000,"address":"192.0.2.1/32","role":"viewer","can":["read","send"]}]}],` +
				`"rooms":["q","r"],"measures":[{"room":"","what":"ban","until":253402300799000,"reason":"spam","by":"oncall"},{"room":"r","what":"role","role":"vip","until":1795000000000,"by":"x"}],"silent":[]}`,
			"GET /v1/admin/users/bob",
			"rooms  q, r\n\nNODE  ROOM  SINCE                 FROM          ROLE    MAY\nN1    r     2026-11-18T11:06:40Z  192.0.2.1/32  viewer  read, send\n" +
				"and 1 more on N1\n\n" +
				"IN FORCE  ROOM        UNTIL                 BY      REASON\nban       everywhere  for good              oncall  spam\nrole vip  r           2026-11-18T11:06:40Z  x       -\n",
		},
		{"user bob", `{"user":"bob"}`, "GET /v1/admin/users/bob", "rooms  none\nno sockets are open\nnothing is in force about them\n"},
	} {
		p := newPort(t, http.StatusOK, c.answer)
		if got := before(p).run(strings.Fields(c.line)...); got != (outcome{0, c.says, ""}) || p.said() != c.call {
			t.Errorf("%s: %d %s%s\nwant %s\nand asked %s; want %s", c.line, got.code, got.stdout, got.stderr, c.says, p.said(), c.call)
		}
	}
	if got := (world{}).run("drain", "self"); got.code != cli.ExitUsage || !strings.Contains(got.stderr, "give --yes") {
		t.Errorf("drain without a question: %+v", got)
	}
}

// An export is written as it comes, and one that breaks off is a failure.
func TestExport_IsWrittenThrough(t *testing.T) {
	const lines = `{"seq":7}` + "\n" + `{"seq":8}` + "\n"
	p := newPort(t, http.StatusOK, lines)
	p.header.Set("Content-Type", "application/x-ndjson")
	if got := before(p).run("export", "r", "--after", "6"); got != (outcome{0, lines, ""}) || p.said() != "GET /v1/admin/rooms/r/export?after=6" {
		t.Errorf("%+v, asked %s; want the lines", got, p.said())
	}
	p.header.Set("Content-Type", "text/vtt")
	if got := before(p).run("export", "r", "--format", "vtt", "--t0", "5"); got != (outcome{0, lines, ""}) || !strings.HasSuffix(p.said(), "GET /v1/admin/rooms/r/export?format=vtt&t0=5") {
		t.Errorf("%+v, asked %s; want subtitles", got, p.said())
	}
	if got := before(p).run("export", "r", "--format", "srt"); got.code != cli.ExitUsage || !strings.Contains(got.stderr, `cannot export as "srt"`) {
		t.Errorf("a format that there is not: %+v", got)
	}
	p.header.Set("Content-Type", "application/x-ndjson")
	p.header.Set("Content-Length", "99")
	if got := before(p).run("export", "r"); got.code != cli.ExitFailure || got.stdout != lines || !strings.Contains(got.stderr, "the answer broke off") || !strings.Contains(got.stderr, "--after") {
		t.Errorf("an answer that breaks off: %+v", got)
	}
	if got := before(newPort(t, http.StatusOK, "<html>")).run("export", "r"); got.code != cli.ExitFailure || !strings.Contains(got.stderr, "not application/x-ndjson") {
		t.Errorf("another port: %+v", got)
	}
}

func TestOutput_JSONIsTheNodesAnswer(t *testing.T) {
	p := newPort(t, http.StatusOK, `{"verb":"mute","n":0,"v":"3-A<C"}`+"\n")
	if got, want := before(p).run("mute", "r", "bob", "--output", "json"), "{\n  \"verb\": \"mute\",\n  \"n\": 0,\n  \"v\": \"3-A<C\"\n}\n"; got != (outcome{0, want, ""}) {
		t.Errorf("%+v; want %s", got, want)
	}
}

// A command that cannot be undone asks somebody, or wants --yes; without either nothing is sent.
func TestCommands_AskFirst(t *testing.T) {
	for _, c := range []struct{ line, question string }{
		{"clear r", `Clear the history of room "r", for everybody and for good? [y/N] `},
		{"purge r bob", `Take all messages of "bob" in room "r" away for good? [y/N] `},
		{"purge r bob --since 1h", `Take the messages of the last 1h of "bob" in room "r" away for good? [y/N] `},
		{"ban r bob --purge", `Ban "bob" from room "r", and take all their messages there away for good? [y/N] `},
		{"ban --everywhere bob", `Ban "bob" from every room, and close their sockets? [y/N] `},
		{"unban --everywhere bob", `End the ban of "bob" that holds in every room? [y/N] `},
	} {
		args := strings.Fields(c.line)
		for _, said := range []string{"y\n", "YES\n", "n\n", "\n", "", "yesterday\n", strings.Repeat("y", 1<<10)} {
			p := newPort(t, http.StatusOK, "{}")
			w := before(p)
			w.stdin, w.terminal = said, true
			got := w.run(args...)
			yes := said == "y\n" || said == "YES\n"
			if !strings.HasPrefix(got.stderr, c.question) || (got.code == 0) != yes || (p.said() != "") != yes {
				t.Errorf("%s, answered %.9q: %+v, asked %q", c.line, said, got, p.said())
			}
			if !yes && (got.code != cli.ExitFailure || !strings.Contains(got.stderr, "the answer was not yes, and nothing was done")) {
				t.Errorf("%s, answered %.9q: %+v", c.line, said, got)
			}
		}
		p := newPort(t, http.StatusOK, "{}")
		w := before(p)
		w.stdin = "y\n"
		if got := w.run(args...); got.code != cli.ExitUsage || !strings.Contains(got.stderr, "there is no terminal to ask on: give --yes") || p.said() != "" {
			t.Errorf("%s without a terminal: %+v, asked %q", c.line, got, p.said())
		}
	}
}

func TestCommandLines_ThatMakeNoSenseAskNobody(t *testing.T) {
	p := newPort(t, http.StatusOK, "{}")
	for _, c := range []struct{ line, want string }{
		{"mute r", "cannot run \"barrage admin mute\": it wants ROOM and USER, and 1 came (see barrage admin mute --help)"},
		{"role r bob", "it wants ROOM, USER and ROLE"},
		{"ban r", "it wants ROOM and USER, and 1 came"},
		{"ban r bob --address ::1", "it wants ROOM, and 2 came"},
		{"ban --everywhere r bob", "it wants USER, and 2 came"},
		{"ban --everywhere --address ::1 r", "takes no arguments"},
		{"ban r --address ::1 --purge", "--purge takes away the messages of one user in one room"},
		{"ban --everywhere bob --purge --yes", "--purge takes away the messages of one user in one room"},
		{"mute r bob --for 0", "want a time of 1ms to 36500d, as 30s, 10m, 12h, 7d"},
		{"mute r bob --for -5m", "want a time of"},
		{"mute r bob --for 36501d", "want a time of"},
		{"mute r bob --for xd", "want a time of"},
		{"mute r bob --for 1y", "want a time of"},
		{"delete r x", "cannot delete message \"x\": SEQ is its number in the room, from 1"},
		{"pin r 0", "cannot pin message \"0\""},
		{"modes r", "want ROOM and KEY=VALUE"},
		{"modes r slow_ms", "want KEY=VALUE, each key once"},
		{"modes r slow_ms=1 slow_ms=2", "each key once"},
		{"modes r frozen=maybe", "cannot set frozen to \"maybe\": want on or off"},
		{"modes r dup_s=1500ms", "it counts in units of 1s"},
		{"modes r dup_s=soon", "want a time of"},
		{"slow r soon", "cannot set slow mode to \"soon\": want a time"},
		{"order", "it wants ROOM, and 0 came"},
		{"order r --everywhere", "takes no arguments"},
		{"order r --limit 0", "--limit is 1 to 10000"},
		{"log r --limit 1001", "--limit is 1 to 1000"},
		{"rooms --limit 1001", "--limit is 1 to 1000"},
		{"rooms --sort beauty", "--sort is one of online, rate, level, sent, id"},
		{"rooms live-1", "rooms takes no arguments"},
		{"rooms --output yaml", "--output is table or json"},
		{"revoke token a --until tomorrow", "want Unix seconds, or a time as"},
		{"room regster r", `did you mean "register"?`},
		{"bann r bob", `did you mean "ban"?`},
		{"mute r bob --key brg_x", "unknown flag: --key"},
	} {
		if got := before(p).run(strings.Fields(c.line)...); got.code != cli.ExitUsage || got.stdout != "" || !strings.Contains(got.stderr, c.want) {
			t.Errorf("%s: %+v; want exit code 2 and %q", c.line, got, c.want)
		}
	}
	if p.said() != "" {
		t.Errorf("the node was asked %s", p.said())
	}
}

// closed is an output that nobody reads.
type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestOutput_ThatNobodyReadsIsAFailure(t *testing.T) {
	for line, answer := range map[string]string{"order r": someOrder, "log r": `{"entries":[{}]}`, "rooms": "{}", "nodes": "{}", "user u": "{}", "config self": "{}", "mute r bob": "{}", "room show r": "{}", "mute r b --output json": "{}"} {
		w := before(newPort(t, http.StatusOK, answer))
		w.stdout = closed{}
		if got := w.run(strings.Fields(line)...); got.code != cli.ExitFailure {
			t.Errorf("%s: %+v; want exit code 1", line, got)
		}
	}
	for _, line := range []string{"order r", "log r", "rooms", "mute r bob", "room show r", "nodes", "node self", "drain self --yes", "log-level self", "config self", "user u"} {
		if got := before(newPort(t, http.StatusOK, `"x"`)).run(strings.Fields(line)...); got.code != cli.ExitFailure || !strings.Contains(got.stderr, "cannot read the answer") {
			t.Errorf("%s, answered by a text: %+v", line, got)
		}
	}
}

func TestHelp_Teaches(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"", "People in a room:\n  ban "},
		{"", "Messages of a room:\n  announce "},
		{"", "Rules of a room:\n  freeze "},
		{"", "What there is:\n  export "},
		{"", "Nodes:\n  config "},
		{"", "BARRAGE_ADMIN_KEY"},
		{"ban --help", "barrage admin ban live-1 --address 192.0.2.0/24 --for 1h"},
		{"modes --help", "who=tagged"},
		{"kick --help", "how long they stay out (default 1m)"},
		{"clear --help", "--yes"},
		{"revoke", "barrage admin revoke"},
	} {
		if got := (world{}).run(strings.Fields(c.line)...); got.code != 0 || got.stderr != "" || !strings.Contains(got.stdout, c.want) {
			t.Errorf("%s: %+v; want %q", c.line, got, c.want)
		}
	}
}

func TestPeriod_IsWrittenAsItIsRead(t *testing.T) {
	for text, want := range map[string]string{"90s": "1m30s", "60m": "1h", "24h": "1d", "1h30m": "1h30m", "1h0m5s": "1h5s", "2w": "14d", "1ms": "1ms", "36500d": "36500d"} {
		var s, again period
		if err := s.Set(text); err != nil || s.String() != want || again.Set(want) != nil || again != s {
			t.Errorf("%s is %s, %v; want %s", text, s.String(), err, want)
		}
	}
}
