package edge

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"syscall"

	"barrage/internal/openfiles"
	"barrage/internal/uring"
	"barrage/room"
)

// writers is how the lanes write. The zero value is send(2) for each write.
type writers struct {
	ringed atomic.Int32 // lanes that write by io_uring
	err    error        // why none does, where it may
}

// NoRings is what an operator reads whose node may not write by io_uring, with what to do. err is of [uring.Check].
func NoRings(err error) error {
	do := "allow the node io_uring_setup and io_uring_enter (docs/deploy.md)"
	switch {
	case errors.Is(err, syscall.EMFILE):
		do = "raise the limit of open files (ulimit -n)"
	case errors.Is(err, syscall.ENOMEM):
		do = "raise the limit of locked memory (ulimit -l) by 8 KiB for each of fanout.lanes"
	}
	return fmt.Errorf("cannot write by io_uring: %w; %s, or set fanout.io_uring to off", err, do)
}

// newWriters is room.Callbacks.NewVolleyWriters: each lane has a ring, or none has.
func (e *Edge) newWriters(lanes int) (all []room.VolleyWriter) {
	if e.Config().IOUring == room.IOUringOff {
		return nil
	}
	err := fitRings(lanes)
	for err == nil && len(all) < lanes {
		var ring *uring.Ring
		if ring, err = uring.New(room.MostVolley); err == nil {
			all = append(all, &ringWriter{ring: ring, edge: e})
		}
	}
	if err != nil {
		for _, s := range all {
			s.Close()
		}
		e.writers.err = NoRings(err)
		return nil
	}
	e.writers.ringed.Store(int32(lanes))
	return all
}

// fitRings is an error where so many rings would take more than a quarter of the reserve. Else a node with few open
// files has none left before it is full, neither for those who ask nor for the store.
func fitRings(rings int) error {
	limit, err := openfiles.Limit()
	if most := openfiles.Reserve(limit) / 4; err == nil && rings > most {
		err = fmt.Errorf("a ring a lane are %d, and the limit of %d open files leaves room for %d: %w", rings, limit, most, syscall.EMFILE)
	}
	return err
}

// settle logs how lanes write where that is not as it might be. The error is that of a node that must not start.
func (w *writers) settle(mode string, log *slog.Logger) error {
	if w.err != nil && mode == room.IOUringOn {
		return w.err
	}
	if w.err != nil {
		log.Info("each write is a send(2)", "why", w.err)
	}
	return nil
}

// RingedLanes is how many lanes write by io_uring: all or none, but for those whose ring has failed.
func (e *Edge) RingedLanes() int { return int(e.writers.ringed.Load()) }

// ringed is a socket whose bytes the kernel may have as they are: a session on TCP. Any other is written to by Send.
type ringed interface{ session() *Session }

func (s *Session) session() *Session { return s }

// ringWriter is a lane's VolleyWriter that enters the kernel once for a volley.
//
// Locks: it has socket.mu and then nbio's lock of each socket in the volley, in its order. It keeps them from before it
// looks at the descriptors until the kernel has done. Nobody else has two sockets, and no socket is on two lanes: so
// two writers never wait for each other. A poller that answers on one of them may wait 0.16 ms, see room.MostVolley.
//
// Descriptors: nbio takes its lock before it closes one, and no send is under way after Submit. So none meets a reused
// descriptor, nor a buffer that was collected.
type ringWriter struct {
	ring   *uring.Ring // nil: it has failed
	edge   *Edge
	locked [room.MostVolley]locked
}

// locked is a socket whose locks the writer has, and what is written to it.
type locked struct {
	*Session
	*room.Write
	err error
}

// Close gives the ring back.
func (r *ringWriter) Close() {
	if r.ring != nil {
		r.ring.Close()
		r.ring = nil
	}
}

// Send writes a volley, see room.VolleyWriter.
func (r *ringWriter) Send(volley []room.Write) (together int) {
	n := 0
	for i := range volley {
		w := &volley[i]
		of, ok := w.Socket.(ringed)
		if !ok || r.ring == nil {
			w.N, w.Full = w.Socket.Send(w.P)
			continue
		}
		s := of.session()
		if !s.beginSend() {
			w.N, w.Full = 0, true
			continue
		}
		s.nb.Lock()
		if closed, _ := s.nb.IsClosed(); closed {
			s.nb.Unlock()
			w.N, w.Full = s.endSend(w.P, 0, syscall.EBADF)
			continue
		}
		r.ring.Add(s.nb.Hash(), w.P)
		r.locked[n] = locked{Session: s, Write: w}
		n++
	}
	if n == 0 {
		return 0
	}
	return r.submit(r.locked[:n])
}

// submit has the kernel do what the ring has, and lets go of the sockets. All locks of nbio's are free before a session
// learns the result of its write: it may give a rest to nbio, which takes others. The result taken is how many the
// kernel has begun.
func (r *ringWriter) submit(all []locked) (taken int) {
	taken, err := r.ring.Submit()
	for i := range all {
		h := &all[i]
		h.N, h.err = r.result(i, taken, h.nb.Hash(), h.P)
		h.nb.Unlock()
	}
	for i := range all {
		h := &all[i]
		h.N, h.Full = h.endSend(h.P, h.N, h.err)
	}
	clear(all)
	if err != nil { // it was tried when the node started
		r.edge.Log.Error("a lane writes without io_uring from now on", "err", err)
		r.edge.writers.ringed.Add(-1)
		r.Close()
	}
	return taken
}

// result is what became of the send that was added as number i, of which the kernel took so many. One that it did not
// begin, or gave back, is done now. nbio's lock of the descriptor must be held.
func (r *ringWriter) result(i, taken, fd int, p []byte) (n int, err error) {
	if i >= taken {
		return sendNow(fd, p)
	}
	n, errno := r.ring.Result(i)
	switch errno {
	case 0, syscall.EAGAIN:
		return n, nil
	case syscall.EINTR, syscall.ECANCELED:
		return sendNow(fd, p)
	default:
		return 0, errno
	}
}
