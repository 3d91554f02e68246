-- report.lua takes what a node counts in a room: Store.Report. It follows a lib_room.
-- KEYS: reports of the nodes, meta, history, rules.
-- ARGV: node; its members online; likes since its last report; how many the node believes that there were before. Then
--   channel; a random name for a new epoch; the epoch, rev and tip that the node knows.
-- It writes the node's report, likes and a new epoch, and publishes counters that changed. Likes that were lost it
--   takes from the node.
-- It returns {epoch, newest number, rev, tip, members online, likes, version of the rules}.
local online, meta, list, rules = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local node, members, liked, knownLikes = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local channel, random, knownEpoch, knownRev, knownTip = ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8]), ARGV[9]

local room = stand(list, meta, random, knownEpoch, knownRev, knownTip)
rest(meta, room)
local now = tonumber(call('TIME')[1])
local was, sum = 0, tonumber(members) -- was: the number that the nodes received last
local shares = call('HGETALL', online)
if room.began then begin(meta, room) end
for i = 1, #shares, 2 do
  local share, at = shares[i + 1]:match('^(%d+) (%d+)$')
  was = was + (share or 0)
  if shares[i] ~= node then
    if share and now - at < reportLife then
      sum = sum + share
    else
      call('HDEL', online, shares[i])
    end
  end
end
if members == '0' then
  call('HDEL', online, node)
else
  call('HSET', online, node, members .. ' ' .. now)
  call('EXPIRE', online, reportLife)
end
local likes = math.max(room.l, knownLikes) + liked
if likes ~= room.l then
  call('HSET', meta, 'l', string.format('%d', likes))
  call('PEXPIRE', meta, metaLife)
end
if sum ~= was or likes ~= room.l then
  call(command, channel, string.format('c1 %d %d', sum, likes))
end
return {room.e, room.s, room.v, room.t, sum, likes, call('HGET', rules, 'v') or ''}
