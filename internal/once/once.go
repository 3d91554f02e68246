// Package once has what is done once however often it is asked for: waking a goroutine, and reporting what is wrong.
package once

import "sync"

// Signal wakes the goroutine that receives from it: once, however often it was set since. Make it with [NewSignal]; the
// zero value wakes nobody. Its methods may be called concurrently. It is never closed.
type Signal chan struct{}

// NewSignal is a signal that is not set.
func NewSignal() Signal { return make(Signal, 1) }

// Set wakes the receiver, or leaves the signal set for it. It never blocks.
func (s Signal) Set() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// Failure remembers what was reported of a thing that is tried again and again. The zero value is ready. Its method may
// be called concurrently.
type Failure struct {
	mu   sync.Mutex // guards the field below; a leaf
	last string
}

// IsNew notes the outcome of a try, and reports whether it is an error that was not reported last.
func (f *Failure) IsNew(err error) bool {
	text := ""
	if err != nil {
		text = err.Error()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	isNew := text != "" && text != f.last
	f.last = text
	return isNew
}

// Logged remembers all texts that it was asked about. The zero value is ready. Its method may be called concurrently;
// the texts are few and not of strangers.
type Logged struct{ texts sync.Map }

// IsNew notes a text, and reports whether it is the first time.
func (s *Logged) IsNew(text string) bool {
	_, again := s.texts.LoadOrStore(text, nil)
	return !again
}
