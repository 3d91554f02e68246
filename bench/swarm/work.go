package swarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// Work is a worker process: it reads orders from in and writes reports to out, JSON
// lines both, until in ends or ctx does. Its context should not end with the signals
// that end the parent: the parent still wants to hear what is known, and closes in when
// it has.
//
// When ctx ends first, the goroutine that reads in is left behind; it ends with in.
func Work(ctx context.Context, in io.Reader, out io.Writer) error {
	dec, enc := json.NewDecoder(in), json.NewEncoder(out)
	var first order
	if err := dec.Decode(&first); err != nil {
		return fmt.Errorf("cannot read the plan: %w", err)
	}
	if first.Plan == nil {
		return errors.New("cannot work: the first order is no plan")
	}
	l, err := newLoop(first.Plan, enc)
	if err != nil {
		_ = enc.Encode(report{Error: err.Error()})
		return err
	}
	defer l.close()
	var wake sync.Mutex // held while the eventfd is written or closed
	closed := false
	go func() { // ends with in
		for {
			var o order
			err := dec.Decode(&o)
			if err != nil {
				close(l.orders)
			} else {
				l.orders <- o
			}
			wake.Lock()
			if !closed {
				_, _ = unix.Write(l.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
			}
			wake.Unlock()
			if err != nil {
				return
			}
		}
	}()
	defer func() {
		wake.Lock()
		defer wake.Unlock()
		closed = true
	}()
	if err := l.run(ctx); err != nil {
		err = fmt.Errorf("cannot go on: %w", err)
		_ = enc.Encode(report{Error: err.Error()})
		return err
	}
	return nil
}
