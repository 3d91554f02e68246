package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pin has all threads of this process, and the processes that it starts from now on, run on these cores.
func pin(cores *unix.CPUSet) error {
	for range 2 { // a thread that starts meanwhile has the cores of the one that started it
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			if err != nil {
				return err
			}
			if err := unix.SchedSetaffinity(id, cores); err != nil && err != unix.ESRCH { // it has ended
				return fmt.Errorf("cannot choose cores: %w", err)
			}
		}
	}
	return nil
}

// cores are what a machine has for an attack. One is for the attacker, which is this process, and the others are for
// the node, its Redis and the people. So the attacker takes no more of their time than the work that the node does for
// it. The zero value keeps nobody apart.
type cores struct{ attacker, others unix.CPUSet }

// apart are those of this run, once split was called.
var apart cores

// split has this process, and those that it starts, run on the cores of the others from now on. A machine with one core
// is left as it is.
func split() error {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil || all.Count() < 2 {
		return err
	}
	for core := len(all) * 64; apart.attacker.Count() == 0; core-- {
		if all.IsSet(core) {
			apart.attacker.Set(core)
			all.Clear(core)
		}
	}
	apart.others = all
	return pin(&apart.others)
}

// held reports whether the attacker has a core of its own.
func (c *cores) held() bool { return c.attacker.Count() > 0 }

// attack moves this process to the attacker's core until end is called.
func (c *cores) attack(t *testing.T) (end func()) {
	t.Helper()
	move := func(to *unix.CPUSet) {
		if err := pin(to); err != nil {
			t.Error(err)
		}
	}
	if !c.held() {
		return func() {}
	}
	move(&c.attacker)
	return func() { move(&c.others) }
}

// used is the CPU time of the node's threads. That of /proc/…/stat is sampled, and misses threads that work in short
// bursts.
func (n *node) used() (all time.Duration) {
	n.tb.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", n.cmd.Process.Pid))
	if err != nil || len(threads) == 0 {
		n.tb.Fatalf("cannot read the threads of the node: %v", err)
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // it has ended
		}
		ran, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(ran, 10, 64)
		if err != nil {
			n.tb.Fatal(err)
		}
		all += time.Duration(ns)
	}
	return all
}
