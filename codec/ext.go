package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// This file keeps one message's ext from costing others the batch that it comes in: what
// some well-kept reader of JSON does not take is refused, or mended where a careless
// program may have made it.

// checkExt returns ext without white space, since an event's messages hold no newline; nil
// where it says nothing. The result shares no memory with ext. Half a surrogate pair becomes
// U+FFFD, as in other texts.
func checkExt(ext json.RawMessage) (json.RawMessage, error) {
	if len(ext) == 0 || string(ext) == "null" {
		return nil, nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, ext); err != nil {
		return nil, errors.New("ext is no JSON")
	}
	ext = compact.Bytes()
	if depth := depthOf(ext); depth > MaxExtDepth {
		return nil, fmt.Errorf("ext is nested %d deep, at most %d are allowed", depth, MaxExtDepth)
	}
	var v any
	if err := strict.Unmarshal(ext, &v); err != nil { // it is JSON, so:
		return nil, errors.New("ext has a number that is too large")
	}
	mendSurrogates(ext)
	return ext, nil
}

// depthOf is how many arrays and objects stand in each other in text, which is JSON.
func depthOf(text []byte) (deepest int) {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++ // whatever it escapes
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
			deepest = max(deepest, depth)
		case c == ']' || c == '}':
			depth--
		}
	}
	return deepest
}

// mendSurrogates replaces each escaped half of a surrogate pair in text, which is JSON and
// so has backslashes in strings only.
func mendSurrogates(text []byte) {
	const size = len(`\ud800`)
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		kind := surrogateAt(text[i:])
		switch {
		case kind == 0:
			i++ // whatever it escapes
		case kind == 'h' && surrogateAt(text[i+size:]) == 'l':
			i += 2*size - 1
		default:
			copy(text[i:], `\ufffd`)
			i += size - 1
		}
	}
}

// surrogateAt is 'h' where text begins with an escaped high surrogate, 'l' with a low one,
// else 0 (RFC 8259 section 7).
func surrogateAt(text []byte) byte {
	if len(text) < 4 || text[0] != '\\' || text[1] != 'u' || text[2]|0x20 != 'd' {
		return 0
	}
	switch c := text[3] | 0x20; {
	case text[3] == '8' || text[3] == '9' || c == 'a' || c == 'b':
		return 'h'
	case c >= 'c' && c <= 'f':
		return 'l'
	}
	return 0
}
