package edge

import (
	"context"
	"runtime"
	"syscall"
	"time"

	"github.com/lesismal/nbio"
	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/mempool"
	"golang.org/x/sys/unix"

	"barrage/internal/rawio"
	"barrage/room"
)

// giveWay is how long a poller runs before it lets Go's scheduler choose again. Go's sysmon thread takes the processor
// of a goroutine that was not chosen for 10 ms, also if it waits in epoll_wait(2) again and again. Then it looks every
// 20 µs for some milliseconds: a sixth of what 1,000 small rooms cost.
const giveWay = 5 * time.Millisecond

// mostReads is how often a poller reads from one socket before the next one has its turn, where its buffer is full
// each time.
const mostReads = 3

// poller is what one of nbio's pollers has of ours. Only it uses it.
type poller struct {
	stretch room.Stretch   // see Member.Stretch
	began   time.Time      // when it was last chosen
	buf     [32 << 10]byte // the bytes that are read; larger only helps clients that send that much at once
}

// pollerOf is that of a connection, which nbio has its descriptor choose.
func (e *Edge) pollerOf(c *nbio.Conn) *poller { return &e.polled[c.Hash()%len(e.polled)] }

// startEngine starts nbio's pollers. They only wait: acceptor.go accepts, poller.serve reads, and handlers run inline.
// So nbio's executor, which has a bug that leaves one worker for good, is not in the way.
func (e *Edge) startEngine() {
	quiet.Do(func() {
		logging.SetLevel(logging.LevelNone)
		mempool.DefaultMemPool = mempool.NewAligned() // the default hoards: one pool for 1 KiB to 1 GiB
		nbio.MaxOpenFiles = e.openFiles               // an array of pointers of this size is made
	})
	e.polled = make([]poller, e.pollers())
	e.engine = nbio.NewEngine(nbio.Config{
		Name:           "barrage",
		NPoller:        e.pollers(),
		ReadBufferSize: 1, // one a poller, and not used: see readable
	})
	e.engine.OnRead(func(c *nbio.Conn) { e.pollerOf(c).readable(c) })
	e.engine.OnWrittenSize(func(c *nbio.Conn, _ []byte, n int) { sessionOf(c).drained(n) })
	e.engine.OnClose(func(c *nbio.Conn, _ error) {
		if t, is := c.Session().(touch); is {
			t <- struct{}{}
			return
		}
		e.gone(sessionOf(c))
	})
	err := e.engine.Start()
	if err == nil {
		// nbio v1.6.12 forgets that a poller was stopped before it first ran (poller_epoll.go:232), and it goes on in a
		// circle. A node that was stopped in its first milliseconds took 5 s to end.
		err = e.TouchPollers(context.Background())
	}
	if err != nil { // it has no listener that could fail
		panic("BUG: cannot start pollers: " + err.Error())
	}
}

// touch is the session of a connection that has no use but that a poller closes it. It has room for one word a poller.
type touch chan struct{}

// TouchPollers waits until every poller has ended what it does now, or ctx ends. So each has run, and later finds what
// was set before.
func (e *Edge) TouchPollers(ctx context.Context) error {
	touched, t := make([]bool, len(e.polled)), make(touch, len(e.polled))
	var others []int
	defer func() {
		for _, fd := range others {
			_ = unix.Close(fd)
		}
	}()
	for left := len(touched); left > 0; {
		var ends [2]int // nobody writes: to epoll the end for reading is closed
		if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
			return err
		}
		_ = unix.Close(ends[1])
		i := ends[0] % len(touched) // as nbio chooses
		if touched[i] {
			others = append(others, ends[0])
			continue
		}
		touched[i] = true
		left--
		c := new(nbio.Conn)
		c.SetSession(t)
		adopt(c, ends[0])
		if _, err := e.engine.AddConn(c); err != nil {
			return err
		}
	}
	for range touched {
		select {
		case <-t:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// sessionOf is the session whose connection c is.
func sessionOf(c *nbio.Conn) *Session { return c.Session().(Purpose).session() }

// readable is called by nbio when something has come. Left to itself, nbio would read it by a call that it announces to
// Go's scheduler, though it does not block.
func (p *poller) readable(c *nbio.Conn) {
	p.serve(c)
	if time.Since(p.began) > giveWay {
		runtime.Gosched()
		p.began = time.Now()
	}
}

// serve reads what has come and gives it to the session. A connection whose peer is gone is closed by nbio, which is
// notified of that as well.
func (p *poller) serve(c *nbio.Conn) {
	for range mostReads {
		n, errno := p.read(c)
		if n > 0 {
			sessionOf(c).read(p.buf[:n])
		}
		if errno != 0 && errno != syscall.EAGAIN && errno != syscall.EINTR {
			_ = c.CloseWithError(errno) // its only error is that of close(2)
		}
		if n < len(p.buf) {
			return // if that was a signal, epoll reports again
		}
	}
}

// read takes what the kernel has of a connection. Under nbio's lock its descriptor stays open.
func (p *poller) read(c *nbio.Conn) (int, syscall.Errno) {
	c.Lock() // a session is complete when its maker lets go of it
	defer c.Unlock()
	if closed, _ := c.IsClosed(); closed {
		return 0, 0
	}
	n, errno := rawio.Read(c.Hash(), p.buf[:])
	if errno == syscall.EAGAIN {
		// Nothing is there, and epoll has reported something: an urgent byte, which nbio asks for. A stranger may send one
		// behind a gap that is never filled. It is no part of a WebSocket, and epoll would report it for ever.
		_, _, _ = syscall.Recvfrom(c.Hash(), p.buf[:1], syscall.MSG_OOB)
	}
	return n, errno
}
