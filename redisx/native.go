package redisx

import (
	"time"

	"barrage/codec"
)

// OnceFor is how long a message's ID is known after it was published, at least. One set of
// IDs is written to for that time; a lookup reads the present set and the one before, as
// with tsBucket.
const OnceFor = 2 * time.Minute

// sentField is what a draft is noted under, empty where it has no ID. Users have no
// control characters.
func sentField(d *codec.Draft) string {
	if d.ID == "" {
		return ""
	}
	return d.UserID + "\x00" + d.ID
}

// sentFields are those of all drafts; ids reports whether one is not empty.
func sentFields(drafts []codec.Draft) (fields []string, ids bool) {
	for i := range drafts {
		if drafts[i].ID == "" {
			continue
		}
		if fields == nil {
			fields = make([]string, len(drafts))
		}
		fields[i] = sentField(&drafts[i])
	}
	return fields, fields != nil
}
