// Package child starts programs that do not outlive this one.
package child

import (
	"os/exec"
	"runtime"
	"syscall"
)

// Start is cmd.Start for a program that is killed when this one ends, however it ends. A program that has programs of
// its own to end gets the Pdeathsig that cmd has instead. The channel is closed once the program has ended and was
// waited for: then cmd.ProcessState has how. The caller reads no [exec.Cmd.StdoutPipe], which waiting closes.
func Start(cmd *exec.Cmd) (<-chan struct{}, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	if cmd.SysProcAttr.Pdeathsig == 0 {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	started, ended := make(chan error), make(chan struct{})
	go func() { // ends with the program
		// The signal comes when the thread ends that started the program (prctl(2), PR_SET_PDEATHSIG). The runtime ends
		// threads, such as those of bench's senders: this one stays.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // ProcessState has the result
		}
	}()
	return ended, <-started
}
