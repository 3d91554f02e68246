package swarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Work is a worker process: it reads tasks from in and writes reports to out, JSON lines both, until in ends or ctx
// does. Its context should not end with the signals that end the parent. The parent still wants to receive what is
// known, and closes in when it has.
//
// When ctx ends first, the goroutine that reads in is left behind; it ends with in.
func Work(ctx context.Context, in io.Reader, out io.Writer) error {
	dec, enc := json.NewDecoder(in), json.NewEncoder(out)
	var first task
	if err := dec.Decode(&first); err != nil {
		return fmt.Errorf("cannot read the plan: %w", err)
	}
	if first.Plan == nil {
		return errors.New("cannot work: the first task is no plan")
	}
	l, err := newLoop(first.Plan, enc)
	if err != nil {
		_ = enc.Encode(report{Error: err.Error()})
		return err
	}
	defer l.close()
	go func() { // ends with in
		defer close(l.tasks)
		for {
			var t task
			if dec.Decode(&t) != nil {
				return
			}
			l.tasks <- t
		}
	}()
	if err := l.run(ctx); err != nil {
		err = fmt.Errorf("cannot go on: %w", err)
		_ = enc.Encode(report{Error: err.Error()})
		return err
	}
	return nil
}
