package edge

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

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
	cfg   *FilterConfig
	store Store
	log   *slog.Logger
	now   func() time.Time
	// filter is nil where there are no lists: then nothing is looked at. A filter that is in use is never changed, only
	// replaced.
	filter atomic.Pointer[filter.Filter]
	files  []List // immutable after load
	found  [filter.Block + 1]atomic.Uint64
	due    once.Signal // set by note, received by run
	stale  atomic.Bool // see Stale

	// Run's own: the lists of the store, why no filter could be made of them, and what was logged.
	stored  map[string]storedList
	unbuilt error
	failure once.Failure

	mu    sync.Mutex // guards the field below; a leaf
	inUse []List     // what the filter was made of
}

// List is a list of terms as it was read.
type List struct {
	// Name is the path of its file, or what it is called in the store.
	Name   string
	Text   string
	Read   time.Time
	Stored bool // it is of the store
}

// Check says what becomes of a message of a user with these rights in a room, and its text, which is another one with
// filter.Mask alone. It counts, and logs what moderators want to look at. Moderators say what they like. It never
// blocks.
func (w *Words) Check(rm *room.Room, user string, r *Rights, text string) (filter.Action, string) {
	f := w.filter.Load()
	if f == nil {
		return filter.None, text
	}
	v := f.Check(text)
	if v.Action == filter.None || rm.RoleOf(user, r.Rank()) >= chat.RoleModerator {
		return filter.None, text
	}
	w.found[v.Action].Add(1)
	if v.Action == filter.Flag {
		w.log.Info("message flagged by the word filter", "room", rm.ID(), "user", user, "tags", v.Tags)
	}
	w.log.Debug("the word filter has found something", "action", v.Action, "room", rm.ID(), "user", user, "tags", v.Tags, "text", text)
	return v.Action, v.Text
}

// Found is how many messages the filter had an action for.
func (w *Words) Found(a filter.Action) uint64 { return w.found[a].Load() }

func newWords(cfg *FilterConfig, store Store, now func() time.Time, log *slog.Logger) *Words {
	return &Words{cfg: cfg, store: store, log: log, now: now, due: once.NewSignal()}
}

// load reads the lists of filter.files and makes the filter of them.
func (w *Words) load() error {
	for _, path := range w.cfg.Files {
		text, err := readList(path)
		if err != nil {
			return fmt.Errorf("cannot read filter.files: %w", err)
		}
		w.files = append(w.files, List{Name: path, Text: text, Read: w.now()})
	}
	if err := w.use(w.files); err != nil {
		return fmt.Errorf("cannot use filter.files: %w", err)
	}
	return nil
}

// LoadFilter reads filter.files as a node does at its start, and says how large the filter is.
func LoadFilter(cfg FilterConfig) (filter.Size, error) {
	w := newWords(&cfg, nil, time.Now, slog.New(slog.DiscardHandler))
	if err := w.load(); err != nil {
		return filter.Size{}, err
	}
	return w.filter.Load().Size(), nil
}

// use has the filter be made of these lists. Where that cannot be, it stays as it is.
func (w *Words) use(lists []List) error {
	made, err := w.build(lists)
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

// build makes a filter of lists, nil of none.
func (w *Words) build(lists []List) (*filter.Filter, error) {
	if len(lists) == 0 {
		return nil, nil //nolint:nilnil // no filter is no error, and costs nothing
	}
	action, _ := filter.ParseAction(w.cfg.Action) // Validate has seen it
	all := make([]filter.List, len(lists))
	for i, l := range lists {
		all[i] = filter.List{Name: l.Name, Data: []byte(l.Text), Action: action}
	}
	return filter.Build(all)
}
