package v1

import (
	"encoding/base64"
	"iter"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws/wsflate"

	"barrage/codec"
	"barrage/gateway/edge"
	"barrage/room"
)

// This file is what a request for a socket of barrage.v1 asks for, and who shows what token.

// subprotocol is what a native client must offer.
const subprotocol = "barrage.v1"

// deflateAnswer is what we agree to of permessage-deflate. No context is kept, so that a batch is deflated once for a
// room and an idle member costs no memory for it. A client that asks for our window gets windowAnswer behind it, since
// an answer without that parameter refuses it (RFC 7692 section 7.1.2.1).
const (
	deflateAnswer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	windowAnswer  = "; server_max_window_bits=15"
)

// visitor is who asks for a native socket.
func (n *API) visitor(r *http.Request) (v edge.Visitor, bad *edge.Refusal) {
	if !offers(r.Header["Sec-Websocket-Protocol"], subprotocol) {
		return v, edge.Refuse(http.StatusBadRequest, "cannot upgrade: Sec-WebSocket-Protocol %q does not offer %s",
			bearerHidden.ReplaceAllString(r.Header.Get("Sec-WebSocket-Protocol"), bearerProtocol+"…"), subprotocol)
	}
	return n.callerOf(r)
}

// callerOf reads who calls: the user id from the query, if it is there, and the token, if there is one. The token is
// from the header Authorization, from the sub-protocols or from the query. The first that has one counts.
func (n *API) callerOf(r *http.Request) (v edge.Visitor, bad *edge.Refusal) {
	q := r.URL.Query()
	v = n.edge.Visitor(r, strings.Clone(q.Get("user_id")), strings.Clone(q.Get("token")), r.PathValue("room"))
	if token := offeredToken(r.Header["Sec-Websocket-Protocol"]); token != "" {
		v.Token = token
	}
	scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") { // RFC 9110 section 11.1
		v.Token = strings.Clone(strings.TrimLeft(bearer, " "))
	}
	if q.Has("user_id") {
		if bad := edge.CheckUser("user_id", v.User); bad != nil {
			return v, bad
		}
	}
	if v.Token == "" {
		return v, nil
	}
	return v, edge.CheckToken(v.Token)
}

// bearerHidden finds the token among the sub-protocols, which no answer shows.
var bearerHidden = regexp.MustCompile(`(?i)bearer\.[^,\s]*`)

// bearerProtocol begins the sub-protocol in which a browser can show a token, as it cannot set a header.
const bearerProtocol = "bearer."

// offers reports whether a client offers a sub-protocol. Names of these are compared as they stand, as a browser does
// with the answer (RFC 6455 section 4.1).
func offers(headers []string, name string) bool {
	for protocol := range protocols(headers) {
		if protocol == name {
			return true
		}
	}
	return false
}

// protocols are the sub-protocols that a client offers, in its order.
func protocols(headers []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, h := range headers {
			for protocol := range strings.SplitSeq(h, ",") {
				if !yield(strings.Trim(protocol, " \t")) {
					return
				}
			}
		}
	}
}

// offeredToken is the token among the sub-protocols that a client offers, in base64url; empty where there is none. Text
// that is no base64url is the token as it stands.
func offeredToken(headers []string) string {
	for protocol := range protocols(headers) {
		text, is := strings.CutPrefix(protocol, bearerProtocol)
		if !is {
			continue
		}
		token, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || len(token) == 0 {
			return text
		}
		return string(token)
	}
	return ""
}

// readSince reads where a client that comes back has got.
func readSince(r *http.Request) (since room.Since, bad *edge.Refusal) {
	if !edge.Asks(r, "since") && !edge.Asks(r, "epoch") {
		return since, nil
	}
	q := r.URL.Query()
	text := q.Get("since")
	if since.Epoch = strings.Clone(q.Get("epoch")); since.Epoch == "" && text == "" {
		return since, nil
	}
	seq, err := strconv.ParseUint(text, 10, 64)
	if err != nil || len(since.Epoch) > codec.MaxEpoch {
		return since, edge.Refuse(http.StatusBadRequest, "since %q beside epoch %q is not a sequence number", text, since.Epoch)
	}
	since.Seq = seq
	if stamp := q.Get("ts"); stamp != "" {
		if since.TS, err = strconv.ParseInt(stamp, 10, 64); err != nil || since.TS < 0 {
			return since, edge.Refuse(http.StatusBadRequest, "ts %q beside since %q is not a time in Unix milliseconds", stamp, text)
		}
	}
	return since, nil
}

// answerDeflate answers the first of the client's offers of permessage-deflate that suits us; empty where none does.
func answerDeflate(headers []string) string {
	for _, h := range headers {
		offers, ok := httphead.ParseOptions([]byte(h), nil)
		if !ok {
			return ""
		}
		for _, o := range offers {
			if string(o.Name) != "permessage-deflate" || !suits(o) {
				continue
			}
			if _, window := o.Parameters.Get("server_max_window_bits"); window {
				return deflateAnswer + windowAnswer
			}
			return deflateAnswer
		}
	}
	return ""
}

// suits reports whether we can do all that an offer of permessage-deflate asks for. A parameter that is unknown, stands
// there twice or has no such value spoils it (RFC 7692 section 7.1). But wsflate takes client_max_window_bits without a
// value however often it stands there, and numbers that begin with a zero. We deflate with a window of 15 bits and no
// other.
func suits(offer httphead.Option) bool {
	var p wsflate.Parameters
	canonical := true
	offer.Parameters.ForEach(func(_, value []byte) bool {
		canonical = canonical && (value == nil || len(value) > 0 && value[0] != '0')
		return true
	})
	return canonical && p.Parse(offer) == nil && (!p.ServerMaxWindowBits.Defined() || p.ServerMaxWindowBits == 15)
}
