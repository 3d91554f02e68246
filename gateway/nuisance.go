package gateway

import (
	"strconv"
	"time"

	"barrage/gateway/door"
	"barrage/internal/pace"
)

// millis is the time since the server was made in milliseconds, 32 bits that wrap around.
func (s *Server) millis() uint32 { return uint32(time.Since(s.made).Milliseconds()) }

// A client is a nuisance by each control frame, each native ping and, ten times as much, each refusal: 20 frames a
// second are taken, and 20 refusals in 10 s. Browsers answer a ping in 30 s, clients send one in 20.
const (
	nuisanceFrame   = 1
	nuisanceRefusal = 10
)

var nuisance = pace.Rate{Every: 50, Burst: 200}

// bears reports whether the session may be a nuisance once more; else it is closed.
func (s *session) bears(cost uint32) bool {
	if !s.srv.cfg.Limits.Enabled || nuisance.Take(&s.nuisance, s.srv.millis(), cost) == 0 {
		return true
	}
	user := ""
	if s.has() != nil { // else it has yet to show who it is
		user = s.user
	}
	s.srv.door.Banish(door.Ticket(s.ticket.Load()), user)
	s.runs.flooded()
	return false
}

// RateName is whom limits.user_rate knows, see room.Known: a user whose token was checked; else a name at an address,
// the guests of one together, or nobody where that is not known.
func (s *session) RateName() string {
	guest := s.has().guest
	if s.srv.cfg.Auth.Required() && !guest {
		return s.user
	}
	if from := door.Ticket(s.ticket.Load()).Guest(); from > 0 {
		name := s.user
		if guest {
			name = "" // all guests of an address are one
		}
		return name + "\x00" + strconv.Itoa(from)
	}
	return ""
}

// saidRate is the rate that welcomes say: the lower one of limits.message_rate and limits.user_rate, in whole ops a
// second, 1 where it is less; 0 = no limit.
func (s *Server) saidRate() (perSecond, burst int) {
	r, user := s.ops, s.cfg.Limits.User()
	if user.Every > r.Every {
		r = user
	}
	if r.Every == 0 {
		return 0, 0
	}
	return max(1, int(1000/r.Every)), int(r.Burst)
}
