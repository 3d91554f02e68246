package admincmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"

	"barrage/internal/cli"
)

// someBoard is what a look at two nodes sees.
func someBoard(tb testing.TB) (b board) {
	tb.Helper()
	for text, into := range map[string]any{
		`{"nodes":[` + someNode + `,{"node":"N2","host":"edge-2","address":"[::]:9000","state":"silent","connections":7,"started":1794000000000}],"silent":["N2"]}`: &b.Nodes,
		`{"rooms":[{"room":"live-1","online":12000,"rate":200.1,"level":160,"wanted":900,"shown":200,"sent":577000000,"skipped":9000,"nodes":["N1","N2"]},` +
			`{"room":"弹幕","online":1,"nodes":["N1"]}]}`: &b.Rooms,
	} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			tb.Fatal(err)
		}
	}
	return b
}

// newScreen is one of a size.
func newScreen(columns, rows int) *screen {
	return &screen{
		p: &program{now: func() time.Time { return noon }}, server: "http://x", by: "online",
		size: func() (int, int) { return columns, rows },
	}
}

const wholeScreen = `barrage top  11:06:40   nodes 2 (1 draining)   connections 1   in 0.5/s   sent 123k/s
without an answer of N2

NODE  HOST    ADDRESS    STATE     CONNECTIONS  ROOMS  IN/S  SENT/S  UP
N1    edge-1  [::]:9000  draining  1            2      0.5   123k    1h0m
N2    edge-2  [::]:9000  silent    7            0      0     0       11d13h

ROOM    ONLINE↓  MSG/S  LEVEL  SHOWN       SENT       SKIPPED  NODES
live-1  12000    200    160    200 of 900  577000000  9000     2
弹幕      1        0      0      -           0          0        1
sort: o online  r rate  l level  s sent  i id     q quit`

// The drawn screen fits the terminal, whatever its size.
func TestTop_LinesFitTheTerminal(t *testing.T) {
	s := newScreen(100, 24)
	s.last, s.seen = someBoard(t), true
	if got := strings.Join(s.lines(100, 24), "\n"); got != wholeScreen {
		t.Errorf("drawn:\n%s\nwant:\n%s", got, wholeScreen)
	}
	for rows := 1; rows < 14; rows++ {
		for _, columns := range []int{1, 2, 10, 40} {
			all := s.lines(columns, rows)
			if len(all) > rows {
				t.Errorf("%d rows on a terminal of %d", len(all), rows)
			}
			for _, line := range all {
				if cut(line, columns) != line {
					t.Errorf("%q is wider than %d columns", line, columns)
				}
			}
		}
	}
	if got := cut("a弹幕b", 4); got != "a弹" {
		t.Errorf("cut = %q; want a弹", got)
	}
	for range 50 {
		s.last.Nodes.Nodes = append(s.last.Nodes.Nodes, s.last.Nodes.Nodes[0])
	}
	if got := strings.Join(s.lines(100, 24), "\n"); !strings.Contains(got, "and 47 more nodes") || !strings.Contains(got, "live-1") {
		t.Errorf("with 52 nodes is drawn:\n%s", got)
	}
	s.err = errors.New("cannot list nodes: refused\n  Does the node run?")
	if got := s.lines(100, 24); got[0] != "cannot list nodes: refused; trying again" || !strings.Contains(got[1], "barrage top") {
		t.Errorf("drawn: %q; want why, and what was seen last", got)
	}
}

// canvas keeps what is drawn.
type canvas struct {
	mu   sync.Mutex // guards the field below
	text strings.Builder
}

func (c *canvas) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(b)
}

// last is what was drawn last.
func (c *canvas) last() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := strings.Split(c.text.String(), home)
	return all[len(all)-1]
}

// It looks every second, a key changes the order at once, a new size draws anew, and q ends it.
func TestTop_RunDrawsUntilQIsPressed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := someBoard(t)
		rows := 24
		s := newScreen(0, 0)
		s.size = func() (int, int) { return 100, rows }
		keys, resized, ended := make(chan byte), make(chan os.Signal), make(chan error, 1)
		var out canvas
		var mu sync.Mutex
		var asked []string
		look := func(_ context.Context, by string, limit int) (board, error) {
			mu.Lock()
			defer mu.Unlock()
			if asked = append(asked, fmt.Sprint(by, " ", limit)); len(asked) == 3 {
				return board{}, errors.New("refused")
			}
			return seen, nil
		}
		go func() { ended <- s.run(t.Context(), &out, time.Second, keys, resized, look) }()
		synctest.Wait()
		wantLast := func(part string) {
			t.Helper()
			if !strings.Contains(out.last(), part) {
				t.Errorf("drawn %q; want %q in it", out.last(), part)
			}
		}
		wantLast("ONLINE↓")
		keys <- 'r'
		synctest.Wait()
		wantLast("MSG/S↓")
		time.Sleep(time.Second)
		synctest.Wait()
		wantLast("refused; trying again")
		rows = 3
		resized <- os.Interrupt
		synctest.Wait()
		if n := strings.Count(out.last(), "\r\n"); n != 2 {
			t.Errorf("%d lines are drawn on 3 rows", n+1)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		mu.Lock()
		if got := strings.Join(asked, ", "); got != "online 24, rate 24, rate 24, rate 3" {
			t.Errorf("asked %s", got)
		}
		mu.Unlock()
		keys <- 'q'
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// runTop runs "barrage top" with arguments before a port.
func runTop(p *port, args ...string) outcome {
	var out, complaints strings.Builder
	root := cli.Root(&cobra.Command{Use: "barrage"})
	env := lookup([]string{"BARRAGE_ADMIN_SERVER=" + p.url})
	root.AddCommand(newTop(&program{env: env, terminal: func(any) bool { return false }, now: func() time.Time { return noon }}))
	code := cli.Run(root, append([]string{"top"}, args...), &out, &complaints)
	return outcome{code, out.String(), complaints.String()}
}

// For scripts it looks once, as a table or as JSON.
func TestTop_OnceLooksAsTableOrJSON(t *testing.T) {
	p := newPort(t, http.StatusOK, `{"nodes":[`+someNode+`],"rooms":[{"room":"r","online":5,"nodes":["N1"]}]}`)
	got := runTop(p, "--once", "--sort", "rate", "--limit", "7")
	if got.code != 0 || !strings.Contains(got.stdout, "connections 1 ") || !strings.Contains(got.stdout, "r     5       0") {
		t.Errorf("%+v; want a table", got)
	}
	if want := "GET /v1/admin/nodes\nGET /v1/admin/rooms?limit=7&sort=rate"; p.said() != want {
		t.Errorf("asked %s; want %s", p.said(), want)
	}
	got = runTop(p, "--once", "--output", "json")
	var both struct {
		Nodes struct{ Nodes []nodeInfo }
		Rooms struct{ Rooms []roomInfo }
	}
	if err := json.Unmarshal([]byte(got.stdout), &both); err != nil || len(both.Nodes.Nodes) != 1 || len(both.Rooms.Rooms) != 1 || strings.Count(got.stdout, "\n") != 1 {
		t.Errorf("%+v, %v; want a line of JSON with both", got, err)
	}
	for args, want := range map[string]string{
		"":                       "cannot draw without a terminal: give --once, or --output json",
		"--once --sort beauty":   "--sort is one of online",
		"--once --every 1ms":     "--every is 200ms or more",
		"--once --output yaml":   "--output is table or json",
		"--once --limit 0":       "--limit is 1 to 1000",
		"--once --server ftp://": "cannot use the server",
	} {
		if got := runTop(p, strings.Fields(args)...); got.code == 0 || !strings.Contains(got.stderr, want) {
			t.Errorf("top %s: %+v; want %q", args, got, want)
		}
	}
	if got := runTop(newPort(t, http.StatusForbidden, `{"error":{"code":"forbidden","message":"no"}}`), "--once"); got.code != cli.ExitFailure || !strings.Contains(got.stderr, "403") {
		t.Errorf("refused: %+v; want exit code 1", got)
	}
}
