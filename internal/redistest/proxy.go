package redistest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Proxy stands between a client and a server, and does what networks do. Use [StartProxy].
type Proxy struct {
	// Addr is where clients connect to.
	Addr string

	// Immutable after StartProxy.
	server   string
	listener net.Listener

	working sync.WaitGroup

	mu sync.Mutex // guards the fields below
	// change is broadcast when a field below changes.
	change *sync.Cond
	// deaf: events are thrown away. cut: nothing goes through.
	deaf, cut, closed bool
	lag               time.Duration // of what clients send
	conns             []net.Conn
}

// StartProxy starts a proxy of the server at addr that ends with the test.
func StartProxy(tb testing.TB, addr string) *Proxy {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), server: addr, listener: l}
	p.change = sync.NewCond(&p.mu)
	p.working.Go(p.accept) // Ends with the listener; close waits.
	tb.Cleanup(p.close)
	return p
}

// Deafen throws away the events that the server sends, and nothing else, until a call with on false.
func (p *Proxy) Deafen(on bool) { p.set(func() { p.deaf = on }) }

// Cut lets nothing through until a call with on false, and loses nothing either, as a network does that is parted for
// some seconds.
func (p *Proxy) Cut(on bool) { p.set(func() { p.cut = on }) }

// Slow has what clients send arrive so much later. Bytes that the server sends come at once.
func (p *Proxy) Slow(lag time.Duration) { p.set(func() { p.lag = lag }) }

func (p *Proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	p.change.Broadcast()
}

func (p *Proxy) close() {
	p.set(func() { p.closed = true })
	_ = p.listener.Close() // It listened until now.
	p.mu.Lock()
	for _, c := range p.conns {
		_ = c.Close() // Its reader sees that.
	}
	p.mu.Unlock()
	p.working.Wait()
}

// accept takes connections until the proxy is closed.
func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			_ = client.Close() // The server is not there: so are we.
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		closed := p.closed
		p.mu.Unlock()
		if closed {
			_, _ = client.Close(), server.Close() // close did not see them.
		}
		// Both end with either connection; close waits.
		p.working.Go(func() { p.copyBytes(server, client) })
		p.working.Go(func() { p.copyAnswers(client, server) })
	}
}

// pass waits while nothing goes through, and reports whether events are thrown away.
func (p *Proxy) pass() (deaf bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.cut && !p.closed {
		p.change.Wait()
	}
	return p.deaf
}

func (p *Proxy) copyBytes(to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }() // The other direction sees that.
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		p.pass()
		p.mu.Lock()
		lag := p.lag
		p.mu.Unlock()
		<-time.After(lag)
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}

func (p *Proxy) copyAnswers(to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }() // The other direction sees that.
	in := bufio.NewReader(from)
	for {
		answer, err := readAnswer(in)
		deaf := p.pass()
		if err != nil {
			return
		}
		if deaf && isEvent(answer) {
			continue
		}
		if _, err := to.Write(answer); err != nil {
			return
		}
	}
}

// isEvent reports whether an answer is a push that brings what was published.
func isEvent(answer []byte) bool {
	fields := strings.SplitN(string(answer), "\r\n", 4)
	return fields[0] == ">3" && slices.Contains([]string{"message", "smessage"}, fields[2])
}

// readAnswer reads one answer of the protocol, with all that is in it.
func readAnswer(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(line[1:]))) // 0 where the line is all.
	switch line[0] {
	case '$', '=', '!':
		if n < 0 {
			return line, nil
		}
		text := make([]byte, n+len("\r\n"))
		_, err := io.ReadFull(in, text)
		return append(line, text...), err
	case '*', '>', '~':
	case '%':
		n *= 2
	case '+', '-', ':', '_', '#', ',', '(':
		return line, nil
	default:
		return nil, fmt.Errorf("cannot read answer: it begins with %q", line[0])
	}
	for range n {
		part, err := readAnswer(in)
		if err != nil {
			return nil, err
		}
		line = append(line, part...)
	}
	return line, nil
}
