package bench

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed scenarios/*.yaml
var files embed.FS

// Names are the scenarios that come with the program, in the order of a suite: from
// silence to noise, the long one last.
func Names() []string {
	return []string{"idle", "quiet", "storm", "rooms", "join", "reconnect", "slow", "gift", "nodes", "soak"}
}

// Named is a scenario that comes with the program, one of [Names].
func Named(name string) (Scenario, error) {
	text, err := Source(name)
	if err != nil {
		return Scenario{}, err
	}
	return decode(name, text)
}

// Source is the YAML of a scenario that comes with the program, its comment included.
func Source(name string) ([]byte, error) {
	text, err := files.ReadFile("scenarios/" + name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("cannot find scenario %q: there are %s; a file of your own goes with \"run\"", name, strings.Join(Names(), ", "))
	}
	return text, nil
}

// ReadScenario reads a scenario of the user's own. Its name is the file's.
func ReadScenario(file string) (Scenario, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Scenario{}, fmt.Errorf("cannot read the scenario: %w", err)
	}
	return decode(strings.TrimSuffix(path.Base(file), path.Ext(file)), text)
}

// decode reads YAML strictly: a field that does not exist is an error with its line.
func decode(name string, text []byte) (Scenario, error) {
	s := Scenario{Name: name}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("cannot read scenario %q: %w", name, plain(err))
	}
	if err := d.Decode(new(Scenario)); !errors.Is(err, io.EOF) {
		return s, fmt.Errorf("cannot read scenario %q: a file holds one", name)
	}
	return s, nil
}

var unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)

// plain says what is wrong with YAML in the words of who wrote it, without our types.
func plain(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("it is empty")
	}
	if wrong, ok := errors.AsType[*yaml.TypeError](err); ok {
		text := strings.Join(wrong.Errors, "; ")
		return errors.New(unknownField.ReplaceAllString(text, `unknown field "$1"`))
	}
	return err
}
