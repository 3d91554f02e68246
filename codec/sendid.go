package codec

import "strings"

// SendID is who sent a stored message and what they call it, both empty where it has no
// name, see [Draft]. It parses only messages of native clients.
func SendID(stored string) (user, id string) {
	if !strings.Contains(stored, extraMark) {
		return "", ""
	}
	var m struct {
		UserID string `json:"userId"`
		X      extra  `json:"x"`
	}
	if err := strict.UnmarshalFromString(stored, &m); err != nil || m.X.ID == "" {
		return "", ""
	}
	return m.UserID, m.X.ID
}
