package edge

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"barrage/gateway/pass"
	"barrage/internal/chat"
	"barrage/internal/remote"
	"barrage/internal/signed"
)

// AuthConfig is the config section `auth`: how a node finds out who somebody is, and what they may do.
type AuthConfig struct {
	// Mode is by what a token is judged, in this order: [AuthAny], [AuthRedis], [AuthJWT] or [AuthHook].
	Mode []string `mapstructure:"mode"`
	// Guests is what those may do who show no token: [GuestsOff], [GuestsRead] or [GuestsChat].
	Guests string `mapstructure:"guests"`
	// DefaultCan is what a token grants that names no rooms, see [pass.ParseCan].
	DefaultCan []string `mapstructure:"default_can"`
	// TokensPerUser is how many tokens of a login a user may have at once; 1 to 16. A further one replaces the oldest.
	TokensPerUser int `mapstructure:"tokens_per_user"`
	// FirstFrame is how long a native socket may take to show its token in its first frame.
	FirstFrame time.Duration `mapstructure:"first_frame"`

	// JWTSecret signs tokens with HMAC; JWTSecretPrevious is one that still counts.
	JWTSecret         string `mapstructure:"jwt_secret"`
	JWTSecretPrevious string `mapstructure:"jwt_secret_previous"`
	// JWTPublicKeyFile is a PEM file with public keys that tokens are signed for, JWKSURL where such keys are served.
	JWTPublicKeyFile string `mapstructure:"jwt_public_key_file"`
	JWKSURL          string `mapstructure:"jwks_url"`
	// JWTAlgorithms are those that tokens may have; none are all that the keys can.
	JWTAlgorithms []string `mapstructure:"jwt_algorithms"`
	// JWTAudience and JWTIssuer are what aud must have and iss must be; empty = not looked at.
	JWTAudience string `mapstructure:"jwt_audience"`
	JWTIssuer   string `mapstructure:"jwt_issuer"`

	// ConnectURL is the hook that is asked about tokens with [AuthHook].
	ConnectURL string `mapstructure:"connect_url"`
	// ConnectTimeout bounds one call of it, ConnectCache is how long its yes counts.
	ConnectTimeout time.Duration `mapstructure:"connect_timeout"`
	ConnectCache   time.Duration `mapstructure:"connect_cache"`

	// LoginURL is the hook that decides about logins: userId and password are posted
	// to it as a form, status 200 lets the user in. Empty: any password passes. [LoginOff]:
	// nobody logs in here, tokens are written to the store by others.
	LoginURL string `mapstructure:"login_url"`
	// LoginTimeout bounds one call of the hook.
	LoginTimeout time.Duration `mapstructure:"login_timeout"`
	// HookSecret signs the calls of both hooks; empty = they are not signed.
	HookSecret string `mapstructure:"hook_secret"`
}

// The values of AuthConfig.Mode.
const (
	AuthAny   = "any"   // any token passes on sockets
	AuthRedis = "redis" // those that a login gave
	AuthJWT   = "jwt"   // signed ones
	AuthHook  = "hook"  // those that a hook of yours takes
)

// The values of AuthConfig.Guests.
const (
	GuestsOff  = "off"
	GuestsRead = "read"
	GuestsChat = "chat"
)

// LoginOff is the value of AuthConfig.LoginURL that refuses every login.
const LoginOff = "off"

func defaultAuth() AuthConfig {
	return AuthConfig{
		Mode: []string{AuthAny}, Guests: GuestsRead, DefaultCan: []string{"read", "send", "like", "recall"},
		TokensPerUser: 1, FirstFrame: 5 * time.Second,
		JWTAlgorithms:  []string{},
		ConnectTimeout: time.Second, ConnectCache: time.Minute,
		LoginTimeout: 3 * time.Second,
	}
}

// Required reports whether a token must have been given by somebody, on sockets too.
func (c *AuthConfig) Required() bool { return !slices.Contains(c.Mode, AuthAny) }

// checks reports whether some tokens are checked that may count no more later.
func (c *AuthConfig) checks() bool {
	return slices.ContainsFunc(c.Mode, func(mode string) bool { return mode != AuthAny })
}

// GivesTokens reports whether a login gives tokens that count here.
func (c *AuthConfig) GivesTokens() bool {
	return slices.Contains(c.Mode, AuthAny) || slices.Contains(c.Mode, AuthRedis)
}

// JWT returns the settings of package pass for signed tokens.
func (c *AuthConfig) JWT() pass.JWTConfig {
	return pass.JWTConfig{
		Secret: c.JWTSecret, SecretPrevious: c.JWTSecretPrevious, PublicKeyFile: c.JWTPublicKeyFile, JWKSURL: c.JWKSURL,
		Audience: c.JWTAudience, Issuer: c.JWTIssuer, Algorithms: c.JWTAlgorithms,
	}
}

// hook returns the settings of package pass for the connect hook.
func (c *AuthConfig) hook() pass.ConnectConfig {
	return pass.ConnectConfig{URL: c.ConnectURL, Secret: c.HookSecret, Timeout: c.ConnectTimeout, Cache: c.ConnectCache}
}

// Validate reports every value out of range, each with its key within the section.
func (c AuthConfig) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	modes, guests := []string{AuthAny, AuthRedis, AuthJWT, AuthHook}, []string{GuestsOff, GuestsRead, GuestsChat}
	for i, mode := range c.Mode {
		switch {
		case !slices.Contains(modes, mode):
			bad("mode: %q is none of %s", mode, strings.Join(modes, ", "))
		case slices.Contains(c.Mode[:i], mode):
			bad("mode: %q stands there twice", mode)
		case (mode == AuthAny || mode == AuthHook) && i < len(c.Mode)-1:
			bad("mode: %q stands before %q, which would never be asked: put it last", mode, c.Mode[i+1])
		}
	}
	if len(c.Mode) == 0 {
		bad("mode: it is empty, want some of %s", strings.Join(modes, ", "))
	}
	if !slices.Contains(guests, c.Guests) {
		bad("guests: %q is none of %s", c.Guests, strings.Join(guests, ", "))
	}
	if _, err := pass.ParseCan(c.DefaultCan); err != nil {
		bad("default_can: %w", err)
	}
	if c.TokensPerUser < 1 || c.TokensPerUser > 16 {
		bad("tokens_per_user: %d is not within 1 and 16", c.TokensPerUser)
	}
	if c.FirstFrame < time.Second || c.FirstFrame > time.Minute {
		bad("first_frame: %v is not within 1s and 1m", c.FirstFrame)
	}
	if slices.Contains(c.Mode, AuthJWT) {
		errs = append(errs, c.JWT().Validate())
	}
	if slices.Contains(c.Mode, AuthHook) {
		errs = append(errs, c.hook().Validate())
	}
	if c.HookSecret != "" && !slices.Contains(c.Mode, AuthHook) {
		if _, err := signed.ParseSecret(c.HookSecret); err != nil {
			bad("hook_secret: %w", err)
		}
	}
	if c.ConnectTimeout < 10*time.Millisecond || c.ConnectTimeout > chat.CallTimeout {
		bad("connect_timeout: %v is not within 10ms and %v", c.ConnectTimeout, chat.CallTimeout)
	}
	if c.ConnectCache < 0 || c.ConnectCache > time.Hour {
		bad("connect_cache: %v is not within 0 (= none) and 1h", c.ConnectCache)
	}
	if c.LoginURL != "" && c.LoginURL != LoginOff {
		if u, err := url.Parse(c.LoginURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			bad("login_url: %q is not an http or https URL, nor off", remote.RedactedHook(c.LoginURL))
		}
	}
	if c.LoginTimeout < 10*time.Millisecond || c.LoginTimeout > time.Minute {
		bad("login_timeout: %v is not within 10ms and 1m", c.LoginTimeout)
	}
	return errors.Join(errs...)
}
