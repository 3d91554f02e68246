package filter

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of what a filter holds. Build refuses more.
const (
	MaxBytes         = 8 << 20 // of all lists together
	MaxTerms         = 200_000 // terms, allowed ones too
	MaxTermBytes     = 200     // of one term
	MaxRegexps       = 100
	MaxDifferentTags = 64 // a bit each
	MaxLists         = 1000
	// maxTermUnits bounds a term after folding, where one character may become several.
	maxTermUnits = 255
	// maxTagBytes bounds one tag, maxNameBytes the name of a list.
	maxTagBytes, maxNameBytes = 32, 200
	// maxProblems is how many problems Build reports.
	maxProblems = 20
)

// Action is what becomes of a message in which a term is. The zero value is None. Of several the strongest counts,
// which is the greatest.
type Action uint8

// The actions, weakest first.
const (
	None   Action = iota // no term is in it
	Flag                 // it is sent, and counted
	Mask                 // it is sent, with what matched replaced by asterisks
	Shadow               // only who wrote it sees it
	Hold                 // it waits for a moderator
	Block                // it is refused
)

var actionNames = [...]string{"none", "flag", "mask", "shadow", "hold", "block"}

// String is the action as lists, metrics and logs have it: block, hold, shadow, mask, flag or none.
func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return fmt.Sprintf("Action(%d)", uint8(a))
}

// ParseAction is the action of a name. It knows none of "none".
func ParseAction(name string) (Action, error) {
	if i := slices.Index(actionNames[:], name); i > 0 {
		return Action(i), nil
	}
	return None, fmt.Errorf("cannot take action %q: it is none of block, hold, shadow, mask, flag", name)
}

// List is a list of terms. The package's comment says what the lines of Data mean.
type List struct {
	// Name is what errors and hits call the list, like its file; 1 to 200 bytes, and no other list's.
	Name string
	// Data is UTF-8, with or without a byte order mark, lines ending in LF or CRLF. Build does not keep it.
	Data []byte
	// Action is that of terms whose line and heading name none. None is Block.
	Action Action
}

// rule is a line of a list.
type rule struct {
	list   int32
	line   int32
	text   string // as the line has it, without its action and tags
	tags   uint64 // bit i: tags[i] of the filter
	action Action // None: its matches are allowed
}

// reader reads lists into a builder.
type reader struct {
	*builder

	list     int32
	line     int32
	preset   Action
	action   Action // of the heading above, or preset
	tags     uint64 // of the heading above
	problems []error
}

// fail notes what is wrong with the line at hand.
func (r *reader) fail(format string, values ...any) {
	r.problems = append(r.problems, fmt.Errorf("%s:%d: %w", r.lists[r.list], r.line, fmt.Errorf(format, values...)))
}

func (r *reader) read(list List) {
	r.line, r.tags, r.preset = 0, 0, list.Action
	if r.preset == None {
		r.preset = Block
	}
	r.action = r.preset
	text := strings.TrimPrefix(string(list.Data), "\ufeff")
	for line := range strings.Lines(text) {
		r.line++
		if len(r.problems) >= maxProblems {
			return
		}
		if !utf8.ValidString(line) {
			r.fail("the line is no UTF-8: save the list as UTF-8")
			return // so are others
		}
		r.readLine(strings.TrimSpace(line))
	}
}

func (r *reader) readLine(line string) {
	if line == "" || line == "#" || strings.HasPrefix(line, "# ") || strings.HasPrefix(line, "#\t") {
		return
	}
	term, action, tags, err := r.split(line)
	if err != nil {
		r.fail("%w", err)
		return
	}
	if term == "" { // a heading
		r.action, r.tags = action, tags
		if action == None {
			r.action = r.preset
		}
		return
	}
	made := rule{list: r.list, line: r.line, text: term, action: action, tags: tags | r.tags}
	if action == None {
		made.action = r.action
	}
	pattern, isRegexp := strings.CutPrefix(term, "re:")
	allowed, isAllowed := strings.CutPrefix(term, "!")
	switch {
	case isAllowed && (action != None || tags != 0):
		r.fail("%q is allowed, so it has neither action nor tags: remove them", term)
	case isAllowed && strings.HasPrefix(allowed, "re:"):
		r.fail("%q: a regular expression cannot allow: write the terms", term)
	case isAllowed:
		made.action, made.tags = None, 0
		err = r.addTerm(made, allowed)
	case isRegexp:
		err = r.addRegexp(made, pattern)
	default:
		err = r.addTerm(made, strings.TrimPrefix(term, `\`))
	}
	if err != nil {
		r.fail("%w", err)
	}
}

// split takes the action and the tags off the end of a line.
func (r *reader) split(line string) (term string, action Action, tags uint64, err error) {
	for line != "" {
		at := strings.LastIndexAny(line, " \t") + 1
		word := line[at:]
		switch {
		case len(word) < 2 || word[0] != '#' && word[0] != '=':
			if line[0] == '#' {
				return "", None, 0, fmt.Errorf("%q is neither a comment nor a heading: begin a comment with \"# \", a term with \"\\#\"", line)
			}
			return line, action, tags, nil
		case word[0] == '=':
			if action != None {
				return "", None, 0, errors.New("two actions: leave one")
			}
			if action, err = ParseAction(word[1:]); err != nil {
				return "", None, 0, err
			}
		default:
			bit, err := r.tag(word[1:])
			if err != nil {
				return "", None, 0, err
			}
			tags |= bit
		}
		line = strings.TrimRight(line[:at], " \t")
	}
	return "", action, tags, nil
}

// tag is the bit of a tag.
func (b *builder) tag(name string) (uint64, error) {
	if i := slices.Index(b.filter.tags, name); i >= 0 {
		return 1 << i, nil
	}
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" || len(name) > maxTagBytes {
		return 0, fmt.Errorf("tag %q is not 1 to %d of a-z, 0-9, _ and -", name, maxTagBytes)
	}
	if len(b.filter.tags) == MaxDifferentTags {
		return 0, fmt.Errorf("tag %q would be one more than %d different ones: use those that are there", name, MaxDifferentTags)
	}
	b.filter.tags = append(b.filter.tags, name)
	return 1 << (len(b.filter.tags) - 1), nil
}

// names are the tags of a set, or nil for none.
func (f *Filter) names(tags uint64) []string {
	if tags == 0 {
		return nil
	}
	names := make([]string, 0, bits.OnesCount64(tags))
	for ; tags != 0; tags &= tags - 1 {
		names = append(names, f.tags[bits.TrailingZeros64(tags)])
	}
	slices.Sort(names)
	return names
}
