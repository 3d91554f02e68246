package child

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"
)

const (
	// askEvery is how often [Process.Await] asks.
	askEvery = 5 * time.Millisecond
	// tailBytes is how much a [Tail] keeps at least, in bytes: some fifty lines.
	tailBytes = 4 << 10
)

// Process is a program that was started by [Start], and what it wrote last.
type Process struct {
	Cmd   *exec.Cmd
	Said  Tail            // where Cmd writes to it
	Ended <-chan struct{} // as Start returned it
}

// Stop ends the process at once and waits for it.
func (p *Process) Stop() {
	_ = p.Cmd.Process.Kill() // fails only if it has ended by itself
	<-p.Ended
}

// Why waits for the end and returns how it ended, and what it wrote last.
func (p *Process) Why() error {
	<-p.Ended
	text := p.Said.String()
	if text == "" {
		return errors.New(p.Cmd.ProcessState.String())
	}
	return fmt.Errorf("%v: %s", p.Cmd.ProcessState, text)
}

// Await asks whether the process is ready until nil is the answer. It is an error if the process or ctx ends before.
func (p *Process) Await(ctx context.Context, ask func(context.Context) error) error {
	again := time.NewTicker(askEvery)
	defer again.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-p.Ended:
			return fmt.Errorf("it ended before it was ready: %w", p.Why())
		case <-ctx.Done():
			if said := p.Said.String(); said != "" {
				return fmt.Errorf("it is not ready: %w: %s", err, said)
			}
			return fmt.Errorf("it is not ready: %w", err)
		}
	}
}

// Tail keeps the end of what is written to it. The zero value is empty; all methods may be called at once.
type Tail struct {
	// Least is how many bytes are kept of more, and twice as many at most; 0: 4 KiB. Set it before anything is written.
	Least int

	mu   sync.Mutex // guards the field below
	last []byte
}

// Write keeps the end of b.
func (t *Tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	least := cmp.Or(t.Least, tailBytes)
	if t.last = append(t.last, b...); len(t.last) > 2*least {
		t.last = append(t.last[:0], t.last[len(t.last)-least:]...)
	}
	return len(b), nil
}

// String is what was written last, without blanks around it.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.last))
}
