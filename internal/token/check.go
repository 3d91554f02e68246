package token

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"barrage/gateway/pass"
	"barrage/internal/chat"
	"barrage/internal/cli"
)

// maxInput bounds the input from stdin, in bytes: a token with blanks around it. The check refuses a longer one.
const maxInput = 2 * chat.MaxToken

func newCheck(settings Settings) *cobra.Command {
	var asJSON bool
	k := keys{settings: settings}
	cmd := &cobra.Command{
		Use:   "check [TOKEN | -]",
		Short: "Show what a token grants, or why it is refused",
		Long: `Check a token like a node with this configuration, and show what it grants. If the token is
refused the command prints the reason that its user would get, and exits with code 1.

Without an argument, or with -, the command reads the token from stdin. A token on the command
line stays in the shell's history, and other users of the machine see it in the process list.

With auth.jwks_url the command fetches the issuer's keys once.`,
		Example: `  barrage token check <token.txt
  barrage token new --user alice | barrage token check
  barrage token new --guest | barrage token check --json
  barrage token check --secret-file secret <token.txt`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return cli.Misused(cmd, fmt.Sprintf("cannot check %d tokens: give one, or none to read one from stdin", len(args)))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := k.config()
			if err != nil {
				return err
			}
			token, err := read(cmd, args)
			if err != nil {
				return err
			}
			now := time.Now()
			p, no, err := check(cmd.Context(), cfg, token, now)
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(cmd.OutOrStdout(), p, no)
			} else if no == nil {
				err = write(cmd.OutOrStdout(), p, now)
			}
			if no != nil && err == nil {
				err = no
			}
			return err
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the outcome as JSON, also a refusal")
	k.addFlags(cmd)
	return cmd
}

// read returns the token from the command line or from stdin.
func read(cmd *cobra.Command, args []string) (string, error) {
	if len(args) == 1 && args[0] != "-" {
		return args[0], nil
	}
	stdin := cmd.InOrStdin()
	if file, ok := stdin.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "Paste the token, then press Enter and Ctrl-D.")
	}
	text, err := io.ReadAll(io.LimitReader(stdin, maxInput))
	if err != nil {
		return "", fmt.Errorf("cannot read the token: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// check checks a token like a node.
func check(ctx context.Context, cfg pass.JWTConfig, token string, now time.Time) (*pass.Pass, *pass.Refused, error) {
	checker, err := pass.NewJWT(cfg, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, nil, unusable(err)
	}
	failed := checker.Refresh(ctx)
	p, no := checker.Check(token)
	if failed != nil && no != nil && no.Code == pass.Unavailable { // other refusals do not depend on those keys
		return nil, nil, fmt.Errorf("cannot fetch the keys of auth.jwks_url: %w", failed)
	}
	return p, no, nil
}

// nodeDefault stands for the rights that a token leaves to the node.
const nodeDefault = "the node's default (auth.default_can)"

// write prints a pass for people.
func write(out io.Writer, p *pass.Pass, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		_, _ = fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) // Flush has the error
	}
	if p.User == "" {
		line("user", "none: a guest")
	} else {
		line("user", "%s", cli.Plain(p.User))
	}
	line("expires", "%s, in %s", p.Expires.UTC().Format(time.RFC3339), inWords(p.Expires.Sub(now)))
	if !p.Issued.IsZero() {
		line("issued", "%s", p.Issued.UTC().Format(time.RFC3339))
	}
	if p.ID != "" {
		line("id", "%s", cli.Plain(p.ID))
	}
	if p.Role != "" {
		line("role", "%s", p.Role)
	}
	if len(p.Tags) > 0 {
		line("tags", "%s", cli.Plain(strings.Join(p.Tags, ", ")))
	}
	if p.Info != "" {
		line("info", "%s", cli.Plain(p.Info))
	}
	switch {
	case !p.Named:
		line("rooms", "every room: %s", nodeDefault)
	case len(p.Grants) == 0:
		line("rooms", "none")
	}
	for i, g := range p.Grants {
		text := strings.Join(g.Can.Names(), ", ")
		if g.Default {
			text = nodeDefault
		}
		if g.Role != "" {
			text += ", as " + g.Role
		}
		line([]string{"rooms", ""}[min(i, 1)], "%s: %s", cli.Plain(g.Room), cmp.Or(text, "nothing"))
	}
	return w.Flush()
}

// inWords is a duration in whole days, or as it stands where it is shorter than two.
func inWords(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", d.Round(24*time.Hour)/(24*time.Hour))
	}
	return d.Round(time.Second).String()
}

// granted is the JSON of a good token.
type granted struct {
	OK      bool            `json:"ok"`
	User    string          `json:"user"`
	Guest   bool            `json:"guest"`
	Expires time.Time       `json:"expires"`
	Issued  time.Time       `json:"issued,omitzero"`
	ID      string          `json:"id,omitempty"`
	Role    string          `json:"role,omitempty"`
	Tags    []string        `json:"tags,omitempty"`
	Info    json.RawMessage `json:"info,omitempty"`
	// EveryRoom: the token names no rooms; the node's default holds in all of them.
	EveryRoom bool             `json:"every_room"`
	Rooms     []pass.RoomClaim `json:"rooms"`
}

// refused is the JSON of a bad token.
type refused struct {
	OK     bool      `json:"ok"`
	Code   pass.Code `json:"code"`
	Status int       `json:"status"`
	Why    string    `json:"why"`
}

func writeJSON(out io.Writer, p *pass.Pass, no *pass.Refused) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if no != nil {
		return encoder.Encode(refused{Code: no.Code, Status: no.Code.Status(), Why: no.Why})
	}
	g := granted{
		OK: true, User: p.User, Guest: p.User == "", Expires: p.Expires.UTC(), ID: p.ID, Role: p.Role, Tags: p.Tags,
		Info: json.RawMessage(p.Info), EveryRoom: !p.Named, Rooms: make([]pass.RoomClaim, len(p.Grants)),
	}
	if !p.Issued.IsZero() {
		g.Issued = p.Issued.UTC()
	}
	for i, grant := range p.Grants {
		g.Rooms[i] = pass.RoomClaim{ID: grant.Room, Role: grant.Role}
		if !grant.Default {
			g.Rooms[i].Can = grant.Can.Names()
		}
	}
	return encoder.Encode(g)
}
