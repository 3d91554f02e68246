package hostile

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// table is where the rows go; empty: nowhere.
var table = flag.String("table", "", "add a row for each attack to this file, and hold how long people wait: on a quiet machine")

// attacks are what each test does, as the table has it.
var attacks = map[string]string{
	"Pings_AreCutUnnoticed":                      "20 sockets that send pings",
	"NativeOps_BadOnesAreCutUnnoticed":           "8 native sockets: nine ops that cannot be read, a ping, recalls, again and again",
	"Verbs_OfStrangersAreCutUnnoticed":           "8 native sockets that want people muted, and are no moderators",
	"FirstFrames_WrongTokensHoldUpNobody":        "40 sockets that have yet to show a token, where 20 may, and show none",
	"WithinRates_ManySocketsHoldUpNobody":        "700 sockets of five addresses, each within its rate",
	"Messages_EmptyOnesAreCutUnnoticed":          "2 sockets with empty texts in the same room",
	"OtherRooms_FloodsHoldUpNobody":              "8 sockets, each in a room of its own",
	"RoomsOpened_TakeBoundedMemory":              "rooms that nobody knows, asked for and entered",
	"Connections_CrowdsHoldUpNobody/silent":      "700 connections where 600 files may be open: they ask for nothing",
	"Connections_CrowdsHoldUpNobody/half_a_head": "the same with half a request",
	"Connections_CrowdsHoldUpNobody/slow_bodies": "the same with a body that does not end",
	"Connections_CrowdsHoldUpNobody/unread":      "the same with answers that are not read",
	"WelcomesUnread_TakeBoundedMemory":           "300 sockets that do not read a welcome of 256 KiB",
	"AnswersUnread_TakeBoundedMemory":            "200 pages of 256 KiB that are not read",
	"Resumes_TakeBoundedMemory":                  "20 that come back for 300 messages of 48 KB",
	"Ranges_TakeBoundedMemory":                   "the whole of that history, 8 at a time",
	"Posts_KeepToTheUserRate":                    "messages by HTTP, 8 at a time",
	"Fragments_OfAByteAreCutUnnoticed":           "8 native sockets with messages in fragments of one byte",
	"Lists_FloodsAreCutUnnoticed":                "8 sockets of lists, to which nobody listens, with messages of a byte",
	"Inflated_PingsAreCutUnnoticed":              "40 guests with pings of 24 KiB, compressed to 90 bytes",
	"Requests_FloodsTakeBoundedMemory/pages":     "8 connections that ask for the page, without a pause",
	"Requests_FloodsTakeBoundedMemory/nothing":   "the same for what there is not",
	"Requests_FloodsTakeBoundedMemory/options":   "the same with OPTIONS *, which names nothing",
}

// row adds what an attack did to the table.
func row(t *testing.T, calm, hostile figures, grown int64, busy float64) {
	t.Helper()
	if *table == "" {
		return
	}
	f, err := os.OpenFile(*table, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimSuffix(strings.TrimPrefix(t.Name(), "Test"), "/memory")
	name, redis := strings.CutSuffix(name, "/redis")
	what := attacks[name]
	if what == "" {
		t.Errorf("attacks has no words for %s", name)
	}
	if redis {
		what += "; with Redis"
	}
	_, err = fmt.Fprintf(f, "| %s | %d of %d | %v | %v | %v | %.0f %% | %d MiB |\n", what, hostile.Lost, hostile.Sent,
		calm.P99.Round(100*time.Microsecond), hostile.P99.Round(100*time.Microsecond),
		hostile.Worst.Round(100*time.Microsecond), 100*busy, max(grown, 0)>>20)
	if err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
