package redisx

// All names of keys and channels in Redis are made here; doc.go says what they hold.

const (
	roomChannelPrefix = "mq:"
	userChannelPrefix = "uq:"
)

func tokenKey(user string) string { return "login:" + user }

func roomsKey(user string) string { return "ugs:" + user }

func historyKey(room string) string { return "gml:" + room }

func metaKey(room string) string { return "gmm:" + room }

// lastTSPrefix lacks the number of the bucket, which the script appends.
func lastTSPrefix(room string) string { return "gmu:" + room + ":" }

func roomChannel(room string) string { return roomChannelPrefix + room }

func userChannel(user string) string { return userChannelPrefix + user }
