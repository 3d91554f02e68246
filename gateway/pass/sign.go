package pass

import (
	"encoding/json"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// Claims are the claims that [Sign] writes and [JWT.Check] reads. Dates are seconds since 1970; 0 leaves the claim out.
type Claims struct {
	// Subject is the user's id; empty makes a guest's token.
	Subject   string `json:"sub,omitempty"`
	Issuer    string `json:"iss,omitempty"`
	Audience  string `json:"aud,omitempty"`
	Expires   int64  `json:"exp"`
	NotBefore int64  `json:"nbf,omitempty"`
	Issued    int64  `json:"iat,omitempty"`
	// ID names the token, so that it can be revoked alone.
	ID string `json:"jti,omitempty"`
	// Info is an object that everybody may see, see [Pass.Info].
	Info json.RawMessage `json:"info,omitempty"`
	Tags []string        `json:"tags,omitempty"`
	Role string          `json:"role,omitempty"`
	// Rooms are the only ones open to the user; nil grants the node's default in every room.
	Rooms []RoomClaim `json:"rooms,omitzero"`
}

// RoomClaim is an entry of the claim rooms, see [Grant].
type RoomClaim struct {
	ID string `json:"id"`
	// Can has names of capabilities; nil grants the node's default.
	Can  []string `json:"can,omitzero"`
	Role string   `json:"role,omitempty"`
}

// Sign makes a token of claims, [Claims] or whatever is a JSON object, by HS256. The name kid is that of the secret,
// for issuers that have several; empty is none. The secret has at least 32 bytes.
func Sign(secret, kid string, claims any) (string, error) {
	if len(secret) < minSecret {
		return "", fmt.Errorf("cannot sign a token: the secret has %d bytes, below the %d that HS256 wants", len(secret), minSecret)
	}
	raw, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("cannot sign a token: %w", err)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, &payload{raw: raw})
	if kid != "" {
		token.Header["kid"] = kid
	}
	return token.SignedString([]byte(secret))
}
