// Package env has the names of the environment's variables that mean something to Barrage.
package env

import (
	"os"
	"strings"
)

// Prefix begins all of them.
const Prefix = "BARRAGE_"

// The variables that are no settings of a node.
const (
	// ReadyFD names the file descriptor on which a process reports where it listens, for whoever started it.
	ReadyFD = Prefix + "READY_FD"
	// AdminServer and AdminKey are of those who call a node with "barrage admin": its address, and a server key.
	AdminServer = Prefix + "ADMIN_SERVER"
	AdminKey    = Prefix + "ADMIN_KEY"
	// TestIOUring says how the lanes of all nodes write that tests start: on or off, as fanout.io_uring; unset, as the
	// test has it.
	TestIOUring = Prefix + "TEST_IO_URING"
)

// OfTests are the variables that tests hand on to the nodes that they start.
func OfTests() []string {
	if how := os.Getenv(TestIOUring); how != "" {
		return []string{Name("fanout.io_uring") + "=" + how}
	}
	return nil
}

// Name is the variable of a setting: BARRAGE_SERVER_LISTEN for server.listen.
func Name(key string) string {
	return Prefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}
