package admincmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"barrage/internal/chat"
	"barrage/internal/cli"
)

// This file has the commands about the word filter, see docs/filter.md.

func (p *program) filter() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "filter",
		Short: "Ask the word filter, and change its lists",
		Long: `Say what the word filter finds in a text, and change its lists that are in Redis: all nodes go by
them within a second. Lists of filter.files are the node's own. A key needs "moderate" for it, in
all rooms where a list is read or changed.`,
		Args: cli.NoArguments,
		RunE: cli.ShowHelp,
	}
	cmd.AddCommand(p.filterLists(), p.filterTest(), p.filterPut(), p.filterGet(), p.filterDelete())
	return cmd
}

func listPath(name string) string { return "/v1/admin/filter/lists/" + segment(name) }

func (p *program) filterLists() *cobra.Command {
	return p.remote(&cobra.Command{
		Use:   "lists",
		Short: "Show what the filter is made of",
		Args:  cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := call{doing: "list the filter's lists", method: http.MethodGet, path: "/v1/admin/filter"}
			return p.run(cmd, c, writeLists)
		},
	})
}

func writeLists(out io.Writer, answer []byte) error {
	var made struct {
		Lists []struct {
			Name    string `json:"name"`
			From    string `json:"from"`
			Terms   int    `json:"terms"`
			Allowed int    `json:"allowed"`
			Regexps int    `json:"regexps"`
			Bytes   int    `json:"bytes"`
			ReadAt  int64  `json:"read_at"`
		} `json:"lists"`
	}
	if err := json.Unmarshal(answer, &made); err != nil {
		return fmt.Errorf("cannot read the answer: %w", err)
	}
	if len(made.Lists) == 0 {
		_, err := fmt.Fprintln(out, "the filter has no lists")
		return err
	}
	g := newGrid(out, "LIST", "FROM", "TERMS", "ALLOWED", "REGEXPS", "BYTES", "READ")
	for _, l := range made.Lists {
		g.row(l.Name, l.From, fmt.Sprint(l.Terms), fmt.Sprint(l.Allowed), fmt.Sprint(l.Regexps), fmt.Sprint(l.Bytes), at(l.ReadAt))
	}
	return g.w.Flush()
}

func (p *program) filterTest() *cobra.Command {
	return p.remote(&cobra.Command{
		Use:     "test TEXT",
		Short:   "Say what becomes of a text, and why",
		Long:    "Say what the filter does with a text, and by which terms of which lists. Nothing is sent.",
		Example: "  barrage admin filter test 'oh d.a.r.n'",
		Args:    arguments("TEXT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := call{doing: "ask the filter", method: http.MethodPost, path: "/v1/admin/filter/test", body: map[string]string{"text": args[0]}}
			return p.run(cmd, c, writeFound)
		},
	})
}

func writeFound(out io.Writer, answer []byte) error {
	var found struct {
		Action string   `json:"action"`
		Text   string   `json:"text"`
		Tags   []string `json:"tags"`
		Hits   []struct {
			List     string `json:"list"`
			Line     int    `json:"line"`
			Term     string `json:"term"`
			Action   string `json:"action"`
			Start    int    `json:"start"`
			End      int    `json:"end"`
			Haystack string `json:"haystack"`
			Allowed  string `json:"allowed"`
		} `json:"hits"`
	}
	if err := json.Unmarshal(answer, &found); err != nil {
		return fmt.Errorf("cannot read the answer: %w", err)
	}
	head := newGrid(out)
	head.row("action", found.Action)
	head.row("text", found.Text)
	head.row("tags", strings.Join(found.Tags, ", "))
	if err := head.w.Flush(); err != nil || len(found.Hits) == 0 {
		return err
	}
	_, _ = fmt.Fprintln(out) // the table has the error
	g := newGrid(out, "TERM", "ACTION", "LIST", "LINE", "BYTES", "FOUND", "ALLOWED BY")
	for _, h := range found.Hits {
		g.row(h.Term, h.Action, h.List, fmt.Sprint(h.Line), fmt.Sprintf("%d to %d", h.Start, h.End), h.Haystack, h.Allowed)
	}
	return g.w.Flush()
}

func (p *program) filterPut() *cobra.Command {
	return p.remote(&cobra.Command{
		Use:   "put NAME FILE",
		Short: "Write a list to Redis, for all nodes",
		Long: `Write a list to Redis, in the place of the one of its name. The node reads it first, and refuses one
with a mistake. FILE is a list as in filter.files, of at most 1 MiB; - is standard input.`,
		Example: "  barrage admin filter put spam spam.txt",
		Args:    arguments("NAME", "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readList(cmd.InOrStdin(), args[1])
			if err != nil {
				return err
			}
			c := call{doing: fmt.Sprintf("write the list %q", args[0]), method: http.MethodPut, path: listPath(args[0]), text: text}
			return p.run(cmd, c, say("the list "+args[0]+" is in force"))
		},
	})
}

// readList reads the text of a list.
func readList(stdin io.Reader, file string) ([]byte, error) {
	var text []byte
	var err error
	if file == "-" {
		if text, err = io.ReadAll(io.LimitReader(stdin, chat.MaxTermListBytes+1)); err == nil && len(text) > chat.MaxTermListBytes {
			err = fmt.Errorf("standard input has more than %d bytes", chat.MaxTermListBytes)
		}
	} else {
		text, _, err = readFile(file, chat.MaxTermListBytes)
	}
	if err == nil && len(text) == 0 {
		err = errors.New("it is empty; barrage admin filter delete takes a list away")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the list: %w", err)
	}
	return text, nil
}

func (p *program) filterGet() *cobra.Command {
	return p.remote(&cobra.Command{
		Use:     "get NAME",
		Short:   "Print a list that is in Redis",
		Example: "  barrage admin filter get spam >spam.txt",
		Args:    arguments("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := call{doing: fmt.Sprintf("read the list %q", args[0]), method: http.MethodGet, path: listPath(args[0]), asText: true}
			return p.run(cmd, c, func(out io.Writer, answer []byte) error {
				var list struct {
					Text string `json:"text"`
				}
				if err := json.Unmarshal(answer, &list); err != nil {
					return fmt.Errorf("cannot read the answer: %w", err)
				}
				text := list.Text
				if p.terminal(out) { // the list is a stranger's
					text = plainLines(text)
				}
				_, err := io.WriteString(out, text)
				return err
			})
		},
	})
}

// plainLines are lines for a terminal.
func plainLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = cli.Plain(strings.TrimSuffix(lines[i], "\r"))
	}
	return strings.Join(lines, "\n")
}

func (p *program) filterDelete() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: "Take a list out of Redis",
		Long:  "Take a list out of Redis. Its terms are found no more, on any node: the command asks first, see --yes.",
		Args:  arguments("NAME"),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		doing := fmt.Sprintf("delete the list %q", args[0])
		if err := p.confirm(cmd, doing, fmt.Sprintf("Take the list %q away, for all rooms?", args[0])); err != nil {
			return err
		}
		return p.run(cmd, call{doing: doing, method: http.MethodDelete, path: listPath(args[0])}, say("the list "+args[0]+" is taken away"))
	}
	return p.asking(cmd)
}
