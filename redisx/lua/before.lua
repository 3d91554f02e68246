-- before.lua returns the messages before one: Store.Before. It follows a lib_room, lib_collect.lua and lib_find.lua.
-- KEYS: history, meta.
-- ARGV: a random name for a new epoch; life of meta in ms; how many messages; head, tail, head and tail of the two
--   forms that the message can have.
-- It writes nothing but a new epoch.
-- It returns a page: epoch, newest number, total, rev, tip, then number and text of each message, the newest first. It
--   returns nil where it finds no such message.
local list, meta = KEYS[1], KEYS[2]
local random, life, count = ARGV[1], ARGV[2], tonumber(ARGV[3])

local len = redis.call('LLEN', list)
local room = stand(list, meta, random, '', 0, '')
if room.began then begin(meta, room, life) end
local d = find(list, len, ARGV[4], ARGV[5], ARGV[6], ARGV[7])
local page = {room.e, room.s, room.s - room.b, room.v, room.t}
return d and collect(page, list, room.s, d + 1, len, 1, count)
