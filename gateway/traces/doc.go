// Package traces reports to a collector of OpenTelemetry how requests went. It gets a span for each call of the HTTP
// API, of a hook, and of the store where one of these makes it. A sample of them is recorded. There is nothing for
// single messages on sockets, and nothing for deliveries.
//
// Callers name their own trace in traceparent (W3C Trace Context), and hooks get one. A span has the names of an
// operation and a route, a status and a room: no user, no token and no address.
//
// [New] makes a [Traces]; nil is one that does nothing, and costs a comparison. It has one goroutine:
//
//	send   takes spans from the queue to the collector; begun by Run, ends with its ctx, after a last try
//
// The queue holds 2,048 spans. A span that finds it full is dropped, and counted. One of at most 9 attributes of 256
// bytes has 4 KiB at most. So the queue has 8 MiB at most, and one MiB as it is used. A collector that hangs or has
// gone costs spans alone: nobody waits for it.
package traces
