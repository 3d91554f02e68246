package admincmd

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"barrage/internal/cli"
)

// This file has the commands about messages that wait for a moderator.

// waiting is the answer of GET …/mod/held.
type waiting struct {
	Held []struct {
		Held     string `json:"held"`
		UserID   string `json:"user_id"`
		Why      string `json:"why"`
		Until    int64  `json:"until"`
		Messages []struct {
			Body string          `json:"body"`
			Ext  json.RawMessage `json:"ext"`
		} `json:"messages"`
	} `json:"held"`
}

func (p *program) held() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "held ROOM",
		Short: "Show the messages that wait for a moderator",
		Long: `Show the messages of a room that wait for a moderator, the oldest first, each with its ext. The word
filter (=hold) or the review hook has stopped them. HELD is what "approve" and "deny" want. A
message waits for an hour, and a room has 200 of them at most. --output json has them whole.`,
		Example: "  barrage admin held live-1",
		Args:    arguments("ROOM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := call{doing: "read the held messages " + within(args[0]), method: http.MethodGet, path: modPath(args[0]) + "/held"}
			return p.run(cmd, c, writeHeld)
		},
	}
	return p.remote(cmd)
}

func writeHeld(out io.Writer, answer []byte) error {
	var w waiting
	if err := json.Unmarshal(answer, &w); err != nil {
		return fmt.Errorf("cannot read the answer: %w", err)
	}
	if len(w.Held) == 0 {
		_, err := fmt.Fprintln(out, "no message waits for a moderator")
		return err
	}
	g := newGrid(out, "HELD", "USER", "WHY", "UNTIL", "MESSAGE")
	for _, h := range w.Held {
		body := ""
		if len(h.Messages) > 0 {
			body = strings.TrimSpace(shortened(h.Messages[0].Body) + "  " + shortened(string(h.Messages[0].Ext)))
		}
		g.row(h.Held, h.UserID, h.Why, until(h.Until), body)
	}
	return g.w.Flush()
}

func (p *program) approve() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "approve ROOM HELD",
		Short: "Send a message that waits for a moderator",
		Long: `Send a message that waits for a moderator, as its sender's, with the next number. HELD is what "barrage
admin held" shows. The room's modes do not count. Where its sender is muted or banned by now, it is
refused, and waits on. Where its sender has sent it again, and nobody held it then, the command says
which message it is.`,
		Example: "  barrage admin approve live-1 4e0740-91be04d2a7c35e18",
		Args:    arguments("ROOM", "HELD"),
	}
	return p.decide(cmd, func(r result) string {
		switch {
		case r.Before && r.Seq > 0:
			return fmt.Sprintf("is in the room already, as message %d", r.Seq)
		case r.Before:
			return "is in the room already"
		case r.Seq == 0: // an older node does not send it
			return "is sent"
		}
		return fmt.Sprintf("is sent, as message %d", r.Seq)
	})
}

func (p *program) deny() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "deny ROOM HELD",
		Short:   "Take away a message that waits for a moderator",
		Long:    `Take away a message that waits for a moderator. Its sender is notified, and its text stays in the room's log.`,
		Example: "  barrage admin deny live-1 4e0740-91be04d2a7c35e18 --reason spam",
		Args:    arguments("ROOM", "HELD"),
	}
	return p.decide(cmd, func(result) string { return "is denied" })
}

// decide is a command about one message that waits; is says what it is then.
func (p *program) decide(cmd *cobra.Command, is func(r result) string) *cobra.Command {
	return p.remote(p.act(cmd, func(args []string, a *action) error {
		a.Held = args[1]
		a.doing = fmt.Sprintf("%s %q", cmd.Name(), a.Held)
		a.done = func(r result) string { return cli.Plain(fmt.Sprintf("%s of %s %s", a.Held, a.room, is(r))) }
		return nil
	}))
}
