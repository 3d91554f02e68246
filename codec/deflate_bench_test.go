package codec_test

import (
	"bytes"
	stdflate "compress/flate"
	"fmt"
	"io"
	"testing"

	"github.com/klauspost/compress/flate"

	"barrage/codec"
)

// said is what people send in a live room: short, much of it the same, half of it Chinese.
var said = []string{
	"666", "哈哈哈哈哈", "主播好!", "first time here, hi from Lisbon 👋", "来了来了", "lol", "这波操作太秀了", "GG",
	"what song is this?", "求歌名", "前排占座", "can you turn the mic up a bit please", "加油加油!!!", "😂😂😂", "老板大气", "nice one",
}

// chatBatch is a batch of barrage.v1 as a room writes it, of at least size bytes, and less than
// one message more.
func chatBatch(size int) []byte {
	batch := codec.AppendBatchBegin(nil, "J5Q2C7RMXN4A", 48211)
	for i := 0; len(batch)+len(codec.BatchEnd) < size; i++ {
		if i > 0 {
			batch = append(batch, ',')
		}
		user := fmt.Sprint(100_003 + 7919*i%50_021)
		d := codec.NewNativeDraft("1", user, &codec.Op{ID: fmt.Sprintf("k3x9qz-%d", 3*i%41), Body: said[i*5%len(said)]}, 0)
		batch = codec.AppendNativeMessage(batch, 48211+uint64(i), string(d.AppendJSON(nil, 1_648_368_380_132+int64(i*37))))
	}
	return append(batch, codec.BatchEnd...)
}

// BenchmarkDeflate is what chose the library, and the size from which a batch is deflated. It makes a frame of chat in
// either library, as AppendDeflatedFrame does but for the least size. The metric bytes/frame is what goes to each
// member.
func BenchmarkDeflate(b *testing.B) {
	type deflater interface {
		io.Writer
		Flush() error
		Reset(w io.Writer)
	}
	ours, err1 := flate.NewWriter(io.Discard, flate.BestSpeed)
	std, err2 := stdflate.NewWriter(io.Discard, stdflate.BestSpeed)
	if err1 != nil || err2 != nil {
		b.Fatal(err1, err2)
	}
	for _, size := range []int{128, 256, 1024, 4096} {
		batch := chatBatch(size)
		for _, library := range []struct {
			name string
			w    deflater
		}{{"klauspost", ours}, {"std", std}} {
			b.Run(fmt.Sprintf("%s/bytes=%d", library.name, size), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(batch)))
				var out bytes.Buffer
				for b.Loop() {
					out.Reset()
					library.w.Reset(&out)
					_, err1 := library.w.Write(batch)
					if err2 := library.w.Flush(); err1 != nil || err2 != nil {
						b.Fatal(err1, err2)
					}
				}
				const header, tail = 4, 4
				b.ReportMetric(float64(len(batch)+header), "plain-bytes/frame")
				b.ReportMetric(float64(out.Len()+header-tail), "bytes/frame")
			})
		}
	}
}
