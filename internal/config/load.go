package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"

	"barrage/internal/env"
	"barrage/internal/units"
)

// Location is where a value comes from. The zero value is the default.
type Location struct {
	// Line is the line of the file that gives the value, from 1; 0 = another location.
	Line int
	// Variable is the environment variable that gives the value; empty = another location.
	Variable string
}

// fromEnvironment is the String of a Location that is a variable.
const fromEnvironment = "environment"

// String is default, file or environment.
func (s Location) String() string {
	switch {
	case s.Variable != "":
		return fromEnvironment
	case s.Line != 0:
		return "file"
	}
	return "default"
}

// suffix is what an error says of the location, after a value.
func (s Location) suffix() string {
	switch {
	case s.Variable != "":
		return " (" + s.Variable + ")"
	case s.Line != 0:
		return fmt.Sprintf(" (line %d)", s.Line)
	}
	return ""
}

// Locations holds where each value of a [Config] comes from, by key, as "server.listen".
// A key that is not in it has its default.
type Locations map[string]Location

// Load reads the configuration of a node: the defaults, changed by the YAML file at path, changed by the environment.
// It also returns where each value comes from, for [Print].
//
// An empty path means no file. The strings of environ are in the form of [os.Environ]; the variable of server.listen is
// BARRAGE_SERVER_LISTEN. Lists are comma-separated, an empty variable counts as not set. The error joins all that is
// wrong, one problem a line. Each has its key, its value and the line or the variable it comes from. It never holds a
// secret.
func Load(path string, environ []string) (Config, Locations, error) {
	if path == "" {
		return load(nil, environ)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return Config{}, nil, fmt.Errorf("cannot read the file: %w", err)
	}
	return load(file, environ)
}

// load is [Load] of a file's content.
func load(file []byte, environ []string) (Config, Locations, error) {
	cfg := Default()
	l := newLoader(&cfg)
	l.readFile(file)
	l.readEnvironment(environ)
	for _, s := range l.settings {
		l.decode(s)
	}
	for _, problem := range each(cfg.Validate()) {
		key, _, _ := strings.Cut(problem.Error(), ":")
		key, _, _ = strings.Cut(key, "[") // of an element of a list
		l.problem("%w%s", problem, l.locations[key].suffix())
	}
	if len(l.problems) > 0 {
		return Config{}, nil, errors.Join(l.problems...)
	}
	return cfg, l.locations, nil
}

// Ignored are the variables of an environment that look like ours and like none of the settings: [Load] leaves them
// aside. Images and charts set such, as BARRAGE_VERSION.
func Ignored(environ []string) []string {
	cfg := Default()
	l := newLoader(&cfg)
	l.readEnvironment(environ)
	return l.ignored
}

// loader gathers values and problems during one [Load]. The package viper keeps the layers and their order. Shape and
// type of each value are checked here. The package would stop at the first problem, take null for "not set" and forget
// the case and the line of a key.
type loader struct {
	settings  []setting // of the Config that is loaded
	sections  []string  // of the settings
	keys      []string  // of the settings
	layers    *viper.Viper
	locations Locations
	problems  []error
	ignored   []string // variables of the environment
}

// newLoader is a loader of the settings of cfg, which has the defaults.
func newLoader(cfg *Config) *loader {
	l := &loader{settings: settings(cfg), layers: viper.New(), locations: Locations{}}
	for _, s := range l.settings {
		section, _, _ := strings.Cut(s.key, ".")
		if !slices.Contains(l.sections, section) {
			l.sections = append(l.sections, section)
		}
		l.keys = append(l.keys, s.key)
		l.layers.SetDefault(s.key, s.value.Interface())
	}
	return l
}

func (l *loader) problem(format string, args ...any) {
	l.problems = append(l.problems, fmt.Errorf(format, args...))
}

// readFile reads the layer of the file.
func (l *loader) readFile(file []byte) {
	var document, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(file))
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		return // Nothing but comments.
	}
	if err == nil {
		if err = decoder.Decode(&second); err == nil {
			err = fmt.Errorf("yaml: line %d: a second document begins", second.Line)
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		l.readSections(target(document.Content[0]))
	case strings.Contains(err.Error(), "unknown anchor"):
		// The parser's words hold the name of the anchor, which may be a password.
		l.problem("yaml: a value begins with *, which makes it a reference, and there is nothing of that name: put it in quotes")
	default:
		l.problem("%w", err)
	}
}

// target is the node that a reference (*name) stands for.
func target(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

const nullTag = "!!null"

// readSections reads the root of the file.
func (l *loader) readSections(root *yaml.Node) {
	if root.Tag == nullTag {
		return
	}
	if root.Kind != yaml.MappingNode {
		l.problem("line %d: the file must begin with a section, as \"server:\"", root.Line)
		return
	}
	values := map[string]any{}
	l.eachPair("", root, l.sections, func(section string, node *yaml.Node, at Location) {
		switch {
		case node.Tag == nullTag: // Every key in it is commented out.
		case node.Kind != yaml.MappingNode:
			l.problem("%s: keys must stand below it, indented, as \"key: value\"%s", section, at.suffix())
		default:
			values[section] = l.readSection(section, node)
		}
	})
	if err := l.layers.MergeConfigMap(values); err != nil {
		l.problem("cannot merge the file: %w", err)
	}
}

// readSection returns the values below one section.
func (l *loader) readSection(section string, node *yaml.Node) map[string]any {
	values := map[string]any{}
	l.eachPair(section+".", node, l.keys, func(key string, node *yaml.Node, at Location) {
		var value any
		switch err := node.Decode(&value); {
		case err != nil: // Not shown: it holds the value.
			l.problem("%s: the value is not what its !tag or *reference makes of it%s", key, at.suffix())
		case value == nil:
			l.problem("%s: there is no value; give one or remove the line%s", key, at.suffix())
		default:
			values[strings.TrimPrefix(key, section+".")] = value
			l.locations[key] = at
		}
	})
	return values
}

// keyForm is what a key looks like.
var keyForm = regexp.MustCompile(`^[\w.-]+$`)

// eachPair calls visit with every known key of a mapping, its value and its place, and
// reports the other keys. Keys are given with path before them.
func (l *loader) eachPair(path string, mapping *yaml.Node, known []string, visit func(key string, value *yaml.Node, at Location)) {
	seen := map[string]int{} // line by key
	for i := 0; i < len(mapping.Content); i += 2 {
		name, value := mapping.Content[i], target(mapping.Content[i+1])
		key, at := path+name.Value, Location{Line: name.Line}
		bare := mapping.Style&yaml.FlowStyle != 0 && value.Tag == nullTag
		switch {
		case bare || !keyForm.MatchString(name.Value):
			// Not shown: it may be a value in a key's place, as in {password:secret}.
			l.problem("line %d: this is no key with a value; write \"key: value\", with a space", name.Line)
		case !slices.Contains(known, key):
			l.unknown(key, "key", "."+name.Value, slices.Concat(l.sections, l.keys), at)
		case seen[key] != 0:
			l.problem("%s: given twice, in line %d too%s", key, seen[key], at.suffix())
		default:
			seen[key] = name.Line
			visit(key, value, at)
		}
	}
}

// renamed says of keys that were, and of their variables, what is now.
var renamed = map[string]string{
	"auth.required":           "auth.mode is now what it was: [redis] for true, [any] for false",
	env.Name("auth.required"): env.Name("auth.mode") + " is now what it was: redis for true, any for false",
}

// unknown reports a misspelled name. Its value is not shown: it may be a secret.
func (l *loader) unknown(name, kind, ending string, known []string, at Location) {
	hint := ""
	if now := renamed[name]; now != "" {
		hint = "; " + now
	} else if slices.Contains(l.keys, name) {
		section, key, _ := strings.Cut(name, ".")
		hint = fmt.Sprintf("; write it in two lines, \"%s:\" and indented below \"%s:\"", section, key)
	} else if meant := nearest(name, ending, known); meant != "" {
		hint = "; did you mean " + meant + "?"
	}
	l.problem("%s: unknown %s%s%s", name, kind, at.suffix(), hint)
}

// readEnvironment reads the layer of the environment.
func (l *loader) readEnvironment(environ []string) {
	byVariable := map[string]setting{}
	var variables []string
	for _, s := range l.settings {
		byVariable[env.Name(s.key)] = s
		variables = append(variables, env.Name(s.key))
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		s, known := byVariable[name]
		switch {
		case value == "" || !strings.HasPrefix(name, env.Prefix) || !known && serviceLink.MatchString(entry) || slices.Contains(callers, name):
		case !known && !l.meant(name, variables):
			l.ignored = append(l.ignored, name)
		case !known:
			l.unknown(name, "environment variable", "_"+strings.TrimPrefix(name, env.Prefix), variables, Location{})
		case s.value.Kind() == reflect.Slice:
			list := strings.Split(value, ",")
			for i := range list {
				list[i] = strings.TrimSpace(list[i])
			}
			l.layers.Set(s.key, list)
			l.locations[s.key] = Location{Variable: name}
		default:
			l.layers.Set(s.key, value)
			l.locations[s.key] = Location{Variable: name}
		}
	}
}

// meant reports whether an unknown variable is one of ours, misspelt: it has the name of a section, or is like another.
func (l *loader) meant(name string, variables []string) bool {
	return nearest(name, "_"+strings.TrimPrefix(name, env.Prefix), variables) != "" ||
		slices.ContainsFunc(l.sections, func(section string) bool {
			// Of the section config others have names, too: BARRAGE_CONFIG_FILE is an image's.
			return section != "config" && strings.HasPrefix(name, env.Name(section)+"_")
		})
}

// decode gives a setting the value of its highest layer. A value of the wrong type is a
// problem and leaves the default.
func (l *loader) decode(s setting) {
	value, at := l.layers.Get(s.key), l.locations[s.key]
	result := reflect.New(s.value.Type())
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result:           result.Interface(),
		WeaklyTypedInput: at.Variable != "", // The environment knows only strings.
		DecodeHook: mapstructure.ComposeDecodeHookFunc(
			exact, mapstructure.StringToTimeDurationHookFunc(), mapstructure.TextUnmarshallerHookFunc()),
	})
	if err == nil {
		err = decoder.Decode(value)
	}
	if err == nil && hasMask(s.key, result.Elem()) {
		l.problem("%s: it has %s, which \"config print\" writes in the place of a secret: put the secret there%s", s.key, mask, at.suffix())
		return
	}
	if err == nil {
		s.value.Set(result.Elem())
		return
	}
	// The decoder's own words show secrets and speak of Go types.
	l.problem("%s: %s is not %s%s", s.key, shown(s.key, value), wanted(s.value.Interface()), at.suffix())
}

// hasMask reports whether a value has what "config print" writes in the place of a secret.
func hasMask(key string, value reflect.Value) bool {
	switch list, ok := reflect.TypeAssert[[]string](value); {
	case ok:
		return secret(key) && slices.ContainsFunc(list, func(text string) bool { return strings.HasSuffix(text, mask) })
	case isURL(key):
		return strings.Contains(value.String(), mask)
	}
	return secret(key) && value.String() == mask
}

// errInexact only has the decoder give up; it is never shown.
var errInexact = errors.New("inexact")

// exact refuses what mapstructure would convert with a loss or with a guess. Examples are 1.5 for an integer, and a
// number for a duration, which would count nanoseconds.
func exact(from, to reflect.Type, value any) (any, error) {
	isFloat := (from.Kind() == reflect.Float64 || from.Kind() == reflect.Uint64) && to.Kind() != reflect.Float64
	isDuration := to == reflect.TypeFor[time.Duration]() && from != to && from.Kind() != reflect.String
	if isFloat || isDuration {
		return nil, errInexact
	}
	return value, nil
}

// shown is a value of the wrong type as an error shows it.
func shown(key string, value any) string {
	if secret(key) {
		return mask
	}
	switch v := value.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case map[string]any:
		return "a section"
	case []any:
		if isURL(key) {
			return mask
		}
		return fmt.Sprint(v)
	default:
		return fmt.Sprint(v)
	}
}

// wanted says which values fit the type of example.
func wanted(example any) string {
	switch example.(type) {
	case bool:
		return "true or false"
	case int:
		return "a whole number"
	case float64:
		return "a number, as 5 or 0.1"
	case time.Duration:
		return "a duration with its unit, as 30s or 2m"
	case units.Bytes:
		return "a size, as 64KiB or 2MiB"
	case []string:
		return "a list of texts, as [a, b]"
	default:
		return "a text; put it in quotes"
	}
}
