-- read_log.lua reads entries of a room's log of moderation: Store.ReadLog.
-- KEYS: the log.
-- ARGV: how many; the beginning of the JSON of an entry: older ones are wanted; '' for the newest.
-- It writes nothing. It returns the entries, the newest first; none where there is no such entry.
local most, begin = tonumber(ARGV[1]), ARGV[2]
if begin == '' then begin = nil end
local all = call('LRANGE', KEYS[1], begin and 0 or -most, -1)
local last = #all
if begin then
  while last > 0 and all[last]:sub(1, #begin) ~= begin do last = last - 1 end
  last = last - 1
end
local entries = {}
for i = last, math.max(1, last - most + 1), -1 do entries[#entries + 1] = all[i] end
return entries
