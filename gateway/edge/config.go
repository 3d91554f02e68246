package edge

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"barrage/gateway/door"
	"barrage/internal/units"
	"barrage/room"
)

// Config holds the settings of the edge and of both protocols.
type Config struct {
	Server ServerConfig
	Auth   AuthConfig
	Limits door.Limits
	Filter FilterConfig
	Hook   ReviewConfig
	CORS   CORSConfig
	// AutoJoin makes everyone who connects to a room a member of it. Off: a user who
	// is not a member is closed with 4403.
	AutoJoin bool
	// AnonymousJoin has AutoJoin make members at once also of users whose token was not checked, where Auth.Required is
	// off. Off: at once of those whose token is theirs, of others by the first message that is taken.
	AnonymousJoin bool
	// SelfJoin lets users join rooms by themselves where AutoJoin is off. Off: only whoever writes to the store makes
	// members.
	SelfJoin bool
	// GrantedRooms: only rooms that the token names let its user in.
	GrantedRooms bool
	// KnownRooms: only rooms that are registered or have had messages open; others are refused with no_such_room.
	KnownRooms bool
	// RecallLimit is how old a message may be when its sender takes it back.
	RecallLimit time.Duration
	// IOUring is how lanes write, see room.FanoutConfig.
	IOUring string
	// StuckTimeout is how long a socket may take no byte before it is closed, see
	// room.FanoutConfig.
	StuckTimeout time.Duration
}

// ServerConfig is the config section `server`: the public port.
type ServerConfig struct {
	// Listen is host:port; an empty host means every interface.
	Listen string `mapstructure:"listen"`
	// MaxConnections bounds the WebSockets of the node; 0 = what the open-files limit
	// allows, less a reserve. Above it: 503 with Retry-After.
	MaxConnections int `mapstructure:"max_connections"`
	// Pollers is the number of event loops that read from sockets; 0 = half of the
	// cores, at least 1. Too low: input waits. Too high: fewer cores for fan-out.
	Pollers int `mapstructure:"pollers"`
	// SendBuffer is SO_SNDBUF of each socket. It bounds the kernel memory that a
	// reader who does not read can hold. Too low: large batches take several writes.
	// Too high: 100,000 slow readers hold that many times this.
	SendBuffer units.Bytes `mapstructure:"send_buffer"`
	// ReadHeaderTimeout bounds the time a client may take for its request headers.
	ReadHeaderTimeout time.Duration `mapstructure:"read_header_timeout"`
	// TrustedProxies are the addresses and prefixes of proxies whose headers have the client's address.
	TrustedProxies []string `mapstructure:"trusted_proxies"`
	// ClientIPHeader is the header in which they do; empty: X-Forwarded-For.
	ClientIPHeader string `mapstructure:"client_ip_header"`
	// ProxyProtocol has those proxies send the client's address in front of each connection, as balancers for TCP do.
	ProxyProtocol bool `mapstructure:"proxy_protocol"`
	// MaxHeaderBytes bounds the request headers; above it: 431.
	MaxHeaderBytes units.Bytes `mapstructure:"max_header_bytes"`
	// MaxMessageBytes bounds one message from a client, fragments joined; above it
	// the socket is closed with 1009. On FastIM's sockets 8,192 UTF-16 units are a bound, too.
	MaxMessageBytes units.Bytes `mapstructure:"max_message_bytes"`
	// PingInterval is the silence after which a client is pinged.
	PingInterval time.Duration `mapstructure:"ping_interval"`
	// IdleTimeout is the silence after which a client is closed with 4408; it must
	// leave time for the answer to a ping.
	IdleTimeout time.Duration `mapstructure:"idle_timeout"`
	// DrainTimeout bounds the time from SIGTERM to the end.
	DrainTimeout time.Duration `mapstructure:"drain_timeout"`
	// DrainSpread is the time over which a leaving node closes its sockets. Too low: the
	// other nodes get all clients at once. Too high: leaving takes that long. Never more
	// than half of DrainTimeout.
	DrainSpread time.Duration `mapstructure:"drain_spread"`
	// LameDuck is how long a leaving node is not ready, and takes clients all the same, before it closes its port and
	// sends them away. It is for balancers that learn of it late. Never more than half of DrainTimeout.
	LameDuck time.Duration `mapstructure:"lame_duck"`
	// TestPage is who is served FastIM's page for trying both sockets by hand, at /test/websocket: [TestPageLocal],
	// [TestPageAll] or [TestPageNone].
	TestPage string `mapstructure:"test_page"`
	// Emotes is the folder of the pictures that the room page shows for :names:; empty: none. See web.ReadEmotes.
	Emotes string `mapstructure:"emotes"`
	// Deflate lets native clients agree on permessage-deflate: a batch is deflated once
	// for all of them in a room. Off: more bytes on the wire, less CPU.
	Deflate bool `mapstructure:"deflate"`
}

// The values of ServerConfig.TestPage.
const (
	TestPageLocal = "local"
	TestPageAll   = "all"
	TestPageNone  = "none"
)

// DefaultConfig is what config.yaml says.
func DefaultConfig() Config {
	return Config{
		Server: ServerConfig{
			Listen:            ":9000",
			SendBuffer:        64 << 10,
			ReadHeaderTimeout: 5 * time.Second,
			MaxHeaderBytes:    16 << 10,
			MaxMessageBytes:   24 << 10, // 8,192 UTF-16 units: FastIM's bound
			PingInterval:      30 * time.Second,
			IdleTimeout:       75 * time.Second,
			Deflate:           true,
			TestPage:          TestPageLocal,
			DrainSpread:       2 * time.Second,
			DrainTimeout:      10 * time.Second,
		},
		Auth:         defaultAuth(),
		Limits:       door.DefaultLimits(),
		Filter:       defaultFilter(),
		Hook:         defaultHook(),
		CORS:         CORSConfig{AllowedOrigins: []string{"*"}},
		AutoJoin:     true,
		SelfJoin:     true,
		RecallLimit:  2 * time.Minute,
		IOUring:      room.IOUringAuto,
		StuckTimeout: 30 * time.Second,
	}
}

// Spread is DrainSpread as far as DrainTimeout has room for it.
func (c *ServerConfig) Spread() time.Duration { return min(c.DrainSpread, c.DrainTimeout/2) }

// Validate reports every value out of range, each with its key within the section.
func (c ServerConfig) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		bad("listen: %q is not host:port", c.Listen)
	}
	if c.MaxConnections < 0 || c.MaxConnections > 10_000_000 {
		bad("max_connections: %d is not within 0 (= what the open-files limit allows) and 10000000", c.MaxConnections)
	}
	if c.Pollers < 0 || c.Pollers > 256 {
		bad("pollers: %d is not within 0 (= half of the cores) and 256", c.Pollers)
	}
	if c.SendBuffer < 4<<10 || c.SendBuffer > 16<<20 {
		bad("send_buffer: %v is not within 4KiB and 16MiB", c.SendBuffer)
	}
	if c.ReadHeaderTimeout < 100*time.Millisecond || c.ReadHeaderTimeout > 5*time.Minute {
		bad("read_header_timeout: %v is not within 100ms and 5m", c.ReadHeaderTimeout)
	}
	if _, err := door.ParsePrefixes(c.TrustedProxies); err != nil {
		bad("trusted_proxies%w", err)
	}
	if c.ProxyProtocol && len(c.TrustedProxies) == 0 {
		bad("proxy_protocol: it is on, but nobody may send it: set trusted_proxies to the addresses of your balancers")
	}
	if !slices.Contains([]string{TestPageLocal, TestPageAll, TestPageNone}, c.TestPage) {
		bad("test_page: %q is none of local, all, none", c.TestPage)
	}
	if c.MaxHeaderBytes < 1<<10 || c.MaxHeaderBytes > 1<<20 {
		bad("max_header_bytes: %v is not within 1KiB and 1MiB", c.MaxHeaderBytes)
	}
	if c.MaxMessageBytes < 125 || c.MaxMessageBytes > 1<<20 {
		bad("max_message_bytes: %v is not within 125 bytes and 1MiB", c.MaxMessageBytes)
	}
	if c.PingInterval < time.Second {
		bad("ping_interval: %v is below 1s", c.PingInterval)
	}
	if c.IdleTimeout < 2*c.PingInterval {
		bad("idle_timeout: %v is below twice ping_interval (%v): no time for the answer to a ping", c.IdleTimeout, c.PingInterval)
	}
	if c.DrainTimeout < 100*time.Millisecond {
		bad("drain_timeout: %v is below 100ms", c.DrainTimeout)
	}
	if c.DrainSpread < 0 || c.DrainSpread > time.Hour {
		bad("drain_spread: %v is not within 0 (= all at once) and 1h", c.DrainSpread)
	}
	if c.LameDuck < 0 || c.LameDuck > c.DrainTimeout/2 {
		bad("lame_duck: %v is not within 0 (= none) and half of drain_timeout (%v)", c.LameDuck, c.DrainTimeout)
	}
	return errors.Join(errs...)
}
