package admincmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"golang.org/x/text/width"

	"barrage/internal/chat"
	"barrage/internal/cli"
)

// This file is "barrage top": nodes and rooms as they are, again and again.

// Top is the command "top". environ is in the form of [os.Environ].
func Top(environ []string) *cobra.Command {
	return newTop(&program{env: lookup(environ), terminal: isTerminal, now: time.Now})
}

// topKeys are the keys that change the order of rooms.
var topKeys = map[byte]string{'o': "online", 'r': "rate", 'l': "level", 's': "sent", 'i': "id"}

// shortestLook is the shortest time between two looks: each asks all nodes.
const shortestLook = 200 * time.Millisecond

// looks is what the flags of top say.
type looks struct {
	once  bool
	by    string
	every time.Duration
	limit int
}

func newTop(p *program) *cobra.Command {
	var l looks
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch the nodes and the busiest rooms, live",
		Long: `Watch all nodes and the rooms with the most members, drawn anew each second. It asks the admin port of one
node, which asks the others.

Keys: o online, r messages a second, l storm level, s copies sent, i id; q ends it.

IN/S are messages of clients a second, SENT/S copies of messages to members, MSG/S messages of a room
a second. LEVEL is how much of 256 a storm leaves out. For the address of the node and the key see
"barrage admin --help"; a key needs "ops".`,
		Example: `  barrage top
  barrage top --sort rate --every 2s
  barrage top --once
  barrage top --once --output json | jq '.rooms.rooms[0].room'`,
		Args: cli.NoArguments,
	}
	flags := cmd.Flags()
	flags.BoolVar(&l.once, "once", false, "look once, and end")
	flags.StringVar(&l.by, "sort", "online", "by what rooms are sorted, the largest first: "+strings.Join(sorts, ", "))
	flags.DurationVar(&l.every, "every", time.Second, "the time between two looks")
	flags.IntVar(&l.limit, "limit", 20, "the most rooms, where there is no terminal")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := errors.Join(wantSort(cmd, l.by), wantLimit(cmd, l.limit, chat.MaxRoomsListed)); err != nil {
			return err
		}
		if l.every < shortestLook {
			return cli.Misused(cmd, fmt.Sprintf("cannot look every %v: --every is %v or more", l.every, shortestLook))
		}
		if err := cli.CheckOutput(cmd, p.output); err != nil {
			return err
		}
		node, err := p.connect(cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		ctx, stop := cli.UntilSignal(cmd.Context(), cmd.ErrOrStderr())
		defer stop()
		switch out := cmd.OutOrStdout(); {
		case l.once || p.output == cli.OutputJSON:
			return p.printLooks(ctx, node, out, &l)
		case !p.terminal(out) || !p.terminal(cmd.InOrStdin()):
			return cli.Misused(cmd, "cannot draw without a terminal: give --once, or --output json")
		default:
			return p.watch(ctx, node, cmd.InOrStdin().(*os.File), out.(*os.File), &l) // a terminal is a file
		}
	}
	return p.remote(cmd)
}

// board is what was seen at one look.
type board struct {
	Nodes nodeList `json:"-"`
	Rooms roomList `json:"-"`
	// raw are the two answers as they came.
	raw struct {
		Nodes json.RawMessage `json:"nodes"`
		Rooms json.RawMessage `json:"rooms"`
	}
}

// look asks the node for everything.
func (p *program) look(ctx context.Context, from *node, by string, limit int) (b board, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for _, c := range []struct {
		call
		raw  *json.RawMessage
		into any
	}{
		{call{doing: "list nodes", method: http.MethodGet, path: "/v1/admin/nodes"}, &b.raw.Nodes, &b.Nodes},
		{call{
			doing: "list rooms", method: http.MethodGet, path: "/v1/admin/rooms", query: url.Values{"sort": {by}, "limit": {strconv.Itoa(limit)}},
		}, &b.raw.Rooms, &b.Rooms},
	} {
		answer, err := from.do(ctx, c.call)
		if err == nil {
			err = json.Unmarshal(answer, c.into)
		}
		if err != nil {
			return b, err
		}
		*c.raw = bytes.TrimSpace(answer)
	}
	return b, nil
}

// printLooks prints what is seen: once, or a line of JSON each time until ctx ends.
func (p *program) printLooks(ctx context.Context, from *node, out io.Writer, l *looks) error {
	t := time.NewTicker(l.every)
	defer t.Stop()
	for {
		b, err := p.look(ctx, from, l.by, l.limit)
		switch {
		case err != nil:
			return err
		case p.output == cli.OutputJSON:
			err = json.NewEncoder(out).Encode(&b.raw)
		default:
			_, err = io.WriteString(out, strings.Join(p.lines(&b, l.by, len(b.Nodes.Nodes)+len(b.Rooms.Rooms)+9), "\n")+"\n")
		}
		if err != nil || l.once {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// Sequences of a terminal (ECMA-48, and xterm's other screen).
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // its own, without a cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	toLineEnd   = "\x1b[K"
	toScreenEnd = "\x1b[J"
	bold        = "\x1b[1m"
	plain       = "\x1b[0m"
)

// ctrlC is what a terminal that is raw gives for it.
const ctrlC = 3

// watch draws on a terminal until q is pressed or ctx ends.
func (p *program) watch(ctx context.Context, from *node, in, out *os.File, l *looks) error {
	was, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return fmt.Errorf("cannot read keys from the terminal: %w", err)
	}
	defer func() { _ = term.Restore(int(in.Fd()), was) }() // it has gone, or is as it was
	if _, err := io.WriteString(out, enterScreen); err != nil {
		return fmt.Errorf("cannot draw: %w", err)
	}
	defer func() { _, _ = io.WriteString(out, leaveScreen) }()
	keys := make(chan byte) // never closed
	go func() {             // Ends with the process: nothing else ends a read from a terminal.
		var key [1]byte
		for {
			if n, err := in.Read(key[:]); err != nil || n == 0 {
				return
			}
			keys <- key[0]
		}
	}()
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	defer signal.Stop(resized)
	s := screen{p: p, by: l.by, server: from.server}
	s.size = func() (columns, rows int) {
		columns, rows, err := term.GetSize(int(out.Fd()))
		if err != nil || columns < 1 || rows < 1 {
			return 80, 24
		}
		return columns, rows
	}
	return s.run(ctx, out, l.every, keys, resized, func(ctx context.Context, by string, limit int) (board, error) {
		return p.look(ctx, from, by, limit)
	})
}

// screen is what is drawn.
type screen struct {
	p      *program
	server string
	by     string
	size   func() (columns, rows int)

	last board
	err  error
	seen bool
}

// looked is what became of a look.
type looked struct {
	board
	err error
}

// run looks every now and then, and draws what it saw, until q is pressed or ctx ends.
func (s *screen) run(ctx context.Context, out io.Writer, every time.Duration, keys <-chan byte, resized <-chan os.Signal,
	look func(ctx context.Context, by string, limit int) (board, error),
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t := time.NewTicker(every)
	defer t.Stop()
	came := make(chan looked, 1) // one look is under way at most
	underway, again := false, false
	begin := func() {
		if again = underway; underway {
			return
		}
		underway = true
		_, rows := s.size()
		go func(by string) { // Ends with ctx.
			b, err := look(ctx, by, min(max(rows, 1), chat.MaxRoomsListed))
			came <- looked{b, err}
		}(s.by)
	}
	begin()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			begin()
			continue
		case <-resized:
		case key := <-keys:
			if key == 'q' || key == ctrlC {
				return nil
			}
			if by, ok := topKeys[key]; ok {
				s.by = by
				begin()
			}
		case l := <-came:
			underway = false
			if s.err = l.err; l.err == nil {
				s.last, s.seen = l.board, true
			}
			if again {
				begin()
			}
		}
		if err := s.draw(out); err != nil {
			return fmt.Errorf("cannot draw: %w", err)
		}
	}
}

// draw draws what was seen last. It writes once: a screen that is drawn in parts flickers.
func (s *screen) draw(out io.Writer) error {
	columns, rows := s.size()
	var b strings.Builder
	b.WriteString(home)
	for i, line := range s.lines(columns, rows) {
		if i > 0 {
			b.WriteString("\r\n")
		}
		if strings.HasPrefix(line, "NODE") || strings.HasPrefix(line, "ROOM") {
			line = bold + line + plain
		}
		b.WriteString(line + toLineEnd)
	}
	b.WriteString(toScreenEnd)
	_, err := io.WriteString(out, b.String())
	return err
}

// lines are at most so many rows of at most so many columns.
func (s *screen) lines(columns, rows int) []string {
	var all []string
	switch {
	case s.err != nil:
		why, _, _ := strings.Cut(s.err.Error(), "\n")
		all = append(all, cli.Plain(why)+"; trying again")
	case !s.seen:
		all = append(all, "asking "+cli.Plain(s.server)+" …")
	}
	if s.seen {
		all = append(all, s.p.lines(&s.last, s.by, rows-1-len(all))...)
	}
	all = all[:min(len(all), max(rows-1, 1))]
	if rows > 1 {
		all = append(all, "sort: o online  r rate  l level  s sent  i id     q quit")
	}
	for i := range all {
		all[i] = cut(all[i], columns)
	}
	return all
}

// lines are a look in at most so many rows; nodes have a third of them at most.
func (p *program) lines(b *board, by string, rows int) []string {
	var connections, draining int
	var received, sent float64
	for _, n := range b.Nodes.Nodes {
		if n.State == "draining" {
			draining++
		}
		if n.State != "silent" {
			connections, received, sent = connections+n.Connections, received+n.Received, sent+n.Sent
		}
	}
	head := fmt.Sprintf("barrage top  %s   nodes %d", p.now().UTC().Format("15:04:05"), len(b.Nodes.Nodes))
	if draining > 0 {
		head += fmt.Sprintf(" (%d draining)", draining)
	}
	all := []string{fmt.Sprintf("%s   connections %d   in %s/s   sent %s/s", head, connections, perSecond(received), perSecond(sent))}
	var notes bytes.Buffer
	_ = b.Nodes.write(&notes) // a buffer takes all
	if notes.Len() > 0 {
		all = append(all, strings.Split(strings.TrimSpace(notes.String()), "\n")...)
	}
	all = append(all, "")
	nodes := p.nodeLines(b)
	if most := max(rows/3, 3); len(nodes) > most {
		nodes = append(nodes[:most-1], fmt.Sprintf("and %d more nodes", len(nodes)-most+1))
	}
	all = append(append(all, nodes...), "")
	all = append(all, roomLines(b, by)...)
	return all[:min(len(all), max(rows, 1))]
}

func (p *program) nodeLines(b *board) []string {
	var text strings.Builder
	g := newGrid(&text, "NODE", "HOST", "ADDRESS", "STATE", "CONNECTIONS", "ROOMS", "IN/S", "SENT/S", "UP")
	for _, n := range b.Nodes.Nodes {
		g.row(n.Node, n.Host, n.Address, n.State, fmt.Sprint(n.Connections), fmt.Sprint(n.Rooms), perSecond(n.Received), perSecond(n.Sent), p.up(n.Started))
	}
	_ = g.w.Flush() // a builder takes all
	return strings.Split(strings.TrimRight(text.String(), "\n"), "\n")
}

func roomLines(b *board, by string) []string {
	if len(b.Rooms.Rooms) == 0 {
		return []string{"no rooms are live"}
	}
	mark := func(title, of string) string {
		if of == by {
			return title + "↓"
		}
		return title
	}
	var text strings.Builder
	g := newGrid(&text, mark("ROOM", "id"), mark("ONLINE", "online"), mark("MSG/S", "rate"), mark("LEVEL", "level"), "SHOWN", mark("SENT", "sent"), "SKIPPED", "NODES")
	for _, r := range b.Rooms.Rooms {
		shown := ""
		if r.Wanted > 0 {
			shown = fmt.Sprintf("%d of %d", r.Shown, r.Wanted)
		}
		g.row(shortened(r.Room), fmt.Sprint(r.Online), perSecond(r.Rate), fmt.Sprint(r.Level), shown, fmt.Sprint(r.Sent), fmt.Sprint(r.Skipped), fmt.Sprint(len(r.Nodes)))
	}
	_ = g.w.Flush() // a builder takes all
	return strings.Split(strings.TrimRight(text.String(), "\n"), "\n")
}

// cut is a line of at most so many columns: characters of East Asia take two.
func cut(line string, columns int) string {
	used := 0
	for i, r := range line {
		wide := 1
		if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
			wide = 2
		}
		if used += wide; used > columns {
			return line[:i]
		}
	}
	return line
}
