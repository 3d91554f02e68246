package cgroup

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMemory_IsTheLeastBoundInForce(t *testing.T) {
	f := func(name string, want int64, files map[string]string) {
		t.Helper()
		root := t.TempDir()
		for path, text := range files {
			path = filepath.Join(root, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := Memory(root); got != want {
			t.Errorf("%s: %d; want %d", name, got, want)
		}
	}
	const self = "proc/self/cgroup"
	f("no cgroups", 0, nil)
	f("version 2, the parent's bound", 1<<30, map[string]string{self: "0::/a/b", "sys/fs/cgroup/a/memory.max": "1073741824", "sys/fs/cgroup/a/b/memory.max": "max"})
	f("version 2, the least of two", 1<<20, map[string]string{self: "0::/a/b", "sys/fs/cgroup/a/memory.max": "1073741824", "sys/fs/cgroup/a/b/memory.max": "1048576"})
	f("version 2, in a container", 1<<30, map[string]string{self: "0::/", "sys/fs/cgroup/memory.max": "1073741824"})
	f("version 2, none", 0, map[string]string{self: "0::/", "sys/fs/cgroup/memory.max": "max"})
	f("version 1", 1<<30, map[string]string{self: "5:cpu,cpuacct:/a\n4:memory:/a", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "1073741824", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"})
	f("version 1, in a container that sees the host's path", 1<<30, map[string]string{self: "4:memory:/docker/0123", "sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824"})
	f("version 1, none", 0, map[string]string{self: "4:memory:/", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"})
	f("nonsense", 0, map[string]string{self: "x\n0::/", "sys/fs/cgroup/memory.max": "much"})
}
