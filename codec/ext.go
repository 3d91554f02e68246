package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"barrage/internal/chat"
)

// This file keeps one message's ext from costing others the batch that it comes in. Anything that some well-kept reader
// of JSON does not take is refused, or mended where a careless program may have made it.

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
			i++ // with the character that it escapes
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
			i++ // with the character that it escapes
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

// RewriteExt returns ext, which CheckSend has passed, with what rewrite makes of each text in it. Texts are the keys of
// objects, and the strings but for ids by which ext names a user or another message (docs/protocol.md, Answers and
// mentions). Where texts do not become longer, neither does ext. The result is ext itself where all stay as they are.
func RewriteExt(ext json.RawMessage, rewrite func(text string) string) json.RawMessage {
	all := string(ext)
	var out []byte
	copied := 0 // of all
	// depth counts the arrays and objects around at. The keys around it in the first two of them are outer and inner. The
	// flag listed says that the second one is an array.
	depth, outer, inner, listed := 0, "", "", false
	for at := 0; at < len(all); at++ {
		switch all[at] {
		case '[', '{':
			if depth++; depth == 2 {
				inner, listed = "", all[at] == '['
			}
		case ']', '}':
			depth--
		case '"':
			end := endOfString(all, at)
			text := unquoted(all[at:end])
			key := end < len(all) && all[end] == ':'
			switch {
			case key && depth == 1:
				outer = text
			case key && depth == 2:
				inner = text
			}
			if key || depth != 2 || !refers(outer, inner, listed, text) {
				if now := rewrite(text); now != text {
					out = appendQuoted(append(out, all[copied:at]...), now)
					copied = end
				}
			}
			at = end - 1
		}
	}
	if copied == 0 {
		return ext
	}
	return append(out, all[copied:]...)
}

// refers reports whether text is an id, by what is around it and by its look. A text that has spaces, or letters of
// most scripts, may be a sentence.
func refers(outer, inner string, listed bool, text string) bool {
	switch {
	case outer == "mentions" && listed:
	case outer == "reply" && (inner == "user_id" || inner == "id"):
	default:
		return false
	}
	return len(text) <= chat.MaxID && !strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' })
}

// endOfString is where the string ends that begins at a place of text, which is JSON.
func endOfString(text string, at int) int {
	for at++; text[at] != '"'; at++ {
		if text[at] == '\\' {
			at++ // with the character that it escapes
		}
	}
	return at + 1
}

// unquoted is what a JSON string says.
func unquoted(quoted string) string {
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	var text string
	if err := json.Unmarshal([]byte(quoted), &text); err != nil {
		panic("BUG: cannot read a string that was checked: " + err.Error())
	}
	return text
}

// appendQuoted appends text as the shortest JSON string, which no library writes: a stranger
// chooses the text, and ext is bounded.
func appendQuoted(dst []byte, text string) []byte {
	const short = "\bb\ff\nn\rr\tt\"\"\\\\" // each with what stands for it
	dst = append(dst, '"')
	for i := range len(text) {
		switch c := text[i]; {
		case c >= ' ' && c != '"' && c != '\\':
			dst = append(dst, c)
		case strings.IndexByte(short, c) >= 0:
			dst = append(dst, '\\', short[strings.IndexByte(short, c)+1])
		default:
			dst = fmt.Appendf(dst, `\u%04x`, c)
		}
	}
	return append(dst, '"')
}
