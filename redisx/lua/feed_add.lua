-- feed_add.lua adds to the news of a room: Store.AddNews. It follows a lib_room.
-- KEYS: news.
-- ARGV: a JSON object; how many are kept.
-- It returns nothing. An entry is its number, the number that they began with, and the object. Where there are none
-- they begin with the time in us, above those of news that have expired.
local time, newest = call('TIME'), call('LINDEX', KEYS[1], -1)
local number = time[1] * 1000000 + time[2]
local begun = number
if newest then
  number, begun = newest:match('^(%d+) (%d+) ')
  number, begun = tonumber(number) + 1, tonumber(begun)
end
call('RPUSH', KEYS[1], whole(number) .. ' ' .. whole(begun) .. ' ' .. ARGV[1])
call('LTRIM', KEYS[1], -ARGV[2], -1)
call('PEXPIRE', KEYS[1], metaLife)
