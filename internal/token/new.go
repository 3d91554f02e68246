package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"barrage/gateway/pass"
	"barrage/internal/chat"
	"barrage/internal/cli"
)

// defaultLife is the default of --life: long enough for a test, short enough for a token that leaks.
const defaultLife = time.Hour

// request has the flags of the command.
type request struct {
	user, role, info, id string
	guest                bool
	life                 time.Duration
	rooms, can, tags     []string
}

func newNew(settings Settings) *cobra.Command {
	var r request
	k := keys{settings: settings}
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Make a token and print it",
		Long: fmt.Sprintf(`Make a token, signed by HS256 with auth.jwt_secret, and print it. A node with the same secret
accepts it. It has the audience and the issuer that the configuration requires.

Without --room the token opens every room with the node's default rights (auth.default_can).
With --room it opens only those rooms. An id may end in *, for all rooms that begin like this;
quote it, because the shell expands it. --can lists the rights in these rooms:
%s. Each of them includes read.

Everyone who has the token is its user until it expires: keep its life short.`, strings.Join(everything.Names(), ", ")),
		Example: `  barrage token new --user alice
  barrage token new --user alice --life 8h --room 'live-*' --can read,send,like
  barrage token new --user bob --room live-1 --can moderate --role moderator --tag staff
  barrage token new --user alice --info '{"name":"Alice","level":7}' --id a1
  barrage token new --guest --room lobby --can read
  head -c 48 /dev/urandom | base64 >secret; barrage token new --user alice --secret-file secret`,
		Args: cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := r.check(cmd); err != nil {
				return err
			}
			cfg, err := k.config()
			if err != nil {
				return err
			}
			token, err := r.sign(cfg, time.Now())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), token)
			return err
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&r.user, "user", "", "id of the user")
	flags.BoolVar(&r.guest, "guest", false, "make a guest's token, without a user id")
	flags.DurationVar(&r.life, "life", defaultLife, "time until it expires, at most "+inWords(chat.RevokedLife))
	flags.StringArrayVar(&r.rooms, "room", nil, "id of a room, or a prefix and *; can be repeated (default: every room)")
	flags.StringSliceVar(&r.can, "can", nil, "rights in these rooms, as read,send (default: auth.default_can)")
	flags.StringVar(&r.role, "role", "", "the user's role: "+strings.Join(pass.Roles(), ", "))
	flags.StringVar(&r.info, "info", "", `a JSON object that everyone sees, as {"name":"Alice"}`)
	flags.StringArrayVar(&r.tags, "tag", nil, "a word about the user, for rules of rooms; can be repeated")
	flags.StringVar(&r.id, "id", "", "id of the token, to revoke it alone")
	k.addFlags(cmd)
	return cmd
}

// everything has all capabilities.
const everything = pass.Read | pass.Send | pass.Like | pass.Recall | pass.High | pass.Moderate

// check refuses flags that contradict each other.
func (r *request) check(cmd *cobra.Command) error {
	switch {
	case r.guest && r.user != "":
		return cli.Misused(cmd, "cannot make one token for a guest and a user: leave out --guest or --user")
	case !r.guest && r.user == "":
		return cli.Misused(cmd, "cannot make a token without a user: give --user ID, or --guest")
	case r.life < time.Second || r.life > chat.RevokedLife:
		return cli.Misused(cmd, fmt.Sprintf("cannot make a token with a life of %v: it is not within 1s and %s", r.life, inWords(chat.RevokedLife)))
	case len(r.can) > 0 && len(r.rooms) == 0:
		return cli.Misused(cmd, "cannot grant --can without a room: give --room ID, or --room '*' for all rooms")
	}
	if _, err := pass.ParseCan(r.can); err != nil {
		return cli.Misused(cmd, fmt.Sprintf("cannot grant --can: %v", err))
	}
	return nil
}

// sign makes the token and checks it like a node: a bad claim is reported here, not at the handshake.
func (r *request) sign(cfg pass.JWTConfig, now time.Time) (string, error) {
	if cfg.Secret == "" {
		return "", errNoSecret
	}
	if len(cfg.Algorithms) > 0 && !slices.Contains(cfg.Algorithms, "HS256") {
		return "", fmt.Errorf("cannot sign a token: the node accepts %s (auth.jwt_algorithms), and this command signs by HS256", strings.Join(cfg.Algorithms, ", "))
	}
	checker, err := pass.NewJWT(pass.JWTConfig{Secret: cfg.Secret, Audience: cfg.Audience, Issuer: cfg.Issuer},
		func() time.Time { return now }, slog.New(slog.DiscardHandler))
	if err != nil {
		return "", unusable(err)
	}
	claims := pass.Claims{
		Subject: r.user, Issuer: cfg.Issuer, Audience: cfg.Audience, Issued: now.Unix(), Expires: now.Add(r.life).Unix(),
		ID: r.id, Tags: r.tags, Role: r.role,
	}
	if r.info != "" {
		if !json.Valid([]byte(r.info)) {
			return "", fmt.Errorf("cannot sign a token: --info %.64q is no JSON", r.info)
		}
		claims.Info = json.RawMessage(r.info)
	}
	for _, id := range r.rooms {
		claims.Rooms = append(claims.Rooms, pass.RoomClaim{ID: id, Can: r.can})
	}
	token, err := pass.Sign(cfg.Secret, "", claims)
	if err != nil {
		return "", err
	}
	if _, no := checker.Check(token); no != nil {
		return "", errors.New("cannot sign a token that no node accepts: " + strings.TrimPrefix(no.Why, "cannot accept the token: "))
	}
	return token, nil
}
