package codec

// Membership is a user in a room.
type Membership struct {
	// UserID is the user.
	UserID string
	// Room is the room, FastIM's group.
	Room string
}
