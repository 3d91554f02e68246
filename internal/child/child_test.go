package child

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// asParent is set for a process of this test that starts a child, prints the child's number, and waits until it is
// killed.
const asParent = "BARRAGE_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(asParent) != "" {
		cmd := exec.Command("sleep", "1000")
		cmd.Stderr = os.Stderr // by which the test sees that it has ended
		if _, err := Start(cmd); err != nil {
			panic(err)
		}
		fmt.Println(cmd.Process.Pid)
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // until it is killed
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestStart_NoThreadTakesItAlong(t *testing.T) {
	gone := make(chan struct{})
	var cmd *exec.Cmd
	var ended <-chan struct{}
	go func() { // ends at once, and its thread with it
		defer close(gone)
		runtime.LockOSThread()
		cmd = exec.Command("cat")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Error(err)
			return
		}
		if ended, err = Start(cmd); err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { _ = in.Close() })
		go func() { _, _ = fmt.Fprintln(in, "still here"); _ = in.Close() }() // ends with what it writes
	}()
	<-gone
	<-ended
	if got := cmd.ProcessState.String(); got != "exit status 0" {
		t.Errorf("the program ended by %s; want it to end by itself", got)
	}
}

func TestStart_EndsWithTheParent(t *testing.T) {
	for _, how := range []string{"killed", "ends"} {
		parent := exec.Command(os.Args[0])
		parent.Env = append(os.Environ(), asParent+"=1")
		in, err := parent.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := parent.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		rest, inherited, err := os.Pipe() // at its end when the last process that has it has ended
		if err != nil {
			t.Fatal(err)
		}
		parent.Stderr = inherited
		if err := parent.Start(); err != nil {
			t.Fatal(err)
		}
		_ = inherited.Close()
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || strings.TrimSpace(line) == "0" {
			t.Fatalf("the parent said %q, %v", line, err)
		}
		if how == "killed" {
			_ = parent.Process.Signal(syscall.SIGKILL)
		}
		_ = in.Close()
		_ = parent.Wait()
		if n, err := rest.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("%s: %d, %v; want the child gone", how, n, err)
		}
		_ = rest.Close()
	}
}

func TestStart_CannotStartIsAnErrorAtOnce(t *testing.T) {
	ended, err := Start(exec.Command("/nowhere/at/all"))
	if err == nil {
		t.Error("a program that is not there starts")
	}
	<-ended
}
