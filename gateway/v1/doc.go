// Package v1 is the protocol barrage.v1, which docs/protocol.md and openapi.yaml describe. The file socket.go is its
// socket, auth.go the tokens that come by a frame. Its calls are v1.go, send.go, recall.go, mod.go and publish.go. The
// file diagnose.go answers why a socket is refused, and problem.go has the words for refusals.
//
// Goroutines do what sockets ask for and a poller cannot, see errands.go:
//
//	name       how many            started by  ended by  may block on
//	recalls    recallers           API.Run     ctx       the store, bounded by chat.CallTimeout
//	verbs      recallers           API.Run     ctx       the store, bounded by chat.CallTimeout
//	arrivals   arrivers            API.Run     ctx       the store, bounded by chat.CallTimeout
//	questions  askers with a hook  API.Run     ctx       the connect hook, bounded by chat.CallTimeout
//
// The lock of their queues is a leaf.
package v1
