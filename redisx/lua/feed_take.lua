-- feed_take.lua takes rooms of a roster that are due, for the one node that has it: Store.TakeFeeds.
-- KEYS: the roster, its lease, its birth.
-- ARGV: node; how long the lease is, and rooms are the node's, in ms; how many rooms at most. Then when the node
--   believes that the roster was made, in Unix ms, 0 where it does not know.
-- It returns {} where another node has the lease. Else it returns {birth, how many were due, since when in Unix ms,
--   until when the rooms are the node's, rooms…}.
local roster, lease, birth = KEYS[1], KEYS[2], KEYS[3]
local node, life, limit, born = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local call = redis.call

local holder = call('GET', lease)
if holder and holder ~= node then return {} end
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
call('SET', lease, node, 'PX', life)
call('SET', birth, born == '0' and string.format('%d', now) or born, 'NX')
local rooms = limit > 0 and call('ZRANGEBYSCORE', roster, '-inf', now, 'LIMIT', 0, limit) or {}
local due = call('ZCOUNT', roster, '-inf', now)
local first = due > 0 and call('ZRANGE', roster, 0, 0, 'WITHSCORES')[2] or '0'
local answer = {call('GET', birth), due, first, string.format('%d', now + life)}
for _, room in ipairs(rooms) do
  call('ZADD', roster, 'XX', answer[4], room)
  answer[#answer + 1] = room
end
return answer
