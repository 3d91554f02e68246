-- join.lua adds a room to a user's rooms and notifies the nodes that watch the user: Store.Join. It follows
-- lib_rooms.lua.
-- KEYS: the user's rooms.
-- ARGV: the room as it is to be written, '' for none: then only the life of the others begins anew. Then the same in
--   the other form; channel; how many rooms a user may have, 0 for any number. Then their life and how little of it may
--   be left, in ms, see prolong.
-- It returns 1 where the room was not among them, else 0; -1 where there would be too many.
local rooms = KEYS[1]
local written, other, channel, most, life, least = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]

local added = 0
if written ~= '' and redis.call('SISMEMBER', rooms, other) == 0 and redis.call('SISMEMBER', rooms, written) == 0 then
  if most > 0 and redis.call('SCARD', rooms) >= most then return -1 end
  added = redis.call('SADD', rooms, written)
  redis.call('PUBLISH', channel, '')
end
prolong(rooms, life, least)
return added
