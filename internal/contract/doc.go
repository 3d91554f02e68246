// Package contract has tests of whole nodes. They build the program and run it as its users do. They know of it only
// what goes over the wire, what it prints and how it exits.
//
// The rules of FastIM's contract are named sub-tests here, run over both stores. The files that follow its sections are
// message, chat, list, api, redis and settings; differ, original, beside and migration play the original node. Others
// are about what nodes owe their operators (badinput, drain, cluster, admin, fleet, traces). The rest is about what
// holds over several nodes (order, held, filter, storm, revoked, webhooks, replicas).
//
// Read first: node_test.go (one process), then client_test.go (one WebSocket).
package contract
