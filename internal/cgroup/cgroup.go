// Package cgroup reads how much memory the kernel lets this process have. It keeps nothing and starts nothing.
package cgroup

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Share is what Go may have of the memory of a cgroup, in percent. The rest is the kernel's buffers, and what Go cannot
// give back at once.
const Share = 85

// none is from where on a bound of version 1 is none: the kernel writes the largest multiple of a page there.
const none = 1 << 62

// Memory is the least bound of this process's cgroups, of version 2 or 1, in bytes; 0: there is none. The directory
// root is where /proc and /sys are, "/" but for tests.
func Memory(root string) (least int64) {
	for line := range strings.Lines(read(root, "proc/self/cgroup")) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // hierarchy, controllers, path
		if len(parts) < 3 {
			continue
		}
		var of, file string
		switch {
		case parts[0] == "0" && parts[1] == "":
			of, file = "sys/fs/cgroup", "memory.max"
		case contains(parts[1], "memory"):
			of, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		for path := filepath.Clean("/" + parts[2]); ; path = filepath.Dir(path) { // a parent's bound holds as well
			n, err := strconv.ParseInt(read(root, filepath.Join(of, path, file)), 10, 64) // max is no number
			if err == nil && n > 0 && n < none && (least == 0 || n < least) {
				least = n
			}
			if path == "/" {
				break
			}
		}
	}
	return least
}

// contains reports whether a list with commas has a word.
func contains(list, word string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one == word {
			return true
		}
	}
	return false
}

// read is a file's text; empty where it cannot be read.
func read(root, path string) string {
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
