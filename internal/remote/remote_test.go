package remote

import (
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
)

// TestUnanswered_SaysTheSameForTheSameReason: parts that change from call to call are left out, and the reason is not.
func TestUnanswered_SaysTheSameForTheSameReason(t *testing.T) {
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000}
	for _, c := range []struct {
		err  error
		want string
	}{
		{io.ErrUnexpectedEOF, "unexpected EOF"},
		{x509.CertificateInvalidError{Reason: x509.Expired, Detail: "the time now"}, "the server's certificate has expired or is not valid yet"},
		{&net.OpError{Op: "read", Source: local, Err: io.EOF}, "read: EOF"},
		{&net.OpError{Op: "dial", Source: local, Err: &net.DNSError{IsTimeout: true}}, "no answer within 1s"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Name: "hook.example", IsNotFound: true}}, `host "hook.example" has no address`},
		{
			&net.OpError{Op: "dial", Err: &net.DNSError{Name: "hook.example", Err: "read udp 127.0.0.1:40000->127.0.0.53:53: refused"}},
			`the resolver does not answer for host "hook.example"`,
		},
		{fmt.Errorf("failed to parse Location header %q", "https://key"), "a redirect to what is no URL"},
	} {
		if err := Unanswered(&url.Error{Op: "Post", URL: "https://key", Err: c.err}, time.Second); err.Error() != c.want {
			t.Errorf("%v is said as %q; want %q", c.err, err, c.want)
		}
	}
}

// TestPost_TerseErrorsQuoteNobody has a service that speaks something else.
func TestPost_TerseErrorsQuoteNobody(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "secret\r\n")
		_ = conn.Close()
	}))
	defer server.Close()
	for terse, want := range map[bool]string{false: `net/http: HTTP/1.x transport connection broken: malformed HTTP response "secret"`, true: "the connection broke"} {
		c := NewClient(Service{URL: server.URL, Timeout: 30 * time.Second, Header: http.Header{}, Terse: terse})
		if _, err := c.Post(t.Context(), "", nil); err == nil || err.Error() != want {
			t.Errorf("terse %v: %v; want %s", terse, err, want)
		}
	}
}
