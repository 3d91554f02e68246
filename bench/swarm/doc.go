// Package swarm is the load: up to 20,000 viewers in each of a crew of worker processes. The viewers connect, speak
// when it is time, and count what they get.
//
// It reports what it measured and nothing else: it does not start servers, knows no
// scenarios and prints nothing. Begin with [Plan], which is a whole load, and [Crew],
// which runs it; [Work] is the other end.
//
// # Exactness
//
// Every viewer counts its copies. Where the dialect's welcome says how many messages a room had before (fastim,
// native), a viewer is exact whenever it comes. Elsewhere the viewers that came before the load are, and so they are in
// a room where others may speak (Plan.Room). The sender of a room knows how many messages it had in all. The crew sends
// that number to all workers, and each compares viewer by viewer. Sampled viewers look at each message's number and due
// time besides. Deflated messages are inflated once for all viewers of a worker and known again by all of their bytes,
// so counts stay exact.
//
// # Refusals
//
// Where the dialect answers senders (native), each message is acknowledged, refused with a code, or not answered within
// Patience, and the first answer counts. Refused messages are expected at no viewer. Sampled viewers know by its number
// what was refused and came all the same; one that only counts has that among its doubles. Numbers are remembered up to
// 2^20 behind the highest one of a room. Elsewhere a message that the server left out is lost.
//
// # Time
//
// Messages are due at times that follow from the plan, whatever the server does. Latency counts from there, to the
// moment a viewer read them. Senders and viewers compare one clock, so they have to be on one machine. Where the
// servers are does not matter, but load from several machines is not supported.
//
// # Goroutines
//
//	name    how many     started by   ended by              owns, may block on
//	loop    1 a worker   Work         its tasks' end        viewers, epoll; epoll_wait, out
//	tasks   1 a worker   Work         its tasks' end        nothing; in
//	sender  1 a worker   the loop     all sent, end, stop   the schedule; nanosleep, speaker.mu
//	hear    1 a worker   Start        the worker's end      nothing; the worker's reports
//
// A worker's loop and sender share the sockets of those who speak (speaker.mu) and a few
// atomic counters. Nothing else is locked in a worker; a crew has one mutex.
package swarm
