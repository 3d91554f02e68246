// Package bench is the load generator: a client of the wire and nothing else. It
// knows no other package of this project but codec.
//
// A [Swarm] is many viewers on one epoll loop: no goroutine, buffer or timer a
// connection. Most viewers only count frames; a sample reads everything and checks
// order, doubles and latency. Messages are due at set times whatever the server does,
// and latency counts from the due time, so a server that stalls the sender cannot
// hide it (no coordinated omission).
//
// Goroutines: the swarm's loop (started by Run, ends with it) and whoever called Run.
package bench
