//go:build race

package room

// fewer is how many times fewer seeds models run here. Each is one goroutine, in which there is nothing to race, and
// costs ten times as much.
const fewer = 10
