package swarm

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Worker is a worker that runs.
type Worker struct {
	// In takes its tasks; closing it ends the worker. Out has its reports and ends
	// with it.
	In  io.WriteCloser
	Out io.Reader
	// PID is its process.
	PID int
	// Wait waits until it has ended and returns why, after Out has ended. It is called once.
	Wait func() error
}

// Launch starts worker number i, which runs until its In is closed or ctx ends.
type Launch func(ctx context.Context, i int) (Worker, error)

// Processes launches child processes: the program exe with args has to call [Work] with
// its standard input and output. Their standard error is ours. They are in a process
// group of their own, so that Ctrl-C reaches only the parent, which then asks them what
// they know.
func Processes(exe string, args ...string) Launch {
	return func(ctx context.Context, i int) (Worker, error) {
		cmd := exec.CommandContext(ctx, exe, args...)
		cmd.Stderr = os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.WaitDelay = time.Second
		in, err := cmd.StdinPipe()
		if err != nil {
			return Worker{}, fmt.Errorf("cannot start worker %d: %w", i, err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return Worker{}, fmt.Errorf("cannot start worker %d: %w", i, err)
		}
		if err := cmd.Start(); err != nil {
			return Worker{}, fmt.Errorf("cannot start worker %d: %w", i, err)
		}
		return Worker{In: in, Out: out, PID: cmd.Process.Pid, Wait: cmd.Wait}, nil
	}
}

// InProcess launches goroutines of this process. It is for tests: they share one limit
// of descriptors and one figure of CPU time.
func InProcess() Launch {
	return func(ctx context.Context, _ int) (Worker, error) {
		tasks, in := io.Pipe()
		out, reports := io.Pipe()
		ended := make(chan error, 1) // sent once by the goroutine below
		go func() {                  // ends with its tasks; Wait waits for it
			err := Work(ctx, tasks, reports)
			_ = tasks.Close()
			_ = reports.Close()
			ended <- err
		}()
		return Worker{In: in, Out: out, PID: os.Getpid(), Wait: func() error { return <-ended }}, nil
	}
}
