// Package hostile shows what attacks on a node do to its other users. It has tests only.
//
// Each test starts a node with the limits that it has by default, behind a proxy that is played. Each client names an
// address of the internet. Ten people chat in a room, each as often as the limits let them. Then an attacker does its
// worst from another address. No message of theirs may be lost, newcomers come in, and the node does not grow.
//
// With -table FILE (make attacks) the attacker has a core of its own, and the people may not wait much longer than
// before either. The run writes what it measured as the table of docs/security.md.
package hostile
