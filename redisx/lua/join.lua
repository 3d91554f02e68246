-- join.lua adds a room to a user's rooms and tells the nodes that watch the user: Store.Join.
-- KEYS: the user's rooms.
-- ARGV: the room as it is to be written; the same in the other form; channel.
-- It returns 1 where the room was not among them, else 0.
local rooms = KEYS[1]
local written, other, channel = ARGV[1], ARGV[2], ARGV[3]

if redis.call('SISMEMBER', rooms, other) == 1 or redis.call('SADD', rooms, written) == 0 then return 0 end
redis.call('PUBLISH', channel, '')
return 1
