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

// crowdResult is what TestCrowd saw.
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
	fmt.Fprintf(&b, tableIntro, runtime.NumCPU(), processor(), runtime.Version(), r.redis, nodes, rooms, nodes*rooms, time.Second/postEvery)
	for _, row := range r.rows {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %d | %d | %d | %s |\n", row.fault, row.posted, row.acknowledged,
			row.refused, row.localOnly, row.lost, row.delivered, row.duplicates, row.missing, seconds(row.recovery))
	}
	fmt.Fprintf(&b, tableOutro, lot)
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

Written by the run itself:

    go test ./internal/faults -count 1 -table ../../docs/faults.md

on %d cores of %s, which the nodes, the members and Redis shared; %s, Redis %s, loopback,
four faults at a time.

Each row is a site of its own: %d nodes (a hall over a Redis store each, without sockets),
%d rooms, %d members that are there from the beginning, more that join before, during and after
the fault, and a writer on each node that posts %d messages a second, in turn to each room.
The writers post before, during and after the fault; then everything comes to rest, and the test
counts.

| fault | posted | acknowledged | refused | heard here only | lost by Redis | delivered | twice | missing | recovery |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
`

const tableOutro = "" +
	`
- **posted**: calls of Room.Post on all nodes.
- **acknowledged**: messages of batches that Redis' script answered for. Where the answer was lost,
  the batch's own event tells the node that it was taken: such a message is posted, not acknowledged,
  and held to everything that acknowledged ones are.
- **refused**: messages that Room.Post refused with an error (queues full), or that were given up
  after QueueAge and nobody heard. All were counted in the hall's statistics, where /metrics has them.
- **heard here only**: given up too, but the members of the sender's node had had them while Redis
  was away.
- **lost by Redis**: taken by the script, then lost with Redis' data.
- **delivered**: copies to the members that were there from the beginning.
- **twice**: copies that a member got again. **missing**: copies that a member should have got and did not.
- **recovery**: from the end of the fault, of the last one where there are several, until in every room
  every node had heard a new message of another node. Where a master is killed it is counted from
  the kill on, and has the time in it after which others believe that: 1 s for Sentinel, 1.5 s for the
  cluster, as these tests set it.

Some rows in more words. *Connections stay*: a proxy holds all bytes of one node until it has chatted by
itself for a while, then lets them go. *Brings no events*: a proxy drops what is published, and nothing
else, until the node has found out. *Address moved*: replication ends, %d messages on each node later all
nodes are led to the replica, which lacks them; two nodes write on until it has more messages than were
lost, under the same numbers; only then the third one gets there. *Node killed*: its connections break and
nothing leaves it any more; the others count its members until ReportLife is over, which the test brings
about by making its last report older.

The test fails unless:

1. posted = in the history + lost by Redis + refused + heard here only, on each node, and the nodes'
   own counters say the same.
2. Every message that the script took, by its answer or its event, is in the history once, at the number
   it was given. Only in the rows where Redis loses data may it be lost: then its epoch is over, or its
   number is another's.
3. Every member that was there from the beginning got every message of the history once, and nothing
   that Redis never had but what was heard here only. Of what Redis lost it has all that its own node
   sent; of others' it may lack the end, whose events were lost with Redis.
4. It got them in the order of the history. Members of a node that was cut off had their own
   node's messages at once, before others': there, the messages of that node are in order among
   themselves, and those of all others are.
5. A member that came later got exactly what the one beside it got from then on, nothing of it was in
   its welcome, and where its node was never cut off, its welcome ends right before.
6. In the end every node has the same newest message and total in every room, State is nil, nothing waits,
   nobody skipped, and, when all is closed, no goroutine is left.

The killed node's own counters and members are gone with it; what its script calls did is held to 2 and 3.
`

const crowdIntro = `
## A node dies in a busy room

%d viewers in one room, a third of them on each of three nodes, %d messages a second; then one node is
killed. Its share of the messages ends with it. What %d viewers on each of the other two nodes saw, who read
everything (the others count frames):

| | messages | p50 | p99 | longest | longest silence |
| --- | ---: | ---: | ---: | ---: | ---: |
`

const crowdOutro = `
Times are from Room.Post to the member's socket. In all, %d messages were acknowledged, %d were lost, %d copies
came twice, and %d were missing. The first new message of the other node came %s after the kill. The
killed node's %d viewers came back to the other two at once: that took %s for all of them.
`
