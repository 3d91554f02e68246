-- feed_done.lua gives rooms back that a node took: Store.DoneFeeds.
-- KEYS: the roster.
-- ARGV: for each a room, until when it is the node's, and after how many ms somebody should look again, 0 for never.
-- It returns nothing. A room that has something new meanwhile stays due.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 1, #ARGV, 3 do
  local room, taken, again = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  if tonumber(redis.call('ZSCORE', KEYS[1], room) or 0) == taken then
    if again == 0 then
      redis.call('ZREM', KEYS[1], room)
    else
      redis.call('ZADD', KEYS[1], string.format('%d', now + again), room)
    end
  end
end
