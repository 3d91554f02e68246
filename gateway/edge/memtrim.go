package edge

import "runtime/debug"

// After a wave of handshakes Go keeps the memory that they took for a while. The pages that are only half in use it
// keeps for good. A node then sits idle with it for hours. So when a wave is over, of those who come or of those who
// leave, the garbage is collected once. Free memory is then given back to the system. An idle connection then costs 0.5
// KB resident instead of 1.2, and a node that all have left what it did before (barrage bench idle). It costs one
// garbage collection (0.1 s of CPU at 500,000 connections), never more often than a wave comes.
const (
	// waveSize is how many that come or leave are worth it.
	waveSize = 1000
	// waveQuiet is for how many session checks, one a second, a wave is over before it is.
	waveQuiet = 5
	// waveShare: a check in which fewer than one in waveShare connections came or left is quiet, and no part of a wave. A
	// steady coming and going reuses what it leaves.
	waveShare = 500
)

// memTrim finds the end of a wave, from session check to session check. The zero value is ready.
type memTrim struct {
	seen  int64 // had come or left at the last check
	owed  int64 // came or left in waves since memory was given back
	quiet int   // checks since the last that was not
}

// due reports whether a wave is over, once for each; handshakes is how many there
// were in all, open how many connections there are.
func (m *memTrim) due(handshakes uint64, open int) bool {
	moved := 2*int64(handshakes) - int64(open) // a session that has ended counts twice
	fresh := moved - m.seen
	m.seen = moved
	if m.quiet++; fresh*waveShare > int64(open) {
		m.owed += fresh
		m.quiet = 0
	}
	if m.owed < waveSize || m.quiet < waveQuiet {
		return false
	}
	m.owed = 0
	return true
}

// trimMemory collects the garbage and gives free memory to the system.
func trimMemory() { debug.FreeOSMemory() }
