package admincmd

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"barrage/internal/chat"
	"barrage/internal/cli"
)

// This file has the commands about people, which are verbs of moderators. See docs/moderation.md.

// verb is what the node carries out: the body of POST …/mod.
type verb struct {
	ID      string                     `json:"id,omitempty"`
	Verb    string                     `json:"verb"`
	UserID  string                     `json:"user_id,omitempty"`
	Address string                     `json:"address,omitempty"`
	ForMS   int64                      `json:"for_ms,omitempty"`
	Reason  string                     `json:"reason,omitempty"`
	Purge   bool                       `json:"purge,omitempty"`
	Seq     uint64                     `json:"seq,omitempty"`
	Epoch   string                     `json:"epoch,omitempty"`
	Since   int64                      `json:"since,omitempty"` // Unix ms
	Modes   map[string]json.RawMessage `json:"modes,omitempty"`
	Body    string                     `json:"body,omitempty"`
	Role    string                     `json:"role,omitempty"`
	Held    string                     `json:"held,omitempty"`
}

// action is a verb that a command has carried out.
type action struct {
	verb
	room     string // empty: everywhere
	doing    string // for errors, as `mute "bob"`; where it is done is put behind it
	question string // that is asked first; empty: none
	twice    bool   // given again, it is done twice
	// done says what is in force then.
	done func(r result) string
}

// result is the answer of a node to a verb.
type result struct {
	N      int    `json:"n"`      // messages that were taken away
	Seq    uint64 `json:"seq"`    // of a message that was approved
	Before bool   `json:"before"` // it was in the room already
}

// carryOut has a node do it, and writes what is in force.
func (p *program) carryOut(cmd *cobra.Command, a *action) error {
	doing := a.doing + " " + within(a.room)
	if err := p.confirm(cmd, doing, a.question); err != nil {
		return err
	}
	c := call{doing: doing, method: http.MethodPost, path: modPath(a.room), body: a.verb, twice: a.twice}
	return p.run(cmd, c, func(out io.Writer, answer []byte) error {
		var r result
		if err := json.Unmarshal(answer, &r); err != nil {
			return fmt.Errorf("cannot read the answer: %w", err)
		}
		_, err := fmt.Fprintln(out, a.done(r))
		return err
	})
}

// act gives a command the work to carry out what fill says, and the flags for that.
func (p *program) act(cmd *cobra.Command, fill func(args []string, a *action) error) *cobra.Command {
	a := &action{}
	cmd.Flags().StringVar(&a.Reason, "reason", "", "why: for the log, and for whom it concerns (at most 200 characters)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a.Verb = cmd.Name()
		if len(args) > 0 {
			a.room = args[0]
		}
		if err := fill(args, a); err != nil {
			return err
		}
		return p.carryOut(cmd, a)
	}
	return cmd
}

// lasting is "for 10m", or "for good".
func lasting(s period) string {
	if s == 0 {
		return "for good"
	}
	return "for " + spelled(time.Duration(s))
}

// people are the commands about people.
func (p *program) people() []*cobra.Command {
	return []*cobra.Command{
		p.measure("mute", "Let somebody read, but not write or like", `Let a user read, but neither write nor like. The user is sent the end and the reason of the mute. Nobody else
is. A server key is above all roles, so moderators and owners can be muted, too.`,
			"is muted"),
		p.lift("unmute", "End a mute", "is not muted"),
		p.measure("shadow", "Let somebody write for nobody", `Acknowledge what a user sends, and store it nowhere: nobody else gets it. The user is not notified, but
can find out by looking at the room as somebody else.`,
			"is shadowed"),
		p.lift("unshadow", "End a shadow", "is not shadowed"),
		p.kick(), p.ban(), p.unban(), p.appoint(),
	}
}

// measure is a command that puts something in force about a user.
func (p *program) measure(name, short, long, is string) *cobra.Command {
	var last period
	cmd := &cobra.Command{
		Use:     name + " ROOM USER",
		Short:   short,
		Long:    long + "\n\nGiven again, the command replaces the time and the reason.",
		Example: fmt.Sprintf("  barrage admin %s live-1 bob --for 10m --reason 'calm down'", name),
		Args:    arguments("ROOM", "USER"),
	}
	cmd.Flags().Var(&last, "for", "how long, as 10m, 12h or 7d (default: for good)")
	return p.remote(p.act(cmd, func(args []string, a *action) error {
		a.UserID, a.ForMS = args[1], last.ms()
		a.doing = fmt.Sprintf("%s %q", name, a.UserID)
		a.done = func(result) string {
			return cli.Plain(fmt.Sprintf("%s %s in %s %s", a.UserID, is, a.room, lasting(last)))
		}
		return nil
	}))
}

// lift is a command that ends what measure puts in force.
func (p *program) lift(name, short, is string) *cobra.Command {
	cmd := &cobra.Command{Use: name + " ROOM USER", Short: short, Args: arguments("ROOM", "USER")}
	return p.remote(p.act(cmd, func(args []string, a *action) error {
		a.UserID = args[1]
		a.doing = fmt.Sprintf("%s %q", name, a.UserID)
		a.done = func(result) string { return cli.Plain(fmt.Sprintf("%s %s in %s", a.UserID, is, a.room)) }
		return nil
	}))
}

func (p *program) kick() *cobra.Command {
	last := period(chat.KickFor)
	cmd := &cobra.Command{
		Use:   "kick ROOM USER",
		Short: "Close somebody's sockets, and keep them out for a while",
		Long: `Close the sockets of a user in a room, on all nodes, with code 4403. The user cannot come back
before the time is over.`,
		Example: "  barrage admin kick live-1 bob --for 5m",
		Args:    arguments("ROOM", "USER"),
	}
	cmd.Flags().Var(&last, "for", "how long they stay out")
	return p.remote(p.act(cmd, func(args []string, a *action) error {
		a.UserID, a.ForMS = args[1], last.ms()
		a.doing = fmt.Sprintf("kick %q", a.UserID)
		a.done = func(result) string {
			return cli.Plain(fmt.Sprintf("%s is out of %s %s", a.UserID, a.room, lasting(last)))
		}
		return nil
	}))
}

// about is who a ban is about, and where.
type about struct {
	address    string
	everywhere bool
}

func (b *about) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&b.address, "address", "", "an address or a prefix in the place of USER, as 192.0.2.7 or 2001:db8::/32")
	cmd.Flags().BoolVar(&b.everywhere, "everywhere", false, "in all rooms, in the place of ROOM")
}

// read reads the arguments: ROOM but with --everywhere, USER but with --address.
func (b *about) read(cmd *cobra.Command, args []string) error {
	var names []string
	if !b.everywhere {
		names = append(names, "ROOM")
	}
	if b.address == "" {
		names = append(names, "USER")
	}
	if len(names) == 0 {
		return cli.NoArguments(cmd, args)
	}
	return arguments(names...)(cmd, args)
}

// fill puts them into an action, and returns who it is about.
func (b *about) fill(args []string, a *action) (target string) {
	a.Address = b.address
	if p, err := netip.ParsePrefix(b.address); err == nil {
		a.Address = p.Masked().String() // the banned prefix, also where it was typed with bits behind it
	}
	if b.address == "" {
		a.UserID = args[len(args)-1]
	}
	if b.everywhere {
		a.room = ""
	}
	return a.UserID + a.Address
}

// from is "from live-1", or "from every room".
func from(room string) string {
	if room == "" {
		return "from every room"
	}
	return "from " + room
}

func (p *program) ban() *cobra.Command {
	var last period
	var b about
	var purge bool
	cmd := &cobra.Command{
		Use:   "ban ROOM USER | ROOM --address PREFIX | --everywhere USER | --everywhere --address PREFIX",
		Short: "Keep somebody, or an address, out of a room or all rooms",
		Long: `Keep a user out of a room, or all who come from an address. Open sockets are closed with code 4403;
handshakes get 403 and learn until when. With --purge the user's messages are taken away as well.

A ban of an address holds where the node knows the client's address (server.trusted_proxies).
Where names are anybody's (auth.mode any), the user comes back under another name.

The command asks before it bans everywhere, or purges: see --yes.`,
		Example: `  barrage admin ban live-1 bob --for 7d --reason 'spam'
  barrage admin ban live-1 bob --purge --yes
  barrage admin ban live-1 --address 192.0.2.0/24 --for 1h
  barrage admin ban --everywhere bob --yes`,
		Args: b.read,
	}
	cmd.Flags().Var(&last, "for", "how long, as 10m, 12h or 7d (default: for good)")
	cmd.Flags().BoolVar(&purge, "purge", false, "take the user's messages in the room away as well")
	b.addFlags(cmd)
	return p.asking(p.act(cmd, func(args []string, a *action) error {
		target := b.fill(args, a)
		a.ForMS, a.Purge = last.ms(), purge
		a.doing = fmt.Sprintf("ban %q", target)
		switch {
		case purge && (b.address != "" || b.everywhere):
			return cli.Misused(cmd, "cannot purge with this ban: --purge takes away the messages of one user in one room")
		case purge:
			a.question = fmt.Sprintf("Ban %q from room %q, and take all their messages there away for good?", target, a.room)
		case b.everywhere:
			a.question = fmt.Sprintf("Ban %q from every room, and close their sockets?", target)
		}
		a.done = func(r result) string {
			text := fmt.Sprintf("%s is banned %s %s", target, from(a.room), lasting(last))
			if purge {
				text += ", and " + taken(r.N, "")
			}
			return cli.Plain(text)
		}
		return nil
	}))
}

func (p *program) unban() *cobra.Command {
	var b about
	cmd := &cobra.Command{
		Use:   "unban ROOM USER | ROOM --address PREFIX | --everywhere USER | --everywhere --address PREFIX",
		Short: "End a ban or a kick",
		Long: `End a ban, and a kick as well. The prefix must be the one that was banned: "barrage admin order"
shows it. A ban of a room and one everywhere are two: each has its own end.

The command asks before it ends a ban everywhere: see --yes.`,
		Example: `  barrage admin unban live-1 bob
  barrage admin unban --everywhere --address 192.0.2.0/24 --yes`,
		Args: b.read,
	}
	b.addFlags(cmd)
	return p.asking(p.act(cmd, func(args []string, a *action) error {
		target := b.fill(args, a)
		a.doing = fmt.Sprintf("unban %q", target)
		if b.everywhere {
			a.question = fmt.Sprintf("End the ban of %q that holds in every room?", target)
		}
		a.done = func(result) string { return cli.Plain(fmt.Sprintf("%s is not banned %s", target, from(a.room))) }
		return nil
	}))
}

func (p *program) appoint() *cobra.Command {
	var last period
	cmd := &cobra.Command{
		Use:   "role ROOM USER ROLE",
		Short: "Give somebody a role in a room",
		Long: `Give a user a role in a room: viewer, vip, moderator or owner. It counts where the user's token has
a lower one. viewer takes the role away again.

Moderators keep order over their sockets; owners give roles, too. Nobody acts on somebody of an
equal or a higher role. Names must be checked for that (auth.mode without any).`,
		Example: "  barrage admin role live-1 carol moderator --for 1d",
		Args:    arguments("ROOM", "USER", "ROLE"),
	}
	cmd.Flags().Var(&last, "for", "how long, as 12h or 7d (default: for good)")
	return p.remote(p.act(cmd, func(args []string, a *action) error {
		a.UserID, a.Role, a.ForMS = args[1], args[2], last.ms()
		a.doing = fmt.Sprintf("make %q %q", a.UserID, a.Role)
		a.done = func(result) string {
			text := fmt.Sprintf("%s is %s in %s", a.UserID, a.Role, a.room)
			if a.Role != "viewer" {
				text += " " + lasting(last)
			}
			return cli.Plain(text)
		}
		return nil
	}))
}
