-- feed_read.lua returns the feed of a room behind a bookmark: Store.ReadFeed. It follows lib_room.lua and
-- lib_log.lua.
-- KEYS: history, meta, log of recalls, reports of the nodes, bookmark, news.
-- ARGV: a random name for a new epoch; how many of each kind at most; how many bytes of messages.
-- It writes nothing but a new epoch.
-- It returns a list: bookmark, epoch, newest number, the epoch before or '', number that the messages are behind,
--   number of the oldest message. Then members online, Unix ms, a storm as events carry it, {recalls}, {news},
--   {messages}. Then total, the name of the newest recall, 1 where recalls were forgotten behind the bookmark and else
--   0.
local list, meta, log, online, bookmark, news = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local random, limit, bytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local room = stand(list, meta, random, '', 0, '')
rest(meta, room)
if room.began then begin(meta, room) end
local time = call('TIME')
local seconds, now = tonumber(time[1]), time[1] * 1000 + math.floor(time[2] / 1000)

local was = call('GET', bookmark) or ''
local epoch, seq, told, noted = was:match('^(%S+) (%d+) (%S+) (%d+)')
seq, noted = tonumber(seq or 0), tonumber(noted or 0)

-- In the epoch that follows the bookmark's the numbers up to its begin may be those of before. Further on nobody knows.
local first = room.s - room.len + 1
local from = first - 1
if epoch == room.e then
  from = math.min(seq, room.s)
elseif epoch and epoch == room.p then
  from = math.min(seq, room.o)
end

local messages = {}
local far = math.min(room.len, room.s - from) -- distance from the end, 1 for the newest
if far > 0 then
  for _, text in ipairs(call('LRANGE', list, -far, -math.max(far - limit + 1, 1))) do
    bytes = bytes - #text
    if bytes < 0 and #messages > 0 then break end
    messages[#messages + 1] = text
  end
end

-- Recalls are known by their names, which no epoch ends. Where the bookmark's is not in the log, and there were more
-- than the log has, others may be missing.
local recalls, forgot = {}, 0
local function nameOf(payload) return payload and payload:match('^%w+ %S+ %d+ %d+ %d+ %S+ (%S+)') end
local _, _, newestName, ever = logged(room)
newestName = newestName or nameOf(call('LINDEX', log, -1)) or '-'
if epoch and told ~= newestName then
  local all, from = call('LRANGE', log, 0, -1), 1
  for i = #all, 1, -1 do
    if nameOf(all[i]) == told then
      from = i + 1
      break
    end
  end
  if from == 1 and (ever and #all < ever or not ever and told ~= '-') then forgot = 1 end
  for i = from, math.min(#all, from + limit - 1) do recalls[#recalls + 1] = all[i] end
end

local fresh = {}
local newest = call('LINDEX', news, -1)
if newest then
  local behind = math.min(call('LLEN', news), tonumber(newest:match('^%d+')) - noted)
  if behind > 0 then fresh = call('LRANGE', news, -behind, -math.max(behind - limit + 1, 1)) end
end

local members, shares = 0, call('HGETALL', online)
for i = 1, #shares, 2 do
  local share, at = shares[i + 1]:match('^(%d+) (%d+)$')
  if share and seconds - at < reportLife then members = members + share end
end

-- The quota's level, and the counts of offered and taken messages, see lib_quota.lua; a storm of which nothing comes is
-- over soon.
local storm, q = '', {}
for number in (call('HGET', meta, 'q') or ''):gmatch('%S+') do q[#q + 1] = tonumber(number) end
if #q == 9 and seconds - q[3] < stormOver and (q[8] > 0 or math.floor(q[9] / 1048576) ~= q[9] % 1048576) then
  storm = string.format('%d %d %d', q[8], math.floor(q[9] / 1048576), q[9] % 1048576)
end
return {was, room.e, whole(room.s), room.p, whole(from), whole(first), members, whole(now), storm,
  recalls, fresh, messages, room.len == 0 and '0' or whole(room.s - room.b), newestName, forgot}
