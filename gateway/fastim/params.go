package fastim

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"barrage/gateway/door"
	"barrage/gateway/edge"
)

// params are the parameters of one API call, in whichever of the three forms they
// came: multipart, urlencoded or query string. The first one that is missing or
// malformed is kept in bad, so a call reads them all and asks once.
type params struct {
	request *http.Request
	values  url.Values
	bad     *edge.Refusal
	reading *door.Reading // of a call that reads a history
}

// readParams reads query string and body.
func readParams(w http.ResponseWriter, r *http.Request) (*params, *edge.Refusal) {
	r.Body = http.MaxBytesReader(w, r.Body, edge.MaxFormBytes)
	err := r.ParseForm() // first: ParseMultipartForm would hide its error
	if err == nil {
		err = r.ParseMultipartForm(edge.MaxFormBytes)
	}
	if err != nil && !errors.Is(err, http.ErrNotMultipart) {
		if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
			return nil, edge.Refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", edge.MaxFormBytes)
		}
		return nil, edge.Refuse(http.StatusBadRequest, "cannot read the parameters: %v", err)
	}
	if r.MultipartForm != nil {
		_ = r.MultipartForm.RemoveAll() // files nobody asked for
	}
	return &params{request: r, values: r.Form}, nil
}

func (p *params) refuse(format string, args ...any) {
	if p.bad == nil {
		p.bad = edge.Refuse(http.StatusBadRequest, format, args...)
	}
}

func (p *params) has(name string) bool { return p.values.Has(name) }

// password returns a parameter that may be empty, and any text.
func (p *params) password(name string) string {
	v := p.values.Get(name)
	if !p.has(name) {
		p.refuse("%s is missing", name)
	} else if len(v) > edge.MaxPasswordBytes {
		p.refuse("%s has %d bytes, at most %d are allowed", name, len(v), edge.MaxPasswordBytes)
	}
	return v
}

// id returns a room or user id.
func (p *params) id(name string) string {
	v := p.values.Get(name)
	if bad := edge.CheckID(name, v); bad != nil && p.bad == nil {
		p.bad = bad
	}
	return v
}

// integer returns a whole number.
func (p *params) integer(name string) int64 {
	v := p.values.Get(name)
	if v == "" {
		p.refuse("%s is missing", name)
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
	if err != nil {
		p.refuse("%s is %q, want a whole number", name, v)
	}
	return n
}
