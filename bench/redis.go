package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"
)

// startPatience bounds the time until what we started can be used.
const startPatience = 10 * time.Second

// redis is a redis-server of our own that keeps nothing.
type redis struct {
	addr  string // host:port
	dir   string
	cmd   *exec.Cmd
	ended chan struct{} // closed once it has ended and was waited for
}

// startRedis runs redis-server from PATH on a free port. Stop it.
func startRedis(ctx context.Context) (*redis, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errors.New("cannot find redis-server, which joins the nodes: install it (apt-get install redis-server) or name one with --redis host:port")
	}
	dir, err := os.MkdirTemp("", "barrage-bench-")
	if err != nil {
		return nil, fmt.Errorf("cannot start redis-server: %w", err)
	}
	r := &redis{dir: dir, ended: make(chan struct{})}
	if err := r.start(ctx, program); err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("cannot start redis-server: %w", err)
	}
	return r, nil
}

func (r *redis) start(ctx context.Context, program string) error {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	r.addr = free.Addr().String()
	_, port, _ := net.SplitHostPort(r.addr) // as it was given
	if err := free.Close(); err != nil {
		return err
	}
	var said tail
	r.cmd = command(program, "--bind", "127.0.0.1", "--port", port, "--dir", r.dir, "--save", "", "--appendonly", "no")
	r.cmd.Stdout, r.cmd.Stderr = &said, &said
	if err := r.cmd.Start(); err != nil {
		return err
	}
	go func() { // Ends with the process; stop waits for it.
		defer close(r.ended)
		_ = r.cmd.Wait() // That it was killed is no news.
	}()
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for ping(ctx, r.addr) != nil {
		select {
		case <-again.C:
		case <-r.ended:
			return fmt.Errorf("it ended: %s", said.String())
		case <-ctx.Done():
			r.stop()
			return fmt.Errorf("no answer at %s: %w", r.addr, ctx.Err())
		}
	}
	return nil
}

// ping reports why no Redis answers at addr. One that wants a password answers, too.
func ping(ctx context.Context, addr string) error {
	conn, err := (&net.Dialer{Timeout: dialPatience}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(dialPatience)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	switch {
	case err != nil:
		return fmt.Errorf("no answer to PING: %w", err)
	case !strings.HasPrefix(answer, "+PONG") && !strings.HasPrefix(answer, "-"):
		return fmt.Errorf("it answers PING by %.80q", answer)
	}
	return nil
}

// why says how it ended, once it has.
func (r *redis) why() error {
	<-r.ended
	return errors.New(r.cmd.ProcessState.String())
}

// stop ends it and waits for it; all it held is gone.
func (r *redis) stop() {
	_ = r.cmd.Process.Kill()
	<-r.ended
	_ = os.RemoveAll(r.dir)
}
