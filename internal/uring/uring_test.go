package uring

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"barrage/internal/denied"
)

func TestMain(m *testing.M) {
	if what := os.Getenv(denied.Variable); what != "" {
		os.Exit(checkDenied(what))
	}
	os.Exit(m.Run())
}

// checkDenied is the child of TestNew_DeniedCallIsNamed.
func checkDenied(what string) int {
	const setup, enter = unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER
	calls := map[string][]int{"setup": {setup}, "enter": {enter}, "both": {setup, enter}}[what]
	if err := denied.Calls(calls...); err != nil {
		fmt.Fprintln(os.Stderr, "no filter:", err)
		return 2
	}
	fmt.Fprint(os.Stderr, Check())
	return 0
}

// need makes a ring, or skips the test where this machine has none.
func need(t *testing.T, most int) *Ring {
	t.Helper()
	r, err := New(most)
	if err != nil {
		t.Skip("no io_uring here: ", err)
	}
	t.Cleanup(r.Close)
	return r
}

// pair is two ends of a connection.
func pair(t *testing.T) (ours, theirs int) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = syscall.Close(fds[0]), syscall.Close(fds[1]) })
	return fds[0], fds[1]
}

// readAll is what waits at an end.
func readAll(t *testing.T, fd int) (all []byte) {
	t.Helper()
	buf := make([]byte, 1<<16)
	for {
		n, err := syscall.Read(fd, buf)
		if n <= 0 || err != nil {
			return all
		}
		all = append(all, buf[:n]...)
	}
}

func wantResult(t *testing.T, r *Ring, i, n int, errno syscall.Errno) {
	t.Helper()
	if got, why := r.Result(i); got != n || why != errno {
		t.Errorf("send %d: %d bytes, %v; want %d, %v", i, got, why, n, errno)
	}
}

// TestNew_DeniedCallIsNamed: a call that a container forbids is an error of New that names it, also where it is
// io_uring_enter alone.
func TestNew_DeniedCallIsNamed(t *testing.T) {
	need(t, 1)
	for what, want := range map[string]string{
		"setup": "io_uring_setup: operation not permitted", "enter": "io_uring_enter: operation not permitted", "both": "io_uring_setup: operation not permitted",
	} {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), denied.Variable+"="+what)
		out, err := child.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", what, err, out)
		}
		if string(out) != want {
			t.Errorf("%s denied: %q; want %q", what, out, want)
		}
	}
}

// TestRing_EachFindsItsEnd: sends that are taken whole, in part, not at all, and that fail, in one Submit, many times.
func TestRing_EachFindsItsEnd(t *testing.T) {
	r := need(t, 8)
	well, peer := pair(t)
	tight, slow := pair(t)
	full, _ := pair(t)
	gone, closed := pair(t)
	_ = syscall.Close(closed)
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	fill := func(fd int) {
		for err := error(nil); err == nil; {
			_, err = syscall.Write(fd, large)
		}
	}
	fill(full)
	for round := range 100 {
		text := fmt.Appendf(nil, "round %d", round)
		r.Add(well, text)
		r.Add(tight, large)
		r.Add(full, text)
		r.Add(gone, text)
		r.Add(int(file.Fd()), text)
		if taken, err := r.Submit(); taken != 5 || err != nil {
			t.Fatalf("Submit = %d, %v; want 5", taken, err)
		}
		wantResult(t, r, 0, len(text), 0)
		n, errno := r.Result(1)
		if errno != 0 || n <= 0 || n >= len(large) {
			t.Fatalf("a large send: %d of %d bytes, %v; want a part", n, len(large), errno)
		}
		wantResult(t, r, 2, 0, syscall.EAGAIN)
		wantResult(t, r, 3, 0, syscall.EPIPE)
		wantResult(t, r, 4, 0, syscall.ENOTSOCK)
		if got := readAll(t, peer); !bytes.Equal(got, text) {
			t.Fatalf("the peer got %q; want %q", got, text)
		}
		if got := readAll(t, slow); !bytes.Equal(got, large[:n]) {
			t.Fatalf("the slow peer got %d bytes; want the first %d", len(got), n)
		}
	}
}

// TestRing_SendsOfOneSocketKeepTheirOrder: sends to one socket arrive in the order of Add.
func TestRing_SendsOfOneSocketKeepTheirOrder(t *testing.T) {
	r := need(t, 32)
	ours, theirs := pair(t)
	var want []byte
	for i := range 1000 {
		p := fmt.Appendf(nil, "%d ", i)
		want = append(want, p...)
		r.Add(ours, p)
		if i%32 == 31 || i == 999 {
			if _, err := r.Submit(); err != nil {
				t.Fatal(err)
			}
			if got := readAll(t, theirs); !bytes.Equal(got, want) {
				t.Fatalf("got %q; want %q", got, want)
			}
			want = want[:0]
		}
	}
}

// TestRing_SendsOnlyWhatTheKernelTook: sends that the kernel takes bit by bit are taken whole. One that it does not
// take is not sent, also not by the next Submit, and the error says why.
func TestRing_SendsOnlyWhatTheKernelTook(t *testing.T) {
	ours, theirs := pair(t)
	for _, c := range []struct {
		name  string
		says  []syscall.Errno // of each call in turn, then 0; a call that returns 0 takes 2
		taken int
		err   error
	}{
		{"bit by bit", nil, 8, nil},
		{"interrupted", []syscall.Errno{syscall.EINTR, 0, syscall.EINTR, syscall.EINTR}, 8, nil},
		{"no memory at once", []syscall.Errno{syscall.EAGAIN}, 0, nil},
		{"no memory later", []syscall.Errno{0, 0, syscall.ENOMEM}, 4, nil},
		{"completions are full", []syscall.Errno{0, syscall.EBUSY}, 2, nil},
		{"forbidden later", []syscall.Errno{0, 0, 0, syscall.EPERM}, 6, syscall.EPERM},
		{"forbidden", []syscall.Errno{syscall.EPERM}, 0, syscall.EPERM},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := need(t, 8)
			calls := 0
			r.enter = func(ring int, submit, wait, flags uint32) (int, syscall.Errno) {
				calls++
				if calls <= len(c.says) && c.says[calls-1] != 0 {
					return 0, c.says[calls-1]
				}
				return enter(ring, min(submit, 2), wait, flags)
			}
			for i := range 8 {
				r.Add(ours, []byte{'a' + byte(i)})
			}
			taken, err := r.Submit()
			if taken != c.taken || !errors.Is(err, c.err) {
				t.Errorf("Submit = %d, %v; want %d, %v", taken, err, c.taken, c.err)
			}
			for i := range taken {
				wantResult(t, r, i, 1, 0)
			}
			r.Add(ours, []byte("!"))
			r.enter = enter
			if taken, err := r.Submit(); taken != 1 || err != nil {
				t.Errorf("the next Submit = %d, %v; want 1", taken, err)
			}
			if got, want := string(readAll(t, theirs)), "abcdefgh"[:c.taken]+"!"; got != want {
				t.Errorf("the peer got %q; want %q", got, want)
			}
		})
	}
}

// TestRing_LateCompletionsAreWaitedFor: a send that is not over when the kernel returns is waited for, whatever
// interrupts the wait.
func TestRing_LateCompletionsAreWaitedFor(t *testing.T) {
	r := need(t, 4)
	ours, theirs := pair(t)
	waits := 0
	tail := *r.cqTail
	kernels := r.cqTail
	r.cqTail = &tail // the completions show one call late
	r.enter = func(ring int, submit, wait, flags uint32) (int, syscall.Errno) {
		if submit > 0 {
			return enter(ring, submit, wait, flags)
		}
		waits++
		if flags != enterGetEvents {
			t.Errorf("waits with flags %#x", flags)
		}
		switch {
		case waits == 1:
			return 0, syscall.EINTR
		case tail != atomic.LoadUint32(kernels):
			tail++
		}
		return 0, 0
	}
	for range 4 {
		r.Add(ours, []byte("x"))
	}
	if taken, err := r.Submit(); taken != 4 || err != nil || waits != 5 {
		t.Errorf("Submit = %d, %v after %d waits; want 4 after 5", taken, err, waits)
	}
	for i := range 4 {
		wantResult(t, r, i, 1, 0)
	}
	if got := string(readAll(t, theirs)); got != "xxxx" {
		t.Errorf("the peer got %q", got)
	}
}

// TestTry_RefusesAKernelThatWaits: a kernel whose sends are not over at once is not used.
func TestTry_RefusesAKernelThatWaits(t *testing.T) {
	r := need(t, 1)
	tail := *r.cqTail
	r.cqTail = &tail
	if err := r.try(); err == nil || !strings.Contains(err.Error(), "this kernel waits") {
		t.Errorf("try() = %v; want an error", err)
	}
}

// TestRing_BuffersSurviveGarbageCollections: buffers that nobody else knows survive collections from Add to the end of
// Submit.
func TestRing_BuffersSurviveGarbageCollections(t *testing.T) {
	r := need(t, 32)
	ours, theirs := pair(t)
	r.enter = func(ring int, submit, wait, flags uint32) (int, syscall.Errno) {
		runtime.GC()
		for range 100 { // freed memory is written over
			_ = bytes.Repeat([]byte("!"), 512)
		}
		return enter(ring, submit, wait, flags)
	}
	for round := range 20 {
		var want []byte
		for i := range 32 {
			p := bytes.Repeat([]byte{byte('a' + (round+i)%26)}, 512)
			want = append(want, p...)
			r.Add(ours, p)
		}
		if _, err := r.Submit(); err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, theirs); !bytes.Equal(got, want) {
			t.Fatalf("round %d: the peer got other bytes", round)
		}
	}
	if len(r.sends) != 0 || r.sends[:1][0] != nil {
		t.Error("the ring holds a buffer after Submit")
	}
}

// TestRing_ManyGoroutinesMayUseItInTurn: the goroutine that has the ring uses it, on whatever thread.
func TestRing_ManyGoroutinesMayUseItInTurn(t *testing.T) {
	r := need(t, 4)
	ours, theirs := pair(t)
	for i := range 100 {
		done := make(chan error)
		go func() { // ends with its send
			runtime.LockOSThread() // and takes its thread with it
			r.Add(ours, []byte{byte(i)})
			_, err := r.Submit()
			done <- err
		}()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, theirs); len(got) != 1 || got[0] != byte(i) {
			t.Fatalf("send %d: the peer got %v", i, got)
		}
	}
}

// TestRing_GivesBackItsDescriptors: descriptors and mappings are given back, also by New where it fails.
func TestRing_GivesBackItsDescriptors(t *testing.T) {
	need(t, 1)
	count := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	before := count()
	for range 100 {
		if err := Check(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := New(1 << 16); err == nil {
		t.Error("New of a ring for 65,536 sends succeeded")
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// BenchmarkRing is a volley of 32 sends of 200 bytes.
func BenchmarkRing(b *testing.B) {
	r, err := New(32)
	if err != nil {
		b.Skip(err)
	}
	defer r.Close()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		b.Fatal(err)
	}
	p := make([]byte, 200)
	b.ReportAllocs()
	for b.Loop() {
		for range 32 {
			r.Add(fds[0], p)
		}
		if taken, err := r.Submit(); taken != 32 || err != nil {
			b.Fatal(taken, err)
		}
	}
}
