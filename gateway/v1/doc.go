// Package v1 is the protocol barrage.v1, which docs/protocol.md and openapi.yaml describe. socket.go is its socket,
// auth.go the tokens that come by a frame. v1.go, send.go and recall.go are its calls. problem.go has its words for
// refusals.
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
