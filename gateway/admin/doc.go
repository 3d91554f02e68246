// Package admin is the admin port: the calls of operators and moderators to a node, over HTTP. The file openapi.yaml
// describes every call. A call about another node goes there through the store, see package fleet. A verb of moderation
// is carried out by package desk.
//
// [Port] says which call needs which key (admin.go), and has a type for each kind of call. They are calls about nodes
// (nodes.go, rebalance.go), rooms (rooms.go, messages.go, export.go), users (users.go), order in rooms (mod.go) and the
// word filter (terms.go). The file samesite.go keeps pages of other sites out. Calls that need no key are in index.go,
// health.go and describe.go. The forms of exports are in forms.go, the settings in config.go.
//
// It has no goroutines of its own. Its locks are those of what it calls.
package admin
