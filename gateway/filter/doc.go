// Package filter finds terms in messages, however they are disguised, and says what becomes of the message. It does no
// I/O and starts no goroutine. Begin with Build and Filter.Check.
//
// # Lists
//
// A list has a term a line:
//
//	# A comment begins with "#" and a space.
//	damn                          a word: not in "damnation"
//	fuck*                         the word may go on; "*port" may begin before; "*x*" is anywhere
//	赌博                           scripts without spaces: anywhere
//	buy followers =hold #spam     the action, and tags
//	re:\d{3}-\d{4} =mask          a regular expression (RE2)
//	!妈妈的                         allowed: no hit within it counts
//	\#1 fan                       "\" takes what begins a line literally
//	=mask #insult #de             a heading: action and tags of the terms below, until the next heading
//
// A term without an action, below no heading with one, has the list's. A heading takes the place of the one above it;
// a term's tags are added to the heading's. Tags have 1 to 32 of a-z, 0-9, _ and -. An allowed term counts for all
// lists.
//
// Of several terms in a message the strongest action counts: block, hold, shadow, mask, flag. All terms with mask are
// masked: an asterisk for each character that matched, with its marks. Text between them stays, and so does everything
// else, byte by byte.
//
// # Likeness
//
// Texts and terms are folded in the same way:
//
//   - Unicode's NFKC and case folding: full width, 𝐟𝐮𝐜𝐤, ⓕ, ﬀ, ß.
//   - Characters that take no room are dropped: zero-width characters, soft hyphens, selectors, colours of skin.
//   - Marks over Latin and Greek letters are dropped, from Hebrew, Arabic and zalgo too. A term that is written with
//     marks asks for them, though: "đụ" is not in "du", and "!año" allows no "ano".
//   - Traditional ideographs become Simplified ones, character by character.
//   - Small capitals, squared letters and their like are the letters.
//   - A character that looks like a letter stands for it: Cyrillic с, 0, $, and ! within words; 1, !, | and a capital I
//     stand for l too. One character of the term at least has to be itself, a third must be neither digit nor symbol,
//     and of three one may be a digit. So "sh1t" and "fuсk" are caught; "455", "A55" and Russian "сор" are what they
//     are. A character that is no letter in a term is asked for: "8964" is not in "bgga".
//   - A character that is repeated more than twice is as many as the term has. Digits count exactly.
//
// # Where terms are found
//
// As is: a term of a script that separates words (Latin, Cyrillic, Arabic, …) is found as a word, or as several, with
// any separators between. Digits before or behind a word do not belong to it, unless letters go on beyond: "fuck1" has
// the word, "tit4tat" does not. A number is found as a number. Terms of scripts without spaces (Han, kana, Thai, …), of
// Hangul, whose words take endings, and of emoji are found anywhere. Each end of a term is looked at by itself.
//
// Joined: characters between letters are left out, where a term was pulled apart:
//
//   - letters that each stand alone: "f u c k", "f, u, c, k". Other letters that stand alone beside them belong to the
//     same word, so "c l a s s" is innocent, but for u, i and a at the ends: "I f u c k u".
//   - within a word, if one part is a single letter: "f.uck", "fuc-k". Neither "pen.is" nor "pass age".
//   - each word of a term by itself: "b u y coins", "buy c-oins". Neither "b u y my coins" nor "a b u y s coins".
//   - scripts without spaces: over "." and symbols anywhere, "去赌.博吧"; over spaces and the punctuation of sentences
//     only where the term's parts stand by themselves: "来 赌 博 吧", not "他爱赌，博物馆不去".
//
// Regular expressions see the folded text with its separators, digits and repeats, its first 4 KiB. They are written in
// what texts are folded to, lower case and Simplified. One of which each match contains the same text, like
// "word\d+", runs only where that is; the others are dear, and Build bounds them.
//
// Not caught: letters written twice or left out, "f*ck", halves ("fu ck"), words wholly of another script's letters.
// Nor are other letters in between ("赌a博"), what sounds alike, pinyin ("dubo", unless it is a term).
package filter
