// Package keycmd has the commands below "barrage admin key": they make server keys, and report which one a key is. They
// work on the file of keys and ask no node. Begin with [New].
package keycmd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"barrage/gateway/keys"
	"barrage/internal/cli"
)

// maxInput bounds what check reads, in bytes: a key has 47, and a line break.
const maxInput = 1 << 10

// New is the command "key" with all commands below it.
func New() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Make server keys, and say which one a key is",
		Long: `Server keys let backends and operators call the admin API, with
"Authorization: Bearer brg_...". A node knows them from the file that admin.keys_file names. The
file has the SHA-256 of each key, so that nobody who reads it can use one.`,
		Args: cli.NoArguments,
		RunE: cli.ShowHelp,
	}
	cmd.AddCommand(newMake(), newCheck())
	return cmd
}

func newMake() *cobra.Command {
	var can []string
	var rooms, file string
	cmd := &cobra.Command{
		Use:   "new NAME --can LIST",
		Short: "Make a key and print it, this once",
		Long: `Make a key of 256 random bits. It is printed once and stored nowhere: give it to the
caller through a secret store. NAME identifies the caller in logs.

--can says what the key may do:

  publish    send messages as the server
  moderate   mute, ban, delete: keep order in rooms; with --rooms not in others, nor everywhere
  rooms      register rooms, and change their settings
  ops        nodes, users and rooms of all nodes; drain, log level, configuration, export

GET /v1/admin/openapi.yaml says of each call which of these it needs; "barrage admin --help"
lists the commands for them.

With --file the entry goes to the end of that file, which is made where there is none. Without
it the entry is printed below the key, to be added to the file by hand.

The key is alone in the first line of the output; words about it go to standard error.`,
		Example: `  barrage admin key new shop --can publish --rooms 'live-*' --file keys.yaml
  barrage admin key new oncall --can rooms,ops
  barrage admin key new deploy --can ops --file keys.yaml | vault kv put secret/barrage key=-`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return cli.Misused(cmd, fmt.Sprintf("cannot make a key: want one name, and there are %d", len(args)))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := keys.ParseCan(can)
			if err != nil {
				return cli.Misused(cmd, fmt.Sprintf("cannot make a key: --can: %v", err))
			}
			if set == 0 {
				return cli.Misused(cmd, "cannot make a key: --can is missing, as in --can rooms,ops")
			}
			return makeKey(args[0], set, rooms, file, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&can, "can", nil, "what it may do: publish, moderate, rooms, ops, with commas between them")
	flags.StringVar(&rooms, "rooms", "", "the only room that it is for, or the beginning of many with a * at its end; without it all rooms")
	flags.StringVar(&file, "file", "", "the file of keys to add it to")
	return cmd
}

// makeKey makes a key and prints it.
func makeKey(name string, can keys.Can, rooms, file string, stdout, stderr io.Writer) error {
	text, entry, err := keys.New(name, can, rooms)
	if err != nil {
		return err
	}
	note := "Add the entry to the file that admin.keys_file names."
	if file != "" {
		if err := keys.Append(file, entry); err != nil {
			return err
		}
		note = "Its entry is in " + file + "."
	}
	if _, err := fmt.Fprintln(stdout, text); err != nil {
		return fmt.Errorf("cannot print the key, so take the entry %q out of the file again: %w", name, err)
	}
	if file == "" {
		_, _ = fmt.Fprintf(stdout, "\n%s", entry) // the key was printed, and its entry can be made from it
	}
	_, _ = fmt.Fprintf(stderr, "This is the only time that the key is shown. %s\n", note) // the key is out
	return nil
}

func newCheck() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "check [-] --file FILE",
		Short: "Say which entry of a file a key is",
		Long: `Read a key from standard input, so that it is in no shell history, and say which entry of
the file it is and what it may do. The exit code is 1 where it is none.`,
		Example: `  barrage admin key check --file keys.yaml          # then paste the key, and press Enter
  vault kv get -field=key secret/barrage | barrage admin key check --file keys.yaml -`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 || len(args) == 1 && args[0] != "-" {
				return cli.Misused(cmd, "cannot check a key: it is read from standard input only, so that no shell history has it")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return cli.Misused(cmd, "cannot check a key: --file is missing, the file that admin.keys_file names")
			}
			return check(file, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "the file of keys")
	return cmd
}

// check says which entry of the file the key in the first line of stdin is.
func check(file string, stdin io.Reader, stdout, stderr io.Writer) error {
	all, warning, err := keys.Load(file)
	if err != nil {
		return err
	}
	if warning != "" {
		_, _ = fmt.Fprintf(stderr, "warning: %s\n", warning) // a closed stderr changes nothing
	}
	line, err := bufio.NewReader(io.LimitReader(stdin, maxInput)).ReadString('\n')
	text := strings.TrimSpace(line)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return fmt.Errorf("cannot read the key from standard input: %w", err)
	case text == "":
		return errors.New("cannot check a key: standard input is empty")
	}
	key, ok := all.Find(text)
	if !ok {
		return fmt.Errorf("cannot find the key in %s: it is none of its %d", file, all.Len())
	}
	where := "in all rooms"
	if key.Rooms != "" {
		where = fmt.Sprintf("in rooms %q", key.Rooms)
	}
	_, err = fmt.Fprintf(stdout, "%s: may %s, %s (%s, line %d)\n", key.Name, key.Can, where, file, key.Line)
	return err
}
