package chat

// Credential is what a client shows to prove who it is.
type Credential struct {
	// UserID is who the client says it is.
	UserID string
	// Token is what login gave that user.
	Token string
}

// Membership is a user in a room.
type Membership struct {
	// UserID is the user.
	UserID string
	// Room is the room, FastIM's group.
	Room string
}
