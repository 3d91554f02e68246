// Package redistest runs a real redis-server for tests, or the program that REDIS_SERVER names. The server has a free
// port of 127.0.0.1 and no files that outlive it. The package is for Linux.
package redistest

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"barrage/internal/child"
	"barrage/internal/port"
)

// ProgramVariable is the variable of the environment with the path of another program than redis-server, as Valkey's.
const ProgramVariable = "REDIS_SERVER"

// program is what is started.
func program() string { return cmp.Or(os.Getenv(ProgramVariable), "redis-server") }

// startTimeout bounds the time until the server answers PING.
const startTimeout = 10 * time.Second

// Server is one redis-server. Use [New] or [Start]. Its methods may not be called
// concurrently.
type Server struct {
	// Addr is its host:port. It stays the same through Restart.
	Addr string

	// Immutable after New.
	port *port.Port // Addr's
	args []string
	dir  string
	// sentinel is what is in the file of a sentinel, which must have one; else empty.
	sentinel string
	// env is more than the environment of the test.
	env []string
	// secure is what to dial with; nil without TLS.
	secure *tls.Config

	// The process that runs now; nil after Stop.
	process *child.Process
}

// New starts a server with more arguments for its command line, such as "--requirepass",
// "secret". It returns once the server answers. The caller must Stop it. For TestMain;
// tests use [Start].
func New(args ...string) (*Server, error) { return (&Server{args: args}).launch() }

// launch starts s at a free port. The caller must Stop it.
func (s *Server) launch() (*Server, error) {
	if _, err := exec.LookPath(program()); err != nil {
		return nil, fmt.Errorf("cannot start redis-server: %w: set "+ProgramVariable+" to a program that is there, or install it with: apt-get install -y redis-server", err)
	}
	dir, err := os.MkdirTemp("", "redistest-")
	if err != nil {
		return nil, fmt.Errorf("cannot start redis-server: %w", err)
	}
	s.dir = dir
	if s.port, err = port.Hold(); err == nil {
		s.Addr = s.port.Addr
		if err = s.start(); err == nil {
			return s, nil
		}
		s.port.Free()
	}
	return nil, errors.Join(err, os.RemoveAll(dir))
}

// launchFor is launch for one test, as Start is.
func (s *Server) launchFor(tb testing.TB) *Server {
	tb.Helper()
	s, err := s.launch()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Stop)
	return s
}

// Start is New for one test: it fails the test if the server does not start and stops
// it when the test ends.
func Start(tb testing.TB, args ...string) *Server {
	tb.Helper()
	return (&Server{args: args}).launchFor(tb)
}

// start runs the program at Addr and waits until it answers.
func (s *Server) start() error {
	args, err := s.commandLine()
	if err != nil {
		return fmt.Errorf("cannot start redis-server: %w", err)
	}
	p := &child.Process{Cmd: exec.Command(program(), args...)}
	p.Cmd.Env = append(os.Environ(), s.env...)
	p.Cmd.Stdout, p.Cmd.Stderr = &p.Said, &p.Said
	if p.Ended, err = child.Start(p.Cmd); err != nil { // a test that dies cannot stop its server
		return fmt.Errorf("cannot start redis-server: %w", err)
	}
	s.process = p
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := p.Await(ctx, func(context.Context) error { return ping(s) }); err != nil {
		s.kill()
		return fmt.Errorf("cannot start redis-server at %s: %w", s.Addr, err)
	}
	return nil
}

// commandLine is what the program is started with, and writes the file it names.
func (s *Server) commandLine() ([]string, error) {
	host, port := s.hostPort()
	if s.sentinel != "" {
		file := filepath.Join(s.dir, "sentinel.conf")
		text := fmt.Sprintf("bind %s\nport %s\ndir %s\n%s", host, port, s.dir, s.sentinel)
		return []string{file, "--sentinel"}, os.WriteFile(file, []byte(text), 0o600)
	}
	args := []string{"--bind", host, "--dir", s.dir, "--save", "", "--appendonly", "no", "--port"}
	if s.secure != nil {
		args = append(args, "0", "--tls-port")
	}
	return slices.Concat(args, []string{port}, s.args), nil
}

// ping asks the server whether it is there. Any answer will do, also that a password is
// wanted.
func ping(s *Server) error {
	conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return err
	}
	if s.secure != nil {
		conn = tls.Client(conn, s.secure)
	}
	defer func() { _ = conn.Close() }() // Nothing was lost if that fails.
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	_, err = bufio.NewReader(conn).ReadString('\n')
	return err
}

// Stop kills the server, all data is lost. Nothing happens if it was killed before,
// but Restart is not possible after Stop.
func (s *Server) Stop() {
	s.kill()
	s.port.Free()
	_ = os.RemoveAll(s.dir) // Nothing is in there.
}

// Kill ends the server as a crash does: all data is lost.
func (s *Server) Kill(tb testing.TB) {
	tb.Helper()
	if s.process == nil {
		tb.Fatal("cannot kill redis-server: it does not run")
	}
	s.kill()
}

func (s *Server) kill() {
	if s.process == nil {
		return
	}
	s.process.Stop()
	s.process = nil
}

// Restart starts the server, empty, at the same address, after killing it if it runs.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	s.kill()
	if err := s.start(); err != nil {
		tb.Fatal(err)
	}
}

// Pause stops the program without closing its sockets, as an overloaded machine does.
func (s *Server) Pause(tb testing.TB) {
	tb.Helper()
	s.signal(tb, syscall.SIGSTOP)
}

// Resume ends Pause.
func (s *Server) Resume(tb testing.TB) {
	tb.Helper()
	s.signal(tb, syscall.SIGCONT)
}

func (s *Server) signal(tb testing.TB, sig syscall.Signal) {
	tb.Helper()
	if s.process == nil {
		tb.Fatalf("cannot send %v to redis-server: it does not run", sig)
	}
	if err := s.process.Cmd.Process.Signal(sig); err != nil {
		tb.Fatalf("cannot send %v to redis-server: %v", sig, err)
	}
}
