// Package built gives black-box tests the program that they start.
package built

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"barrage/internal/env"
)

// Environment is that of a node with these settings, as "room.auto_join=false", and nothing else.
func Environment(settings ...string) []string {
	environ := make([]string, len(settings))
	for i, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		environ[i] = env.Name(key) + "=" + value
	}
	return append(environ, env.OfTests()...)
}

// Run builds the program, puts its path where path points, runs the tests of m, and returns the exit code for them.
// Call it from TestMain.
func Run(m *testing.M, path *string) int {
	code, err := buildAndRun(m, path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func buildAndRun(m *testing.M, path *string) (code int, err error) {
	dir, err := os.MkdirTemp("", "built-")
	if err != nil {
		return 0, fmt.Errorf("cannot build the program: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	*path = filepath.Join(dir, "barrage")
	if out, err := exec.Command("go", "build", "-o", *path, "barrage").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("cannot build the program: %w\n%s", err, out)
	}
	return m.Run(), nil
}
