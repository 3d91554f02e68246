// Package fastim is the protocol of FastIM: chat and lists on sockets (fastim.go, lists.go), and its calls (calls.go).
// The contract is that of original nodes; refuse.go and envelope.go have its words.
//
// Goroutines:
//
//	name          how many       started by  ended by  may block on
//	lists         1              Lists.Run   ctx       a timer, its signal
//	list reloads  reloadWorkers  Lists.Run   ctx       the store, bounded by chat.CallTimeout
//
// Locks, in the order they may be taken:
//
//	room's lock of a room -> Lists.mu
//	Lists.mu -> the lock of their reloads, a leaf
package fastim
