package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"barrage/gateway/door"
	"barrage/gateway/edge"
	"barrage/internal/cgroup"
	"barrage/internal/config"
	"barrage/internal/openfiles"
)

// This file is what the kernel gives a node.

// host is the machine as this process sees it.
type host struct {
	root      string // of /proc and /sys
	environ   []string
	openFiles func() (int, error)
	listens   func(addr string) error // an error: a node could not listen there
	rings     func() error            // an error: lanes could not write by io_uring
}

// Figures for what a node wants of the kernel.
const (
	// fewFiles is below which a limit of open files is one that nobody has set: a node holds more on a small machine.
	fewFiles = 65536
	// backlog is how many connections may wait to be taken: two seconds of limits.handshakes,
	// rounded up to a power of two.
	backlog = 4096
	// socketMemory is what an open socket takes of tcp_mem, in bytes, as long as it takes what it is sent.
	socketMemory = 4 << 10
	// clientPorts is how many connections one address has to another one: fewer than a full node's.
	clientPorts = 28_000
)

// page is what tcp_mem counts in, in bytes.
var page = int64(os.Getpagesize())

// read is a file's text; ok is false where it cannot be read.
func (h *host) read(path string) (text string, ok bool) {
	b, err := os.ReadFile(filepath.Join(h.root, path))
	return strings.TrimSpace(string(b)), err == nil
}

// numbers are those of a setting of the kernel; nil where it is not there.
func (h *host) numbers(sysctl string) (all []int64) {
	text, ok := h.read("proc/sys/" + strings.ReplaceAll(sysctl, ".", "/"))
	if !ok {
		return nil
	}
	for field := range strings.FieldsSeq(text) {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return nil
		}
		all = append(all, n)
	}
	return all
}

// Machine looks at what this machine's kernel gives a node with the configuration, which is valid. environ is in the
// form of [os.Environ].
func Machine(cfg *config.Config, environ []string) []Finding {
	h := &host{root: "/", environ: environ, openFiles: openfiles.Limit}
	return h.machine(cfg)
}

// machine looks at the kernel's settings.
func (h *host) machine(cfg *config.Config) (found []Finding) {
	files, most := h.files(cfg)
	found = append(found, files)
	atLeast := func(sysctl string, least int64, why string) {
		n := h.numbers(sysctl)
		if len(n) == 0 { // another kernel, or a container that hides it
			return
		}
		f := Finding{Check: sysctl, State: OK, Value: fmt.Sprint(n[0])}
		if n[0] < least {
			f.State, f.Do = Warn, fmt.Sprintf("sysctl -w %s=%d (and in /etc/sysctl.d): %s", sysctl, least, why)
		}
		found = append(found, f)
	}
	atLeast("net.core.somaxconn", backlog, "else a wave of newcomers is refused before the node sees it.")
	atLeast("net.ipv4.tcp_max_syn_backlog", backlog, "else a wave of newcomers waits for their second try.")
	atLeast("net.netfilter.nf_conntrack_max", int64(most)*5/4, "each connection has an entry there, and one too many is dropped.")
	if mem := h.numbers("net.ipv4.tcp_mem"); len(mem) == 3 {
		f := Finding{Check: "net.ipv4.tcp_mem", State: OK, Value: fmt.Sprintf("%s at most", size(mem[2]*page))}
		if want := int64(most) * socketMemory; mem[1]*page < want {
			f.State = Warn
			f.Do = fmt.Sprintf("sysctl -w net.ipv4.tcp_mem='%d %d %d': %d sockets take some %s, and the kernel saves memory from %s on.",
				want/page, want*3/2/page, want*2/page, most, size(want), size(mem[1]*page))
		}
		found = append(found, f)
	}
	if f, matters := h.ports(cfg); matters {
		found = append(found, f)
	}
	return append(found, h.memory())
}

// files looks at the limit of open files; most is how many WebSockets fit.
func (h *host) files(cfg *config.Config) (f Finding, most int) {
	f = Finding{Check: "open files", State: OK}
	limit, err := h.openFiles()
	if err == nil {
		most, err = edge.ConnectionLimit(cfg.Server.MaxConnections, limit)
	}
	raise := fmt.Sprintf("Raise it for the node's user: LimitNOFILE=%d in the systemd unit, or ulimit -n %[1]d.", max(1<<20, cfg.Server.MaxConnections*11/10))
	switch {
	case err != nil:
		f.State, f.Value, f.Do = Fail, err.Error(), raise
	case cfg.Server.MaxConnections == 0 && limit < fewFiles:
		f.State, f.Do = Warn, raise
		fallthrough
	default:
		f.Value = fmt.Sprintf("%d, which leaves room for %d connections", limit, most)
	}
	return f, most
}

// ports looks whether a proxy on this machine has ports enough to reach the node: each connection takes one.
func (h *host) ports(cfg *config.Config) (f Finding, matters bool) {
	prefixes, _ := door.ParsePrefixes(cfg.Server.TrustedProxies) // settings looks at that
	for _, p := range prefixes {
		matters = matters || p.Addr().IsLoopback()
	}
	n := h.numbers("net.ipv4.ip_local_port_range")
	if len(n) != 2 {
		return f, false
	}
	f = Finding{Check: "net.ipv4.ip_local_port_range", State: OK, Value: fmt.Sprintf("%d to %d", n[0], n[1])}
	if n[1]-n[0]+1 <= clientPorts+1000 {
		f.State, f.Do = Warn, "sysctl -w net.ipv4.ip_local_port_range='1024 65535': the proxy on this machine needs a port for each connection to the node, or several addresses."
	}
	return f, matters
}

// memory looks whether Go knows of the bound that a cgroup has.
func (h *host) memory() Finding {
	f := Finding{Check: "memory", State: OK, Value: "no bound by a cgroup"}
	limit := cgroup.Memory(h.root)
	text := ""
	for _, entry := range h.environ {
		if value, ok := strings.CutPrefix(entry, "GOMEMLIMIT="); ok {
			text = value
		}
	}
	if limit == 0 {
		if text != "" {
			f.Value += ", GOMEMLIMIT " + text
		}
		return f
	}
	share := limit / 100 * cgroup.Share
	f.Do = fmt.Sprintf("Set GOMEMLIMIT=%dMiB, %d %% of that: else the kernel kills the node before Go gives memory back.", share>>20, cgroup.Share)
	goes, err := units.RAMInBytes(strings.TrimSuffix(strings.Replace(text, "iB", "B", 1), "B"))
	switch {
	case text == "":
		f.Do, f.Value = "", fmt.Sprintf("%s by the cgroup, of which Go takes %s: GOMEMLIMIT is not set", size(limit), size(share))
	case text == "off":
		f.State, f.Value = Warn, fmt.Sprintf("%s by the cgroup, and GOMEMLIMIT is off", size(limit))
	case err != nil || goes > limit:
		f.State, f.Value = Warn, fmt.Sprintf("%s by the cgroup, and GOMEMLIMIT is %s", size(limit), text)
	default:
		f.Do, f.Value = "", fmt.Sprintf("%s by the cgroup, GOMEMLIMIT %s", size(limit), text)
	}
	return f
}

// size is bytes for people.
func size(bytes int64) string { return units.BytesSize(float64(bytes)) }
