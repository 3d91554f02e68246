-- read_interop.lua is read.lua beside original FastIM nodes. It follows lib_room_interop.lua.
-- KEYS: history, meta.
-- ARGV: the length of the history that the node knows, how many of the newest messages it wants, how many at most.
-- It returns a page: epoch, newest number, total, rev, tip, the number of the first entry, {entries, the oldest first}.
local list = KEYS[1]
local knownSeq, newest, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local room = stand(list, KEYS[2])
local more = room.s - knownSeq
if knownSeq > 0 then newest = more < 0 and most or newest + more end
local far = math.min(newest, most, room.s)
local texts = far > 0 and call('LRANGE', list, -far, -1) or {}
return {room.e, room.s, room.s, 0, '', room.s - far + 1, texts}
