package edge

import (
	"strconv"
	"time"

	"barrage/gateway/door"
	"barrage/internal/pace"
)

// millis is the time since the edge was made in milliseconds, 32 bits that wrap around.
func (e *Edge) millis() uint32 { return uint32(time.Since(e.made).Milliseconds()) }

// A client is a nuisance by each control frame, each native ping and, ten times as much, each refusal. 20 frames a
// second are taken, and 20 refusals in 10 s. Browsers answer a ping in 30 s, clients send one in 20.
const (
	NuisanceFrame   = 1
	NuisanceRefusal = 10
)

// NuisanceOf is that of so many bytes that have the node work, and cost the client little. They are those of a ping, or
// what a message is inflated to. 24 KiB of names that nobody knows take some 0.3 ms to read, so two of them may come at
// once.
func NuisanceOf(bytes int) uint32 { return NuisanceFrame + uint32(min(bytes/256, 100)) }

var nuisance = pace.Rate{Every: 50, Burst: 200}

// Bears reports whether the session may be a nuisance once more; else it is closed.
func (s *Session) Bears(cost uint32) bool {
	if !s.edge.Config().Limits.Enabled || nuisance.Take(&s.nuisance, s.edge.millis(), cost) == 0 {
		return true
	}
	user := ""
	if s.Rights() != nil { // else it has yet to show who it is
		user = s.user
	}
	s.edge.Door.Banish(door.Ticket(s.ticket.Load()), user)
	s.runs().Flooded()
	return false
}

// From is the number of the address that the session is from, 0 where its address is not counted, see door.Ticket.
func (s *Session) From() int { return door.Ticket(s.ticket.Load()).Source() }

// quietFor is how long, in ms, somebody has sent nothing whom limits.ip_message_rate does not hold: neighbours who
// flood shall not keep people silent. People in a lively room send something each minute.
const quietFor = 10_000

// TakeOp takes one message of limits.message_rate and ip_message_rate, and returns after what time there is one where
// there is none now. It runs in the poller.
func (s *Session) TakeOp() (wait time.Duration) {
	rate, now, last := s.edge.set.Load().ops, s.edge.millis(), uint32(s.ops)
	if rate.Every == 0 {
		s.ops = pace.Used(now)
	}
	if wait = rate.Take(&s.ops, now, 1); wait > 0 || int32(now-last) > quietFor {
		return wait
	}
	return s.edge.Door.Message(s.Ticket())
}

// TakeLikes takes n likes as far as limits.like_rate lets them, and returns how many. The field that counts is
// Session.likes: the GCRA's arrival time in likes, not milliseconds, since 16 bits are enough for that. It runs in the
// poller.
func (s *Session) TakeLikes(n uint32) uint32 {
	rate := s.edge.set.Load().likes
	if rate.Every == 0 {
		return n
	}
	now, burst := uint16(s.edge.millis()/rate.Every), uint16(rate.Burst)
	ahead := s.likes - now
	if ahead > burst {
		ahead = 0 // it is over: all of them are there again
	}
	n = min(n, uint32(burst-ahead))
	s.likes = now + ahead + uint16(n)
	return n
}

// RateName is whom limits.user_rate knows, see room.Known: a user whose token was checked. Else it is a name at an
// address, the guests of one together, or nobody where that is not known.
func (s *Session) RateName() string {
	guest := s.Rights().Guest
	if s.edge.Config().Auth.Required() && !guest {
		return s.user
	}
	if from := s.From(); from > 0 {
		return NameAt(s.user, guest, from)
	}
	return ""
}

// NameAt is whom limits.user_rate knows where no token was checked: a name at an address. All guests of one are one.
func NameAt(user string, guest bool, from int) string {
	if guest {
		user = ""
	}
	return user + "\x00" + strconv.Itoa(from)
}

// WelcomeRate is the rate that welcomes name: the lower one of limits.message_rate and limits.user_rate. It is in
// whole ops a second, 1 where it is less; 0 = no limit.
func (e *Edge) WelcomeRate() (perSecond, burst int) {
	set := e.set.Load()
	r, user := set.ops, set.Limits.User()
	if user.Every > r.Every {
		r = user
	}
	if r.Every == 0 {
		return 0, 0
	}
	return max(1, int(1000/r.Every)), int(r.Burst)
}
