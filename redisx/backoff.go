package redisx

import (
	"math/rand/v2"
	"time"
)

const (
	backoffMin = 20 * time.Millisecond
	backoffMax = 2 * time.Second
)

// backoff is how long to wait after the failures-th failure in a row, counted from 1.
// It doubles from backoffMin to backoffMax. Up to half is taken off at random, so that the nodes which lost the same
// Redis do not come back at the same moment.
func backoff(failures int) time.Duration {
	d := backoffMax
	if shift := failures - 1; shift < 7 { // 20 ms << 7 is above 2 s.
		d = backoffMin << shift
	}
	return d - rand.N(d/2)
}
