// Package token has the commands below "barrage token": they make tokens for tests, and show what a token grants.
// Package pass defines and checks tokens.
package token

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"barrage/gateway/pass"
	"barrage/internal/cli"
)

// maxSecretFile bounds the file of a secret, in bytes: nobody has one of more than a line.
const maxSecretFile = 4096

// Settings reads the settings for tokens in the section `auth` of the node's configuration. Only commands that need
// them call it, so that help works without a good configuration.
type Settings func() (pass.JWTConfig, error)

// New is the commands.
func New(settings Settings) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make a token, or show what one grants",
		Long: `Make a JSON Web Token for a test, or show what one grants: its user, the rights in each room, and
when it expires. Both use the keys of the node's configuration, section auth.

In production your backend makes the tokens with any JWT library. It signs claims like these:

  {"sub":"alice", "exp":1767225600, "rooms":[{"id":"live-*","can":["read","send"]}]}`,
		Example: `  barrage token new --user alice --life 1h --room 'live-*' --can read,send
  barrage token new --guest | barrage token check`,
		Args: cli.NoArguments,
		RunE: cli.ShowHelp,
	}
	cmd.AddCommand(newNew(settings), newCheck(settings))
	return cmd
}

// keys are where the keys come from, for both commands.
type keys struct {
	settings   Settings
	secretFile string
}

func (k *keys) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.secretFile, "secret-file", "", "file with the secret; the configuration is not read then")
}

// config is the configuration, or the secret of the file alone where one was named.
func (k *keys) config() (cfg pass.JWTConfig, err error) {
	if k.secretFile == "" {
		return k.settings()
	}
	file, err := os.ReadFile(k.secretFile)
	if err == nil && len(file) > maxSecretFile {
		err = fmt.Errorf("it has %d bytes, at most %d are allowed", len(file), maxSecretFile)
	}
	if err != nil {
		return cfg, fmt.Errorf("cannot read the secret: %w", err)
	}
	return pass.JWTConfig{Secret: strings.TrimRight(string(file), "\r\n")}, nil
}

// unusable is an error of a configuration.
func unusable(err error) error {
	return fmt.Errorf("cannot use the keys:\n  auth.%s", strings.ReplaceAll(err.Error(), "\n", "\n  auth."))
}

// errNoSecret is the error of a configuration without a secret.
var errNoSecret = errors.New("cannot sign a token: there is no secret; set auth.jwt_secret (BARRAGE_AUTH_JWT_SECRET), or name a file with --secret-file")
