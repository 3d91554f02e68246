package codec

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// leastDeflated is the size in bytes from which a payload is deflated. A batch below it is one message, which comes out
// 16 % smaller. Two or three messages come out 45 % smaller for little more time (measured: BenchmarkDeflate,
// bench/results/codec.txt).
const leastDeflated = 256

// deflateTail is what a compressed message ends with on the wire of deflate, and leaves
// out on ours (RFC 7692 section 7.2.1).
const deflateTail = "\x00\x00\xff\xff"

// deflaters hold some 800 KB each, so they are shared. The library's fastest level takes 55 to 77 % of the standard
// library's time, at the same ratio (measured: BenchmarkDeflate, bench/results/codec.txt).
var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(io.Discard, flate.BestSpeed)
	if err != nil {
		panic("BUG: cannot make a deflater: " + err.Error())
	}
	return w
}}

// AppendDeflatedFrame appends payload as one text frame of permessage-deflate without
// context takeover (RFC 7692): deflated where that pays, plain where it does not.
func AppendDeflatedFrame(dst, payload []byte) []byte {
	if len(payload) < leastDeflated {
		return AppendFrame(dst, OpText, payload)
	}
	var buf bytes.Buffer
	w := deflaters.Get().(*flate.Writer)
	w.Reset(&buf)
	_, err1 := w.Write(payload)
	err2 := w.Flush()
	deflaters.Put(w)
	if err1 != nil || err2 != nil || buf.Len() >= len(payload) {
		return AppendFrame(dst, OpText, payload)
	}
	at := len(dst)
	dst = AppendFrame(dst, OpText, bytes.TrimSuffix(buf.Bytes(), []byte(deflateTail)))
	dst[at] |= rsv1Bit
	return dst
}

// keepInflated is the largest buffer in bytes that is kept for reuse. It has twice the default of
// server.max_message_bytes, and what a buffer that grows by doubling takes for that. Making it anew for each message
// took longer than inflating.
const keepInflated = 64 << 10

// inflater is what it takes to inflate a message: some 40 KB and the buffer, so they are shared.
type inflater struct {
	in  inflateInput
	r   io.ReadCloser
	out []byte
}

// inflateInput reads a payload, then the tail that the wire leaves out, then one empty last
// block, so that the reader finds an end.
type inflateInput struct {
	payload, rest []byte
}

var inflateEnd = []byte(deflateTail + "\x01\x00\x00\xff\xff")

func (in *inflateInput) Read(p []byte) (int, error) {
	if len(in.payload) == 0 {
		in.payload, in.rest = in.rest, nil
	}
	if len(in.payload) == 0 {
		return 0, io.EOF
	}
	n := copy(p, in.payload)
	in.payload = in.payload[n:]
	return n, nil
}

var inflaters = sync.Pool{New: func() any {
	f := &inflater{}
	f.r = flate.NewReader(&f.in)
	return f
}}

// Inflate inflates the payload of a message to at most most bytes and hands it to take,
// which may use it during the call. A bomb costs no more than most bytes of memory.
func Inflate(payload []byte, most int, take func(plain []byte) error) error {
	f := inflaters.Get().(*inflater)
	defer inflaters.Put(f)
	f.in = inflateInput{payload: payload, rest: inflateEnd}
	if err := f.r.(flate.Resetter).Reset(&f.in, nil); err != nil {
		return errNotDeflated
	}
	out := bytes.NewBuffer(f.out[:0])
	n, err := io.Copy(out, io.LimitReader(f.r, int64(most)+1))
	if f.out = out.Bytes()[:0]; cap(f.out) > keepInflated {
		f.out = nil
	}
	switch {
	case n > int64(most):
		return errMessageTooBig
	case err != nil && !errors.Is(err, io.EOF):
		return errNotDeflated
	}
	return take(out.Bytes())
}
