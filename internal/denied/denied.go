// Package denied is for tests: it takes system calls from this process for good, as a container does. So whoever needs
// it runs its own test binary again as a child.
package denied

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"
)

// Variable is that of the environment which has a child of a test take calls from itself.
const Variable = "BARRAGE_TEST_DENIED"

const (
	prSetNoNewPrivs = 38

	retAllow = 0x7fff0000
	retErrno = 0x00050000

	sysSeccomp = 317 // amd64; arm64 has 277
	setFilter  = 1
	allThreads = 1 // SECCOMP_FILTER_FLAG_TSYNC
)

// Calls has the kernel answer EPERM to these system calls, whichever thread makes them. There is no way back.
func Calls(numbers ...int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("prctl: %w", errno)
	}
	program := []syscall.SockFilter{{Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS, K: 0}} // the number
	for _, n := range numbers {
		program = append(program,
			syscall.SockFilter{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, Jf: 1, K: uint32(n)},
			syscall.SockFilter{Code: syscall.BPF_RET | syscall.BPF_K, K: retErrno | uint32(syscall.EPERM)})
	}
	program = append(program, syscall.SockFilter{Code: syscall.BPF_RET | syscall.BPF_K, K: retAllow})
	filter := syscall.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	call := uintptr(sysSeccomp)
	if runtime.GOARCH == "arm64" {
		call = 277
	}
	if _, _, errno := syscall.RawSyscall(call, setFilter, allThreads, uintptr(unsafe.Pointer(&filter))); errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}
