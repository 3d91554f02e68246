package swarm

import (
	"iter"
	"math/bits"
)

// numbers is a set of message numbers of one room: a ring of bits that ends at the highest one.
type numbers struct {
	Bits []uint64 `json:"bits,omitempty"`
	High uint64   `json:"high,omitempty"` // the highest number, plus 1
}

// mostRemembered bounds a set: 128 KiB of bits. Numbers further behind the highest one pass for known.
const mostRemembered = 1 << 20

// newNumbers prepares a set for what is sent in a room of the plan.
func newNumbers(p *Plan, room int32) numbers {
	messages := p.Rooms[room].Rate * (p.Warmup + p.Duration).Seconds()
	if p.Burst.Every > 0 && room == 0 {
		messages += float64(p.Burst.Messages) * float64(p.Duration/p.Burst.Every)
	}
	size := 64
	for float64(size) < messages && size < mostRemembered {
		size *= 2
	}
	return numbers{Bits: make([]uint64, size/64)}
}

// size is how many numbers it distinguishes.
func (s *numbers) size() uint64 { return uint64(len(s.Bits)) * 64 }

// add puts a number in and reports whether it was not there. One that is too far behind passes for known.
func (s *numbers) add(number uint64) bool {
	size := s.size()
	if number >= s.High {
		if number-s.High >= size {
			clear(s.Bits)
		} else {
			for n := s.High; n <= number; n++ {
				s.Bits[n%size/64] &^= 1 << (n % 64)
			}
		}
		s.High = number + 1
	} else if s.High-number > size || s.has(number) {
		return false
	}
	s.Bits[number%size/64] |= 1 << (number % 64)
	return true
}

// has reports whether a number is there. None is in nil, or in the zero value.
func (s *numbers) has(number uint64) bool {
	if s == nil || number >= s.High || s.High-number > s.size() {
		return false
	}
	return s.Bits[number%s.size()/64]&(1<<(number%64)) != 0
}

// all goes through the numbers, in no order.
func (s *numbers) all() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		size := s.size()
		for i, word := range s.Bits {
			for ; word != 0; word &= word - 1 {
				at := uint64(i)*64 + uint64(bits.TrailingZeros64(word)) // number modulo size
				if !yield(s.High - 1 - (s.High-1-at)%size) {
					return
				}
			}
		}
	}
}
