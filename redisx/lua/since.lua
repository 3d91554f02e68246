-- since.lua returns the oldest messages with a number above one: Store.Since. It follows a lib_room and
-- lib_collect.lua.
-- KEYS: history, meta.
-- ARGV: a random name for a new epoch; life of meta in ms; a number; how many messages at most.
-- It writes nothing but a new epoch.
-- It returns a page: epoch, newest number, total, rev, tip, then number and text of each message, the oldest first.
local list, meta = KEYS[1], KEYS[2]
local random, life, seq, limit = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

local len = redis.call('LLEN', list)
local room = stand(list, meta, random, '', 0, '')
if room.began then begin(meta, room, life) end
local page = {room.e, room.s, len == 0 and 0 or room.s - room.b, room.v, room.t}
return collect(page, list, room.s, math.min(room.s - seq, len), 1, -1, limit)
