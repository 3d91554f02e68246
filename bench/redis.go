package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"
)

// redisStarts bounds the time until a redis-server of ours answers.
const redisStarts = 10 * time.Second

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
	ctx, cancel := context.WithTimeout(ctx, redisStarts)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !pong(r.addr) {
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

// pong tells whether a Redis answers at addr.
func pong(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	_, err = bufio.NewReader(conn).ReadString('\n')
	return err == nil
}

// stop ends it and waits for it; all it held is gone.
func (r *redis) stop() {
	_ = r.cmd.Process.Kill()
	<-r.ended
	_ = os.RemoveAll(r.dir)
}
