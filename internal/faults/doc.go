// Package faults shows what happens to messages when Redis, the way to it, or a node
// fails. It has tests only.
//
// A site is what a deployment is without its sockets: real redis-server processes, and
// nodes that are each a room.Hall over a redisx.Redis of their own, with members that
// read the frames they are given and writers that post all the time: half of them as FastIM
// clients do, half as clients of barrage.v1, which say again what is not answered. While they
// do, a fault happens. In the end the site is at rest, and every message is counted, in
// the history and at every member, and so is every answer.
//
// With -table FILE the run writes what it counted and measured as docs/faults.md.
package faults
