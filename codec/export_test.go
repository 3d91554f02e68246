package codec

// Internals for the tests of package codec_test.
var (
	Unmask      = unmask
	ValidGrowth = validGrowth
)

// KeepBytes is keepBytes.
const KeepBytes = keepBytes

// Held is how many bytes of buffer r holds, -1 where it holds nothing at all.
func (r *Reader) Held() int {
	if r.work == nil || r.work.err != nil && r.work.buf == nil {
		return -1
	}
	return cap(r.work.buf)
}
