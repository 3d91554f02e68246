package keys

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"barrage/internal/chat"
)

// maxKeys bounds a file. A check compares with every key: 1,000 take 17 µs (BenchmarkFind).
const maxKeys = 1000

// maxFileBytes bounds a file: 1,000 keys with 1 KiB each, of which they need a fifth.
const maxFileBytes = 1 << 20

// maxRoomsBytes bounds rooms: an id, or the beginning of ids and a star.
const maxRoomsBytes = chat.MaxID + 1

// nameForm is what names of keys look like: words that need no quotes in logs and commands.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// The fields of an entry.
const (
	fieldName  = "name"
	fieldSum   = "sha256"
	fieldCan   = "can"
	fieldRooms = "rooms"
)

// Stored is a key as it stands in the file.
type Stored struct {
	Name   string
	SHA256 string // of the key's text, in hex
	Can    []string
	Rooms  string // empty: all
}

func newEntry(name string, can Can, rooms, text string) Stored {
	sum := sha256.Sum256([]byte(text))
	return Stored{Name: name, SHA256: hex.EncodeToString(sum[:]), Can: can.Names(), Rooms: rooms}
}

// String is the entry as an element of the file's list.
func (e Stored) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "- name: %q\n  sha256: %s\n  can: [%s]\n", e.Name, e.SHA256, strings.Join(e.Can, ", "))
	if e.Rooms != "" {
		fmt.Fprintf(&b, "  rooms: %q\n", e.Rooms)
	}
	return b.String()
}

// validate says the first thing that is wrong with an entry.
func (e Stored) validate() error {
	_, err := e.key()
	return err
}

func (e Stored) key() (Key, error) {
	key := Key{Name: e.Name, Rooms: e.Rooms}
	sum, err := hex.DecodeString(e.SHA256)
	star := strings.IndexByte(e.Rooms, '*')
	switch {
	case e.Name == "":
		return key, errors.New("name is missing")
	case !nameForm.MatchString(e.Name):
		return key, fmt.Errorf("name %.80q is not 1 to 64 letters, digits, dots, dashes and underscores", e.Name)
	case e.SHA256 == "":
		return key, errors.New("sha256 is missing")
	case strings.HasPrefix(e.SHA256, textPrefix):
		return key, errors.New("sha256 is a key itself, not its SHA-256: take the key as known to others, and make a new one")
	case err != nil || len(sum) != sha256.Size:
		return key, fmt.Errorf("sha256 has %d characters, want %d of 0-9 and a-f", len(e.SHA256), 2*sha256.Size)
	case len(e.Can) == 0:
		return key, fmt.Errorf("can is missing: name some of %s", canWords)
	case len(e.Rooms) > maxRoomsBytes:
		return key, fmt.Errorf("rooms has %d bytes, at most %d are allowed", len(e.Rooms), maxRoomsBytes)
	case !utf8.ValidString(e.Rooms):
		return key, errors.New("rooms is not UTF-8")
	case star >= 0 && star != len(e.Rooms)-1:
		return key, fmt.Errorf("rooms is %q: a * may only stand at its end, once", e.Rooms)
	}
	key.sum = [sha256.Size]byte(sum)
	if key.Can, err = ParseCan(e.Can); err != nil {
		return key, fmt.Errorf("can: %w", err)
	}
	return key, nil
}

// Load reads a file of keys. The error names every entry that is wrong, with its line. The warning is empty, or says
// that others on this machine can read or change the file.
func Load(path string) (k *Keys, warning string, err error) {
	k = &Keys{path: path}
	if warning, err = k.Reload(); err != nil {
		return nil, "", err
	}
	return k, warning, nil
}

// Adopt has these be the keys from now on that from has.
func (k *Keys) Adopt(from *Keys) { k.all.Store(from.all.Load()) }

// Reload reads the file again. Where it fails, the keys stay as they are. The results are those of [Load].
func (k *Keys) Reload() (warning string, err error) {
	file, mode, err := read(k.path)
	if err == nil {
		var all []Key
		if all, err = parse(file); err == nil {
			k.all.Store(&all)
			return exposure(k.path, mode), nil
		}
	}
	return "", fmt.Errorf("cannot use the keys of %s: %w", k.path, err)
}

// read reads at most [maxFileBytes].
func read(path string) (content []byte, mode fs.FileMode, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, bare(err)
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return nil, 0, bare(err)
	}
	if content, err = io.ReadAll(io.LimitReader(file, maxFileBytes+1)); err != nil {
		return nil, 0, bare(err)
	}
	if len(content) > maxFileBytes {
		return nil, 0, fmt.Errorf("it has more than %d KiB", maxFileBytes>>10)
	}
	return content, info.Mode(), nil
}

// bare is an error of a file without its path, which callers name.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", e.Op, e.Err)
	}
	return err
}

// exposure says who can read or change a file beside its owner. Nobody can find a key by its SHA-256, but a user who
// can write adds their own.
func exposure(path string, mode fs.FileMode) string {
	switch perm := mode.Perm(); {
	case perm&0o022 != 0:
		return fmt.Sprintf("others on this machine may change %s (mode %04o) and add keys of theirs: chmod 600 it", path, perm)
	case perm&0o004 != 0:
		return fmt.Sprintf("everybody on this machine may read %s (mode %04o): chmod 600 it", path, perm)
	}
	return ""
}

// parse reads all entries, and reports all that is wrong with them, one problem a line.
func parse(file []byte) ([]Key, error) {
	list, err := parseList(file)
	if err != nil {
		return nil, err
	}
	if len(list.Content) > maxKeys {
		return nil, fmt.Errorf("it has %d keys, at most %d are allowed", len(list.Content), maxKeys)
	}
	all := make([]Key, 0, len(list.Content))
	names, sums := map[string]int{}, map[[sha256.Size]byte]int{} // to lines
	var errs []error
	for i, node := range list.Content {
		key, err := parseKey(node)
		if before, twice := names[key.Name]; err == nil && twice {
			err = fmt.Errorf("name %q is that of line %d, too", key.Name, before)
		}
		if before, twice := sums[key.sum]; err == nil && twice {
			err = fmt.Errorf("sha256 is that of line %d, too: a key has one name", before)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("entry %d (line %d): %w", i+1, node.Line, err))
			continue
		}
		names[key.Name], sums[key.sum] = key.Line, key.Line
		all = append(all, key)
	}
	return all, errors.Join(errs...)
}

// parseList is the list in the file; an empty one where the file has nothing, or comments only.
func parseList(file []byte) (*yaml.Node, error) {
	var document, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(file))
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return &yaml.Node{}, nil
	} else if err != nil {
		return nil, err
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("a second document begins in line %d; its keys would not count", second.Line)
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return &yaml.Node{}, nil
	}
	if root.Kind != yaml.SequenceNode {
		return nil, fmt.Errorf("line %d: want a list of keys, each beginning with \"- name:\"", root.Line)
	}
	return root, nil
}

// parseKey reads an entry. A field that it does not know is refused: it may be a bound that was misspelled.
func parseKey(node *yaml.Node) (Key, error) {
	if node.Kind != yaml.MappingNode {
		return Key{}, errors.New("want name, sha256 and can")
	}
	var e Stored
	seen := map[string]bool{}
	for i := 0; i < len(node.Content); i += 2 {
		field, value := node.Content[i].Value, node.Content[i+1]
		if seen[field] {
			return Key{}, fmt.Errorf("%s stands twice", field)
		}
		seen[field] = true
		if err := e.set(field, value); err != nil {
			return Key{}, err
		}
	}
	if e.Rooms == "" && seen[fieldRooms] {
		return Key{}, errors.New("rooms is empty: leave it out for all rooms")
	}
	key, err := e.key()
	key.Line = node.Line
	return key, err
}

func (e *Stored) set(field string, value *yaml.Node) error {
	if field == fieldCan {
		return e.setCan(value)
	}
	texts := map[string]*string{fieldName: &e.Name, fieldSum: &e.SHA256, fieldRooms: &e.Rooms}
	text, known := texts[field]
	switch {
	case !known:
		return fmt.Errorf("%.64q is unknown: an entry has name, sha256, can and rooms", field)
	case value.Kind != yaml.ScalarNode:
		return fmt.Errorf("%s is not text", field)
	case value.Tag == "!!null":
		return fmt.Errorf("%s has no value", field)
	}
	*text = value.Value // as it stands: an all-digit SHA-256 is no number
	return nil
}

func (e *Stored) setCan(value *yaml.Node) error {
	const want = "can is no list, as [publish, rooms]"
	if value.Kind != yaml.SequenceNode {
		return errors.New(want)
	}
	for _, name := range value.Content {
		if name.Kind != yaml.ScalarNode {
			return errors.New(want)
		}
		e.Can = append(e.Can, name.Value)
	}
	return nil
}
