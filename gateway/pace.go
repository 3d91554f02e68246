package gateway

import (
	"math"
	"time"
)

// rate is a limit as GCRA has it: burst units at once, and one more each every milliseconds. The zero value is no
// limit.
type rate struct{ every, burst uint32 }

// perSecond is the rate of so many units a second; 0 = no limit. Rates are exact to a millisecond a unit.
func perSecond(units float64, burst int) rate {
	if units <= 0 {
		return rate{}
	}
	return rate{every: uint32(max(1, math.Round(1000/units))), burst: uint32(max(1, burst))}
}

// tat is how far a rate is used up: the theoretical arrival time of GCRA, in milliseconds of [Server.millis]. 32 bits
// are enough, since no rate is used up for longer than 24 days: a later time is one of before the last turn of the
// counter. The zero value is unused; it may look partly used up in the last seconds before the counter turns over.
type tat uint32

// take takes n units, or says how long to wait until it could; what is refused uses nothing up.
func (r rate) take(t *tat, now, n uint32) (wait time.Duration) {
	if r.every == 0 {
		return 0
	}
	most := int64(r.every) * int64(r.burst)
	ahead := r.ahead(*t, now) + int64(r.every)*int64(n)
	if ahead > most {
		return time.Duration(ahead-most) * time.Millisecond
	}
	*t = tat(now + uint32(ahead))
	return 0
}

// ahead is how far t lies ahead, 0 where it is over.
func (r rate) ahead(t tat, now uint32) int64 {
	ahead := int64(int32(uint32(t) - now))
	if ahead < 0 || ahead > int64(r.every)*int64(r.burst) {
		return 0
	}
	return ahead
}

// millis is the time since the server was made in milliseconds, 32 bits that wrap around.
func (s *Server) millis() uint32 { return uint32(time.Since(s.made).Milliseconds()) }

// A client is a nuisance by each control frame, each native ping and, ten times as much, each refusal: 20 frames a
// second are taken, and 20 refusals in 10 s. Browsers answer a ping in 30 s, clients send one in 20.
const (
	nuisanceFrame   = 1
	nuisanceRefusal = 10
)

var nuisance = rate{every: 50, burst: 200}

// bears reports whether the session may be a nuisance once more; else it is closed.
func (s *session) bears(cost uint32) bool {
	if !s.srv.cfg.Limits.Enabled || nuisance.take(&s.nuisance, s.srv.millis(), cost) == 0 {
		return true
	}
	s.srv.door.banish(s)
	s.runs.flooded()
	return false
}
