package hostile

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// peopleVariable has this program be the people of the node at that address, see bePeople.
const peopleVariable = "HOSTILE_PEOPLE"

// asked is what a test wants the people to do.
type asked struct {
	What      string
	For       time.Duration
	Newcomers bool // come in meanwhile
}

// met is what they met.
type met struct {
	figures
	Came    int
	Slowest time.Duration
	Wrong   string // something that should not be
}

// bePeople has people of a node do what standard input says, a line each, and reports on standard output what they met.
func bePeople(public string) error {
	l, err := newLegit(public)
	if err != nil {
		return err
	}
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var a asked
		if err := in.Decode(&a); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := out.Encode(l.do(a)); err != nil {
			return err
		}
	}
}

// crowd is people in a process of their own: they do not share the attacker's scheduler and garbage collector.
type crowd struct {
	t   *testing.T
	in  *json.Encoder
	out *json.Decoder
}

func newCrowd(t *testing.T, n *node) *crowd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), peopleVariable+"="+n.public)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // which ends it
		_ = cmd.Wait()
	})
	return &crowd{t, json.NewEncoder(in), json.NewDecoder(bufio.NewReader(out))}
}

// do returns what the people met, and fails where something was wrong.
func (c *crowd) do(a asked) met {
	c.t.Helper()
	var m met
	err := c.in.Encode(a)
	if err == nil {
		err = c.out.Decode(&m)
	}
	if err != nil {
		c.t.Fatalf("the people have gone: %v", err)
	}
	if m.Wrong != "" {
		c.t.Error(m.Wrong)
	}
	return m
}

func (m *met) String() string {
	return fmt.Sprintf("%d of %d lost, p50 %v, p99 %v, worst %v", m.Lost, m.Sent, m.P50, m.P99, m.Worst)
}
