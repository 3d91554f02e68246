package filter

// A haystack is what terms are looked for in: folded characters, and the runs of them.
type haystack struct {
	units []unit
	runs  []run
}

// run is one character, repeated: "looool" has three.
type run struct {
	key   rune
	first int32 // units first to first+n, exclusive
	n     int32
}

// gather sets the runs.
func (h *haystack) gather() {
	h.runs = h.runs[:0]
	for i := range h.units {
		u := &h.units[i]
		if n := len(h.runs); n > 0 && h.runs[n-1].key == u.key {
			if last := &h.units[i-1]; (last.flags^u.flags)&apart == 0 && (last.kind == kindDigit) == (u.kind == kindDigit) || u.gap() {
				h.runs[n-1].n++
				continue
			}
		}
		h.runs = append(h.runs, run{u.key, int32(i), 1})
	}
}

// piece is a sequence of characters of a text with nothing between them, all of scripts with spaces or all of others.
type piece struct {
	first, n  int32 // units first to first+n, exclusive
	runs      int32
	free      bool
	alone     bool  // one letter, or one written three times and more
	gap       flags // flagTightGap, flagLooseGap or both: the gap before it
	separated bool  // the gap before it cannot be left out
}

// join makes the second haystack of the first: gaps are left out where a term could reach over them.
// It reports whether there is such a place. The longest term that is not of words only has longest runs. With phrases a
// term has several words, and pieces to which nothing is joined are there, too.
func (h *haystack) join(joined *haystack, pieces *[]piece, longest int, phrases bool) bool {
	all := cut(h, (*pieces)[:0])
	*pieces = all
	some := false
	for i := 1; i < len(all); i++ {
		p, before := &all[i], &all[i-1]
		switch tight := p.gap == flagTightGap; {
		case p.gap == 0:
		case !p.free && !before.free:
			p.separated = !tight && (!p.alone || !before.alone)
		case !tight: // both have to be a term's as a whole
			p.separated = int(p.runs+before.runs) > longest+1 // + 1: a run may go on behind the gap
		}
		some = some || p.gap != 0 && !p.separated
	}
	if !some {
		return false
	}
	joined.units = joined.units[:0]
	for i := range all {
		p := &all[i]
		if p.separated {
			joined.units = append(joined.units, unit{})
		}
		if !phrases && (i == 0 || p.separated) && (i+1 == len(all) || all[i+1].separated) {
			continue // nothing is joined to it
		}
		first := len(joined.units)
		joined.units = append(joined.units, h.units[p.first:p.first+p.n]...)
		joined.units[first].flags |= flagStart | p.gap
		joined.units[len(joined.units)-1].flags |= flagEnd
		if p.alone {
			for j := first; j < len(joined.units); j++ {
				joined.units[j].flags |= flagAlone
			}
		}
	}
	joined.gather()
	return true
}

// cut appends the pieces of a haystack.
func cut(h *haystack, pieces []piece) []piece {
	units := h.units
	var gap flags
	for i := 0; i < len(units); {
		u := &units[i]
		if u.kind == kindGap || u.kind == kindPicture {
			gap |= flagTightGap
			if u.flags&flagLoose != 0 || u.lit == '.' && i > 0 && units[i-1].lit == '.' {
				gap |= flagLooseGap
			}
			i++
			continue
		}
		first, free, runs, key := i, u.kind == kindFree, int32(0), gapKey
		for ; i < len(units) && units[i].kind != kindGap && units[i].kind != kindPicture && (units[i].kind == kindFree) == free; i++ {
			if units[i].key != key {
				key = units[i].key
				runs++
			}
		}
		pieces = append(pieces, piece{
			first: int32(first), n: int32(i - first), runs: runs, free: free, gap: gap,
			alone: !free && runs == 1 && i-first != 2,
		})
		gap = 0
	}
	return pieces
}
