package bench

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// The body of a message of ours: "b <due in Unix µs> <number> ....", padded.
const bodyMark = `"info":"b `

// AppendBody appends the body of message number due at the given time, padded to size
// bytes.
func AppendBody(dst []byte, due time.Time, number uint64, size int) []byte {
	from := len(dst)
	dst = append(dst, "b "...)
	dst = strconv.AppendInt(dst, due.UnixMicro(), 10)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, number, 10)
	dst = append(dst, ' ')
	for len(dst)-from < size {
		dst = append(dst, '.')
	}
	return dst
}

// parseBody finds our body in a message's JSON.
func parseBody(payload []byte) (due int64, number uint64, ok bool) {
	_, rest, ok := bytes.Cut(payload, []byte(bodyMark))
	if !ok || bytes.HasPrefix(payload, []byte(`{"list"`)) {
		return 0, 0, false
	}
	a, rest, ok1 := bytes.Cut(rest, []byte(" "))
	b, _, ok2 := bytes.Cut(rest, []byte(" "))
	due, err1 := strconv.ParseInt(string(a), 10, 64)
	number, err2 := strconv.ParseUint(string(b), 10, 64)
	return due, number, ok1 && ok2 && err1 == nil && err2 == nil
}

// say sends body as a text frame. It is masked with a zero key, which is what the
// rule asks for and spares the work.
func say(fd int, body []byte) error {
	frame := make([]byte, 0, 8+len(body))
	frame = append(frame, 0x81)
	if len(body) < 126 {
		frame = append(frame, 0x80|byte(len(body)))
	} else {
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(len(body)))
	}
	frame = append(append(frame, 0, 0, 0, 0), body...)
	n, err := unix.Write(fd, frame)
	if err == nil && n < len(frame) {
		err = fmt.Errorf("the server took %d of %d bytes", n, len(frame))
	}
	return os.NewSyscallError("write", err)
}

// ownCPU is the CPU time this process has used.
func ownCPU() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
