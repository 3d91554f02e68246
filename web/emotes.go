package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"barrage/internal/units"
)

const (
	mostEmotes    = 500       // a page asks for the list of all of them
	maxEmoteBytes = 256 << 10 // of one: a moving picture of a few seconds; all of them together stay in memory
)

// emoteFile is the names of pictures: a text that may stand between colons in a message, and a kind that browsers show.
// SVG is none: it can have scripts.
var emoteFile = regexp.MustCompile(`^([A-Za-z0-9_+-]{1,32})\.(?:png|gif|webp|avif|jpg)$`)

// Emotes are the pictures that stand for :names: in messages. The zero value has none.
type Emotes struct {
	list  []byte // where each is, by its name, as JSON
	files map[string]http.Handler
}

// ReadEmotes reads the pictures of a folder, whose names are those of the files: gg.png is :gg:. "" is no folder, and
// no emotes. Other files than pictures, too many or too large ones are an error. Files whose names begin with a dot are
// passed over: volumes of Kubernetes have such folders, and file managers leave such files.
func ReadEmotes(folder string) (*Emotes, error) {
	e := &Emotes{files: map[string]http.Handler{}}
	where := map[string]string{}
	var entries []os.DirEntry
	if folder != "" {
		var err error
		if entries, err = os.ReadDir(folder); err != nil {
			return nil, fmt.Errorf("cannot read the emotes: %w", err)
		}
	}
	entries = slices.DeleteFunc(entries, func(entry os.DirEntry) bool { return strings.HasPrefix(entry.Name(), ".") })
	if len(entries) > mostEmotes {
		return nil, fmt.Errorf("cannot read the emotes: %s has %d files, want at most %d", folder, len(entries), mostEmotes)
	}
	for _, entry := range entries {
		name, err := e.read(folder, entry.Name())
		if err == nil && where[name] != "" {
			err = fmt.Errorf("%s is :%s:, too", filepath.Base(where[name]), name)
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the emote %s: %w", filepath.Join(folder, entry.Name()), err)
		}
		where[name] = "emotes/" + entry.Name()
	}
	var err error
	e.list, err = json.Marshal(where)
	return e, err
}

// read reads one picture, and returns its name.
func (e *Emotes) read(folder, file string) (string, error) {
	match := emoteFile.FindStringSubmatch(file)
	if match == nil {
		return "", errors.New("want 1 to 32 of a-z A-Z 0-9 _ + -, and .png, .gif, .webp, .avif or .jpg")
	}
	path := filepath.Join(folder, file)
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", errors.New("it is no file")
	case info.Size() > maxEmoteBytes:
		return "", fmt.Errorf("it has %d bytes, want at most %v", info.Size(), units.Bytes(maxEmoteBytes))
	}
	picture, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	e.files[file] = serve(file, picture, nil, false)
	return match[1], nil
}

// List serves where each emote is, by its name: {"gg":"emotes/gg.png"}.
func (e *Emotes) List() http.Handler {
	return serve("emotes.json", e.list, http.Header{"Content-Type": {"application/json"}}, true)
}

// ServeHTTP serves the picture whose file the path names.
func (e *Emotes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if file, ok := e.files[r.PathValue("file")]; ok {
		file.ServeHTTP(w, r)
	} else {
		http.NotFound(w, r)
	}
}
