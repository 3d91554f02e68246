-- purge.lua takes messages of a user, or all, out of the history at once: Store.Purge. It follows lib_room.lua and
-- lib_recall.lua.
-- KEYS: history, meta, log of recalls, prefix of the sets of last ts, see publish.lua.
-- ARGV: a random name for a new epoch; the purge's name; channel; the epoch, rev and tip that the node knows. Then the
--   user id, '' for all; the head of the user's messages in both forms, the plain one first. Then the least and the
--   greatest ts that goes, '' for the greatest that the user can have. Then the epoch and number up to which all go, ''
--   for the newest. Then the body of the event up to the greatest ts, which is when it was where all go.
-- It returns the payload that it published, and how many messages it took; nil where the room never had a message, or
--   has another epoch. A purge that is repeated takes nothing, and is published again.
local list, meta, log, timesPrefix = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local random, name, channel = ARGV[1], ARGV[2], ARGV[3]
local knownEpoch, knownRev, knownTip = ARGV[4], tonumber(ARGV[5]), ARGV[6]
local user, head, quotedHead = ARGV[7], ARGV[8], ARGV[9]
local since, most, upToEpoch, upTo, body = tonumber(ARGV[10]), tonumber(ARGV[11]), ARGV[12], tonumber(ARGV[13]), ARGV[14]

local room = stand(list, meta, random, knownEpoch, knownRev, knownTip)
rest(meta, room)
if room.began then begin(meta, room) end
if room.e == '' or upTo and upToEpoch ~= room.e then return nil end
local len, payload = room.len, nil

-- 1. All, up to a number: that end of the list goes.

local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if user == '' then
  body = body .. whole(most or now) .. '}'
  upTo = math.min(upTo or room.s, room.s)
  if upTo <= room.c and room.c > 0 then
    payload = string.format('p1 %s %d %d 0 - %s\n', room.e, room.c, room.s - room.b, name) .. body
    call(command, channel, payload)
    return {payload, 0}
  end
  local left = math.min(room.s - upTo, len)
  if left > 0 then call('LTRIM', list, -left, -1) else call('DEL', list) end
  room.b = math.max(room.b, upTo)
  call('HSET', meta, 'b', whole(room.b), 'n', whole(left), 'c', whole(upTo))
  return {change(meta, log, room, channel, 'p1', upTo, name, body), len - left}
end

-- 2. Those of a user. Their next message has a greater ts than all that is taken here.

local found, newest = {}, 0
for near = 1, len, 256 do
  local c = call('LRANGE', list, -math.min(near + 255, len), -near)
  for i = #c, 1, -1 do
    local text = c[i]
    if text:sub(1, #head) == head or text:sub(1, #quotedHead) == quotedHead then
      local ts = tonumber(text:match('"ts\\?":(%d+)}"?$'))
      if ts and ts >= since and (not most or ts <= most) then
        found[#found + 1] = near + #c - i
        newest = math.max(newest, ts)
      end
    end
  end
end
if most then
  body = body .. whole(most) .. '}'
  if #found == 0 then
    for _, old in ipairs(call('LRANGE', log, 0, -1)) do
      local place, logName, oldBody = old:match('^p1 (%S+ %d+ %d+) %d+ %S+ (%S+)\n(.*)$')
      if oldBody == body then
        payload = 'p1 ' .. place .. ' 0 - ' .. logName .. '\n' .. body
        call(command, channel, payload)
        return {payload, 0}
      end
    end
  end
else
  local bucket = math.floor(time[1] / timesBucket)
  local times = timesPrefix .. bucket
  local last = call('HGET', times, user) or call('HGET', timesPrefix .. (bucket - 1), user) or '0'
  most = math.max(newest, now, tonumber(last:match('^%d+')))
  call('HSET', times, user, whole(most))
  call('EXPIRE', times, 3 * timesBucket)
  body = body .. whole(most) .. '}'
end
for _, d in ipairs(found) do
  call('LSET', list, -d, gone)
  room.r = math.max(room.r, room.s - d + 1)
end
return {change(meta, log, room, channel, 'p1', room.s, name, body), #found}
