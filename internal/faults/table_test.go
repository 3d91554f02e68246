package faults

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"barrage/internal/chat"
	"barrage/internal/redistest"
)

// results are what the run came to, for docs/faults.md.
type results struct {
	mu    sync.Mutex // guards the fields below
	rows  []row
	crowd crowdResult
	redis string // its version
}

type row struct {
	place int
	fault string
	outcome
}

// crowdResult is what TestCrowd_ViewersOfOtherNodesMissNothing saw.
type crowdResult struct {
	before, after crowdReport
	outcome
	back time.Duration
}

var table results

// add gives the table a row. place orders them.
func (r *results) add(t *testing.T, place int, fault string, o outcome) {
	t.Helper()
	t.Logf("%s: %+v", fault, o)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, row{place, fault, o})
}

// addCrowd gives it what the crowd saw.
func (r *results) addCrowd(t *testing.T, c crowdResult) {
	t.Helper()
	t.Logf("%+v", c)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.crowd = c
}

// noteVersion asks a server what it is.
func (r *results) noteVersion(t *testing.T, server *redistest.Server) {
	t.Helper()
	msg := command(t, server, "INFO", "server")
	text, err := msg.ToString()
	if err != nil {
		t.Fatal(err)
	}
	_, version, _ := strings.Cut(text, "redis_version:")
	version, _, _ = strings.Cut(version, "\r")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.redis = version
}

// String is docs/faults.md.
func (r *results) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortFunc(r.rows, func(a, b row) int { return a.place - b.place })
	var b strings.Builder
	fmt.Fprintf(&b, tableIntro, runtime.NumCPU(), processor(), runtime.Version(), r.redis, nodes, rooms, nodes*rooms, time.Second/postEvery, answerWithin)
	for _, row := range r.rows {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %s | %s |\n", row.fault, row.posted, row.again, row.acknowledged,
			row.unconfirmed, row.refused, row.localOnly, row.lost, row.delivered, row.duplicates, row.missing, seconds(row.slowest), seconds(row.recovery))
	}
	fmt.Fprintf(&b, tableOutro, lot, chat.ReportLife, chat.ReportLife+chat.ReportEvery, lot/4, recallEvery)
	c := r.crowd
	fmt.Fprintf(&b, crowdIntro, crowdSize, crowdRate, readers)
	for _, p := range []struct {
		name string
		crowdReport
	}{{"before", c.before}, {"after", c.after}} {
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %s |\n", p.name, p.messages, millis(p.p50), millis(p.p99), millis(p.longest), millis(p.silence))
	}
	fmt.Fprintf(&b, crowdOutro, c.acknowledged, c.lost, c.duplicates, c.missing, millis(c.recovery), crowdSize/crowdNodes, millis(c.back))
	return b.String()
}

// seconds is d as the table has it.
func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// millis is d in whole milliseconds.
func millis(d time.Duration) string {
	if d < time.Millisecond {
		return "< 1 ms"
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}

// processor is its name.
func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo") // it has no name then
	_, name, _ := strings.Cut(string(info), "model name\t: ")
	name, _, _ = strings.Cut(name, "\n")
	return name
}

const tableIntro = `# Faults

Written by the run itself; nothing in it is by hand:

    go test ./internal/faults -count 1 -table ../../docs/faults.md

on %d cores of %s, which the nodes, the members and Redis shared; %s, Redis %s, loopback,
four faults at a time.

Each row is a site of its own: %d nodes (a hall over a Redis store each, without sockets), and %d rooms. It has
%d members that are there from the beginning, and more that join before, during and after the fault. Two writers
on each node together post %d messages a second, in turn to each room. One posts as FastIM clients do, without
ids. The other is a client of barrage.v1: each message has an id, and what is not answered for good is sent
again under it. Where an answer is overdue by %s, twice as long the next time, it takes its connection for dead.
It connects anew, each other time to another node, and sends again there all it knows no answer of. The writers
post before, during and after the fault. Then they send nothing new, and wait until everything they sent is
answered. Everything comes to rest, and the test counts.

| fault | posted | sent again | acknowledged | unconfirmed | refused | delivered here only | lost by Redis | delivered | twice | missing | slowest ack | recovery |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
`

const tableOutro = "" +
	`
- **posted**: messages given to Room.Post and Room.PostNative on all nodes, each once however often it was sent.
- **sent again**: times that one was sent again under its id.
- **acknowledged**: messages of batches that Redis' script answered for. Where the answer was lost, the batch's
  own event tells the node that it was taken. Such a message is posted, not acknowledged, and held to everything
  that acknowledged ones are.
- **unconfirmed**: answers that say so: given up after a try that Redis may have carried out, or may yet.
- **refused**: messages that Room.Post refused with an error: a queue was full, or half full for a second. So are
  those that were given up after QueueAge and nobody got. All were counted in the hall's statistics, where /metrics
  has them.
- **delivered here only**: given up too, but the members of the sender's node had had them while Redis
  was away.
- **lost by Redis**: taken by the script, then lost with Redis' data.
- **delivered**: copies to the members that were there from the beginning.
- **twice**: copies that a member got again, by the message's id. **missing**: copies that a member should have
  got and did not.
- **slowest ack**: the longest time from when a native writer first sent a message until it was acknowledged. The
  row with a connection that brings no events goes on only when messages were acknowledged without theirs.
- **recovery**: from the end of the last fault until in every room every node had received a new message of another
  node. Where a master is killed and another takes over it is counted from the kill on. So the time after which
  others believe that is in it: 1 s for Sentinel, 1.5 s for the cluster, as these tests set it. A master that
  comes back takes no writes for its first 2 s.

Some rows in more words. *Connections stay*: a proxy holds all bytes of one node until it has chatted by itself
for a while, then lets them go. *Brings no events*: a proxy drops what is published, and nothing else, until the
node has found out. *Address moved*: replication ends, and %d messages on each node later all nodes are led to
the replica, which lacks them. Two nodes write on until it has more messages than were lost, under the same
numbers. Only then the third one gets there. *Node killed*: its connections break and nothing leaves it any
more; its native writer comes back on another node. Its members count until its last report is older than
ReportLife (%s) and another node reports: for %s at most. The test does not wait for that: it writes an older
time into the node's last report by hand. *Given up, then done*: Redis finds in its sockets what the nodes have
given up meanwhile, and carries it out when it goes on.
*Acknowledgements lost*: answers do not reach the native writers any more, then Redis is killed. One writer
comes back on the same node, another one on another. Each sends again what members have had already. *Sent there,
again on another node*: a native writer posts on the parted node, whose members get it. It sends all that again
on a second node, which stores it, without getting the answers. Then it sends it again on the first one, before
that is back. *One master dead*: that of some rooms, others answer; cluster-node-timeout is a minute, so that no
replica takes its place. It comes back with its data when on every node the members of its rooms have got %d
new messages of each other. *A snapshot that lacked the last messages*: SAVE, then 200 messages on each node,
then SIGKILL: Redis starts with what was saved. *Every key deleted in turn*: of each room the history, the
count, the timestamps and batches, the ids, the members, the recalls. Before each kind the native writers get
no answers any more; behind it they send over another node again what was stored. *Commands take 20 ms*: a proxy
delays what nodes send, and no event.

*Recalls*: each room has a native member more on each node. On each node somebody takes back one of the newest
messages every %s, by its timestamp and by its number in turn. They ask again where that fails, and at times
where it did not. In each room a native client leaves with its place and comes back with it over another node,
which reads what it missed. *A replica that lacks the last messages and recalls takes over*: replicas get
nothing from their masters any more, and nobody takes notice. Then come 100 messages on each node and some
recalls, which all nodes receive. The master of the first room is killed after that. A client that left before comes
back when the new count has overtaken its place; so do those of the row with a snapshot. *Clocks of nodes an
hour apart*: one is behind, one right, one ahead. *Redis' clock set*: a library that is loaded into redis-server
changes what it reads; nothing restarts. Each message of a native writer is answered then. One that is sent
again across a step ahead may be stored twice, since the step ends the ids' lives.

The test fails unless:

1. On each node posted = in the history + lost by Redis + refused + delivered here only. The nodes' own counters say
   the same, as exactly as they can where the same message was sent on several.
2. Every message that the script took, by its answer or its event, is in the history once, at the number
   it was given. Only in the rows where Redis loses data may it be lost: then its epoch is over, or its
   number is another's.
3. Every send has one answer; where it was sent again on the same node before it had one, the last one has it.
   An acknowledged message is in the history, under the number that every acknowledgement of it named. One that
   was refused for good each time it was sent is not; an unconfirmed one may be. The store refuses nothing.
4. Every member that was there from the beginning got every message of the history once. It got nothing that
   Redis never had but what was delivered here only. Of what Redis lost it has all that its own node sent; of
   others' it may lack the end, whose events were lost with Redis. All nodes had come as far as Redis a moment
   before.
5. It got them in the order of the history. Members of a node that was cut off had their own node's messages at
   once, before others'. There, the messages of that node are in order among themselves, and so are those of all
   others. One that was sent again may stand anywhere. So may one that its node gave up as unconfirmed before
   its members had it, and that was stored all the same.
6. A member that came later got exactly what the one beside it got from then on. Nothing of it was in its
   welcome. Where its node was never cut off, its welcome ends right before.
7. In the end every node has the same newest message and total in every room. State is nil, nothing waits, and
   nobody skipped. When all is closed, no goroutine is left.
8. In the rows with recalls a message whose recall was answered is in no history, in no welcome and on no native
   screen. Where a failover lost the recall before all nodes had received it, the screens of those that had are
   held to it. Numbers that native members see go on by one, or an epoch or a gap says why not. No gap names
   what the history has. So a member that was welcomed into the local epoch of a node gets no gap when that
   ends. From the answer to a recall on, a member that comes in on that node does not get the message. No recall by
   number takes another message back.
9. A member that comes back may be welcomed as one that missed nothing else. Then it has every message of the history
   up to there. Each visit has each message once.

The killed node's own counters and members are gone with it; what its script calls did is held to 2 and 4.
`

const crowdIntro = `
## A node dies in a busy room

All of this is one process without sockets, and the kill is a cut wire. The node's connections to Redis break,
nothing leaves it any more, and its hall ends. [bench/results/kill-node.txt](../bench/results/kill-node.txt) has
the same with sockets and a process for each node, one of which is killed.

%d viewers in one room, a third of them on each of three nodes, %d messages a second; then one node is killed.
Messages of its FastIM writer end with it; its native writer goes on over another node. The table has what %d
viewers on each of the other two nodes saw, who read everything (the others count frames):

| | messages | p50 | p99 | longest | longest silence |
| --- | ---: | ---: | ---: | ---: | ---: |
`

const crowdOutro = `
Times are from Room.Post to the member. In all, %d messages were acknowledged, %d were lost, %d copies
came twice, and %d were missing. The first new message of the other node came %s after the kill. The
killed node's %d viewers came back to the other two at once: that took %s for all of them.
`
