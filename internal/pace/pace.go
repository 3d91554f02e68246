// Package pace holds rates as GCRA has them: exact, without a timer, in four bytes a user of a rate.
package pace

import (
	"math"
	"time"
)

// Rate is a limit: Burst units at once, and one more each Every milliseconds. The zero value is no limit.
type Rate struct{ Every, Burst uint32 }

// PerSecond is the rate of so many units a second; 0 = no limit. Rates are exact to a millisecond a unit. A burst is at
// most what comes in 24 days, see Used.
func PerSecond(units float64, burst int) Rate {
	if units <= 0 {
		return Rate{}
	}
	every := int64(max(1, math.Round(1000/units)))
	return Rate{Every: uint32(every), Burst: uint32(max(1, min(int64(burst), math.MaxInt32/every)))}
}

// Used is how far a rate is used up: the theoretical arrival time of GCRA, in milliseconds of any clock that goes on by
// itself. 32 bits are enough, since no rate is used up for longer than 24 days. A later time is one of before the last
// turn of the counter. The zero value is unused; it may look partly used up in the last seconds before the counter
// turns over.
type Used uint32

// Take takes n units, or returns how long to wait until it could; a refusal uses nothing up.
func (r Rate) Take(u *Used, now, n uint32) (wait time.Duration) {
	if r.Every == 0 {
		return 0
	}
	most := int64(r.Every) * int64(r.Burst)
	ahead := r.Ahead(*u, now) + int64(r.Every)*int64(n)
	if ahead > most {
		return time.Duration(ahead-most) * time.Millisecond
	}
	*u = Used(now + uint32(ahead))
	return 0
}

// Charge takes n units that cannot be refused any more; of what is more than a whole burst the rest is let off.
func (r Rate) Charge(u *Used, now, n uint32) {
	if r.Every != 0 {
		*u = Used(now + uint32(min(r.Ahead(*u, now)+int64(r.Every)*int64(n), int64(r.Every)*int64(r.Burst))))
	}
}

// Ahead is how far u lies ahead of now in ms, 0 where it is over.
func (r Rate) Ahead(u Used, now uint32) int64 {
	ahead := int64(int32(uint32(u) - now))
	if ahead < 0 || ahead > int64(r.Every)*int64(r.Burst) {
		return 0
	}
	return ahead
}
