-- read.lua returns what a node lacks of a room: Store.Read. It follows lib_room.lua and lib_log.lua.
-- KEYS: history, meta, log of recalls.
-- ARGV: a random name for a new epoch; the epoch, rev, tip and number that the node knows. Then how many of the newest
--   messages it wants; how many it takes at most.
-- It writes nothing but a new epoch.
-- It returns a list: epoch, newest number, total, rev, tip, number at the epoch's begin, the epoch before or ''. Then
--   number up to which it was cleared, 1 where recalls were forgotten that the node does not know and else 0,
--   {recalls}, {texts}. The last text has the newest number, and none is left out between.
local list, meta, log = KEYS[1], KEYS[2], KEYS[3]
local random = ARGV[1]
local knownEpoch, knownRev, knownTip, knownSeq = ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local newest, most = tonumber(ARGV[6]), tonumber(ARGV[7])

local len = call('LLEN', list)
local room = stand(list, meta, random, knownEpoch, knownRev, knownTip)
rest(meta, room)
if room.began then begin(meta, room) end

-- All that came behind knownSeq is wanted, and as many of the newest messages as wanted says.
local wanted, behind, recalls = newest, 0, {}
if knownEpoch == room.e then
  behind = math.min(len, math.max(0, room.s - knownSeq))
elseif knownEpoch ~= '' then
  wanted = most
end

-- A node that comes from another epoch, or from nowhere, gets all recalls. Some were forgotten where there is
-- none that the node knows, or that follows what it knows, and there were more than the log has.
local ofEpoch, ofRev, _, all = logged(room)
local changes = knownEpoch == room.e and math.min(recallsKept, room.v - knownRev) or recallsKept
local met, entries = false, changes > 0 and call('LRANGE', log, -changes, -1) or {}
for _, payload in ipairs(entries) do
  local epoch, rev = payload:match('^%w+ (%S+) %d+ %d+ (%d+) ')
  rev = tonumber(rev)
  local had = epoch == knownEpoch and rev <= knownRev or generation(epoch) < generation(knownEpoch)
  met = met or had or epoch == knownEpoch and rev == knownRev + 1
  if knownEpoch ~= room.e or not had then recalls[#recalls + 1] = payload end
end
local lacks = knownEpoch ~= room.e or ofEpoch == room.e and ofRev > knownRev
local forgot = lacks and not met and call('LLEN', log) < (all or #entries + (#entries == recallsKept and 1 or 0)) and 1 or 0

local texts = {}
if room.r <= room.s - len then -- The list has no tombstone.
  local far = math.min(len, most, math.max(wanted, behind))
  if far > 0 then texts = call('LRANGE', list, -far, -1) end
else
  local back, messages, d = {}, 0, 0 -- back: the newest first
  while d < len and messages < most and (d < behind or messages < wanted) do
    local far = math.min(len, d + 256)
    local c = call('LRANGE', list, -far, -d - 1)
    for i = #c, 1, -1 do
      if messages >= most or not (d < behind or messages < wanted) then break end
      d = d + 1
      back[d] = c[i]
      if c[i] ~= gone then messages = messages + 1 end
    end
  end
  for i = d, 1, -1 do texts[#texts + 1] = back[i] end
end
return {room.e, room.s, len == 0 and 0 or room.s - room.b, room.v, room.t, room.o, room.p, room.c, forgot, recalls, texts}
