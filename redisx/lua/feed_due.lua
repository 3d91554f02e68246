-- feed_due.lua notes that rooms have a feed to send: Store.DueFeeds.
-- KEYS: the roster.
-- ARGV: rooms.
-- It returns nothing. A room that waits already keeps its place.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, room in ipairs(ARGV) do
  redis.call('ZADD', KEYS[1], 'LT', string.format('%d', now), room)
end
