package chat

import "errors"

// ErrRefused is in the chain of a store's error when the store answered and will not do
// it, however often it is asked. Examples are a key of the wrong type, and no memory left. Any other error of a store
// may pass, and leaves open whether the call was carried out.
var ErrRefused = errors.New("refused for good")

// ErrTooManyRooms says that a user may not join one more room.
var ErrTooManyRooms = errors.New("the user is in as many rooms as a user may be")

// Why a message could not be taken back.
var (
	ErrNoMessage = errors.New("there is no such message")
	ErrNotYours  = errors.New("the message is somebody else's")
	ErrTooOld    = errors.New("the message is too old")
	// ErrOtherEpoch: the number is of a count that the room has left.
	ErrOtherEpoch = errors.New("the room counts anew")
)

// ErrStale is in the chain of a store's error when a batch was judged by other rules than the room has. Nothing of it
// was stored. The node reads the rules, judges again and publishes again. It is also the error where rules that are to
// be restored are no newer, and where another node has moved a feed's bookmark.
var ErrStale = errors.New("the room's rules are others")

// ErrRulesLost is in the chain of a store's error where it has lost the room's rules just now. A node that knows them
// brings them back within some milliseconds; after a few seconds the room has none.
var ErrRulesLost = errors.New("the store has lost the room's rules, and waits for a node that knows them")

// ErrFull is in the chain of a store's error where a room has [MaxMeasures] and would have one more.
var ErrFull = errors.New("the room has as many measures as it may have")

// ErrBeside is in the chain of a store's error where something cannot be had beside original FastIM nodes: they would
// not keep to it.
var ErrBeside = errors.New("not beside original FastIM nodes")

// Unavailable is what a caller reads of what the store, or a hook, did not do: trying again may help.
func Unavailable(do string) string { return "cannot " + do + " now, try again" }
