package codec

import (
	"encoding/binary"
	"math/bits"
)

// unmask XORs b with key (RFC 6455 section 5.3), whose lowest byte meets b[0], eight
// bytes at a time. It returns the key for the bytes that follow b.
func unmask(b []byte, key uint32) uint32 {
	word := uint64(key)<<32 | uint64(key)
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^word)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(word >> (8 * uint(i)))
	}
	return bits.RotateLeft32(key, -8*len(b))
}
