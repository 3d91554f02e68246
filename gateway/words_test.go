package gateway

import (
	"regexp"
	"time"
)

// The wire is held against these words and bounds of the protocols and of the edge.
const (
	subprotocol    = "barrage.v1"
	deflateAnswer  = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	bearerProtocol = "bearer."

	pageMost    = 1000
	mostBadOps  = 10
	errandQueue = 1024
	errandShare = errandQueue / 16
	recallers   = 4
	arrivers    = 8
	askers      = 32

	textRecalled  = "撤回消息成功"
	textNoMessage = "消息不存在"
	listBytes     = 1 << 20

	closeGrace = 5               // seconds
	keepEvery  = 12 * 3600       // seconds
	maxBacklog = 128 << 10       // bytes
	freshFor   = 2 * time.Second // of a signed token
	lostFrom   = 100             // tokens, or memberships
)

// switched is the answer to a handshake with the key of RFC 6455 section 1.3.
const switched = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + exampleAccept + "\r\n\r\n"

// guestID is the form of the ids that nodes make up for guests.
var guestID = regexp.MustCompile(`^g-[a-z2-7]{12}$`)
