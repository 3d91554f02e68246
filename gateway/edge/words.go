package edge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"barrage/codec"
	"barrage/gateway/filter"
	"barrage/internal/chat"
	"barrage/internal/once"
	"barrage/room"
)

// FilterConfig is the config section `filter`: words that messages may not have.
type FilterConfig struct {
	// Files are the paths of lists of terms, see package filter; at most filter.MaxBytes together.
	Files []string `mapstructure:"files"`
	// Action is that of terms whose line and heading name none, see filter.ParseAction.
	Action string `mapstructure:"action"`
}

// defaultFilter is what config.yaml says in section `filter`.
func defaultFilter() FilterConfig {
	return FilterConfig{Files: []string{}, Action: filter.Block.String()}
}

// Validate reports every value out of range, each with its key within the section. It reads no file.
func (c FilterConfig) Validate() error {
	var errs []error
	for i, path := range c.Files {
		switch {
		case path == "":
			errs = append(errs, fmt.Errorf("files[%d]: it is empty, want the path of a list", i))
		case slices.Contains(c.Files[:i], path):
			errs = append(errs, fmt.Errorf("files[%d]: %q stands there twice", i, path))
		}
	}
	if _, err := filter.ParseAction(c.Action); err != nil {
		errs = append(errs, fmt.Errorf("action: %q is none of block, hold, shadow, mask, flag", c.Action))
	}
	return errors.Join(errs...)
}

// Words are what messages may not have: the lists of terms, and the filter made of them. Its methods may be called
// concurrently.
type Words struct {
	store Store
	log   *slog.Logger
	now   func() time.Time
	// filter is nil where there are no lists: then nothing is looked at. A filter that is in use is never changed, only
	// replaced.
	filter atomic.Pointer[filter.Filter]
	found  [filter.Block + 1]atomic.Uint64
	due    once.Signal // set by note, received by run
	stale  atomic.Bool // see Stale

	failure once.Failure // the last one that was logged; run's own

	// building guards the fields below, and is held while a filter is made of them: building -> mu. Only run changes
	// stored, which it may read without.
	building sync.Mutex
	action   filter.Action         // of terms that name none
	files    []List                // of filter.files
	stored   map[string]storedList // of the store
	unbuilt  error                 // why no filter could be made of both

	mu    sync.Mutex // guards the field below; a leaf
	inUse []List     // the lists that the filter was made of
}

// List is a list of terms as it was read.
type List struct {
	// Name is the path of its file, or what it is called in the store.
	Name   string
	Text   string
	Read   time.Time
	Stored bool // it is of the store
}

// Check says what becomes of a message of a user with these rights in a room. It returns the text and the ext, too, in
// which terms with filter.Mask are asterisks. The ext is as codec.Op has it, nil for none; each text in it is looked at
// by itself, and the strongest action counts. Check counts, and logs what moderators want to look at. Messages of
// moderators pass as they are. It never blocks.
func (w *Words) Check(rm *room.Room, user string, r *Rights, text string, ext json.RawMessage) (filter.Action, string, json.RawMessage) {
	f := w.filter.Load()
	if f == nil {
		return filter.None, text, ext
	}
	v, masked := f.Check(text), ext
	if len(ext) > 0 {
		v, masked = checkExt(f, v, ext)
	}
	if v.Action == filter.None || rm.RoleOf(user, r.Rank()) >= chat.RoleModerator {
		return filter.None, text, ext
	}
	w.found[v.Action].Add(1)
	if v.Action == filter.Flag {
		w.log.Info("message flagged by the word filter", "room", rm.ID(), "user", user, "tags", v.Tags)
	}
	w.log.Debug("the word filter has found something", "action", v.Action, "room", rm.ID(), "user", user, "tags", v.Tags, "text", text,
		"ext", string(ext))
	return v.Action, v.Text, masked
}

// checkExt adds what a filter says of the texts of an ext to what it says of their message.
func checkExt(f *filter.Filter, v filter.Result, ext json.RawMessage) (all filter.Result, masked json.RawMessage) {
	masked = codec.RewriteExt(ext, func(text string) string {
		found := f.Check(text)
		v.Action = max(v.Action, found.Action)
		for _, tag := range found.Tags { // a stranger chooses how many texts have them
			if at, has := slices.BinarySearch(v.Tags, tag); !has {
				v.Tags = slices.Insert(v.Tags, at, tag)
			}
		}
		return found.Text
	})
	return v, masked
}

// Found is how many messages the filter had an action for.
func (w *Words) Found(a filter.Action) uint64 { return w.found[a].Load() }

func newWords(store Store, now func() time.Time, log *slog.Logger) *Words {
	return &Words{store: store, log: log, now: now, due: once.NewSignal()}
}

// Reload reads the lists of a valid section, and makes the filter of them and those of the store. Where that cannot be,
// all stays as it is.
func (w *Words) Reload(cfg FilterConfig) error {
	action, _ := filter.ParseAction(cfg.Action) // Validate has seen it
	var files []List
	for _, path := range cfg.Files {
		text, err := readList(path)
		if err != nil {
			return fmt.Errorf("cannot read filter.files: %w", err)
		}
		files = append(files, List{Name: path, Text: text, Read: w.now()})
	}
	w.building.Lock()
	defer w.building.Unlock()
	if action == w.action && slices.EqualFunc(files, w.files, func(a, b List) bool { return a.Name == b.Name && a.Text == b.Text }) {
		return nil
	}
	if err := w.use(action, listsOf(files, w.stored)); err != nil {
		return fmt.Errorf("cannot use filter.files: %w", err)
	}
	w.action, w.files, w.unbuilt = action, files, nil
	w.note() // it may be stale no more
	return nil
}

// LoadFilter reads the files of a valid section as a node does, and says how large the filter is. Else it says why none
// can be made of them.
func LoadFilter(cfg FilterConfig) (filter.Size, error) {
	w := newWords(nil, time.Now, slog.New(slog.DiscardHandler))
	if err := w.Reload(cfg); err != nil {
		return filter.Size{}, err
	}
	return w.filter.Load().Size(), nil
}

// listsOf are the lists of files, and those of the store behind them by their names.
func listsOf(files []List, stored map[string]storedList) []List {
	lists := slices.Clone(files)
	for _, name := range slices.Sorted(maps.Keys(stored)) {
		lists = append(lists, stored[name].List)
	}
	return lists
}

// use has the filter be made of these lists. Where that cannot be, it stays as it is. w.building must be held.
func (w *Words) use(action filter.Action, lists []List) error {
	made, err := build(action, lists)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.filter.Store(made)
	w.inUse = lists
	if size := made.Size(); made != nil {
		w.log.Info("word filter built", "lists", size.Lists, "terms", size.Terms, "regexps", size.Regexps, "bytes", size.Bytes)
	}
	return nil
}

// Lists are those that the filter was made of, which is nil of none. The slice belongs to Words.
func (w *Words) Lists() (of *filter.Filter, lists []List) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.filter.Load(), w.inUse
}

// readList reads a file of terms, and no more of it than a filter takes.
func readList(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // nothing was written
	text, err := io.ReadAll(io.LimitReader(file, filter.MaxBytes+1))
	if err == nil && len(text) > filter.MaxBytes {
		err = fmt.Errorf("%s has more than %d bytes", path, filter.MaxBytes)
	}
	return string(text), err
}

// build makes a filter of lists, nil of none. action is that of terms that name none.
func build(action filter.Action, lists []List) (*filter.Filter, error) {
	if len(lists) == 0 {
		return nil, nil //nolint:nilnil // no filter is no error, and costs nothing
	}
	all := make([]filter.List, len(lists))
	for i, l := range lists {
		all[i] = filter.List{Name: l.Name, Data: []byte(l.Text), Action: action}
	}
	return filter.Build(all)
}
