package door

import (
	"errors"
	"fmt"

	"barrage/internal/pace"
)

// Limits is the config section `limits`: how much one client, one address and all together may ask for. Rates are a
// second; 0 is no limit.
type Limits struct {
	// Enabled: off, none of them holds.
	Enabled bool `mapstructure:"enabled"`
	// MessageRate and MessageBurst bound what one connection sends: messages, likes and recalls.
	MessageRate  float64 `mapstructure:"message_rate"`
	MessageBurst int     `mapstructure:"message_burst"`
	// IPMessageRate and IPMessageBurst bound what all connections of one address send together.
	IPMessageRate  float64 `mapstructure:"ip_message_rate"`
	IPMessageBurst int     `mapstructure:"ip_message_burst"`
	// UserRate and UserBurst bound what one user sends in a room, over all nodes.
	UserRate  float64 `mapstructure:"user_rate"`
	UserBurst int     `mapstructure:"user_burst"`
	// BodyRunes bounds the characters of a native message's body; FastIM's have a bound of their own.
	BodyRunes int `mapstructure:"body_runes"`
	// LikeRate bounds the likes of one connection; more are left out.
	LikeRate float64 `mapstructure:"like_rate"`
	// UserConnections bounds the connections of one user on this node.
	UserConnections int `mapstructure:"user_connections"`
	// IPConnections bounds the connections of one address on this node.
	IPConnections int `mapstructure:"ip_connections"`
	// IPHandshakes and IPHandshakesBurst bound the handshakes of one address.
	IPHandshakes      float64 `mapstructure:"ip_handshakes"`
	IPHandshakesBurst int     `mapstructure:"ip_handshakes_burst"`
	// IP6Prefix is how many bits of an IPv6 address are one address; 1 to 128.
	IP6Prefix int `mapstructure:"ip6_prefix"`
	// Handshakes and HandshakesBurst bound all handshakes of the node.
	Handshakes      float64 `mapstructure:"handshakes"`
	HandshakesBurst int     `mapstructure:"handshakes_burst"`
	// Rooms bounds the rooms that are live on the node.
	Rooms int `mapstructure:"rooms"`
	// NewRooms and NewRoomsBurst bound the rooms that one address has the node make live.
	NewRooms      float64 `mapstructure:"new_rooms"`
	NewRoomsBurst int     `mapstructure:"new_rooms_burst"`
	// HTTPRate and HTTPBurst bound the calls of one address.
	HTTPRate  float64 `mapstructure:"http_rate"`
	HTTPBurst int     `mapstructure:"http_burst"`
	// LoginRate and LoginBurst bound the logins of one user.
	LoginRate  float64 `mapstructure:"login_rate"`
	LoginBurst int     `mapstructure:"login_burst"`
}

// DefaultHandshakes is limits.handshakes by default, a second.
const DefaultHandshakes = 2000

// DefaultLimits refuse no person: nobody types five messages a second.
func DefaultLimits() Limits {
	return Limits{
		Enabled:     true,
		MessageRate: 5, MessageBurst: 20,
		IPMessageRate: 100, IPMessageBurst: 200,
		UserRate: 5, UserBurst: 20,
		LikeRate:        100,
		UserConnections: 20,
		IPConnections:   1000,
		IPHandshakes:    20, IPHandshakesBurst: 200,
		IP6Prefix:  56, // the prefix of a home (RIPE-690)
		Handshakes: DefaultHandshakes, HandshakesBurst: 2 * DefaultHandshakes,
		Rooms:    100_000,
		NewRooms: 1, NewRoomsBurst: 20,
		HTTPRate: 20, HTTPBurst: 100,
		LoginRate: 0.1, LoginBurst: 5,
	}
}

// maxRate and maxBurst bound rates and bursts.
const (
	maxRate  = 1000 // a second
	maxBurst = 100_000
)

// Validate reports every value out of range, each with its key within the section.
func (c Limits) Validate() error {
	var errs []error
	for key, value := range map[string]float64{
		"message_rate": c.MessageRate, "ip_message_rate": c.IPMessageRate, "user_rate": c.UserRate, "like_rate": c.LikeRate, "ip_handshakes": c.IPHandshakes, "new_rooms": c.NewRooms,
		"http_rate": c.HTTPRate, "login_rate": c.LoginRate,
	} {
		if value < 0 || value > maxRate || value > 0 && value < 0.001 {
			errs = append(errs, fmt.Errorf("%s: %v is not within 0.001 and 1000 a second, nor 0 (= no limit)", key, value))
		}
	}
	if c.Handshakes < 0 || c.Handshakes > 100_000 || c.Handshakes > 0 && c.Handshakes < 1 {
		errs = append(errs, fmt.Errorf("handshakes: %v is not within 1 and 100000 a second, nor 0 (= no limit)", c.Handshakes))
	}
	for key, value := range map[string]int{
		"message_burst": c.MessageBurst, "ip_message_burst": c.IPMessageBurst, "user_burst": c.UserBurst, "ip_handshakes_burst": c.IPHandshakesBurst, "handshakes_burst": c.HandshakesBurst,
		"new_rooms_burst": c.NewRoomsBurst, "http_burst": c.HTTPBurst, "login_burst": c.LoginBurst,
	} {
		if value < 1 || value > maxBurst {
			errs = append(errs, fmt.Errorf("%s: %d is not within 1 and 100000", key, value))
		}
	}
	for key, value := range map[string]int{
		"body_runes": c.BodyRunes, "user_connections": c.UserConnections, "ip_connections": c.IPConnections, "rooms": c.Rooms,
	} {
		if value < 0 || value > 10_000_000 {
			errs = append(errs, fmt.Errorf("%s: %d is not within 0 (= no limit) and 10000000", key, value))
		}
	}
	if c.IP6Prefix < 1 || c.IP6Prefix > 128 {
		errs = append(errs, fmt.Errorf("ip6_prefix: %d is not within 1 and 128", c.IP6Prefix))
	}
	return errors.Join(errs...)
}

// User is the rate of UserRate and UserBurst.
func (c *Limits) User() pace.Rate {
	if !c.Enabled {
		return pace.Rate{}
	}
	return pace.PerSecond(c.UserRate, c.UserBurst)
}
