package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// root is the repository.
const root = "../.."

// output runs a program at the root of the repository, and is what it prints; the test ends where its exit code is not
// 0.
func output(tb testing.TB, environ []string, name string, args ...string) string {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), name, args...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), environ...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		tb.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// build makes the packages in a directory, and returns their paths.
func build(tb testing.TB) (deb, rpm string) {
	tb.Helper()
	dir := tb.TempDir()
	output(tb, nil, "make", "package", "PACKAGES="+dir, "VERSION=v1.2.3")
	for _, pattern := range []struct {
		path *string
		glob string
	}{{&deb, "*.deb"}, {&rpm, "*.rpm"}} {
		found, err := filepath.Glob(filepath.Join(dir, pattern.glob))
		if err != nil || len(found) != 1 {
			tb.Fatalf("make package made %v, %v; want one %s", found, err, pattern.glob)
		}
		*pattern.path = found[0]
	}
	return deb, rpm
}

// files are in both packages.
var files = []string{
	"/usr/bin/barrage", "/etc/barrage/config.yaml", "/usr/lib/systemd/system/barrage.service", "/usr/lib/systemd/system/barrage.socket",
	"/usr/lib/sysusers.d/barrage.conf", "/usr/lib/sysctl.d/60-barrage.conf", "/usr/share/barrage/alerts.yaml", "/usr/share/barrage/dashboard.json",
	"/usr/share/doc/barrage/runbook.md", "/usr/share/doc/barrage/copyright",
}

// TestPackages_InstallAndKeepTheConfiguration lists both packages, installs the one for Debian into a directory, runs
// what it installed, and removes it.
func TestPackages_InstallAndKeepTheConfiguration(t *testing.T) {
	deb, rpm := build(t)
	archive := strings.Fields(output(t, nil, "tar", "-tzf", filepath.Join(filepath.Dir(deb), "barrage_1.2.3_linux_"+runtime.GOARCH+".tar.gz")))
	for _, file := range []string{"barrage", "config.yaml", "LICENSE", "deploy/systemd/barrage.service", "docs/deploy.md"} {
		if !slices.Contains(archive, file) {
			t.Errorf("%s is not in the archive: %v", file, archive)
		}
	}
	if _, err := exec.LookPath("rpm"); err == nil {
		list := strings.Fields(output(t, nil, "rpm", "--query", "--list", "--package", rpm))
		for _, file := range files {
			if !slices.Contains(list, file) {
				t.Errorf("%s is not in the package for Red Hat: %v", file, list)
			}
		}
		if got := output(t, nil, "rpm", "--query", "--configfiles", "--package", rpm); !strings.Contains(got, "/etc/barrage/config.yaml") {
			t.Errorf("the configuration is no configuration file of the package for Red Hat: %s", got)
		}
	}
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("there is no dpkg to install the other one")
	}
	fields := output(t, nil, "dpkg-deb", "--field", deb)
	for _, want := range []string{"Package: barrage\n", "Version: 1.2.3\n", "Depends: systemd\n"} {
		if !strings.Contains(fields+"\n", want) {
			t.Errorf("the package for Debian lacks %q: %s", want, fields)
		}
	}

	target := t.TempDir()
	for _, dir := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates", "etc"} {
		noError(t, os.MkdirAll(filepath.Join(target, dir), 0o755))
	}
	for _, file := range []string{"var/lib/dpkg/status", "var/lib/dpkg/available"} {
		noError(t, os.WriteFile(filepath.Join(target, file), nil, 0o644))
	}
	dpkg := func(args ...string) {
		t.Helper()
		output(t, []string{"DEBIAN_FRONTEND=noninteractive"}, "dpkg", append([]string{"--root=" + target, "--force-depends", "--force-script-chrootless", "--force-not-root"}, args...)...)
	}
	dpkg("--install", deb)
	for _, file := range files {
		if _, err := os.Stat(filepath.Join(target, file)); err != nil {
			t.Errorf("after the installation: %v", err)
		}
	}
	if users, err := os.ReadFile(filepath.Join(target, "etc/passwd")); err != nil || !strings.Contains(string(users), "barrage:x:") {
		t.Errorf("after the installation there is no user barrage: %v, %s", err, users)
	}
	program, config := filepath.Join(target, "usr/bin/barrage"), filepath.Join(target, "etc/barrage/config.yaml")
	if got := output(t, nil, program, "version"); !strings.HasPrefix(got, "barrage v1.2.3 ") {
		t.Errorf("the program that was installed says %q; want v1.2.3", got)
	}
	output(t, nil, program, "config", "check", "--config", config)

	noError(t, os.WriteFile(config, []byte("log:\n  level: warn\n"), 0o640))
	dpkg("--install", deb)
	if text, err := os.ReadFile(config); err != nil || string(text) != "log:\n  level: warn\n" {
		t.Errorf("after an upgrade the configuration is %q, %v; want what it was", text, err)
	}
	dpkg("--remove", "barrage")
	if _, err := os.Stat(program); !os.IsNotExist(err) {
		t.Errorf("after it was removed: %v; want no program", err)
	}
	if _, err := os.Stat(config); err != nil {
		t.Errorf("after it was removed: %v; want the configuration until it is purged", err)
	}
}

func noError(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
