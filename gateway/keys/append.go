package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Append adds an entry to the end of a file, and leaves the rest of it as it is. It makes a file that is not there,
// for its owner only. The file is not touched where it would not be good afterwards.
func Append(path string, e Stored) error {
	old, _, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	var addition []byte
	if err == nil {
		addition, err = extend(old, e)
	}
	if err != nil {
		return fmt.Errorf("cannot add key %q to %s: %w", e.Name, path, err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err == nil {
		_, err = file.Write(addition)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return fmt.Errorf("cannot add key %q to %s: %w", e.Name, path, bare(err))
	}
	return nil
}

// extend is what to write behind a file, so that it has the entry too.
func extend(old []byte, e Stored) ([]byte, error) {
	if _, err := parse(old); err != nil {
		return nil, err
	}
	list, err := parseList(old)
	if err != nil {
		return nil, err
	}
	if list.Style&yaml.FlowStyle != 0 {
		return nil, fmt.Errorf("its list is written with brackets: begin each key in a line of its own with \"- name:\"")
	}
	addition := e.String()
	if indent := strings.Repeat(" ", max(0, list.Column-1)); indent != "" {
		addition = indent + strings.ReplaceAll(strings.TrimSuffix(addition, "\n"), "\n", "\n"+indent) + "\n"
	}
	if len(old) > 0 && old[len(old)-1] != '\n' {
		addition = "\n" + addition
	}
	if _, err := parse(append(bytes.Clone(old), addition...)); err != nil {
		return nil, err
	}
	return []byte(addition), nil
}
