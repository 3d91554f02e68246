package room

import "barrage/internal/chat"

// elsewhereAfter is how many events of messages must have come for a room of which the store has nothing, before that
// is logged: one message may be taken back in the moment between.
const elsewhereAfter = 2

// elsewhere counts the events of messages since the store last had something of the room. Redis' pub/sub ignores
// databases: a node hears of messages that others keep in a database where it does not look. The zero value is none.
type elsewhere uint8

func (e *elsewhere) heard() { *e = min(*e+1, elsewhereAfter) }

// lackedLocked takes what the store has said of the room when events had come as e says. r.mu must be held.
func (r *Room) lackedLocked(now chat.Position, e elsewhere) {
	const recently = 60 // seconds; later the history may have come to the end of its life
	switch {
	case now.Seq > 0:
		r.elsewhere = 0
	case e == elsewhereAfter && r.hall.coarse.Load()-r.heardAt <= recently && !r.hall.saidElsewhere.Swap(true):
		r.hall.log.Warn("messages of a room come from other nodes, and this node's Redis database has nothing of the room: "+
			"set redis.db to the database that those nodes use (original FastIM nodes: spring.redis.database, 3 by default), "+
			"unless somebody has just emptied it; this is said once", "room", r.id)
	}
}
