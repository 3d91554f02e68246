package redisx

import (
	"barrage/internal/chat"
)

// sentField is what a draft is noted under, empty where it has no ID. Users have no
// control characters.
func sentField(d *chat.Draft) string {
	if d.ID == "" {
		return ""
	}
	return d.UserID + "\x00" + d.ID
}

// sentFields are those of all drafts; ids reports whether one is not empty.
func sentFields(drafts []chat.Draft) (fields []string, ids bool) {
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
