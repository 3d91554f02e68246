-- before.lua returns the messages before one: Store.Before. It follows a lib_room, lib_collect.lua and lib_find.lua.
-- KEYS: history, meta.
-- ARGV: a random name for a new epoch; how many messages; head, tail, head and tail of the two
--   forms that the message can have.
-- It writes nothing but a new epoch.
-- It returns a page: epoch, newest number, total, rev, tip, then number and text of each message, the newest first. It
--   returns nil where it finds no such message.
local list, meta = KEYS[1], KEYS[2]
local random, count = ARGV[1], tonumber(ARGV[2])

local len = call('LLEN', list)
local room = stand(list, meta, random, '', 0, '')
if room.began then begin(meta, room) end
local d = find(list, len, ARGV[3], ARGV[4], ARGV[5], ARGV[6])
local page = {room.e, room.s, room.s - room.b, room.v, room.t}
return d and collect(page, list, room.s, d + 1, len, 1, count, pageBytes)
