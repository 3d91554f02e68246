// Package kit is barrage.v1 for those who write a client or a server of their own. The file frames.schema.json has
// every frame, asyncapi.yaml the channel, transcripts what is sent in which order. The client barrage.py is made from
// these alone. [New] is the command "barrage conformance", which has the conversations of the transcripts with a server
// or a client. The package knows nothing of a node.
//
//	kit.go        what is embedded, and the command
//	transcript.go how a transcript is written
//	talk.go       one conversation with a server
//	serve.go      conversations with a client, as the server
//	match.go      whether a frame is the one that a transcript wants
//
// A conversation has one goroutine a socket, which reads until the socket ends. Those with a client have one each, and
// one serves HTTP until all have ended.
package kit

import (
	"context"
	"crypto/rand"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"barrage/internal/cli"
)

// Files are frames.schema.json, asyncapi.yaml, transcripts/*.txt and transcripts/client/*.txt.
//
//go:embed frames.schema.json asyncapi.yaml transcripts/*.txt transcripts/client/*.txt
var Files embed.FS

// New is the command.
func New() *cobra.Command {
	t, listen := talk{token: "t"}, ""
	cmd := &cobra.Command{
		Use:   "conformance host:port",
		Short: "Have the conversations of barrage.v1's transcripts with a server or a client",
		Long: `Conformance has each conversation of kit/transcripts with a server, in rooms of its own, and
holds every frame against frames.schema.json in kit. The exit code is 1 where a frame is another
one than the transcript has, or does not come.

Where the server wants tokens that it knows, --token is one of a user who may write. It must name
no user, as those of /v1/login, since the transcripts have several.

With --listen it plays the server for a client of yours, with kit/transcripts/client. The client
comes into a room for each, sends "hello" once, and stays. It ends when all have been there.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == (listen != "") || len(args) > 1 {
				return cli.Misused(cmd, "name one server, as 127.0.0.1:9000, or --listen for clients")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := cli.UntilSignal(cmd.Context(), cmd.ErrOrStderr())
			defer stop()
			if listen != "" {
				return tryClients(ctx, cmd, listen, t.patience)
			}
			t.addr = args[0]
			return t.all(ctx, cmd)
		},
	}
	cmd.Flags().StringVar(&t.token, "token", t.token, "the token of all who speak")
	cmd.Flags().StringVar(&listen, "listen", "", "address to wait at for a client that is to be tried, as 127.0.0.1:9100")
	cmd.Flags().DurationVar(&t.patience, "patience", 5*time.Second, "how long a frame may take")
	return cmd
}

// all has every conversation, and goes on after one that fails.
func (t talk) all(ctx context.Context, cmd *cobra.Command) error {
	transcripts, err := read("transcripts/*.txt")
	if err != nil {
		return err
	}
	failed := 0
	for _, name := range sorted(slices.Collect(maps.Keys(transcripts))) {
		t.room = "kit-" + rand.Text()
		err := t.have(ctx, transcripts[name])
		if err != nil {
			failed++
		}
		if err := say(cmd, transcripts[name], name, err); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("cannot call %s a server of barrage.v1: %d of %d conversations went another way", t.addr, failed, len(transcripts))
	}
	return nil
}

// read reads the transcripts that a pattern names, by their files.
func read(pattern string) (map[string]transcript, error) {
	names, err := fs.Glob(Files, pattern)
	if err != nil {
		return nil, fmt.Errorf("cannot list the transcripts: %w", err)
	}
	transcripts := map[string]transcript{}
	for _, name := range names {
		text, err := Files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", name, err)
		}
		if transcripts[name], err = parse(string(text)); err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", name, err)
		}
	}
	return transcripts, nil
}

// say writes how a conversation went.
func say(cmd *cobra.Command, s transcript, name string, why error) error {
	verdict := "ok    "
	if why != nil {
		verdict = "FAILED"
	}
	if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", verdict, s.about); err != nil {
		return fmt.Errorf("cannot write: %w", err)
	}
	if why != nil {
		cmd.Printf("       %s: %v\n", name, why)
	}
	return nil
}

// sorted are names in their order.
func sorted(names []string) []string {
	slices.Sort(names)
	return names
}
