// Package initcmd has the command "barrage init": the files that a first node of one's own needs.
package initcmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"barrage/deploy"
	"barrage/internal/cli"
)

// The names of the files that init writes.
const (
	ConfigFile  = "config.yaml"
	composeFile = "compose.yaml"
	unitFile    = "barrage.service"
)

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

// commented is a configuration with each setting behind a #: an unchanged one goes on to be the default, also of a
// later version.
func commented(config []byte) []byte { return setting.ReplaceAll(config, []byte("  #$1")) }

// more matches the services of deploy's compose.yaml that need files of the sources.
var more = regexp.MustCompile(`(?ms)^  (?:prometheus|grafana):\n.*?\n\n`)

// compose is deploy's compose.yaml for users who have an image and no sources: a node with its Redis.
func compose() []byte {
	return changed(more.ReplaceAllString(deploy.Compose, ""),
		"# A node with Redis, Prometheus and Grafana: docker compose -f deploy/docker/compose.yaml up\n"+
			"# http://localhost:9000 the room, http://localhost:3000 the dashboard, http://localhost:9090 the alerts.\n",
		"# A node and its Redis: docker compose up -d, then http://localhost:9000\n"+
			"# The image is made from the sources: docker build -f deploy/docker/Dockerfile -t barrage .\n",
		"    build: {context: ../.., dockerfile: deploy/docker/Dockerfile}\n", "",
		"    image: barrage\n", "    image: barrage\n    command: [serve, --config, /etc/barrage/config.yaml]\n"+
			"    volumes: [\"./config.yaml:/etc/barrage/config.yaml:ro\"]\n",
		`ports: ["9000:9000", "9090:9090"] # 9090 is Prometheus', which shares this network`, `ports: ["9000:9000"]`,
		"volumes: {redis: {}, prometheus: {}, grafana: {}}", "volumes: {redis: {}}",
	)
}

// unit is deploy's unit for a program and a folder with its configuration, and without what packages bring: a user, and
// documents. Homes can be read, since the folder may be in one.
func unit(program, folder string) []byte {
	return changed(deploy.Unit,
		"# A node of Barrage. Changes go into a drop-in: systemctl edit barrage.\n",
		"# A node of Barrage. Install it: cp barrage.service /etc/systemd/system/, then systemctl enable --now barrage\n",
		"Documentation=file:///usr/share/doc/barrage/deploy.md\n", "",
		"User=barrage\nGroup=barrage\n", "DynamicUser=yes\n",
		"ExecStart=/usr/bin/barrage serve --config /etc/barrage/config.yaml\n", "ExecStart="+program+" serve --config "+folder+"/config.yaml\n",
		"EnvironmentFile=-/etc/barrage/environment\n", "EnvironmentFile=-"+folder+"/environment\n",
		"ProtectHome=yes\n", "ProtectHome=read-only\n",
	)
}

// changed is a text with what stands first of each two in it changed into what stands second.
func changed(text string, changes ...string) []byte {
	for i := 0; i < len(changes); i += 2 {
		if strings.Count(text, changes[i]) != 1 {
			panic(fmt.Sprintf("BUG: deploy's file has not one %q", changes[i])) // a test makes all files
		}
		text = strings.Replace(text, changes[i], changes[i+1], 1)
	}
	return []byte(text)
}

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
	all := map[string][]byte{ConfigFile: commented(config), composeFile: compose(), unitFile: unit(program, full)}
	names := []string{ConfigFile, composeFile, unitFile}
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
