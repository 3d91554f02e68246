// Package initcmd has the command "barrage init": the files that a first node of one's own needs.
package initcmd

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"text/template"

	"github.com/spf13/cobra"

	"barrage/internal/cli"
)

//go:embed compose.yaml barrage.service
var files embed.FS

// ConfigFile is the name of the configuration that init writes.
const ConfigFile = "config.yaml"

// New is the command. config is config.yaml: every setting with its default, its unit, and why.
func New(config []byte) *cobra.Command {
	return &cobra.Command{
		Use:   "init [FOLDER]",
		Short: "Write a commented configuration, a compose file and a systemd unit",
		Long: `Write the files that a node of your own begins with into a folder, the one you are in by default:

  config.yaml      every setting with its default, its unit and why, each behind a #: take the # away from what
                   you change
  compose.yaml     a node and its Redis for docker compose
  barrage.service  a unit for systemd, with the path of this program and of config.yaml

No file is overwritten. Packages, a chart for Kubernetes and proxies stand in the folder deploy of the sources.`,
		Example: `  barrage init
  barrage init /etc/barrage && barrage config check --config /etc/barrage/config.yaml`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return cli.Misused(cmd, fmt.Sprintf("cannot init: want one FOLDER, not %d", len(args)))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			written, err := write(dir, config)
			for _, name := range written {
				_, _ = fmt.Fprintln(cmd.OutOrStdout(), "wrote "+name) // a closed terminal: the files are there
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "\nNext: change %s, then barrage serve --config %[1]s, or docker compose up there.\n", written[0])
			return err
		},
	}
}

// setting is a line that gives a key of a section a value.
var setting = regexp.MustCompile(`(?m)^  ([a-z0-9_]+:)`)

// commented is a configuration with each setting behind a #: what nobody has changed goes on to be the default, also of
// a later version.
func commented(config []byte) []byte { return setting.ReplaceAll(config, []byte("  #$1")) }

// write writes the files, none if one of them is there already.
func write(dir string, config []byte) (written []string, err error) {
	full, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot find %s: %w", dir, err)
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find this program: %w", err)
	}
	all := map[string][]byte{ConfigFile: commented(config)}
	for _, name := range []string{"compose.yaml", "barrage.service"} {
		var text bytes.Buffer
		of := template.Must(template.ParseFS(files, name)) // they are ours
		if err := of.Execute(&text, map[string]string{"Program": program, "Folder": full}); err != nil {
			return nil, fmt.Errorf("cannot make %s: %w", name, err)
		}
		all[name] = text.Bytes()
	}
	names := []string{ConfigFile, "compose.yaml", "barrage.service"}
	if i := slices.IndexFunc(names, func(name string) bool { _, err := os.Lstat(filepath.Join(dir, name)); return err == nil }); i >= 0 {
		return nil, fmt.Errorf("cannot write %s: it is there already; name another folder", filepath.Join(dir, names[i]))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make the folder: %w", err)
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := create(path, all[name]); err != nil {
			return written, fmt.Errorf("cannot write %s: %w", path, err)
		}
		written = append(written, path)
	}
	return written, nil
}

// create writes a new file. Others on the machine may read it: secrets are better given by the environment.
func create(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return errors.New("somebody else has written it just now")
	}
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}
