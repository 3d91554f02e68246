-- since.lua returns the oldest messages with a number above one: Store.Since. It follows a lib_room and
-- lib_collect.lua.
-- KEYS: history, meta.
-- ARGV: a random name for a new epoch; a number; how many messages at most.
-- It writes nothing but a new epoch.
-- It returns a page: epoch, newest number, total, rev, tip, then number and text of each message, the oldest first, and
--   'cut' where some are left out for their bytes.
local list, meta = KEYS[1], KEYS[2]
local random, seq, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local len = call('LLEN', list)
local room = stand(list, meta, random, '', 0, '')
if room.began then begin(meta, room) end
local page = {room.e, room.s, len == 0 and 0 or room.s - room.b, room.v, room.t}
return collect(page, list, room.s, math.min(room.s - seq, len), 1, -1, limit, answerBytes)
