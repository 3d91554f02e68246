// Package admincmd has "barrage top", and the commands below "barrage admin" that call the admin port of a node. These
// keep order in rooms, show what is in force, and manage nodes, rooms, users, tokens and the word filter. They are
// clients of that port and know nothing else of a node. Begin with [New].
package admincmd

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"barrage/internal/cli"
)

// The groups of commands in the help. GroupSetup is for commands that others add, too.
const (
	groupPeople   = "people"
	groupMessages = "messages"
	groupRules    = "rules"
	groupLook     = "look"
	groupNodes    = "nodes"
	GroupSetup    = "setup"
)

// New is the command "admin" with all commands below it that call a node. environ is in the form of [os.Environ].
func New(environ []string) *cobra.Command {
	return newAdmin(&program{env: lookup(environ), terminal: isTerminal, now: time.Now})
}

func newAdmin(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "admin",
		Short: "Keep order in rooms, and manage nodes, rooms, tokens and keys",
		Long: `Keep order in rooms, and manage nodes, rooms, tokens, keys and the word filter. Each command is one call of a node's
admin port. What one node has confirmed holds on all nodes.

The node's address is --server, or BARRAGE_ADMIN_SERVER, or http://127.0.0.1:9001.

Where the node has admin.keys_file, each call needs a key: BARRAGE_ADMIN_KEY, or the first line
of --key-file. No flag takes the key itself, because other users of the machine can see flags.

--context NAME takes both from ~/.config/barrage/contexts.yaml:

  live: {server: "https://admin.example.com", key_file: live.key}
  test: {server: "http://127.0.0.1:9001"}

Commands that take many messages, clients or a list of words away ask first. So do bans everywhere, and
their end. Scripts give --yes.`,
		Example: `  barrage admin rooms
  barrage admin mute live-1 bob --for 10m --reason 'calm down'
  barrage admin ban live-1 --address 192.0.2.0/24 --for 1d
  barrage admin slow live-1 5s
  barrage admin order live-1
  barrage admin log live-1 --output json`,
		Args: cli.NoArguments,
		RunE: cli.ShowHelp,
	}
	cmd.AddGroup(
		&cobra.Group{ID: groupPeople, Title: "People in a room:"},
		&cobra.Group{ID: groupMessages, Title: "Messages of a room:"},
		&cobra.Group{ID: groupRules, Title: "Rules of a room:"},
		&cobra.Group{ID: groupLook, Title: "What there is:"},
		&cobra.Group{ID: groupNodes, Title: "Nodes:"},
		&cobra.Group{ID: GroupSetup, Title: "Rooms, tokens, keys, and the word filter:"},
	)
	for group, commands := range map[string][]*cobra.Command{
		groupPeople:   p.people(),
		groupMessages: p.messages(),
		groupRules:    p.rules(),
		groupLook:     {p.order(), p.log(), p.held(), p.rooms(), p.export(), p.user()},
		groupNodes:    p.fleet(),
		GroupSetup:    {p.room(), p.revoke(), p.filter()},
	} {
		for _, c := range commands {
			c.GroupID = group
			cmd.AddCommand(c)
		}
	}
	return cmd
}

// program is what all commands share: the world around them, and the flags of the one that runs.
type program struct {
	env      func(name string) string
	terminal func(stream any) bool
	now      func() time.Time

	server, keyFile, context, output string
	yes                              bool
}

// lookup finds variables in an environment.
func lookup(environ []string) func(name string) string {
	return func(name string) string {
		for _, entry := range environ {
			if value, ok := strings.CutPrefix(entry, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

// isTerminal reports whether a stream is a terminal, where somebody reads and can be asked.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// remote gives a command that calls a node the flags for that, behind its own.
func (p *program) remote(cmd *cobra.Command) *cobra.Command {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&p.server, "server", "", "address of a node's admin port (default: BARRAGE_ADMIN_SERVER, or "+defaultServer+")")
	flags.StringVar(&p.keyFile, "key-file", "", "file with the server key in its first line (default: BARRAGE_ADMIN_KEY)")
	flags.StringVar(&p.context, "context", "", "name of an entry in ~/.config/barrage/contexts.yaml")
	flags.StringVar(&p.output, "output", cli.OutputTable, "table, or json: what the node answered")
	return cmd
}

// asking is remote for a command that may ask before it does something.
func (p *program) asking(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&p.yes, "yes", false, "do not ask; needed where there is no terminal")
	return p.remote(cmd)
}

// run makes one call and prints the answer: as it is, or as table writes it.
func (p *program) run(cmd *cobra.Command, c call, table func(out io.Writer, answer []byte) error) error {
	if err := cli.CheckOutput(cmd, p.output); err != nil {
		return err
	}
	node, err := p.connect(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	ctx, stop := cli.UntilSignal(cmd.Context(), cmd.ErrOrStderr())
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := node.do(ctx, c)
	if err != nil {
		return err
	}
	if p.output == cli.OutputJSON {
		return writeJSON(cmd.OutOrStdout(), answer)
	}
	return table(cmd.OutOrStdout(), answer)
}

// confirm asks the question where the command needs a yes. doing is for errors.
func (p *program) confirm(cmd *cobra.Command, doing, question string) error {
	if p.yes || question == "" {
		return nil
	}
	if !p.terminal(cmd.InOrStdin()) {
		return cli.Misused(cmd, fmt.Sprintf("cannot %s without a question, and there is no terminal to ask on: give --yes", doing))
	}
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question) // a closed stderr: the answer is read all the same
	var said string
	_, _ = fmt.Fscanln(io.LimitReader(cmd.InOrStdin(), maxAnswer), &said) // no answer is a no
	if said = strings.ToLower(said); said == "y" || said == "yes" {
		return nil
	}
	return fmt.Errorf("cannot %s: the answer was not yes, and nothing was done", doing)
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64

// arguments wants exactly the named ones.
func arguments(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		return cli.Misused(cmd, fmt.Sprintf("cannot run %q: it wants %s, and %d came", cmd.CommandPath(), listed(names), len(args)))
	}
}

// listed is "ROOM, USER and ROLE".
func listed(names []string) string {
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return strings.Join(names, "")
}

// modPath is the path of the calls about order in a room, everywhere where it is empty.
func modPath(room string) string {
	if room == "" {
		return "/v1/admin/everywhere/mod"
	}
	return "/v1/admin/rooms/" + segment(room) + "/mod"
}

// segment is a name as a part of a path. A room may be called "." or "..": unescaped they would be no names.
func segment(name string) string {
	if name == "." || name == ".." {
		return strings.ReplaceAll(name, ".", "%2E")
	}
	return url.PathEscape(name)
}

// within is "in room "live-1"", or "everywhere".
func within(room string) string {
	if room == "" {
		return "everywhere"
	}
	return fmt.Sprintf("in room %q", room)
}
