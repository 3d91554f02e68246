package admincmd

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"barrage/internal/units"
)

// day is 24 hours.
const day = 24 * time.Hour

// maxPeriod bounds a time that is given: a hundred years.
const maxPeriod = 36500 * day

// period is a time of a flag, as 30s, 10m, 12h, 7d or 2w. The zero value was not given.
type period time.Duration

// errPeriod says how times are written.
var errPeriod = errors.New("want a time of 1ms to 36500d, as 30s, 10m, 12h, 7d")

// Set reads a time.
func (s *period) Set(text string) error {
	unit := time.Duration(0)
	switch {
	case strings.HasSuffix(text, "d"):
		unit = day
	case strings.HasSuffix(text, "w"):
		unit = 7 * day
	}
	var d time.Duration
	if unit > 0 {
		n, err := strconv.ParseUint(text[:len(text)-1], 10, 16)
		if err != nil {
			return errPeriod
		}
		if d = time.Duration(n) * unit; d > maxPeriod {
			return errPeriod
		}
	} else {
		var err error
		if d, err = time.ParseDuration(text); err != nil {
			return errPeriod
		}
	}
	if d < time.Millisecond || d > maxPeriod {
		return errPeriod
	}
	*s = period(d)
	return nil
}

// Type is how help names a value.
func (*period) Type() string { return "TIME" }

// String is the shortest form: 10m, not 10m0s.
func (s *period) String() string { return spelled(time.Duration(*s)) }

// ms is the time in ms.
func (s period) ms() int64 { return time.Duration(s).Milliseconds() }

// spelled is a time as period takes it.
func spelled(d time.Duration) string {
	switch {
	case d == 0:
		return ""
	case d%day == 0:
		return fmt.Sprintf("%dd", d/day)
	}
	return units.Duration(d)
}
