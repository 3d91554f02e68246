package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// formVersion is the form of [Result] that this program writes and reads.
const formVersion = 1

// file is what --json writes.
type file struct {
	Version int      `json:"version"`
	Find    *Find    `json:"find,omitempty"`
	Results []Result `json:"results"`
}

// WriteJSON writes results as one JSON object, {"version":1,"results":[...]}. The object has what a search came to as
// "find" if the results are its steps and find is not nil.
func WriteJSON(w io.Writer, results []Result, find *Find) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	if err := e.Encode(file{formVersion, find, results}); err != nil {
		return fmt.Errorf("cannot write results: %w", err)
	}
	return nil
}

// ReadJSON reads a file that [WriteJSON] wrote.
func ReadJSON(name string) ([]Result, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read results: %w", err)
	}
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("cannot read results from %s: %w", name, located(text, err))
	}
	switch {
	case f.Version == 0:
		return nil, fmt.Errorf("cannot read results from %s: it has no version, so \"barrage bench --json\" did not write it", name)
	case f.Version != formVersion:
		return nil, fmt.Errorf("cannot read results from %s: it has version %d, and this program reads %d", name, f.Version, formVersion)
	case len(f.Results) == 0:
		return nil, fmt.Errorf("cannot read results from %s: there are none in it", name)
	}
	return f.Results, nil
}

// located adds the line to an error that knows its offset.
func located(text []byte, err error) error {
	var at int64
	if wrong, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = wrong.Offset
	} else if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		at = wrong.Offset
	} else {
		return err
	}
	return fmt.Errorf("line %d: %w", 1+bytes.Count(text[:min(int(at), len(text))], []byte("\n")), err)
}
