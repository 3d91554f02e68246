package admincmd

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"barrage/internal/cli"
)

// This file has the commands that register rooms and revoke tokens.

func (p *program) room() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "room",
		Short: "Register a room, end that, or show one",
		Long: `With room.open: known only rooms open that are registered or have had messages. Registering a room is
of no effect otherwise. A key needs "rooms" for these.`,
		Args: cli.NoArguments,
		RunE: cli.ShowHelp,
	}
	cmd.AddCommand(
		p.registration("register", "Let a room open before its first message", http.MethodPut, "is registered"),
		p.registration("unregister", "End that; a room with messages stays open", http.MethodDelete, "is not registered"),
		p.show(),
	)
	return cmd
}

func roomPath(id string) string { return "/v1/admin/rooms/" + segment(id) }

// say is a table of one line.
func say(text string) func(io.Writer, []byte) error {
	return func(out io.Writer, _ []byte) error {
		_, err := fmt.Fprintln(out, cli.Plain(text))
		return err
	}
}

func (p *program) registration(name, short, method, is string) *cobra.Command {
	return p.remote(&cobra.Command{
		Use:     name + " ROOM",
		Short:   short,
		Example: fmt.Sprintf("  barrage admin room %s live-1", name),
		Args:    arguments("ROOM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := call{doing: fmt.Sprintf("%s room %q", name, args[0]), method: method, path: roomPath(args[0])}
			return p.run(cmd, c, say(args[0]+" "+is))
		},
	})
}

func (p *program) show() *cobra.Command {
	return p.remote(&cobra.Command{
		Use:   "show ROOM",
		Short: "Show a room over all nodes: who, how much, which modes",
		Long: `Show a room over all nodes: members, messages and likes, messages a second, how much a storm leaves out,
and its modes. The exit code is 1 where the room is not known: neither registered nor with messages.`,
		Example: "  barrage admin room show live-1",
		Args:    arguments("ROOM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := call{doing: fmt.Sprintf("show room %q", args[0]), method: http.MethodGet, path: roomPath(args[0])}
			return p.run(cmd, c, writeRoom)
		},
	})
}

func writeRoom(out io.Writer, answer []byte) error {
	var r struct {
		roomInfo
		inForce
		Live     bool   `json:"live"`
		Epoch    string `json:"epoch"`
		Seq      uint64 `json:"seq"`
		Measures int    `json:"measures"`
		Accounts []struct {
			Node string `json:"node"`
			roomInfo
		} `json:"accounts"`
		reach
	}
	if err := json.Unmarshal(answer, &r); err != nil {
		return fmt.Errorf("cannot read the answer: %w", err)
	}
	g := newGrid(out)
	g.row("room", r.Room)
	g.row("online", fmt.Sprint(r.Online))
	g.row("messages", fmt.Sprintf("%d, the newest is %d, %s a second", r.Total, r.Seq, perSecond(r.Rate)))
	g.row("likes", fmt.Sprint(r.Likes))
	if r.Wanted > 0 {
		g.row("storm", fmt.Sprintf("level %d of 256, %d of %d messages shown in the last second", r.Level, r.Shown, r.Wanted))
	}
	g.row("modes", cmp.Or(pairs(r.set()), "none"))
	g.row("pinned", cmp.Or(pinnedText(r.Modes["pinned"]), "none"))
	g.row("measures", fmt.Sprintf("%d about users, see barrage admin order", r.Measures))
	if err := g.w.Flush(); err != nil {
		return err
	}
	if len(r.Accounts) == 0 {
		if _, err := fmt.Fprintln(out, "it is live on no node"); err != nil {
			return err
		}
		return r.reach.write(out)
	}
	_, _ = fmt.Fprintln(out) // the table has the error
	per := newGrid(out, "NODE", "MEMBERS", "SENT", "SKIPPED", "LEFT", "LOCAL")
	for _, a := range r.Accounts {
		per.row(a.Node, fmt.Sprint(a.Members), fmt.Sprint(a.Sent), fmt.Sprint(a.Skipped), fmt.Sprint(a.Left), yesNo(a.Local))
	}
	if err := per.w.Flush(); err != nil {
		return err
	}
	return r.reach.write(out)
}

// exportKinds are the kinds of answers, by --format.
var exportKinds = map[string]string{"jsonl": "application/x-ndjson", "bilibili-xml": "application/xml", "ass": "text/x-ssa", "vtt": "text/vtt"}

func (p *program) export() *cobra.Command {
	var (
		after, t0 uint64
		format    string
	)
	cmd := &cobra.Command{
		Use:   "export ROOM",
		Short: "Write the history of a room, a line of JSON a message, or as comments of a video",
		Long: `Write the messages that the history of a room has, the oldest first, a line of JSON each. The exit code
is 1 where the end is missing: go on with --after and the last number. A key needs "rooms" for it.

--format bilibili-xml, ass or vtt writes what flies over a video, or stands below it, from --t0 on.`,
		Example: `  barrage admin export live-1 >live-1.ndjson
  barrage admin export live-1 | jq 'select(.user_id == "bob")'
  barrage admin export live-1 --format vtt --t0 1648368380000 >live-1.vtt`,
		Args: arguments("ROOM"),
	}
	cmd.Flags().Uint64Var(&after, "after", 0, "only messages with a greater number")
	cmd.Flags().StringVar(&format, "format", "jsonl", "jsonl, bilibili-xml, ass or vtt")
	cmd.Flags().Uint64Var(&t0, "t0", 0, "when the video began, in Unix ms; by default when the first message was sent")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c := call{doing: fmt.Sprintf("export room %q", args[0]), method: http.MethodGet, path: roomPath(args[0]) + "/export"}
		query := url.Values{}
		for name, n := range map[string]uint64{"after": after, "t0": t0} {
			if n > 0 {
				query.Set(name, strconv.FormatUint(n, 10))
			}
		}
		if _, known := exportKinds[format]; !known {
			return cli.Misused(cmd, fmt.Sprintf("cannot export as %.64q: --format is jsonl, bilibili-xml, ass or vtt", format))
		}
		if format != "jsonl" {
			query.Set("format", format)
		}
		if len(query) > 0 {
			c.query = query
		}
		node, err := p.connect(cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		ctx, stop := cli.UntilSignal(cmd.Context(), cmd.ErrOrStderr())
		defer stop()
		return node.copy(ctx, c, exportKinds[format], cmd.OutOrStdout())
	}
	p.remote(cmd)
	_ = cmd.Flags().MarkHidden("output") // it is always the same
	return cmd
}

func (p *program) user() *cobra.Command {
	return p.remote(&cobra.Command{
		Use:   "user USER",
		Short: "Show a user: sockets on all nodes, rooms, what is in force",
		Long: `Show where a user is now, on which node, from where, since when, and of which rooms they are a member.
It shows the mutes, bans and roles, too, that are in force everywhere and in the rooms where they are. A
key needs "moderate" for it, in all rooms.`,
		Example: "  barrage admin user bob",
		Args:    arguments("USER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := call{doing: fmt.Sprintf("show user %q", args[0]), method: http.MethodGet, path: "/v1/admin/users/" + segment(args[0])}
			return p.run(cmd, c, writeUser)
		},
	})
}

func writeUser(out io.Writer, answer []byte) error {
	var u struct {
		User  string `json:"user"`
		Nodes []struct {
			Node    string `json:"node"`
			N       int    `json:"n"`
			Sockets []struct {
				Room    string   `json:"room"`
				Since   int64    `json:"since"`
				Address string   `json:"address"`
				Role    string   `json:"role"`
				Guest   bool     `json:"guest"`
				Can     []string `json:"can"`
			} `json:"sockets"`
		} `json:"nodes"`
		Rooms    []string  `json:"rooms"`
		Measures []measure `json:"measures"`
		reach
	}
	if err := json.Unmarshal(answer, &u); err != nil {
		return fmt.Errorf("cannot read the answer: %w", err)
	}
	if _, err := fmt.Fprintf(out, "rooms  %s\n", cli.Plain(cmp.Or(strings.Join(u.Rooms, ", "), "none"))); err != nil {
		return err
	}
	if len(u.Nodes) == 0 {
		_, _ = fmt.Fprintln(out, "no sockets are open") // the rest has the error
	} else {
		_, _ = fmt.Fprintln(out)
		g := newGrid(out, "NODE", "ROOM", "SINCE", "FROM", "ROLE", "MAY")
		for _, n := range u.Nodes {
			for _, k := range n.Sockets {
				g.row(n.Node, k.Room, at(k.Since), k.Address, k.Role, strings.Join(k.Can, ", "))
			}
		}
		if err := g.w.Flush(); err != nil {
			return err
		}
		for _, n := range u.Nodes {
			if more := n.N - len(n.Sockets); more > 0 {
				_, _ = fmt.Fprintln(out, cli.Plain(fmt.Sprintf("and %d more on %s", more, n.Node))) // the rest has the error
			}
		}
	}
	if err := writeMeasures(out, u.Measures); err != nil {
		return err
	}
	return u.write(out)
}

// measure is what is in force about somebody.
type measure struct {
	Room   string `json:"room"`
	What   string `json:"what"`
	Until  int64  `json:"until"`
	Reason string `json:"reason"`
	By     string `json:"by"`
	Role   string `json:"role"`
}

func writeMeasures(out io.Writer, all []measure) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, "nothing is in force about them")
		return err
	}
	_, _ = fmt.Fprintln(out) // the rest has the error
	g := newGrid(out, "IN FORCE", "ROOM", "UNTIL", "BY", "REASON")
	for _, m := range all {
		g.row(strings.TrimSpace(m.What+" "+m.Role), cmp.Or(m.Room, "everywhere"), until(m.Until), m.By, m.Reason)
	}
	return g.w.Flush()
}

func (p *program) revoke() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke",
		Short: "Revoke the tokens of a user, or one token",
		Long: `Revoke tokens: within a second every node closes their sockets and refuses them. A key needs
"moderate" for it, in all rooms. Revoking does not keep anybody from a new token: see ban.`,
		Args: cli.NoArguments,
		RunE: cli.ShowHelp,
	}
	cmd.AddCommand(p.revokeUser(), p.revokeToken())
	return cmd
}

func (p *program) revokeUser() *cobra.Command {
	return p.remote(&cobra.Command{
		Use:     "user USER",
		Short:   "Revoke all tokens that a user has now",
		Example: "  barrage admin revoke user alice",
		Args:    arguments("USER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := call{
				doing: fmt.Sprintf("revoke the tokens of %q", args[0]), method: http.MethodPost,
				path: "/v1/admin/users/" + segment(args[0]) + "/revoke",
			}
			return p.run(cmd, c, say("the tokens that "+args[0]+" has now are revoked"))
		},
	})
}

func (p *program) revokeToken() *cobra.Command {
	var end string
	cmd := &cobra.Command{
		Use:     "token JTI",
		Short:   "Revoke one signed token by its id",
		Long:    `Revoke one signed token by its id, the claim "jti". "barrage token check" shows it, and the token's end.`,
		Example: "  barrage admin revoke token a1 --until 2026-12-01T00:00:00Z",
		Args:    arguments("JTI"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := call{
				doing: fmt.Sprintf("revoke token %q", args[0]), method: http.MethodPost,
				path: "/v1/admin/tokens/" + segment(args[0]) + "/revoke",
			}
			if end != "" {
				seconds, err := strconv.ParseInt(end, 10, 64)
				if t, bad := time.Parse(time.RFC3339, end); bad == nil {
					seconds, err = t.Unix(), nil
				}
				if err != nil || seconds < 0 {
					return cli.Misused(cmd, fmt.Sprintf("cannot read --until %.64q: want Unix seconds, or a time as 2026-12-01T00:00:00Z", end))
				}
				c.query = url.Values{"until": {strconv.FormatInt(seconds, 10)}}
			}
			return p.run(cmd, c, say("token "+args[0]+" is revoked"))
		},
	}
	cmd.Flags().StringVar(&end, "until", "", "the token's own end: nodes forget the revocation then (default: 400 days)")
	return p.remote(cmd)
}
