// Package uring sends to many sockets by one system call: a plain io_uring of Linux that knows nothing but sends. None
// is ever under way outside [Ring.Submit]: each takes as much as its socket takes now. Begin with [New].
//
// A thread of its own, one issuer, deferred task work and fixed files were measured, and bring nothing here. Fixed
// files keep a closed socket from notifying its peer, too. The layouts are those of include/uapi/linux/io_uring.h.
package uring
