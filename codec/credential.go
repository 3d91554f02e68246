package codec

// Credential is what a client shows to prove who it is.
type Credential struct {
	// UserID is who the client says it is.
	UserID string
	// Token is what login gave that user.
	Token string
}
