package swarm

// sample is what a viewer knows that reads everything.
type sample struct {
	seen  []uint64 // bits by number, a ring of len(seen)*64 numbers that ends at high
	high  uint64   // highest number seen, plus 1
	last  []uint64 // highest number seen of each sender, plus 1
	found uint64   // different messages seen
	// Counted copies.
	doubled, outOfOrder uint64
	// set and order are hashes of the messages seen, without and with their order.
	set, order uint64
}

// mostRemembered bounds the numbers that a sample tells doubles by: 128 KiB of bits. A
// copy that comes further behind passes for a double.
const mostRemembered = 1 << 20

// newSample prepares a sample of a room of the plan.
func newSample(p *Plan, room int32) *sample {
	messages := p.Rooms[room].Rate * (p.Warmup + p.Duration).Seconds()
	if p.Burst.Every > 0 && room == 0 {
		messages += float64(p.Burst.Messages) * float64(p.Duration/p.Burst.Every)
	}
	size := 64
	for float64(size) < messages && size < mostRemembered {
		size *= 2
	}
	return &sample{seen: make([]uint64, size/64), last: make([]uint64, max(p.senders(int(room)), 1))}
}

// note takes one message and reports whether it is new.
func (s *sample) note(number uint64) bool {
	size := uint64(len(s.seen)) * 64
	if number >= s.high {
		if number-s.high >= size {
			clear(s.seen)
		} else {
			for n := s.high; n <= number; n++ {
				s.seen[n%size/64] &^= 1 << (n % 64)
			}
		}
		s.high = number + 1
	} else if s.high-number > size || s.seen[number%size/64]&(1<<(number%64)) != 0 {
		s.doubled++
		return false
	}
	s.seen[number%size/64] |= 1 << (number % 64)
	// What one sender says is in order; between two there is none but the room's.
	last := &s.last[number%uint64(len(s.last))]
	if number < *last {
		s.outOfOrder++
	}
	*last = max(*last, number+1)
	s.found++
	s.set += mix(number)
	s.order = mix(s.order + number)
	return true
}

// mix is a good hash of one number (the finalizer of MurmurHash3), the same in every
// process.
func mix(n uint64) uint64 {
	n++
	n ^= n >> 33
	n *= 0xff51afd7ed558ccd
	n ^= n >> 33
	n *= 0xc4ceb9fe1a85ec53
	return n ^ n>>33
}
