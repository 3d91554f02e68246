package edge

import "barrage/codec"

// CloseReason is why the gateway closes a WebSocket: the catalogue of what clients
// can see. The String is the metric's label.
type CloseReason uint8

// Why a WebSocket is closed, from the view of a client.
const (
	CloseNone          CloseReason = iota
	ClosePeer                      // the peer sent a close frame, or went without one
	CloseProtocolError             // the peer broke RFC 6455
	CloseUnauthorized              // the token is not, or no longer, the user's; `440` was sent before
	CloseRevoked                   // the same, sent to a native client
	CloseReplaced                  // the user has logged in elsewhere: sent to a native client, which stays away
	CloseForbidden                 // the user is not a member of the room
	CloseBarred                    // a measure keeps the user out
	CloseBusy                      // a token that came by a frame cannot be checked now
	CloseBadOps                    // a native client that does not speak its protocol
	CloseFlooded                   // a native client that sends too much
	CloseTooMuch                   // a FastIM client that does; `429` was sent before
	CloseIdle                      // nothing received for server.idle_timeout
	CloseStuck                     // took no byte for fanout.stuck_timeout
	CloseRestart                   // the node is leaving
	CloseInternal                  // a bug of ours; the log has it
	CloseReasons                   // how many there are
)

// closings has what goes over the wire; docs/protocol.md says who comes back after which code, and when. Texts are at
// most 123 bytes (RFC 6455 section 5.5: control frames carry 125, two of them the code).
var closings = [CloseReasons]struct {
	label string
	code  codec.CloseCode
	text  string
}{
	CloseNone:          {"none", 0, ""},
	ClosePeer:          {"peer", codec.CloseNormal, ""},
	CloseProtocolError: {"protocol_error", codec.CloseProtocolError, ""}, // code and text come with the error
	CloseUnauthorized:  {"unauthorized", codec.CloseNormal, "not logged in"},
	CloseRevoked:       {"revoked", 4401, "the token is not valid any more"},
	CloseReplaced:      {"replaced", 4410, "the user has logged in elsewhere"},
	CloseBusy:          {"busy", codec.CloseTryAgain, "try again later"},
	CloseBadOps:        {"bad_requests", 4400, "too many requests that cannot be understood"},
	CloseFlooded:       {"flooded", 4429, "too much was sent"},
	CloseTooMuch:       {"flooded_fastim", codec.ClosePolicy, "too much was sent"},
	CloseForbidden:     {"forbidden", 4403, "not a member of this room"},
	CloseBarred:        {"barred", 4403, ""}, // the text comes with the measure
	CloseIdle:          {"idle", 4408, "nothing received for too long"},
	CloseStuck:         {"stuck", 4409, "took no data for too long"},
	CloseRestart:       {"restart", codec.CloseRestart, "node restarting, connect again"},
	CloseInternal:      {"internal", codec.CloseInternal, "internal error"},
}

func (r CloseReason) String() string { return closings[r].label }

// Text and Code are what goes over the wire.
func (r CloseReason) Text() string { return closings[r].text }

// Code is beside Text.
func (r CloseReason) Code() codec.CloseCode { return closings[r].code }
