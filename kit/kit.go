// Package kit is barrage.v1 for those who write a client or a server of their own: frames.schema.json has every frame,
// asyncapi.yaml the channel, transcripts what is said in which order, and barrage.py is a client made from these alone.
// [New] is the command "barrage conformance", which has the conversations of the transcripts with a server. The package
// is a client of the wire: it knows nothing of a node.
//
//	kit.go        what is embedded, and the command
//	transcript.go how a transcript is written
//	talk.go       one conversation
//	match.go      whether a frame is the one that a transcript wants
//
// A conversation has one goroutine a socket, which reads until the socket ends.
package kit

import (
	"context"
	"crypto/rand"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"barrage/internal/cli"
)

// Files are frames.schema.json, asyncapi.yaml and transcripts/*.txt.
//
//go:embed frames.schema.json asyncapi.yaml transcripts/*.txt
var Files embed.FS

// New is the command.
func New() *cobra.Command {
	t := talk{token: "t"}
	cmd := &cobra.Command{
		Use:   "conformance host:port",
		Short: "Have the conversations of barrage.v1's transcripts with a server, and say where it is none",
		Long: `Conformance has each conversation of kit/transcripts with a server, in rooms of its own, and
holds every frame against frames.schema.json in kit. The exit code is 1 where a frame is another
one than the transcript has, or does not come.

Where the server wants tokens that it knows, --token is one of a user who may write; it must name
no user, as those of /v1/login, since the transcripts have several.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return cli.Misused(cmd, "name one server, as 127.0.0.1:9000")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := cli.UntilSignal(cmd.Context(), cmd.ErrOrStderr())
			defer stop()
			t.addr = args[0]
			return t.all(ctx, cmd)
		},
	}
	cmd.Flags().StringVar(&t.token, "token", t.token, "the token of all who speak")
	cmd.Flags().DurationVar(&t.patience, "patience", 5*time.Second, "how long a frame may take")
	return cmd
}

// all has every conversation, and goes on after one that fails.
func (t talk) all(ctx context.Context, cmd *cobra.Command) error {
	names, err := fs.Glob(Files, "transcripts/*.txt")
	if err != nil {
		return fmt.Errorf("cannot list the transcripts: %w", err)
	}
	failed := 0
	for _, name := range names {
		text, err := Files.ReadFile(name)
		if err != nil {
			return fmt.Errorf("cannot read %s: %w", name, err)
		}
		script, err := parse(string(text))
		if err != nil {
			return fmt.Errorf("cannot read %s: %w", name, err)
		}
		t.room = "kit-" + rand.Text()
		verdict := "ok    "
		err = t.have(ctx, script)
		if err != nil {
			failed++
			verdict = "FAILED"
		}
		if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", verdict, script.about); err != nil {
			return fmt.Errorf("cannot write: %w", err)
		}
		if err != nil {
			cmd.Printf("       %s: %v\n", name, err)
		}
	}
	if failed > 0 {
		return fmt.Errorf("cannot call %s a server of barrage.v1: %d of %d conversations went another way", t.addr, failed, len(names))
	}
	return nil
}
