// Package bench is the load generator: a client of the wire and nothing else. Of this project it knows bench/swarm,
// which holds the connections, internal/child and internal/port, which start programs, and internal/cli, which says
// which build this is.
//
// A [Scenario] is a load; [Named] has those that come with the program, as YAML files in scenarios/. [Run] runs one
// against a [Target]: nodes that it starts itself, or servers that run already. The outcome is a [Result], which
// bench/report shows. [Suite] sizes all scenarios for a machine, and [Hunt] searches for the load at which one breaks.
// [Curve] is one in several sizes, and [Measure] runs several in rounds, each against several targets.
//
// Messages are due at set times whatever the server does, and latency counts from the due time. So a server that stalls
// the sender cannot hide it (no coordinated omission).
//
// Goroutines, all of them ended and waited for when Run returns:
//
//	name     how many              started by     ended by              owns
//	record   1 a run               run.measure    the crew's ticks end  nothing; recorder.mu guards what it writes
//	wait     1 a node or Redis     startNode,     the process           the process's state
//	                               redis.start
//	watch    1 a node or Redis     cluster.start  the process           nothing
//
// and those of bench/swarm. The goroutine that called Run does everything else.
package bench
