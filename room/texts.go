package room

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// This file is what modes ask of a text.

// link finds what a client would make a link of: an address with a scheme, one that begins with www., or some names.
// Such a name ends with one of the endings that spam uses most. A sentence without a space behind its full stop is no
// link.
var link = regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]*://\S|\bwww\.\S|\b[a-z0-9-]+\.(?:com|net|org|info|biz|xyz|top|shop|site|online|club|vip|live|link|app|dev|page|io|gg|tv|me|cc|co|cn|ru|ly|be)\b`)

// fullStops are what browsers take for the dot of a name, beside the wide one.
var fullStops = strings.NewReplacer("。", ".", "｡", ".")

// visible is a text as people see it: wide letters are letters, and what takes no room is not there.
func visible(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.In(c, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) {
			return -1
		}
		return c
	}, norm.NFKC.String(text))
}

// hasLink reports whether there is a link in a text, also in wide letters, and with what browsers leave out.
func hasLink(text string) bool {
	text = fullStops.Replace(visible(text))
	return strings.ContainsAny(text, ".:") && link.MatchString(text)
}

// fewLetters is how many letters a text has at least that can shout.
const fewLetters = 8

// shouts reports whether more than so many percent of a text's letters are capitals.
func shouts(text string, percent int64) bool {
	letters, capitals := int64(0), int64(0)
	for _, c := range text {
		switch {
		case unicode.IsUpper(c):
			letters, capitals = letters+1, capitals+1
		case unicode.IsLower(c):
			letters++
		}
	}
	return letters >= fewLetters && capitals*100 > percent*letters
}

// emote is one that a client shows as a picture.
var emote = regexp.MustCompile(`:[A-Za-z0-9_+-]{1,32}:|[0-9#*]\x{fe0f}?\x{20e3}|[‼⁉〰〽㊗㊙©®™]\x{fe0f}?|[\x{e0020}-\x{e007f}]`)

// onlyEmotes reports whether a text has nothing but emoji, :names: and space, and one of them at least.
func onlyEmotes(text string) bool {
	rest := emote.ReplaceAllString(text, "")
	emotes := len(rest) < len(text)
	for _, c := range rest {
		switch {
		case unicode.IsSpace(c), c == 0x200d, unicode.Is(unicode.Variation_Selector, c), unicode.Is(unicode.Sk, c):
		case unicode.Is(unicode.So, c), c >= 0x1f1e6 && c <= 0x1f1ff:
			emotes = true
		default:
			return false
		}
	}
	return emotes
}
