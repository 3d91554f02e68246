package chat

// Verdict is what the review answers about a message.
type Verdict uint8

// The verdicts.
const (
	VerdictAllow Verdict = iota
	VerdictDeny          // its sender is notified that something in it is not allowed
	VerdictHold          // it waits for a moderator
	VerdictMask          // it is sent with another text
)

var verdictNames = [...]string{"allow", "deny", "hold", "mask"}

// String is the verdict's word.
func (v Verdict) String() string { return verdictNames[min(int(v), len(verdictNames)-1)] }

// ParseVerdict is the verdict that a word names.
func ParseVerdict(word string) (v Verdict, ok bool) {
	for i, name := range verdictNames {
		if name == word {
			return Verdict(i), true
		}
	}
	return 0, false
}

// Reviewed is what the review answers about one message; Body is its text with VerdictMask.
type Reviewed struct {
	Verdict Verdict
	Body    string
}

// Review says whose messages a room has reviewed; the empty value is nobody's.
type Review string

// The users whose messages are reviewed. Messages of moderators never are.
const (
	ReviewOff Review = "off"
	ReviewAll Review = "all"
	ReviewNew Review = "new_users" // of who has come in just now
)
