package gateway

import (
	"net/http"
	"testing"
)

// Where logins give no tokens that count, nobody logs in.
func TestLogins_RefusedWhereTokensComeFromElsewhere(t *testing.T) {
	s := newServerV1(t, signs)
	callV1(t, s, http.MethodPost, "/v1/login", "", `{"user_id":"u","password":"p"}`).wantCode(t, 403, "forbidden")
}
