-- report.lua takes what a node counts in a room: Store.Report. It follows a lib_room.
-- KEYS: reports of the nodes, meta, history.
-- ARGV: node; its members online; likes since its last report; seconds that a report counts; life of meta in ms;
--   command to publish with; channel; a random name for a new epoch; the epoch, rev and tip that the node knows.
-- It writes the node's report, likes and a new epoch, and publishes counters that changed.
-- It returns {epoch, newest number, rev, tip, members online, likes}.
local online, meta, list = KEYS[1], KEYS[2], KEYS[3]
local node, members, liked = ARGV[1], ARGV[2], ARGV[3]
local reportLife, metaLife, command, channel = ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local random, knownEpoch, knownRev, knownTip = ARGV[8], ARGV[9], tonumber(ARGV[10]), ARGV[11]

local room = stand(list, meta, random, knownEpoch, knownRev, knownTip)
rest(meta, room)
local now = tonumber(redis.call('TIME')[1])
local was, sum = 0, tonumber(members) -- was: what the nodes were told last
local shares = redis.call('HGETALL', online)
if room.began then begin(meta, room, metaLife) end
for i = 1, #shares, 2 do
  local share, at = shares[i + 1]:match('^(%d+) (%d+)$')
  was = was + (share or 0)
  if shares[i] ~= node then
    if share and now - at < tonumber(reportLife) then
      sum = sum + share
    else
      redis.call('HDEL', online, shares[i])
    end
  end
end
if members == '0' then
  redis.call('HDEL', online, node)
else
  redis.call('HSET', online, node, members .. ' ' .. now)
  redis.call('EXPIRE', online, reportLife)
end
local likes = room.l
if liked ~= '0' then
  likes = redis.call('HINCRBY', meta, 'l', liked)
  redis.call('PEXPIRE', meta, metaLife)
end
if sum ~= was or liked ~= '0' then
  redis.call(command, channel, string.format('c1 %.0f %.0f', sum, likes))
end
return {room.e, room.s, room.v, room.t, sum, likes}
