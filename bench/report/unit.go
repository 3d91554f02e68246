package report

import (
	"math"
	"strconv"
	"strings"
)

// unit is what a figure counts, which decides how it is written.
type unit int

const (
	count unit = iota
	perSecond
	millis
	micros
	nanos
	bytes
	bytesPerSecond
	cores
	mean
)

// text writes v for people, with its unit: "12.3 ms", "996 k/s", "731 B".
func (u unit) text(v float64) string {
	switch u {
	case perSecond:
		return scaled(v, 1000, "/s", "k/s", "M/s", "G/s")
	case millis:
		return duration(v*1e6, " ms")
	case micros:
		return duration(v*1e3, " µs")
	case nanos:
		return duration(v, " ns")
	case bytes:
		return scaled(v, 1024, "B", "KiB", "MiB", "GiB", "TiB")
	case bytesPerSecond:
		return scaled(v, 1024, "B/s", "KiB/s", "MiB/s", "GiB/s")
	case cores:
		return short(v) + " cores"
	case mean:
		return short(v)
	case count:
	}
	return grouped(v)
}

// duration writes ns; nothing at all gets the unit zero.
func duration(ns float64, zero string) string {
	if ns == 0 {
		return "0" + zero
	}
	return scaled(ns, 1000, "ns", "µs", "ms", "s")
}

// scaled writes v with the largest of the units, each base times the one before, that
// leaves a number of at least 1. It takes the next one where rounding would.
func scaled(v, base float64, units ...string) string {
	i := 0
	for ; i < len(units)-1 && math.Abs(v) >= base*0.9995; i++ {
		v /= base
	}
	return short(v) + " " + units[i]
}

// short writes v with three digits, without zeros at the end.
func short(v float64) string {
	decimals := 2
	switch a := math.Abs(v); {
	case a >= 99.95:
		return grouped(v)
	case a >= 9.995:
		decimals = 1
	case a < 0.0995 && a > 0:
		return strconv.FormatFloat(v, 'g', 2, 64)
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// grouped writes the whole number next to v as "59,760,000".
func grouped(v float64) string {
	s := strconv.FormatFloat(math.Abs(v), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if v <= -0.5 {
		s = "-" + s
	}
	return s
}

// number is grouped for integers.
func number[T int | int64 | uint64](n T) string { return grouped(float64(n)) }

// plural writes "1 room", "3 rooms".
func plural[T int | int64 | uint64](n T, word string) string {
	if n == 1 {
		return "1 " + word
	}
	if stem, ok := strings.CutSuffix(word, "y"); ok {
		return number(n) + " " + stem + "ies"
	}
	return number(n) + " " + word + "s"
}
