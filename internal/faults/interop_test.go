package faults

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/redistest"
	"barrage/redisx"
	"barrage/room"
)

// original is a stand-in for an original FastIM server: it writes the forms of that, by two commands a message.
type original struct {
	t      *testing.T
	server *redistest.Server
}

// say has somebody send something in the first room. Equal calls make equal elements.
func (o original) say(info string, ts int64) (element string) {
	o.t.Helper()
	d := codec.NewDraft(roomID(0), "o", info, ts)
	text, err := json.Marshal(string(d.AppendJSON(nil, ts)))
	if err != nil {
		o.t.Fatal(err)
	}
	command(o.t, o.server, "RPUSH", "gml:"+roomID(0), string(text))
	command(o.t, o.server, "PUBLISH", "mq:"+roomID(0), string(text))
	return string(text)
}

// recall takes an element out, and notifies nobody.
func (o original) recall(element string) {
	o.t.Helper()
	command(o.t, o.server, "LREM", "gml:"+roomID(0), "1", element)
}

// beside is a plan of which the first nodes keep to the original's forms.
func beside(addr string, interop int) plan {
	return plan{
		nodes: 2, rooms: 1,
		redis: func(i int) redisx.Config {
			cfg := direct(addr)(i)
			cfg.FastIMInterop = i < interop
			return cfg
		},
		change: func(i int, cfg *room.Config) { cfg.NoLocal = i < interop },
	}
}

// awaitAll waits until every elder has so many messages that begin with prefix, and each of others once.
func (s *site) awaitAll(prefix string, want int) {
	s.t.Helper()
	for _, m := range s.elders {
		eventually(s.t, fmt.Sprintf("members of %s have %d of %s", m.node.name, want, prefix), func() (bool, string) {
			got := m.count(prefix)
			return got == want, fmt.Sprintf("%d", got)
		})
	}
}

// TestBesideOriginal_EqualMessagesAreSeveral: people repeat themselves within a millisecond, and an original node
// writes the same element each time.
func TestBesideOriginal_EqualMessagesAreSeveral(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := openSite(t, beside(server.Addr, 2))
	o := original{t, server}
	now := time.Now().UnixMilli()
	for range 40 {
		o.say("666-", now)
	}
	s.awaitAll("666", 40)
	command(t, server, "CLIENT", "KILL", "TYPE", "pubsub")
	for range 40 { // before the connections are back, and after
		o.say("666-", now)
	}
	s.awaitAll("666", 80)
}

// TestBesideOriginal_ARecallShows although an original node notifies nobody.
func TestBesideOriginal_ARecallShows(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := openSite(t, beside(server.Addr, 2))
	for _, n := range s.nodes {
		n.stopWriting()
	}
	for _, p := range s.speakers {
		p.stopSpeaking()
		<-p.ended
	}
	s.flush()
	o := original{t, server}
	o.say("stays-", time.Now().UnixMilli())
	gone := o.say("goes-", time.Now().UnixMilli())
	s.awaitAll("goes", 1)
	o.recall(gone)
	for _, n := range s.nodes {
		eventually(t, n.name+" gives newcomers what is left", func() (bool, string) {
			json, _ := n.rooms[0].Newest()
			return strings.Contains(json, "stays-"), json
		})
	}
}

// TestBesideOriginal_SwitchedOffNodeByNodeLosesNothing: one node keeps to the original's forms, the other does not any
// more. A message sent on either reaches the members of both, once.
func TestBesideOriginal_SwitchedOffNodeByNodeLosesNothing(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := openSite(t, beside(server.Addr, 1))
	s.flow(lot) // so long both speak
	for _, n := range s.nodes {
		n.stopWriting()
	}
	for _, p := range s.speakers {
		p.stopSpeaking()
		<-p.ended
	}
	var posted []string
	for _, n := range s.nodes {
		posted = append(posted, n.posted...)
	}
	for id := range s.tries() {
		posted = append(posted, id)
	}
	for _, m := range s.elders {
		eventually(t, "members of "+m.node.name+" have all that was posted", func() (bool, string) {
			times := map[string]int{}
			for _, id := range m.ids() {
				times[id]++
			}
			for _, id := range posted {
				if times[id] != 1 {
					return false, fmt.Sprintf("%s came %d times, of %d", id, times[id], len(posted))
				}
			}
			return true, ""
		})
	}
}
