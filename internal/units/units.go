// Package units holds the types of settings that carry a unit, and writes durations as people do.
package units

import (
	"fmt"
	"strings"
	"time"

	units "github.com/docker/go-units"
)

// Bytes is a size in bytes, written "64KiB" or "16MiB" in config.yaml. A bare number
// counts bytes. The zero value is 0 bytes.
type Bytes int64

// UnmarshalText reads "64KiB", "64k", "65536". Prefixes are powers of 1024.
func (b *Bytes) UnmarshalText(text []byte) error {
	n, err := units.RAMInBytes(string(text))
	if err != nil || n < 0 {
		return fmt.Errorf("cannot read size %q: want a number with a unit, as 64KiB or 2MiB", text)
	}
	*b = Bytes(n)
	return nil
}

// MarshalText writes the shortest exact form: 64KiB, 1500.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// String is the shortest exact form: 64KiB, 1500.
func (b Bytes) String() string {
	n, prefix := int64(b), ""
	for _, p := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if n == 0 || n%1024 != 0 {
			break
		}
		n, prefix = n/1024, p
	}
	return fmt.Sprint(n, prefix)
}

// Duration writes a duration without the zeros of its String: 2m, 168h and 1h30s for 2m0s, 168h0m0s and 1h0m30s.
func Duration(d time.Duration) string {
	text := strings.Replace(d.String(), "m0s", "m", 1)
	return strings.Replace(text, "h0m", "h", 1)
}
