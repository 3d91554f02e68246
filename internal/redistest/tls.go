package redistest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TLSServer is a server that speaks TLS only. Use [StartTLS].
type TLSServer struct {
	*Server
	// CertFile and KeyFile are its certificate, for 127.0.0.1, and the key. It is signed
	// by itself, and its own authority.
	CertFile, KeyFile string
}

// StartTLS starts a server that speaks TLS only, and wants clients to show a certificate
// where that is asked for.
func StartTLS(tb testing.TB, wantCert bool) *TLSServer {
	tb.Helper()
	s := &TLSServer{}
	s.CertFile, s.KeyFile = writeCert(tb, tb.TempDir())
	clients := "no"
	if wantCert {
		clients = "yes"
	}
	cert, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
	if err != nil {
		tb.Fatal(err)
	}
	s.Server = (&Server{
		args: []string{
			"--tls-cert-file", s.CertFile, "--tls-key-file", s.KeyFile,
			"--tls-ca-cert-file", s.CertFile, "--tls-auth-clients", clients,
		},
		secure: &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{cert}},
	}).launchFor(tb)
	return s
}

// Renew gives the server, which it starts again, another certificate in the files of the one that it has.
func (s *TLSServer) Renew(tb testing.TB) {
	tb.Helper()
	writeCert(tb, filepath.Dir(s.CertFile))
	cert, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
	if err != nil {
		tb.Fatal(err)
	}
	s.Kill(tb)
	s.secure = &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{cert}}
	s.Restart(tb)
}

// writeCert makes a certificate for 127.0.0.1 and writes it to files of a directory.
func writeCert(tb testing.TB, dir string) (certFile, keyFile string) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "redistest"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	plainKey, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			tb.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", cert), write("key.pem", "PRIVATE KEY", plainKey)
}
