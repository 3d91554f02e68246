package chat

// Credential is what a client shows to prove who it is.
type Credential struct {
	// UserID is who the client says it is; empty for a guest, whose credential is Signed.
	UserID string
	// Token is what login gave that user; empty where Signed.
	Token string
	// Signed says that the token has proven itself, as a JWT does: only whether it was revoked is looked up.
	Signed bool
	// ID is a signed token's own name, empty where it has none. Issued is when the token was made, in Unix ms, 0 where it
	// does not say.
	ID     string
	Issued int64
}

// TokenState is what the store knows of a token.
type TokenState uint8

// The states. The zero value is none of the user's tokens.
const (
	TokenWrong    TokenState = iota // it is not the user's, or its life is over
	TokenRight                      // it counts
	TokenReplaced                   // it was the user's until they logged in again
	TokenRevoked                    // it was signed, and somebody took it back
	// it is not the user's, who has another one and may have no more: if it was theirs, it was replaced.
	TokenOther
)

// Membership is a user in a room.
type Membership struct {
	// UserID is the user.
	UserID string
	// Room is the room, FastIM's group.
	Room string
}
