-- recall_seq.lua takes a user's message out of the history by its number: Store.RecallSeq. It follows lib_room.lua and
-- lib_recall.lua.
-- KEYS: history, meta, log of recalls.
-- ARGV: a random name for a new epoch; the recall's name; channel; the epoch, '' for that of now; the number. Then the
--   oldest ts that may be recalled. Then the head of the user's messages in both forms, the plain first, both '' where
--   it may be anybody's. Then the epoch, rev and tip that the node knows.
-- It returns the payload that it published, or 0: no such message, 1: not the user's, 2: too old, 3: the
--   epoch is over. A recall that the log has is published again.
local list, meta, log = KEYS[1], KEYS[2], KEYS[3]
local random, name, channel = ARGV[1], ARGV[2], ARGV[3]
local asked, number, notBefore, head, quotedHead = ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[7], ARGV[8]
local knownEpoch, knownRev, knownTip = ARGV[9], tonumber(ARGV[10]), ARGV[11]

local len = call('LLEN', list)
local room = stand(list, meta, random, knownEpoch, knownRev, knownTip)
rest(meta, room)
if room.began then begin(meta, room) end
local d = room.s - number + 1
local text = d >= 1 and d <= len and call('LINDEX', list, -d)
if asked == '' then asked = room.e end
if asked ~= room.e or text == gone then
  local epoch, seq, total, logName, husk = found(log, function(epoch, seq)
    -- o: older ones keep theirs
    return seq == number and (epoch == asked or asked == room.e and tonumber(seq) <= room.o)
  end)
  if not epoch then return asked == room.e and 0 or 3 end
  if husk:sub(1, #head) ~= head then return 1 end
  return repeated(channel, epoch, seq, total, logName, husk)
end
local ts = text and text:match('"ts\\?":(%d+)}"?$')
if not ts then return 0 end
if text:sub(1, #head) ~= head and text:sub(1, #quotedHead) ~= quotedHead then return 1 end
if tonumber(ts) < notBefore then return 2 end
if head == '' then head = headOf(text) end
if not head then return 0 end
return takeOut(list, meta, log, room, d, text, head, ',"ts":' .. ts .. '}', name, channel)
