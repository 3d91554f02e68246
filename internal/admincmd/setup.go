package admincmd

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"barrage/internal/cli"
)

// This file has the commands that register rooms and revoke tokens.

func (p *program) room() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "room",
		Short: "Register a room, end that, or look for one",
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
		Short: "Say whether a room is known, and live on the node",
		Long: `Say whether a room is known: registered, or with messages. The exit code is 1 where it is not.
A room is live on a node while it has members there, and for a while after that.`,
		Example: "  barrage admin room show live-1",
		Args:    arguments("ROOM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := call{doing: fmt.Sprintf("show room %q", args[0]), method: http.MethodGet, path: roomPath(args[0])}
			return p.run(cmd, c, func(out io.Writer, answer []byte) error {
				var known struct {
					Live bool `json:"live"`
				}
				if err := json.Unmarshal(answer, &known); err != nil {
					return fmt.Errorf("cannot read the answer: %w", err)
				}
				is := " is known, and not live on this node"
				if known.Live {
					is = " is known, and live on this node"
				}
				return say(args[0]+is)(out, nil)
			})
		},
	})
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
