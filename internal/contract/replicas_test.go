package contract

import (
	"fmt"
	"strings"
	"testing"

	"barrage/internal/redistest"
)

// TestMinReplicas_AcknowledgeOnlyWhatIsKept: while too few replicas have a message, all members get it and its sender
// gets no acknowledgement. A message that is sent again is acknowledged once they have it, under the number that it
// had.
func TestMinReplicas_AcknowledgeOnlyWhatIsKept(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t)
	replica := redistest.StartReplica(t, master)
	settings := append(onRedis(master), "redis.min_replicas=1", "redis.timeout=1s")
	here, there := startNode(t, settings...), startNode(t, settings...)
	sender, other := here.dialNative(t, "den", account{"alice", "x"}), there.dialNative(t, "den", account{"bob", "x"})
	await := func(c *client, part string) string {
		t.Helper()
		for {
			if text := c.text(); strings.Contains(text, part) {
				return text
			}
		}
	}
	// A lane writes the message, and its outcome goes straight to its sender: either may be first.
	both := func(c *client, one, other string) string {
		t.Helper()
		for {
			switch text := c.text(); {
			case strings.Contains(text, one):
				return await(c, other)
			case strings.Contains(text, other):
				await(c, one)
				return text
			}
		}
	}
	acknowledged := func(seq, body string) { // as soon as the replica is quick enough
		t.Helper()
		eventually(t, func() error {
			sender.say(`{"t":"send","id":"` + seq + `","body":"` + body + `"}`)
			if got := await(sender, `"id":"`+seq+`","`); !strings.Contains(got, `"t":"ack"`) || !strings.Contains(got, `"seq":`+seq+`,`) {
				return fmt.Errorf("the sender is told %s; want an ack of number %s", got, seq)
			}
			return nil
		})
	}
	acknowledged("1", "first")
	replica.Pause(t)
	sender.say(`{"t":"send","id":"2","body":"second"}`)
	if got := both(sender, `"body":"second"`, `"t":"refused"`); !strings.Contains(got, `"id":"2"`) || !strings.Contains(got, `"code":"unconfirmed"`) || !strings.Contains(got, `"retry_after_ms":2000`) {
		t.Errorf("the sender is told %s; want unconfirmed, and when to say it again", got)
	}
	await(other, `"body":"second"`)
	sender.say(`{"t":"send","id":"3","body":"third"}`) // chat goes on
	await(other, `"body":"third"`)
	replica.Resume(t)
	acknowledged("2", "second")
	text := get(t, "http://"+here.admin+"/metrics").body
	if strings.Contains(text, "\nbarrage_store_few_replicas_total 0\n") || !strings.Contains(text, "\nbarrage_store_few_replicas_total ") {
		t.Error("the metrics count no batch that too few replicas had")
	}
}
