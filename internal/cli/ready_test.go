package cli

import (
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"barrage/internal/env"
)

func TestReporter_TellsWhoeverStartedTheProcess(t *testing.T) {
	for _, c := range []struct {
		public, admin string
		want          Ready
	}{
		{"0.0.0.0:9000", "[::1]:9001", Ready{"127.0.0.1:9000", "[::1]:9001"}},
		{"[::]:9000", "", Ready{"127.0.0.1:9000", ""}},
	} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		fd := give(t, write)
		r, rest, err := NewReporter([]string{"A=1", env.ReadyFD + "=" + fd, "B=2"})
		if err != nil || !slices.Equal(rest, []string{"A=1", "B=2"}) {
			t.Fatalf("NewReporter = %v, %v; want the rest of the environment", rest, err)
		}
		if err := r.Report(address(t, c.public), address(t, c.admin)); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadReady(read); err != nil || got != c.want {
			t.Errorf("told %+v, %v; want %+v", got, err, c.want)
		}
		if n, err := read.Read(make([]byte, 9)); n > 1 || n == 0 && err == nil {
			t.Errorf("%d bytes more were told, %v; want an end", n, err)
		}
		_ = read.Close()
		_ = write.Close() // closed by Report, under another name
	}
}

// give has a file be as one that this process was started with, and returns its number.
func give(t *testing.T, f *os.File) string {
	t.Helper()
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFD, 0); err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(int(f.Fd()))
}

// address is nil where text is empty.
func address(t *testing.T, text string) net.Addr {
	t.Helper()
	if text == "" {
		return nil
	}
	a, err := net.ResolveTCPAddr("tcp", text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestReporter_WithoutTheVariableTellsNobody(t *testing.T) {
	for _, environ := range [][]string{{"A=1"}, {env.ReadyFD + "=", "A=1"}} {
		r, rest, err := NewReporter(environ)
		if err != nil || !slices.Equal(rest, []string{"A=1"}) || r.Report(nil, nil) != nil {
			t.Errorf("NewReporter(%q) = %v, %v, %v; want one that tells nobody", environ, r, rest, err)
		}
	}
}

func TestReporter_RefusesWhatItCannotWriteTo(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = read.Close(), write.Close() }()
	own := strconv.Itoa(int(write.Fd())) // as Go's runtime has some
	for _, bad := range []string{"x", "2", "-1", "1048576", "99999999999999999999", own, give(t, read)} {
		_, _, err := NewReporter([]string{env.ReadyFD + "=" + bad})
		if err == nil || !strings.Contains(err.Error(), "is not the number of an open file") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v; want an error of one line", bad, err)
		}
	}
}

func TestReadReady_SaysThatTheProcessEnded(t *testing.T) {
	if _, err := ReadReady(strings.NewReader("")); err == nil || !strings.Contains(err.Error(), "without a report of where it listens") {
		t.Errorf("ReadReady = %v; want that it ended", err)
	}
}
