package admincmd

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"barrage/internal/env"
)

// This file finds the node that a command calls, and the key that it shows.

// defaultServer is the admin port of a node on this machine, as admin.listen has it by default.
const defaultServer = "http://127.0.0.1:9001"

// Bounds of files, in bytes: a key has 47; a context some 100.
const (
	maxKeyFile  = 1 << 10
	maxContexts = 64 << 10
)

// connect finds the node: a flag counts more than the context, and that more than the environment.
func (p *program) connect(stderr io.Writer) (*node, error) {
	var from contextEntry
	if p.context != "" {
		var err error
		if from, err = p.readContext(); err != nil {
			return nil, err
		}
	}
	server, err := parseServer(cmp.Or(p.server, from.Server, p.env(env.AdminServer), defaultServer))
	if err != nil {
		return nil, err
	}
	key := strings.TrimSpace(p.env(env.AdminKey))
	source := env.AdminKey
	if file := cmp.Or(p.keyFile, from.KeyFile); file != "" {
		if key, err = readKey(file, stderr); err != nil {
			return nil, err
		}
		source = file
	}
	if strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c > '~' }) { // not shown: it is a secret
		return nil, fmt.Errorf("cannot use the key of %s: it has characters that no key has", source)
	}
	return newNode(server, key), nil
}

// parseServer reads an address; host:port is that of a port that speaks http.
func parseServer(text string) (string, error) {
	full := text
	if !strings.Contains(full, "://") {
		full = "http://" + full
	}
	u, err := url.Parse(full)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("cannot use the server %.200q: want an address, as http://127.0.0.1:9001", text)
	case u.User != nil:
		return "", errors.New("cannot use a server with a user or a password in its address: set " + env.AdminKey)
	case u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("cannot use the server %.200q: it has a query or a fragment", text)
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// readKey reads the first line of a file.
func readKey(file string, stderr io.Writer) (string, error) {
	text, mode, err := readFile(file, maxKeyFile)
	if err != nil {
		return "", fmt.Errorf("cannot read the key: %w", err)
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	if line == "" {
		return "", fmt.Errorf("cannot read the key: %s is empty", file)
	}
	if mode.Perm()&0o077 != 0 && mode.IsRegular() {
		// a closed stderr changes nothing
		_, _ = fmt.Fprintf(stderr, "warning: others on this machine may use the key of %s: chmod 600 %s\n", file, file)
	}
	return strings.TrimSpace(line), nil
}

// readFile reads a file of at most so many bytes.
func readFile(name string, most int64) ([]byte, os.FileMode, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = file.Close() }() // it was read only
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s has more than %d bytes", name, most)
	}
	return text, info.Mode(), err
}

// contextEntry is one entry of the file of contexts.
type contextEntry struct {
	Server  string `yaml:"server"`
	KeyFile string `yaml:"key_file"` // from the file's own folder, unless it begins with / or ~/
}

// contextsFile is where contexts are; empty where nobody knows.
func (p *program) contextsFile() string {
	if dir := p.env("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "barrage", "contexts.yaml")
	}
	if home := p.env("HOME"); home != "" {
		return filepath.Join(home, ".config", "barrage", "contexts.yaml")
	}
	return ""
}

// readContext is the context of --context.
func (p *program) readContext() (contextEntry, error) {
	file := p.contextsFile()
	if file == "" {
		return contextEntry{}, errors.New("cannot find the file of contexts: HOME is not set")
	}
	text, _, err := readFile(file, maxContexts)
	if err != nil {
		return contextEntry{}, fmt.Errorf("cannot read the contexts: %w", err)
	}
	var all map[string]contextEntry
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&all); err != nil && !errors.Is(err, io.EOF) {
		return contextEntry{}, fmt.Errorf("cannot read the contexts of %s: want NAME: {server: …, key_file: …}: %w", file, err)
	}
	entry, ok := all[p.context]
	if !ok {
		names := make([]string, 0, len(all))
		for name := range all {
			names = append(names, name)
		}
		slices.Sort(names)
		return contextEntry{}, fmt.Errorf("cannot find the context %q in %s: it has %s", p.context, file, cmp.Or(listed(names), "none"))
	}
	if entry.Server == "" {
		return contextEntry{}, fmt.Errorf("cannot use the context %q of %s: server is missing", p.context, file)
	}
	if rest, ok := strings.CutPrefix(entry.KeyFile, "~/"); ok {
		entry.KeyFile = filepath.Join(p.env("HOME"), rest)
	} else if entry.KeyFile != "" && !filepath.IsAbs(entry.KeyFile) {
		entry.KeyFile = filepath.Join(filepath.Dir(file), entry.KeyFile)
	}
	return entry, nil
}
