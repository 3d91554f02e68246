package gateway

import "barrage/codec"

// closeReason is why the gateway closes a WebSocket: the catalogue of what clients
// can see. The String is the metric's label.
type closeReason uint8

const (
	closeNone          closeReason = iota
	closePeer                      // the peer said goodbye, or went without
	closeProtocolError             // the peer broke RFC 6455
	closeUnauthorized              // the token is not, or no longer, the user's; `440` was sent before
	closeRevoked                   // the same, told to a native client
	closeReplaced                  // the user has logged in elsewhere: told to a native client, which stays away
	closeForbidden                 // the user is not a member of the room
	closeBusy                      // a token that came by a frame cannot be checked now
	closeBadOps                    // a native client that does not speak its protocol
	closeFlooded                   // a native client that sends too much
	closeTooMuch                   // a FastIM client that does; `429` was sent before
	closeIdle                      // nothing heard for server.idle_timeout
	closeStuck                     // took no byte for fanout.stuck_timeout
	closeRestart                   // the node is leaving
	closeInternal                  // a bug of ours; the log has it
	closeReasons                   // how many there are
)

// closings says what goes over the wire. After 1011, 1012, 4408 and 4409 the client
// should come back, after the others not. Texts are at most 123 bytes (RFC 6455
// section 5.5: control frames carry 125, two of them the code).
var closings = [closeReasons]struct {
	label string
	code  codec.CloseCode
	text  string
}{
	closeNone:          {"none", 0, ""},
	closePeer:          {"peer", codec.CloseNormal, ""},
	closeProtocolError: {"protocol_error", codec.CloseProtocolError, ""}, // code and text come with the error
	closeUnauthorized:  {"unauthorized", codec.CloseNormal, "not logged in"},
	closeRevoked:       {"revoked", 4401, "the token is not valid any more"},
	closeReplaced:      {"replaced", 4410, "the user has logged in elsewhere"},
	closeBusy:          {"busy", codec.CloseTryAgain, "try again later"},
	closeBadOps:        {"bad_requests", 4400, "too many requests that cannot be understood"},
	closeFlooded:       {"flooded", 4429, "too much was sent"},
	closeTooMuch:       {"flooded_fastim", codec.ClosePolicy, "too much was sent"},
	closeForbidden:     {"forbidden", 4403, "not a member of this room"},
	closeIdle:          {"idle", 4408, "nothing heard for too long"},
	closeStuck:         {"stuck", 4409, "took no data for too long"},
	closeRestart:       {"restart", codec.CloseRestart, "node restarting, connect again"},
	closeInternal:      {"internal", codec.CloseInternal, "internal error"},
}

func (r closeReason) String() string { return closings[r].label }

// text and code are what goes over the wire.
func (r closeReason) text() string          { return closings[r].text }
func (r closeReason) code() codec.CloseCode { return closings[r].code }
