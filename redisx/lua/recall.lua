-- recall.lua takes the message that a user sent at a ts out of the history: Store.Recall. It follows lib_room.lua,
-- lib_find.lua and lib_recall.lua.
-- KEYS: history, meta, log of recalls.
-- ARGV: a random name for a new epoch; the recall's name; channel. Then head, tail, head and tail of the two forms that
--   the message can have, the plain one first.
-- It returns the payload that it published, or nil where there is no such message. A recall that the log has is
--   published again.
local list, meta, log = KEYS[1], KEYS[2], KEYS[3]
local random, name, channel, head, tail = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local len = call('LLEN', list)
local room = stand(list, meta, random, '', 0, '')
rest(meta, room)
if room.began then begin(meta, room) end
local d = find(list, len, head, tail, ARGV[6], ARGV[7])
if d then
  local text = call('LINDEX', list, -d)
  return takeOut(list, meta, log, room, d, text, head, tail, name, channel)
end
local epoch, seq, total, logName, husk = found(log, function(_, _, husk)
  return husk:sub(1, #head) == head and husk:sub(-#tail) == tail
end)
return epoch and repeated(channel, epoch, seq, total, logName, husk)
