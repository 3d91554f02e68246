package redisx

import (
	"context"
	"strconv"

	"barrage/internal/chat"
)

// Page returns at most limit messages and the position.
func (r *Redis) Page(ctx context.Context, room string, before, after uint64, limit int) (chat.History, error) {
	args := roomArgs(strconv.FormatUint(before, 10), strconv.FormatUint(after, 10), strconv.Itoa(limit))
	page, err := r.runRoom(ctx, r.scripts().page, room, r.roomKeys(room), args...)
	return r.readPage(room, page, err)
}
