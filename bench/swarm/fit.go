package swarm

// spareFiles is how many descriptors a worker needs for anything but connections.
const spareFiles = 100

// Fit says how many connections a worker process may hold that can have openFiles descriptors. That number is the hard
// limit, up to which the Go runtime raises the soft one by itself. 0 is none at all.
func Fit(openFiles int) int { return max(openFiles-spareFiles, 0) }
