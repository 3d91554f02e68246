// Package openfiles says how many files a process may have open, and how many of these a node keeps for other things
// than WebSockets.
package openfiles

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// most is where a limit is cut: nbio makes an array of as many pointers, here 128 MiB that nobody touches.
const most = 1 << 24

// Limit is the process's limit of open files: the hard one, up to which Go raises the soft one at start.
func Limit() (int, error) {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0, fmt.Errorf("cannot read the limit of open files: %w", err)
	}
	return int(min(l.Max, most)), nil
}

// Reserve is how many of a node's open files are for other things than WebSockets: a twentieth, but at least 64. These
// are listeners, Redis, and requests that are being answered, also with 503.
func Reserve(limit int) int { return max(64, limit/20) }
