package admincmd

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/spf13/cobra"

	"barrage/internal/cli"
)

// This file has the commands about the messages of a room.

// messages are the commands about messages.
func (p *program) messages() []*cobra.Command {
	unpin := &cobra.Command{Use: "unpin ROOM", Short: "Take the pinned message down", Args: arguments("ROOM")}
	return []*cobra.Command{
		p.delete(), p.purge(), p.clear(), p.announce(), p.publish(), p.pin(), p.approve(), p.deny(),
		p.remote(p.act(unpin, func(_ []string, a *action) error {
			a.doing = "unpin"
			a.done = func(result) string { return cli.Plain("no message is pinned in " + a.room) }
			return nil
		})),
	}
}

// taken is "3 messages of bob are taken away"; of may be empty.
func taken(n int, of string) string {
	if of != "" {
		of = " of " + of
	}
	if n == 1 {
		return "1 message" + of + " is taken away"
	}
	return fmt.Sprintf("%d messages%s are taken away", n, of)
}

// addEpoch gives a command that names a message by its number the flag for what that counts in.
func addEpoch(cmd *cobra.Command, epoch *string) {
	cmd.Flags().StringVar(epoch, "epoch", "", "what SEQ counts in, as the message's welcome or batch had it (default: the room's of now)")
}

// readSeq reads a message's number.
func readSeq(cmd *cobra.Command, text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, cli.Misused(cmd, fmt.Sprintf("cannot %s message %.64q: SEQ is its number in the room, from 1", cmd.Name(), text))
	}
	return n, nil
}

func (p *program) delete() *cobra.Command {
	var epoch string
	cmd := &cobra.Command{
		Use:   "delete ROOM SEQ",
		Short: "Take one message away",
		Long: `Take one message away, however old it is. It leaves the history, and all who are in the room take it
off their screens. SEQ is its number, "seq" in batches and in GET /v1/rooms/{room}/messages.`,
		Example: "  barrage admin delete live-1 120",
		Args:    arguments("ROOM", "SEQ"),
	}
	addEpoch(cmd, &epoch)
	return p.remote(p.act(cmd, func(args []string, a *action) (err error) {
		a.Seq, err = readSeq(cmd, args[1])
		a.Epoch = epoch
		a.doing = fmt.Sprintf("delete message %d", a.Seq)
		a.done = func(result) string { return cli.Plain(fmt.Sprintf("message %d of %s is taken away", a.Seq, a.room)) }
		return err
	}))
}

func (p *program) purge() *cobra.Command {
	var since period
	cmd := &cobra.Command{
		Use:   "purge ROOM USER",
		Short: "Take all messages of somebody away",
		Long: `Take the messages of a user in a room away: all that the history has, or those of the last --since by
this machine's clock. Nobody can bring them back: the command asks first, see --yes.`,
		Example: "  barrage admin purge live-1 bob --since 10m --yes",
		Args:    arguments("ROOM", "USER"),
	}
	cmd.Flags().Var(&since, "since", "only those of the last, as 10m (default: all)")
	return p.asking(p.act(cmd, func(args []string, a *action) error {
		a.UserID = args[1]
		which := "all messages"
		if since > 0 {
			a.Since = p.now().UnixMilli() - since.ms()
			which = "the messages of the last " + since.String()
		}
		a.doing = fmt.Sprintf("purge %q", a.UserID)
		a.question = fmt.Sprintf("Take %s of %q in room %q away for good?", which, a.UserID, a.room)
		a.done = func(r result) string { return cli.Plain(taken(r.N, a.UserID+" in "+a.room)) }
		return nil
	}))
}

func (p *program) clear() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "clear ROOM",
		Short: "Let the history begin anew",
		Long: `Let the history of a room begin behind its last message: newcomers see nothing of before, and all who
are in the room take it off their screens. Nobody can undo it: the command asks first, see --yes.`,
		Example: "  barrage admin clear live-1 --yes",
		Args:    arguments("ROOM"),
	}
	return p.asking(p.act(cmd, func(_ []string, a *action) error {
		a.doing = "clear the history"
		a.question = fmt.Sprintf("Clear the history of room %q, for everybody and for good?", a.room)
		a.done = func(result) string { return cli.Plain("the history of " + a.room + " is cleared") }
		return nil
	}))
}

func (p *program) announce() *cobra.Command {
	var id string
	cmd := &cobra.Command{
		Use:   "announce ROOM TEXT",
		Short: "Say something as the room itself",
		Long: `Send a message of kind "system", which no user can send. No rule and no storm holds it back. Given
twice, it is sent twice; with the same --id within two minutes it is sent once.`,
		Example: `  barrage admin announce live-1 'The show begins in five minutes.'
  barrage admin announce live-1 'The show begins.' --id show-42`,
		Args: arguments("ROOM", "TEXT"),
	}
	cmd.Flags().StringVar(&id, "id", "", "a name for it, of at most 64 bytes, by which it is sent once")
	return p.remote(p.act(cmd, func(args []string, a *action) error {
		a.Body, a.ID, a.twice = args[1], id, id == ""
		a.doing = "announce"
		a.done = func(r result) string {
			if r.Before {
				return cli.Plain("announced in " + a.room + " before")
			}
			return cli.Plain("announced in " + a.room)
		}
		return nil
	}))
}

// published is the answer to a message that was put into a room.
type published struct {
	Messages []struct {
		Seq  uint64 `json:"seq"`
		Code string `json:"code"`
	} `json:"messages"`
}

func (p *program) publish() *cobra.Command {
	type message struct {
		ID     string `json:"id"`
		UserID string `json:"user_id"`
		Kind   string `json:"kind,omitempty"`
		Body   string `json:"body"`
	}
	var m message
	cmd := &cobra.Command{
		Use:   "publish ROOM TEXT --user USER",
		Short: "Put a message of a user into a room, as a server",
		Long: `Put a message of a user into a room, as a server: no rules hold, and nothing is left out in a storm.
With the same --id within two minutes it is stored once. A key needs "publish" for it. A call of
the API takes 100 messages, with ext and user.`,
		Example: `  barrage admin publish live-1 'a rose for Ann' --user bob --kind gift --id order-4711`,
		Args:    arguments("ROOM", "TEXT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if m.UserID == "" {
				return cli.Misused(cmd, "cannot publish: --user is missing, whose message it is")
			}
			one, room := m, args[0]
			one.Body = args[1]
			if one.ID == "" {
				one.ID = "cli-" + rand.Text()[:12]
			}
			c := call{
				doing: "publish " + within(room), method: http.MethodPost, path: roomPath(room) + "/messages",
				body: map[string][]message{"messages": {one}}, twice: m.ID == "",
			}
			return p.run(cmd, c, func(out io.Writer, answer []byte) error { return writePublished(out, room, one.ID, answer) })
		},
	}
	cmd.Flags().StringVar(&m.UserID, "user", "", "whose message it is")
	cmd.Flags().StringVar(&m.Kind, "kind", "", `its kind, "system" too (default chat)`)
	cmd.Flags().StringVar(&m.ID, "id", "", "a name for it, of at most 64 bytes, by which it is stored once")
	return p.remote(cmd)
}

func writePublished(out io.Writer, room, id string, answer []byte) error {
	var all published
	if err := json.Unmarshal(answer, &all); err != nil || len(all.Messages) != 1 {
		return fmt.Errorf("cannot read the answer: it has %d messages, want one: %w", len(all.Messages), err)
	}
	switch m := all.Messages[0]; {
	case m.Code == "unconfirmed":
		return fmt.Errorf("cannot confirm %s: the message may be stored and sent (unconfirmed); send it again with --id %s, and it is stored once", within(room), cli.Plain(id))
	case m.Code != "":
		return fmt.Errorf("cannot publish %s: %s", within(room), cli.Plain(m.Code))
	case m.Seq == 0:
		_, err := fmt.Fprintln(out, cli.Plain("published in "+room))
		return err
	default:
		_, err := fmt.Fprintln(out, cli.Plain(fmt.Sprintf("published in %s, as message %d", room, m.Seq)))
		return err
	}
}

func (p *program) pin() *cobra.Command {
	var epoch string
	cmd := &cobra.Command{
		Use:   "pin ROOM SEQ",
		Short: "Show one message above the others",
		Long: `Show one message above the others, to newcomers as well. It takes the place of the one that was
pinned. A pinned message stays when the history forgets it.`,
		Example: "  barrage admin pin live-1 120",
		Args:    arguments("ROOM", "SEQ"),
	}
	addEpoch(cmd, &epoch)
	return p.remote(p.act(cmd, func(args []string, a *action) (err error) {
		a.Seq, err = readSeq(cmd, args[1])
		a.Epoch = epoch
		a.doing = fmt.Sprintf("pin message %d", a.Seq)
		a.done = func(result) string { return cli.Plain(fmt.Sprintf("message %d is pinned in %s", a.Seq, a.room)) }
		return err
	}))
}
