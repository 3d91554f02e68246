package admincmd

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"barrage/internal/chat"
	"barrage/internal/cli"
)

// This file has the commands that show what there is, and how answers are printed.

// writeJSON prints an answer as it is, indented.
func writeJSON(out io.Writer, answer []byte) error {
	var text bytes.Buffer
	if err := json.Indent(&text, bytes.TrimSpace(answer), "", "  "); err != nil {
		return fmt.Errorf("cannot print the answer: %w", err)
	}
	text.WriteByte('\n')
	_, err := text.WriteTo(out)
	return err
}

// grid is a table of texts.
type grid struct{ w *tabwriter.Writer }

func newGrid(out io.Writer, titles ...string) grid {
	g := grid{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	if len(titles) > 0 {
		g.row(titles...)
	}
	return g
}

// row adds a row. Cells are texts of strangers; an empty one is a dash.
func (g grid) row(cells ...string) {
	for i, cell := range cells {
		cells[i] = cmp.Or(cli.Plain(cell), "-")
	}
	_, _ = fmt.Fprintln(g.w, strings.Join(cells, "\t")) // Flush has the error
}

// until is the end of a measure, in Unix ms; empty for 0.
func until(ms int64) string {
	switch {
	case ms == 0:
		return ""
	case ms >= chat.ForGood:
		return "for good"
	}
	return at(ms)
}

// at is a time in Unix ms.
func at(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// looking is where a command looks: a room, or everywhere.
type looking struct{ everywhere bool }

func (l *looking) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&l.everywhere, "everywhere", false, "what holds in all rooms, in the place of ROOM")
}

func (l *looking) read(cmd *cobra.Command, args []string) error {
	if l.everywhere {
		return cli.NoArguments(cmd, args)
	}
	return arguments("ROOM")(cmd, args)
}

// room is the room; empty: everywhere.
func (l *looking) room(args []string) string {
	if l.everywhere {
		return ""
	}
	return args[0]
}

// addLimit gives a command the bound of what it prints.
func addLimit(cmd *cobra.Command, limit *int, byDefault int, what string) {
	cmd.Flags().IntVar(limit, "limit", byDefault, what)
}

// wantLimit refuses a bound that is none.
func wantLimit(cmd *cobra.Command, limit, most int) error {
	if limit < 1 || limit > most {
		return cli.Misused(cmd, fmt.Sprintf("cannot show %d: --limit is 1 to %d", limit, most))
	}
	return nil
}

// inForce is the answer of GET …/mod.
type inForce struct {
	Modes map[string]json.RawMessage `json:"modes"`
	Users []struct {
		UserID  string `json:"user_id"`
		Address string `json:"address"`
		What    string `json:"what"`
		Until   int64  `json:"until"`
		Reason  string `json:"reason"`
		By      string `json:"by"`
		At      int64  `json:"at"`
		Role    string `json:"role"`
	} `json:"users"`
}

func (p *program) order() *cobra.Command {
	var l looking
	var limit int
	var user string
	cmd := &cobra.Command{
		Use:   "order ROOM | --everywhere",
		Short: "Show what is in force: modes, mutes, bans, roles",
		Long: `Show what is in force in a room: its modes, the pinned message, and each mute, shadow, kick, ban and
role, with its end, its reason and who took it. --everywhere shows the bans that hold in all rooms.`,
		Example: `  barrage admin order live-1
  barrage admin order live-1 --user bob
  barrage admin order --everywhere --output json`,
		Args: l.read,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := wantLimit(cmd, limit, chat.MaxMeasures); err != nil {
				return err
			}
			room := l.room(args)
			c := call{doing: "read the rules " + within(room), method: http.MethodGet, path: modPath(room)}
			return p.run(cmd, c, func(out io.Writer, answer []byte) error {
				var o inForce
				if err := json.Unmarshal(answer, &o); err != nil {
					return fmt.Errorf("cannot read the answer: %w", err)
				}
				return o.write(out, room, user, limit)
			})
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "only what is about this user or address")
	addLimit(cmd, &limit, 100, "the most rows of the table")
	l.addFlags(cmd)
	return p.remote(cmd)
}

// write prints what is in force about everybody, or one user.
func (o *inForce) write(out io.Writer, room, user string, limit int) error {
	if room != "" && user == "" {
		g := newGrid(out)
		g.row("modes", cmp.Or(pairs(o.set()), "none"))
		g.row("pinned", cmp.Or(pinnedText(o.Modes["pinned"]), "none"))
		if cleared := string(o.Modes["cleared"]); cleared != "" && cleared != "0" {
			g.row("cleared", "up to message "+cleared)
		}
		_, _ = fmt.Fprintln(g.w) // Flush has the error
		if err := g.w.Flush(); err != nil {
			return err
		}
	}
	users := slices.Clone(o.Users)
	if user != "" {
		kept := users[:0]
		for _, u := range users {
			if u.UserID+u.Address == user {
				kept = append(kept, u)
			}
		}
		users = kept
	}
	if len(users) == 0 {
		_, err := fmt.Fprintln(out, cli.Plain("nothing is in force about "+cmp.Or(user, "anybody")))
		return err
	}
	g := newGrid(out, "WHO", "WHAT", "UNTIL", "BY", "SINCE", "REASON")
	for _, u := range users[:min(limit, len(users))] {
		what := u.What
		if u.Role != "" {
			what = "role " + u.Role
		}
		g.row(u.UserID+u.Address, what, until(u.Until), u.By, at(u.At), u.Reason)
	}
	if err := g.w.Flush(); err != nil {
		return err
	}
	return more(out, len(users)-limit)
}

// more writes that rows were left out.
func more(out io.Writer, n int) error {
	if n <= 0 {
		return nil
	}
	_, err := fmt.Fprintf(out, "and %d more: see --limit, or --output json for all\n", n)
	return err
}

// set are the modes that are not as in a room without any.
func (o *inForce) set() map[string]json.RawMessage {
	set := map[string]json.RawMessage{}
	for name, value := range o.Modes {
		switch text := string(value); {
		case name == "v", name == "pinned", name == "cleared", text == usual[name]:
		case text != "0" && text != "false" && text != `""` && text != "[]" && text != "null":
			set[name] = value
		}
	}
	return set
}

// usual are the words of modes in a room without any.
var usual = map[string]string{"who": `"all"`, "links": `"allow"`, "review": `"off"`}

// pinnedText is a pinned message in short; empty where there is none.
func pinnedText(text json.RawMessage) string {
	var m struct {
		Seq    uint64 `json:"seq"`
		UserID string `json:"user_id"`
		Body   string `json:"body"`
	}
	if json.Unmarshal(text, &m) != nil || m.Seq == 0 {
		return ""
	}
	return fmt.Sprintf("%d, %s: %s", m.Seq, m.UserID, shortened(m.Body))
}

// maxCell bounds a text in a table, in characters.
const maxCell = 80

func shortened(text string) string {
	if runes := []rune(text); len(runes) > maxCell {
		return string(runes[:maxCell-1]) + "…"
	}
	return text
}

// entry is one of the log.
type entry struct {
	At     int64                      `json:"at"`
	By     string                     `json:"by"`
	Role   string                     `json:"role"`
	Via    string                     `json:"via"`
	Verb   string                     `json:"verb"`
	Target string                     `json:"target"`
	Until  int64                      `json:"until"`
	Reason string                     `json:"reason"`
	Seq    uint64                     `json:"seq"`
	Gives  string                     `json:"gives"`
	N      int                        `json:"n"`
	Modes  map[string]json.RawMessage `json:"modes"`
	Body   string                     `json:"body"`
}

// details is what is only in some entries.
func (e *entry) details() string {
	var all []string
	add := func(text string) {
		if text != "" {
			all = append(all, text)
		}
	}
	if e.Seq > 0 {
		add(fmt.Sprint("message ", e.Seq))
	}
	if e.Gives != "" {
		add("is " + e.Gives)
	}
	if e.N > 0 {
		add(taken(e.N, ""))
	}
	add(pairs(e.Modes))
	add(shortened(e.Body))
	add(e.Reason)
	return strings.Join(all, "; ")
}

func (p *program) log() *cobra.Command {
	var l looking
	var limit int
	var before string
	cmd := &cobra.Command{
		Use:   "log ROOM | --everywhere",
		Short: "Show who did what, the newest first",
		Long: `Show the log of moderation of a room, the newest entry first: when, who, with which role and by which
way (socket, http, admin), what, to whom. A room keeps 1000 entries. --everywhere shows the log of
bans in all rooms. --output json has the id of each entry and the version of the rules; --before pages
through all.`,
		Example: `  barrage admin log live-1 --limit 20
  barrage admin log live-1 --before 3XZ4M5N6P7Q8
  barrage admin log live-1 --limit 1000 --output json | jq '.entries[] | select(.by == "carol")'`,
		Args: l.read,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := wantLimit(cmd, limit, chat.LogKept); err != nil {
				return err
			}
			room := l.room(args)
			c := call{
				doing: "read the log " + within(room), method: http.MethodGet, path: modPath(room) + "/log",
				query: url.Values{"limit": {strconv.Itoa(limit)}},
			}
			if before != "" {
				c.query.Set("before", before)
			}
			return p.run(cmd, c, writeLog)
		},
	}
	addLimit(cmd, &limit, 50, "the most entries")
	cmd.Flags().StringVar(&before, "before", "", "only entries older than the one with this id")
	l.addFlags(cmd)
	return p.remote(cmd)
}

func writeLog(out io.Writer, answer []byte) error {
	var log struct {
		Entries []entry `json:"entries"`
		Next    string  `json:"next"`
	}
	if err := json.Unmarshal(answer, &log); err != nil {
		return fmt.Errorf("cannot read the answer: %w", err)
	}
	if len(log.Entries) == 0 {
		_, err := fmt.Fprintln(out, "the log is empty")
		return err
	}
	g := newGrid(out, "WHEN", "BY", "AS", "VERB", "TARGET", "UNTIL", "DETAILS")
	for _, e := range log.Entries {
		g.row(at(e.At), e.By, e.Role+", "+e.Via, e.Verb, e.Target, until(e.Until), e.details())
	}
	if err := g.w.Flush(); err != nil || log.Next == "" {
		return err
	}
	_, err := fmt.Fprintln(out, cli.Plain("older ones: --before "+log.Next))
	return err
}

// roomInfo is a room as the admin port has it.
type roomInfo struct {
	Room    string   `json:"room"`
	Online  uint64   `json:"online"`
	Members int      `json:"members"`
	Likes   uint64   `json:"likes"`
	Total   uint64   `json:"total"`
	Rate    float64  `json:"rate"`
	Level   uint16   `json:"level"`
	Wanted  uint64   `json:"wanted"`
	Shown   uint64   `json:"shown"`
	Sent    uint64   `json:"sent"`
	Skipped uint64   `json:"skipped"`
	Left    uint64   `json:"left"`
	Local   bool     `json:"local"`
	Nodes   []string `json:"nodes"`
}

// roomList is the answer of GET /v1/admin/rooms.
type roomList struct {
	Rooms []roomInfo `json:"rooms"`
	Next  string     `json:"next"`
	reach
}

// sorts are by what rooms can be sorted.
var sorts = []string{"online", "rate", "level", "sent", "id"}

// addSort gives a command the order of the rooms it shows.
func addSort(cmd *cobra.Command, by *string) {
	cmd.Flags().StringVar(by, "sort", sorts[0], "by what, the largest first: "+strings.Join(sorts, ", "))
}

// wantSort refuses an order that there is none of.
func wantSort(cmd *cobra.Command, by string) error {
	if !slices.Contains(sorts, by) {
		return cli.Misused(cmd, fmt.Sprintf("cannot sort by %.64q: --sort is one of %s", by, strings.Join(sorts, ", ")))
	}
	return nil
}

func (p *program) rooms() *cobra.Command {
	var limit int
	var by, after string
	cmd := &cobra.Command{
		Use:   "rooms",
		Short: "Show the largest rooms that are live on any node",
		Long: `Show the rooms that are live, over all nodes. ONLINE are members, MSG/S messages a second, LEVEL is how much of
256 a storm leaves out. MESSAGES and LIKES are of all time. SENT are copies to members since the room
went live, SKIPPED those that slow members went without. LOCAL rooms have messages, or members, that
the store does not know of. A key needs "ops" for it. --sort id pages through all, see --after.`,
		Example: `  barrage admin rooms --limit 10 --sort rate
  barrage admin rooms --sort id --after live-100`,
		Args: cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := wantLimit(cmd, limit, chat.MaxRoomsListed); err != nil {
				return err
			}
			if err := wantSort(cmd, by); err != nil {
				return err
			}
			q := url.Values{"limit": {strconv.Itoa(limit)}, "sort": {by}}
			if after != "" {
				q.Set("after", after)
			}
			return p.run(cmd, call{doing: "list rooms", method: http.MethodGet, path: "/v1/admin/rooms", query: q}, writeRooms)
		},
	}
	addLimit(cmd, &limit, 20, "the most rooms")
	addSort(cmd, &by)
	cmd.Flags().StringVar(&after, "after", "", "with --sort id: only rooms behind this one")
	return p.remote(cmd)
}

func writeRooms(out io.Writer, answer []byte) error {
	var all roomList
	if err := json.Unmarshal(answer, &all); err != nil {
		return fmt.Errorf("cannot read the answer: %w", err)
	}
	if len(all.Rooms) == 0 {
		if _, err := fmt.Fprintln(out, "no rooms are live"); err != nil {
			return err
		}
		return all.write(out)
	}
	g := newGrid(out, "ROOM", "ONLINE", "MSG/S", "LEVEL", "MESSAGES", "LIKES", "SENT", "SKIPPED", "NODES", "LOCAL")
	for _, r := range all.Rooms {
		g.row(r.Room, fmt.Sprint(r.Online), perSecond(r.Rate), fmt.Sprint(r.Level), fmt.Sprint(r.Total), fmt.Sprint(r.Likes),
			fmt.Sprint(r.Sent), fmt.Sprint(r.Skipped), fmt.Sprint(len(r.Nodes)), yesNo(r.Local))
	}
	if err := g.w.Flush(); err != nil {
		return err
	}
	if all.Next != "" {
		if _, err := fmt.Fprintln(out, cli.Plain("more behind --after "+all.Next)); err != nil {
			return err
		}
	}
	return all.write(out)
}

func yesNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
