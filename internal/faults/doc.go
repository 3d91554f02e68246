// Package faults shows what happens to messages when Redis, the way to it, or a node
// fails. It has tests only.
//
// A site is a deployment without its sockets: real redis-server processes, and nodes. Each node is a room.Hall over a
// redisx.Redis of its own. It has members that read the frames they are given, and writers that post all the time. Half
// of the writers do so as FastIM clients, half as clients of barrage.v1, which repeat what is not answered. Meanwhile a
// fault happens. In the end the site is at rest. Every message is counted, in the history and at every member, and so
// is every answer.
//
// With -table FILE the run writes what it counted and measured as docs/faults.md.
package faults
