package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"barrage/internal/child"
	"barrage/internal/port"
)

// startPatience bounds the time until the server that we started can be used.
const startPatience = 10 * time.Second

// redis is a redis-server of our own that keeps nothing.
type redis struct {
	addr string // host:port
	dir  string
	child.Process
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
	r := &redis{dir: dir}
	if err := r.start(ctx, program); err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("cannot start redis-server: %w", err)
	}
	return r, nil
}

func (r *redis) start(ctx context.Context, program string) error {
	held, err := port.Hold()
	if err != nil {
		return err
	}
	defer held.Free() // the server has it, or there is none
	r.addr = held.Addr
	_, at, _ := net.SplitHostPort(r.addr) // as it was given
	setUp(&r.Process, program, "--bind", "127.0.0.1", "--port", at, "--dir", r.dir, "--save", "", "--appendonly", "no")
	r.Cmd.Stdout = &r.Said // its log
	if r.Ended, err = child.Start(r.Cmd); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := r.Await(ctx, func(ctx context.Context) error { return ping(ctx, r.addr) }); err != nil {
		r.Stop()
		return fmt.Errorf("at %s: %w", r.addr, err)
	}
	return nil
}

// ping reports why no Redis answers at addr. One that wants a password answers, too.
func ping(ctx context.Context, addr string) error {
	return askRedis(ctx, addr, "PING", func(answer *bufio.Reader) error {
		line, err := answer.ReadString('\n')
		switch {
		case err != nil:
			return fmt.Errorf("no answer to PING: %w", err)
		case !strings.HasPrefix(line, "+PONG") && !strings.HasPrefix(line, "-"):
			return fmt.Errorf("it answers PING by %.80q", line)
		}
		return nil
	})
}

// askRedis sends one command of one word and has its answer read.
func askRedis(ctx context.Context, addr, command string, read func(*bufio.Reader) error) error {
	conn, err := (&net.Dialer{Timeout: dialPatience}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(dialPatience)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte(command + "\r\n")); err != nil {
		return err
	}
	return read(bufio.NewReader(conn))
}

// redisUsage is what a Redis has used since its start.
type redisUsage struct {
	known bool
	cpu   time.Duration // user and system time
	bytes float64       // read from clients and written to them
}

// longestInfo bounds the answer to INFO in bytes, which has some 6,000.
const longestInfo = 1 << 20

// readRedis asks the Redis at addr, which wants no password.
func readRedis(ctx context.Context, addr string) (redisUsage, error) {
	var u redisUsage
	err := askRedis(ctx, addr, "INFO", func(answer *bufio.Reader) error {
		head, err := answer.ReadString('\n')
		if err != nil {
			return err
		}
		size, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(head, "$")))
		if err != nil || size < 0 || size > longestInfo {
			return fmt.Errorf("it answers INFO by %.80q", head)
		}
		text := make([]byte, size)
		if _, err := io.ReadFull(answer, text); err != nil {
			return err
		}
		u, err = parseInfo(string(text))
		return err
	})
	if err != nil {
		return redisUsage{}, fmt.Errorf("cannot read the usage of Redis at %s: %w", addr, err)
	}
	return u, nil
}

// parseInfo finds the usage in what INFO says.
func parseInfo(text string) (redisUsage, error) {
	figures := map[string]float64{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			figures[name] = n
		}
	}
	sum := func(names ...string) (all float64, err error) {
		for _, name := range names {
			n, ok := figures[name]
			if !ok {
				return 0, fmt.Errorf("INFO does not have %s", name)
			}
			all += n
		}
		return all, nil
	}
	cpu, err := sum("used_cpu_user", "used_cpu_sys")
	if err != nil {
		return redisUsage{}, err
	}
	traffic, err := sum("total_net_input_bytes", "total_net_output_bytes")
	return redisUsage{err == nil, time.Duration(cpu * float64(time.Second)), traffic}, err
}

// Stop ends it and waits for it; all it held is gone.
func (r *redis) Stop() {
	r.Process.Stop()
	_ = os.RemoveAll(r.dir)
}
