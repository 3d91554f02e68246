package units_test

import (
	"strings"
	"testing"
	"time"

	"barrage/internal/units"
)

func TestBytes_UnmarshalTextTakesUnits(t *testing.T) {
	f := func(text string, want units.Bytes) {
		t.Helper()
		got := units.Bytes(-1)
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("UnmarshalText(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	f("0", 0)
	f("65536", 65536)
	f("64KiB", 64<<10)
	f("64k", 64<<10)
	f("64kb", 64<<10)
	f("64 KiB", 64<<10)
	f("1.5MiB", 3<<19)
	f("2GiB", 2<<30)
	f("1TiB", 1<<40)
}

func TestBytes_UnmarshalTextRefuses(t *testing.T) {
	for _, text := range []string{"", "KiB", "-1", "-1KiB", "64XB", "64KiB/s", "1e999", "nan", "inf", "0x10"} {
		got := units.Bytes(7)
		err := got.UnmarshalText([]byte(text))
		if err == nil || !strings.Contains(err.Error(), "cannot read size \""+text+"\"") {
			t.Errorf("UnmarshalText(%q) = %d, %v; want an error that quotes it", text, got, err)
		}
		if got != 7 {
			t.Errorf("UnmarshalText(%q) changed the value to %d beside an error", text, got)
		}
	}
}

func TestBytes_StringIsReadBack(t *testing.T) {
	f := func(b units.Bytes, want string) {
		t.Helper()
		if got := b.String(); got != want {
			t.Errorf("Bytes(%d).String() = %q; want %q", int64(b), got, want)
		}
		text, err := b.MarshalText()
		if err != nil || string(text) != want {
			t.Errorf("Bytes(%d).MarshalText() = %q, %v; want %q", int64(b), text, err, want)
		}
		var back units.Bytes
		if err := back.UnmarshalText(text); err != nil || back != b {
			t.Errorf("%q reads back as %d, %v; want %d", text, back, err, b)
		}
	}
	f(0, "0")
	f(1, "1")
	f(1500, "1500")
	f(1023, "1023")
	f(1024, "1KiB")
	f(64<<10, "64KiB")
	f(64<<10+1, "65537")
	f(1536, "1536")
	f(3<<19, "1536KiB")
	f(16<<20, "16MiB")
	f(2<<30, "2GiB")
	f(1<<40, "1TiB")
	f(1<<50, "1024TiB")
}

func TestDuration_HasNoZeros(t *testing.T) {
	for text, want := range map[string]string{
		"0s": "0s", "10s": "10s", "20m": "20m", "2m0s": "2m", "168h": "168h", "1h0m30s": "1h30s", "1h30m": "1h30m", "10m10s": "10m10s", "-1h": "-1h",
	} {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := units.Duration(d); got != want {
			t.Errorf("Duration(%v) = %s; want %s", d, got, want)
		}
	}
}
