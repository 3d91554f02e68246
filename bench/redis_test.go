package bench

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

func TestRedis_LeavesNothing(t *testing.T) {
	r, err := startRedis(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := ping(t.Context(), r.addr); err != nil {
		t.Error(err)
	}
	first, err := readRedis(t.Context(), r.addr)
	if err != nil || !first.known || first.cpu <= 0 {
		t.Errorf("usage %+v, %v; want some CPU", first, err)
	}
	// The counts of the second answer have the bytes of the first.
	if second, err := readRedis(t.Context(), r.addr); err != nil || second.cpu < first.cpu || second.bytes < first.bytes+1000 {
		t.Errorf("usage was %+v and is %+v, %v; want what INFO took added", first, second, err)
	}
	r.Stop()
	if ping(t.Context(), r.addr) == nil {
		t.Errorf("somebody answers at %s after stop", r.addr)
	}
	if _, err := os.Stat(r.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", r.dir, err)
	}
}

func TestParseInfo_NamesTheFieldThatIsMissing(t *testing.T) {
	const text = "# CPU\r\nused_cpu_sys:1.5\r\nused_cpu_user:2.25\r\n# Stats\r\ntotal_net_input_bytes:100\r\ntotal_net_output_bytes:23\r\nrole:master\r\n"
	u, err := parseInfo(text)
	if want := (redisUsage{true, 3750 * time.Millisecond, 123}); u != want || err != nil {
		t.Errorf("parseInfo = %+v, %v; want %+v", u, err, want)
	}
	for missing, want := range map[string]string{"used_cpu_user": "INFO does not have used_cpu_user", "total_net_output_bytes": "INFO does not have total_net_output_bytes"} {
		if u, err := parseInfo(strings.ReplaceAll(text, missing, "x")); err == nil || err.Error() != want || u.known {
			t.Errorf("parseInfo without %s = %+v, %v; want %s", missing, u, err, want)
		}
	}
}

// TestReadRedis_RefusesWhatIsNone: the answer of a stranger is bounded, and an error has its words.
func TestReadRedis_RefusesWhatIsNone(t *testing.T) {
	for answer, want := range map[string]string{
		"-NOAUTH Authentication required.\r\n": `it answers INFO by "-NOAUTH Authentication required.\r\n"`,
		"$99999999999\r\n":                     "it answers INFO by",
		"$4\r\nabcd\r\n":                       "INFO does not have used_cpu_user",
		"$400\r\nabcd":                         "EOF",
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan struct{})
		go func() { // ends with the one connection
			defer close(served)
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(conn).ReadString('\n')
			_, _ = io.WriteString(conn, answer)
			_ = conn.Close()
		}()
		if u, err := readRedis(t.Context(), ln.Addr().String()); err == nil || !strings.Contains(err.Error(), want) || u.known {
			t.Errorf("readRedis of %q = %+v, %v; want %s", answer, u, err, want)
		}
		<-served
		_ = ln.Close()
	}
}
