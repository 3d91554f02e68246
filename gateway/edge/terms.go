package edge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"barrage/internal/chat"
)

// This file is the lists of terms that stand in the store: operators change them, and every node goes by them within a
// second. The rules of chat.Everywhere name them, so that a node learns of a change by an event, or by itself where it
// missed one. The lists in the store then count, whatever the rules say that they are. Of two who write a list at once
// all nodes have the same.

// readTermsAgain is after what time the store is asked again that did not answer.
const readTermsAgain = time.Second

// maxStored bounds the lists in the store.
const maxStored = 100

// termsAlphabet is what names of lists in the store have; no path of a file that has an ending is one.
const termsAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789_-"

// CheckTermsName refuses what is no name of a list in the store.
func CheckTermsName(name string) *Refusal {
	if name == "" || len(name) > 64 || strings.Trim(name, termsAlphabet) != "" {
		return Refuse(400, "the list's name %.100q is not 1 to 64 of a-z, 0-9, _ and -", name)
	}
	return nil
}

// storedList is a list of the store.
type storedList struct {
	List

	sum string // the checksum that the rules named when it was read
}

// note is called when the rules which hold everywhere are others. It never blocks.
func (w *Words) note() { w.due.Set() }

// run keeps the filter as the store has the lists, until ctx ends. Those that the rules name come from named; ok is
// false where nobody knows them.
func (w *Words) run(ctx context.Context, named func() (lists map[string]string, ok bool)) {
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.due:
		case <-again:
		}
		again = nil
		lists, ok := named()
		if !ok {
			continue
		}
		err := w.follow(ctx, lists)
		if ctx.Err() != nil {
			return
		}
		w.stale.Store(err != nil)
		if w.failure.IsNew(err) {
			w.log.Warn("the word filter stays as it was", "err", err)
		}
		if _, unread := errors.AsType[*unreadError](err); unread {
			again = time.After(readTermsAgain)
		}
	}
}

// unreadError says that a list could not be read, and may be later.
type unreadError struct{ err error }

func (e *unreadError) Error() string { return e.err.Error() }
func (e *unreadError) Unwrap() error { return e.err }

// errNoTerms is why a list that the rules name cannot be read.
var errNoTerms = errors.New("the store has lost its text: write it again")

// follow reads the lists that are others now, and makes the filter anew.
func (w *Words) follow(ctx context.Context, named map[string]string) error {
	now, changed := make(map[string]storedList, len(named)), len(named) != len(w.stored)
	for name, sum := range named {
		l, known := w.stored[name]
		if !known || l.sum != sum {
			text, err := w.readStored(ctx, name)
			if err != nil {
				return &unreadError{err}
			}
			l = storedList{List{Name: name, Text: text, Read: w.now(), Stored: true}, sum}
			changed = true
		}
		now[name] = l
	}
	w.building.Lock()
	defer w.building.Unlock()
	if changed {
		w.stored = now
		w.unbuilt = w.use(w.action, listsOf(w.files, now))
	}
	return w.unbuilt
}

func (w *Words) readStored(ctx context.Context, name string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, chat.CallTimeout)
	defer cancel()
	text, err := w.store.ReadTerms(ctx, name)
	if err == nil && text == "" {
		err = fmt.Errorf("cannot read the list of terms %q: %w", name, errNoTerms)
	}
	return text, err
}

// Try says why a list cannot be taken into the filter beside those that it is made of; nil where it can. It takes the
// place of one of that name.
func (w *Words) Try(name, text string) error {
	_, lists := w.Lists()
	stored := 1
	with := []List{}
	for _, l := range lists {
		if !l.Stored || l.Name != name {
			with = append(with, l)
		}
		if l.Stored && l.Name != name {
			stored++
		}
	}
	if stored > maxStored {
		return fmt.Errorf("cannot take the list %q: there are %d already, which is as many as there may be", name, maxStored)
	}
	w.building.Lock()
	action := w.action
	w.building.Unlock()
	_, err := build(action, append(with, List{Name: name, Text: text}))
	return err
}

// Stale reports whether the filter is not made of the lists that the store has.
func (w *Words) Stale() bool { return w.stale.Load() }

// terms are the lists that the rules which hold everywhere name.
func (e *Edge) terms() (lists map[string]string, ok bool) {
	all := e.Hall.Lookup(chat.Everywhere)
	if all == nil {
		return nil, false
	}
	return all.Terms(), true
}
