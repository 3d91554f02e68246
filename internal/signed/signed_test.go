package signed_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"barrage/internal/signed"
)

// The test vector that Standard Webhooks' libraries share.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

var vectorTime = time.Unix(1614265330, 0)

func parse(t *testing.T, text string) signed.Secret {
	t.Helper()
	s, err := signed.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSign_GivesThePublishedVector(t *testing.T) {
	h := http.Header{}
	parse(t, vectorSecret).Sign(h, vectorID, vectorTime, []byte(vectorBody))
	for name, want := range map[string]string{
		signed.HeaderID: vectorID, signed.HeaderTimestamp: "1614265330", signed.HeaderSignature: vectorSignature,
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s = %q; want %q", name, got, want)
		}
	}
}

// TestSign_EveryBodyIsVerified signs as a node does, with a secret of plain text.
func TestSign_EveryBodyIsVerified(t *testing.T) {
	s, other := parse(t, "twenty-four bytes of text"), parse(t, "twenty-four bytes of text!")
	for _, body := range []string{"", "x", vectorBody, strings.Repeat("弹幕", 10_000)} {
		h := http.Header{}
		id := signed.NewID()
		s.Sign(h, id, vectorTime, []byte(body))
		if err := s.Verify(h, vectorTime.Add(time.Second), []byte(body)); err != nil {
			t.Errorf("a body of %d bytes: %v", len(body), err)
		}
		if s.Verify(h, vectorTime, []byte(body+" ")) == nil || other.Verify(h, vectorTime, []byte(body)) == nil {
			t.Errorf("a body of %d bytes: another body or another secret is accepted", len(body))
		}
		h.Set(signed.HeaderID, signed.NewID())
		if s.Verify(h, vectorTime, []byte(body)) == nil {
			t.Errorf("a body of %d bytes: another id is accepted", len(body))
		}
	}
}

func TestVerify_RefusesOldForeignOrBrokenSignatures(t *testing.T) {
	for _, c := range []struct {
		name, header, value string
		after               time.Duration
		want                string // empty: accepted
	}{
		{"as it came", "", "", 0, ""},
		{"at the end of the tolerance", "", "", signed.Tolerance, ""},
		{"too old", "", "", signed.Tolerance + time.Second, "it was sent at 2021-02-25T15:02:10Z, more than 5m0s from now"},
		{"from the future", "", "", -signed.Tolerance - time.Second, "more than 5m0s from now"},
		{"no id", signed.HeaderID, "", 0, "webhook-id is missing"},
		{"no timestamp", signed.HeaderTimestamp, "", 0, `webhook-timestamp is "", want seconds`},
		{"timestamp of text", signed.HeaderTimestamp, "soon", 0, `webhook-timestamp is "soon", want seconds`},
		{"timestamp changed", signed.HeaderTimestamp, "1614265331", 0, "no signature in webhook-signature is by this secret"},
		{"no signature", signed.HeaderSignature, "", 0, "no signature"},
		{"no base64", signed.HeaderSignature, "v1,~", 0, "no signature"},
		{"another version", signed.HeaderSignature, "v1a," + vectorSignature[3:], 0, "no signature"},
		{"no version", signed.HeaderSignature, vectorSignature[3:], 0, "no signature"},
		{"a part of it", signed.HeaderSignature, "v1,g0hM", 0, "no signature"},
		{"one of several", signed.HeaderSignature, "v1,AAAA v1a,x  " + vectorSignature, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, h := parse(t, vectorSecret), http.Header{}
			s.Sign(h, vectorID, vectorTime, []byte(vectorBody))
			if c.header != "" {
				h.Set(c.header, c.value)
			}
			err := s.Verify(h, vectorTime.Add(c.after), []byte(vectorBody))
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("Verify = %v; want %q", err, c.want)
			}
		})
	}
	if err := (signed.Secret{}).Verify(http.Header{}, vectorTime, nil); err == nil || !strings.Contains(err.Error(), "no secret") {
		t.Errorf("without a secret Verify = %v", err)
	}
}

func TestParseSecret_RefusesWithoutShowingTheSecret(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "it has 0 bytes, below 24"},
		{"too short", "it has 9 bytes"},
		{"whsec_c2hvcnQ=", "it has 5 bytes"},
		{"whsec_not base64, but long enough", "base64 does not follow"},
	} {
		_, err := signed.ParseSecret(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("ParseSecret(%q) = %v; want %q", c.text, err, c.want)
		}
		if err != nil && c.text != "" && strings.Contains(err.Error(), strings.TrimPrefix(c.text, "whsec_")) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}

func TestSecret_IsNeverPrinted(t *testing.T) {
	s := parse(t, "twenty-four bytes of text")
	if got := fmt.Sprintf("%v %+v %#v %s", s, s, s, s); got != "*** *** *** ***" {
		t.Errorf("a secret is printed as %q", got)
	}
}

func ExampleSecret_Verify() {
	secret, _ := signed.ParseSecret(vectorSecret)
	r, _ := http.NewRequest(http.MethodPost, "/", strings.NewReader(vectorBody))
	r.Header.Set("webhook-id", vectorID)
	r.Header.Set("webhook-timestamp", "1614265330")
	r.Header.Set("webhook-signature", vectorSignature)

	fmt.Println(secret.Verify(r.Header, vectorTime, []byte(vectorBody)))
	fmt.Println(secret.Verify(r.Header, vectorTime, []byte(`{"test": 1}`)))
	// Output:
	// <nil>
	// cannot verify the request: no signature in webhook-signature is by this secret
}
