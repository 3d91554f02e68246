package filter

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
)

// vocabulary makes distinct terms, English and Chinese by turns, of letters as common as they are in writing. Thus many
// beginnings are shared, and parts of terms are in the messages.
func vocabulary(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[string]bool{}
	var out strings.Builder
	for len(seen) < n {
		var term strings.Builder
		if len(seen)%2 == 0 {
			for range 4 + r.IntN(7) {
				term.WriteByte(latin(r))
			}
		} else {
			for range 2 + r.IntN(4) {
				term.WriteRune(han(r))
			}
		}
		if s := term.String(); !seen[s] {
			seen[s] = true
			fmt.Fprintln(&out, s)
		}
	}
	return []byte(out.String())
}

// skewed is below n, small numbers more often.
func skewed(r *rand.Rand, n int) int {
	f := r.Float64()
	return int(f * f * float64(n))
}

func latin(r *rand.Rand) byte { return "etaoinshrdlcumwfgypbvkjxqz"[skewed(r, 26)] }

// han is one of 3,000 ideographs, no Traditional ones.
func han(r *rand.Rand) rune { return rune(0x4E00 + (skewed(r, 3000)*7919)%20000) }

// messages are 64 of each kind that the benchmarks check, in which no term is.
func messages(f *Filter) map[string][]string {
	r := rand.New(rand.NewPCG(3, 4))
	kinds := map[string]func(b *strings.Builder) bool{
		"60-bytes-ascii": func(b *strings.Builder) bool {
			for range 2 + r.IntN(8) {
				b.WriteByte(latin(r))
			}
			b.WriteByte(' ')
			return b.Len() < 60
		},
		"20-runes-han": func(b *strings.Builder) bool {
			b.WriteRune(han(r))
			return b.Len() < 60
		},
		"500-runes-han": func(b *strings.Builder) bool {
			b.WriteRune(han(r))
			return b.Len() < 1500
		},
		"500-runes-han-commas": func(b *strings.Builder) bool {
			for range 3 + r.IntN(14) {
				b.WriteRune(han(r))
			}
			b.WriteRune('，')
			return b.Len() < 1500
		},
	}
	out := map[string][]string{"comments": comments(f)}
	for kind, more := range kinds {
		for len(out[kind]) < 64 {
			var b strings.Builder
			for more(&b) {
				if f.Check(b.String()).Action != None {
					b.Reset()
				}
			}
			text := b.String()
			if kind == "60-bytes-ascii" {
				text = text[:60]
			}
			if f.Check(text).Action == None {
				out[kind] = append(out[kind], text)
			}
		}
	}
	return out
}

// comments are the innocent ones in which no term of a filter is.
func comments(f *Filter) []string {
	data, err := os.ReadFile("testdata/innocent.txt")
	if err != nil {
		panic(err)
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' && f.Check(line).Action == None {
			out = append(out, line)
		}
	}
	return out
}

func mustBuild(tb testing.TB, lists ...string) *Filter {
	tb.Helper()
	var all []List
	for i, data := range lists {
		all = append(all, List{Name: fmt.Sprintf("list%d", i), Data: []byte(data)})
	}
	f, err := Build(all)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		f := mustBuild(b, string(vocabulary(n)))
		all := messages(f)
		for _, kind := range []string{"comments", "60-bytes-ascii", "20-runes-han", "500-runes-han", "500-runes-han-commas"} {
			b.Run(fmt.Sprintf("terms=%d/%s", n, kind), func(b *testing.B) {
				texts := all[kind]
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					f.Check(texts[i%len(texts)])
				}
			})
		}
	}
}

// BenchmarkCheck_Hit has a term masked in a message of 60 bytes.
func BenchmarkCheck_Hit(b *testing.B) {
	f := mustBuild(b, string(vocabulary(10_000))+"\nwatermelon =mask #fruit\n")
	text := strings.Repeat("so ", 16) + "w4termelon!!"
	if got := f.Check(text); got.Action != Mask || len(text) != 60 {
		b.Fatal(got, len(text))
	}
	b.ReportAllocs()
	for b.Loop() {
		f.Check(text)
	}
}

// BenchmarkCheck_Regexps is what 100 regular expressions cost a message of 60 bytes: those with a literal, which is
// looked for first, and those without.
func BenchmarkCheck_Regexps(b *testing.B) {
	for name, pattern := range map[string]string{"with-literal": `re:word%d\d+`, "without": `re:[a-f]\d.{%d}`} {
		b.Run(name, func(b *testing.B) {
			var list strings.Builder
			for i := range MaxRegexps {
				fmt.Fprintf(&list, pattern+"\n", i%4+1)
			}
			f := mustBuild(b, list.String())
			text := strings.Repeat("so is it, ", 6)
			b.ReportAllocs()
			for b.Loop() {
				f.Check(text)
			}
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("terms=%d", n), func(b *testing.B) {
			lists := []List{{Name: "terms", Data: vocabulary(n)}}
			letters()
			before := heap()
			f, err := Build(lists)
			if err != nil {
				b.Fatal(err)
			}
			kept := heap() - before
			size := f.Size().Bytes
			b.ReportAllocs()
			for b.Loop() {
				if _, err = Build(lists); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(kept)/1e6, "MB")
			b.ReportMetric(float64(size)/1e6, "MB-said")
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
