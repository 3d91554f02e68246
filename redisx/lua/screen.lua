-- screen.lua returns for drafts that somebody is to look at what publish.lua would answer about them now: Store.Screen.
-- It leaves the marks of those that publish.lua would store.
-- KEYS: history, for its slot, meta, prefix of the sets of ids, marks.
-- ARGV: how many drafts; the field of ids of each, '' without an ID; the name of this try of each. Then for each mark
-- the index of its draft from 1, its name and its life in ms. A try that has left its marks before, whose answer was
-- lost, does not stumble over them.
-- It returns for each draft '', 'epoch seq ts' of the message that the room has under its ID, or '! mark ms'. The ms
-- are those until the mark with that first letter ends. The number seq is 0 where the message has none in epoch, the
-- room's of now.
local meta, idsPrefix, marked, drafts = KEYS[2], KEYS[3], KEYS[4], tonumber(ARGV[1])
local MARK = 1 + 2 * drafts
local time = call('TIME')
local now, bucket = time[1] * 1000 + math.floor(time[2] / 1000), math.floor(time[1] / idsBucket)
local epoch = call('HGET', meta, 'e') or ''

local answers = {}
local noted = call('HMGET', idsPrefix .. bucket, unpack(ARGV, 2, 1 + drafts))
local earlier = call('HMGET', idsPrefix .. (bucket - 1), unpack(ARGV, 2, 1 + drafts))
for i = 1, drafts do
  local note = ARGV[1 + i] ~= '' and (noted[i] or earlier[i])
  answers[i] = ''
  if note then
    local of, seq, ts = note:match('^(%S+) (%S+) (%S+)$')
    answers[i] = epoch .. ' ' .. (of == epoch and seq or '0') .. ' ' .. ts
  end
end
if MARK == #ARGV then return answers end

local marksOf = {} -- the places of a draft's marks in ARGV
for m = MARK + 1, #ARGV, 3 do
  local i = tonumber(ARGV[m])
  marksOf[i] = marksOf[i] or {}
  table.insert(marksOf[i], m)
end
call('ZREMRANGEBYSCORE', marked, '-inf', now)
for i = 1, drafts do
  local try = 't' .. ARGV[1 + drafts + i]
  if answers[i] == '' and marksOf[i] and not call('ZSCORE', marked, try) then
    local longest = 0
    for _, m in ipairs(marksOf[i]) do
      local name, life = ARGV[m + 1], tonumber(ARGV[m + 2])
      local left = (tonumber(call('ZSCORE', marked, name) or nil) or 0) - now
      if left > 0 and left <= life and answers[i] == '' then -- longer: the clock of Redis went back
        answers[i] = '! ' .. name:sub(1, 1) .. ' ' .. whole(left)
      end
      longest = math.max(longest, life)
    end
    if answers[i] == '' then
      call('ZADD', marked, whole(now + longest), try)
      for _, m in ipairs(marksOf[i]) do call('ZADD', marked, whole(now + ARGV[m + 2]), ARGV[m + 1]) end
      if call('PTTL', marked) < longest then call('PEXPIRE', marked, whole(longest)) end
    end
  end
end
return answers
