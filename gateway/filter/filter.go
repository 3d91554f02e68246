package filter

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// Filter holds lists of terms. It is immutable, and safe for concurrent use; nil matches nothing. Make one with Build.
type Filter struct {
	letters   *alphabet
	lists     []string
	tags      []string
	rules     []rule
	spellings []spelling
	regexps   []expression
	always    [2]uint64 // the regular expressions that run on every text
	symbols   symbols
	automaton automaton // of forms
	forms     []formOf
	targets   []int32 // spellings, and ^ of regular expressions
	longest   int     // how many runs the longest form has that is not of words only
	phrases   bool    // a term has several words

	pool sync.Pool // of scratches
}

// Result is what a filter says of a text.
type Result struct {
	// Action is the strongest of the terms in the text, None where there is none.
	Action Action
	// Text is the text with an asterisk for each character that a term with Mask matched, whatever Action is. Without
	// such terms it is the text itself.
	Text string
	// Tags are those of all terms in the text, sorted; nil for none.
	Tags []string
}

// Haystack is what a term was found in.
type Haystack uint8

const (
	// AsIs is the text as it is written, folded.
	AsIs Haystack = iota
	// Joined is the folded text without what stands between letters.
	Joined
)

// String is "as is" or "joined".
func (h Haystack) String() string {
	if h == Joined {
		return "joined"
	}
	return "as is"
}

// Hit is one place of a text at which a term is. It is shown to moderators, and to nobody else.
type Hit struct {
	// List and Line say where the term stands: the list's name, and the line from 1.
	List string
	Line int
	// Term is as the list has it, without action and tags; a regular expression begins with "re:".
	Term string
	// Action is the term's.
	Action Action
	// Tags are the term's, sorted; nil for none.
	Tags []string
	// Start and End are the bytes of the text that matched, End exclusive.
	Start, End int
	// Haystack is the one that the term was found in.
	Haystack Haystack
	// Allowed is "list:line" of the allowed term around this hit, which then does not count; "" where it does.
	Allowed string
}

// hit is a place at which a rule's term is.
type hit struct {
	rule       int32
	allowed    int32 // the rule that allows it, or -1
	start, end int32 // bytes of the text
	from, to   int32 // units from to to, exclusive, of the haystack
	in         Haystack
	all        bool // separators are masked too, but white space
}

// scratch is what a check works with.
type scratch struct {
	folder folder
	hay    haystack // as is; its units are the folder's
	joined haystack
	pieces []piece
	hits   []hit // that count, once found has run
	allows []hit
	run    [2]uint64 // the regular expressions whose literal is in the text
	folded []byte    // the text for regular expressions
	places []int32   // places[i] is where unit i begins in folded; one more for the end
	masked []span
}

// maxKept is how many characters a scratch may have held to be used again: those of a message of 8 KiB.
const maxKept = 8 << 10

// Check says what becomes of a text. It takes a text of any length and with any bytes; the time it takes grows with the
// length. It allocates only where a term is found.
func (f *Filter) Check(text string) Result {
	result := Result{Text: text}
	if f == nil || len(f.automaton.states) == 0 && len(f.regexps) == 0 {
		return result
	}
	s := f.find(text)
	if len(s.hits) > 0 {
		f.judge(s, text, &result)
	}
	f.release(s)
	return result
}

// Explain returns all hits in a text, those that are allowed too, in the order of their places. It is for moderators
// and tests: Check's Action is the strongest of the hits that are not allowed.
func (f *Filter) Explain(text string) []Hit {
	if f == nil || len(f.automaton.states) == 0 && len(f.regexps) == 0 {
		return nil
	}
	s := f.find(text)
	defer f.release(s)
	var hits []Hit
	for _, h := range s.hits {
		r := &f.rules[h.rule]
		hit := Hit{
			List: f.lists[r.list], Line: int(r.line), Term: r.text, Action: r.action, Tags: f.names(r.tags),
			Start: int(h.start), End: int(h.end), Haystack: h.in,
		}
		if h.allowed >= 0 {
			hit.Allowed = f.where(h.allowed)
		}
		hits = append(hits, hit)
	}
	return hits
}

func (f *Filter) release(s *scratch) {
	if cap(s.folder.units) <= 2*maxKept && cap(s.hits) <= maxKept {
		s.folder.text = ""
		f.pool.Put(s)
	}
}

// judge sets a result by the hits.
func (f *Filter) judge(s *scratch, text string, result *Result) {
	var tags uint64
	s.masked = s.masked[:0]
	for _, h := range s.hits {
		if h.allowed >= 0 {
			continue
		}
		r := &f.rules[h.rule]
		result.Action = max(result.Action, r.action)
		tags |= r.tags
		if r.action == Mask {
			s.cover(h)
		}
	}
	result.Tags = f.names(tags)
	if len(s.masked) > 0 {
		result.Text = s.mask(text)
	}
}

// span is bytes start to end, exclusive, of a text.
type span struct{ start, end int32 }

// cover notes what a hit masks: its characters, not what separates them.
func (s *scratch) cover(h hit) {
	units := s.hay.units
	if h.in == Joined {
		units = s.joined.units
	}
	for i := h.from; i < h.to; i++ {
		if u := &units[i]; !u.gap() || h.all && !unicode.IsSpace(u.lit) {
			s.masked = append(s.masked, span{u.start, u.end})
		}
	}
}

// mask is the text with an asterisk for each character that is covered, with its marks.
func (s *scratch) mask(text string) string {
	slices.SortFunc(s.masked, func(x, y span) int { return cmp.Compare(x.start, y.start) })
	var out strings.Builder
	out.Grow(len(text))
	at := int32(0)
	for _, m := range s.masked {
		if m.start < at {
			continue // one character that folds to several, or is in several hits
		}
		out.WriteString(text[at:m.start])
		out.WriteByte('*')
		at = m.end
	}
	out.WriteString(text[at:])
	return out.String()
}

// where is "list:line" of a rule.
func (f *Filter) where(rule int32) string {
	r := &f.rules[rule]
	return f.lists[r.list] + ":" + strconv.Itoa(int(r.line))
}

// wanted reports whether a picture is in a term.
func (f *Filter) wanted(r rune) bool { return f.symbols.of(r) != 0 }

// Size is how large a filter is.
type Size struct {
	// Lists, Terms, Allowed and Regexps are how many there are; allowed terms are not among Terms.
	Lists, Terms, Allowed, Regexps int
	// Bytes is about what the filter takes in memory.
	Bytes int
}

// ListSize is how much a list holds.
type ListSize struct {
	Name string
	// Terms, Allowed and Regexps are as in Size.
	Terms, Allowed, Regexps int
}

// Lists says how much each list holds, in the order in which Build was given them; nil of nil.
func (f *Filter) Lists() []ListSize {
	if f == nil {
		return nil
	}
	sizes := make([]ListSize, len(f.lists))
	for i, name := range f.lists {
		sizes[i].Name = name
	}
	for i := range f.rules {
		switch r, size := &f.rules[i], &sizes[f.rules[i].list]; {
		case r.action == None:
			size.Allowed++
		case strings.HasPrefix(r.text, "re:"):
			size.Regexps++
		default:
			size.Terms++
		}
	}
	return sizes
}

// Size says how large the filter is; that of nil is zero.
func (f *Filter) Size() Size {
	if f == nil {
		return Size{}
	}
	size := Size{Lists: len(f.lists), Regexps: len(f.regexps), Terms: len(f.rules) - len(f.regexps)}
	size.Bytes = f.automaton.bytes() + 12*cap(f.forms) + 4*cap(f.targets) + 8*len(f.symbols.pages)
	for _, page := range f.symbols.pages {
		if page != nil {
			size.Bytes += 4 * len(page)
		}
	}
	for i := range f.rules {
		if f.rules[i].action == None {
			size.Allowed++
			size.Terms--
		}
		size.Bytes += 40 + len(f.rules[i].text)
	}
	for i := range f.spellings {
		size.Bytes += 88 + 8*cap(f.spellings[i].units) + cap(f.spellings[i].runs) + cap(f.spellings[i].words)
	}
	return size
}
