package bench

import (
	"time"

	"barrage/bench/swarm"
)

// Result is what came of one scenario, in the form that --json writes, reports show and
// compare reads. Times are in milliseconds, sizes in bytes, CPU in seconds or
// nanoseconds, as the names say.
type Result struct {
	// Version is 1: the form of this struct.
	Version int `json:"version"`
	// Peer is what was measured: "barrage", "hub", or the name given to a target, which is
	// its addresses where none was given.
	Peer string `json:"peer"`
	// Dialect is what it spoke: "fastim", "native", "raw" or "centrifugo"; empty: an older program wrote this and did not
	// name it. Scenario.Deflate says whether that was compressed.
	Dialect string `json:"dialect,omitempty"`
	// Target is where the load went. The zero value is nodes of our own, or an older
	// program wrote this. Of a token it holds no more than that there was one.
	Target   Target    `json:"target,omitzero"`
	Scenario Scenario  `json:"scenario"`
	Machine  Machine   `json:"machine"`
	Began    time.Time `json:"began"`
	// Seconds is how long messages came while it was measured.
	Seconds float64 `json:"seconds"`
	// Partial says why the figures are not of all that was asked for; empty: they are. The run ended before its time, and
	// they hold up to that moment. Or else it is what Missing says, and they are of the viewers that were there.
	Partial string `json:"partial,omitempty"`
	// Warnings are plain sentences: that the client was the bottleneck, that a figure
	// could not be had and why.
	Warnings []string `json:"warnings,omitempty"`

	Connections Connections `json:"connections"`
	Messages    Messages    `json:"messages"`
	// Latency counts from the moment a message was due to the moment a sampled viewer
	// read it.
	Latency Quantiles `json:"latency_ms"`
	// Connect counts from the moment a viewer was due to connect to the answer of its
	// handshake; Welcome to the end of its first message.
	Connect Quantiles `json:"connect_ms"`
	Welcome Quantiles `json:"welcome_ms"`
	Server  Server    `json:"server"`
	// Redis joins the nodes; zero: none was started or named with --redis, or it could not be read.
	Redis  Redis  `json:"redis,omitzero"`
	Client Client `json:"client"`
	// Series has one point a second from the first connection to the end.
	Series []Point `json:"series"`
}

// Machine is where the load came from, and the nodes too unless targets were named.
type Machine struct {
	CPU     string `json:"cpu"`
	Cores   int    `json:"cores"`
	Memory  int64  `json:"memory_bytes"`
	Kernel  string `json:"kernel"`
	Go      string `json:"go"`
	Barrage string `json:"barrage"`
}

// Connections counts viewers, as the load does.
type Connections = swarm.Connections

// Messages counts messages and their copies, those of the warm-up included, because only so they can be exact.
type Messages = swarm.Messages

// Quantiles is one distribution. Count 0: nothing was measured.
type Quantiles struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`
	// Histogram is the whole of it: HdrHistogram's compressed V2 form, in base64, values
	// in microseconds.
	Histogram string `json:"histogram,omitempty"`
}

// Server is what the nodes used, summed over them, while it was measured.
type Server struct {
	// Nodes is how many could be read; 0: neither a pid nor a metrics address was known.
	Nodes int `json:"nodes"`
	// CPUSeconds is user and system time.
	CPUSeconds float64 `json:"cpu_seconds"`
	// Cores is CPUSeconds / seconds.
	Cores float64 `json:"cores"`
	// CPUPerCopy in nanoseconds.
	CPUPerCopy float64 `json:"cpu_ns_per_copy"`
	// Resident memory before anyone connected, once all were in, the most seen, and at
	// the end.
	ResidentBefore int64 `json:"resident_before"`
	ResidentFull   int64 `json:"resident_full"`
	ResidentMost   int64 `json:"resident_most"`
	ResidentEnd    int64 `json:"resident_end"`
	// ResidentLeft is the memory at rest once all have left, to compare with
	// ResidentBefore; 0: the scenario does not rest.
	ResidentLeft int64 `json:"resident_left,omitempty"`
	// PerConnection is (ResidentFull - ResidentBefore) / connections, in bytes; 0: the
	// scenario does not rest, so memory was not at rest.
	PerConnection float64 `json:"bytes_per_connection"`
	// Slope of resident memory while messages came, bytes a second (least squares over
	// the second half).
	Slope float64 `json:"resident_slope"`
	// Writes is how many writes to sockets the nodes counted; 0: unknown.
	Writes float64 `json:"writes"`
	// Dropped is how many messages the nodes counted that went nowhere, by their reason, as
	// "shed"; empty: none, or unknown.
	Dropped map[string]uint64 `json:"dropped,omitempty"`
	// HandshakeCPU is microseconds of CPU for one connection of the first wave.
	HandshakeCPU float64 `json:"handshake_cpu_us"`
}

// Redis is what the Redis that joins the nodes used while it was measured.
type Redis struct {
	// Cores is CPU seconds a second, user and system time.
	Cores float64 `json:"cores"`
	// CPUPerMessage is microseconds for each message sent.
	CPUPerMessage float64 `json:"cpu_us_per_message"`
	// BytesPerMessage is what it read and wrote for each message sent, its replicas and
	// this program's own questions included.
	BytesPerMessage float64 `json:"bytes_per_message"`
}

// Client is what the load itself used.
type Client struct {
	// Procs is how many processes handed in what they measured, Died how many did not.
	Procs int `json:"procs"`
	Died  int `json:"died,omitempty"`
	// Cores is CPU seconds a second, summed over processes; Busiest is the busiest
	// process's, of 1 for its reading loop.
	Cores   float64 `json:"cores"`
	Busiest float64 `json:"busiest_cores"`
	// Late is how long after its due time a message was written, at the 99th
	// percentile, in milliseconds: how far the sender itself lagged behind.
	LateP99 float64 `json:"late_p99_ms"`
	// MachineBusy is the share of this machine's CPU time that was used while it was
	// measured, by whatever program, 0 to 1; 0: unknown.
	MachineBusy float64 `json:"machine_busy"`
}

// Point is one second of a run.
type Point struct {
	// At is seconds since the first connection; Phase is "connect", "rest", "warmup",
	// "measure", "finish".
	At    float64 `json:"at"`
	Phase string  `json:"phase"`
	// Open is how many viewers are connected.
	Open int `json:"open"`
	// Made, Offered, Sent and Copies happened in this second.
	Made    int     `json:"made"`
	Offered uint64  `json:"offered"`
	Sent    uint64  `json:"sent"`
	Copies  uint64  `json:"copies"`
	P50     float64 `json:"p50"`
	P99     float64 `json:"p99"`
	Max     float64 `json:"max"`
	// ServerCores and Resident are the nodes', summed; ClientCores is ours.
	ServerCores float64 `json:"server_cores"`
	Resident    int64   `json:"resident"`
	ClientCores float64 `json:"client_cores"`
}
