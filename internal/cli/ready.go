package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"barrage/internal/env"
)

// Ready is where a process listens: host:port that can be dialled on this machine. Admin is empty where there is none.
// One line of JSON on the descriptor that [env.ReadyFD] names has it.
type Ready struct {
	Public string `json:"public"`
	Admin  string `json:"admin,omitempty"`
}

// Reporter reports to whoever started this process that it listens. The zero value reports to nobody.
type Reporter struct{ to *os.File }

// NewReporter takes [env.ReadyFD] out of an environment; an empty one counts as not set. The descriptor is closed once
// the report is written. One that cannot be written to is an error here, before ports are opened.
func NewReporter(environ []string) (r Reporter, rest []string, err error) {
	const name = env.ReadyFD + "="
	i := slices.IndexFunc(environ, func(entry string) bool { return strings.HasPrefix(entry, name) })
	if i < 0 {
		return r, environ, nil
	}
	rest = slices.Delete(slices.Clone(environ), i, i+1)
	text := strings.TrimPrefix(environ[i], name)
	if text == "" { // as an empty setting
		return r, rest, nil
	}
	fd, err := strconv.Atoi(text)
	if err != nil || fd < 3 || !given(fd) {
		return r, nil, fmt.Errorf("cannot use %s: %q is not the number of an open file, from 3, that this process was given to write to; "+
			"give it one, as '%[1]s=3 barrage serve 3>ready', or unset the variable", env.ReadyFD, text)
	}
	return Reporter{os.NewFile(uintptr(fd), env.ReadyFD)}, rest, nil
}

// given reports whether this process was started with the file, and that open for writing. Files that it has opened
// itself, as Go's runtime has, are closed on exec; files that it was given cannot be.
func given(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 {
		return false
	}
	mode, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return err == nil && mode&unix.O_ACCMODE != unix.O_RDONLY
}

// Report reports where the process listens; admin may be nil.
func (r Reporter) Report(public, admin net.Addr) error {
	if r.to == nil {
		return nil
	}
	ready := Ready{Public: Reachable(public)}
	if admin != nil {
		ready.Admin = Reachable(admin)
	}
	if err := errors.Join(json.NewEncoder(r.to).Encode(ready), r.to.Close()); err != nil {
		return fmt.Errorf("cannot report where it listens: %w", err)
	}
	return nil
}

// ReadReady reads what a process reports.
func ReadReady(from io.Reader) (ready Ready, err error) {
	switch err := json.NewDecoder(from).Decode(&ready); {
	case errors.Is(err, io.EOF):
		return ready, errors.New("it ended without a report of where it listens")
	case err != nil:
		return ready, fmt.Errorf("cannot read where it listens: %w", err)
	}
	return ready, nil
}

// Reachable turns "every interface" into an address that can be dialled on this machine.
func Reachable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
