// Package contract holds the tests that hold a whole node against the FastIM contract, and nothing else. They build the
// program and run it as its users do. They know of it only what goes over the wire, what it prints and how it exits.
//
// What the contract says is a named sub-test here, run over both stores. The files
// follow the sections of the contract: message, chat, list, api, redis, settings. The
// others are about what every node owes its operators: badinput, drain, cluster,
// admin.
//
// Read first: node_test.go (one process), then client_test.go (one WebSocket).
package contract
