// Package gateway puts a node together: the ports and what they serve, the order of starting and leaving. It also has
// metrics and reloads. The parts that it puts together stand in packages of their own:
//
//	edge      handshakes, the sockets after them, who may come in; the base of both protocols
//	fastim    FastIM's sockets, lists and calls
//	v1        barrage.v1: its socket and its calls
//	admin     the calls of operators: the admin port
//	door      who comes in from where, and how much
//	pass      what a token grants
//	keys      who may do what on the admin port
//	desk      what moderators want
//	fleet     what nodes report to each other of themselves
//	filter    words that messages may not have
//	review    what a service of the operator decides about messages
//	traces    spans for OpenTelemetry
//	webhooks  what a service of the operator receives
//
// fastim and v1 import the edge and not each other; the edge imports neither. admin imports v1, and none of them
// imports admin. Package room decides what a room sends to whom; package codec knows what the bytes mean.
//
// Goroutines of this package; those of edge, fastim, v1, pass, fleet, webhooks and traces stand in their comments. All
// end with the context that Start makes and Close ends, and Close waits for them:
//
//	name           how many       started by  ended by  may block on
//	accept         1 per port     Start       Drain     accept(2); on the public port what edge's acceptors leave
//	handshake/API  1 per request  net/http    its end   the store, bounded by chat.CallTimeout
//	expel          1 if private   Start       Close     a timer; the store
//	shutdown       1              Drain       its ctx   connections of net/http that are at work
//
// Read first: [Server], then package edge.
package gateway
