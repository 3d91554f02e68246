-- range.lua returns messages by their index, as LRANGE has it in a list without tombstones: Store.Range. It follows
-- a lib_room.
-- KEYS: history, meta.
-- ARGV: a random name for a new epoch; the first and the last index.
-- It writes nothing but a new epoch.
-- It returns the entries from the first to the last message, and the tombstones between them; of many bytes the first
--   ones, up to answerBytes.
local list, meta = KEYS[1], KEYS[2]
local random, first, last = ARGV[1], ARGV[2], ARGV[3]

local len = call('LLEN', list)
local room = stand(list, meta, random, '', 0, '')
rest(meta, room)
if room.began then begin(meta, room) end
if room.r > room.s - len then
  -- place is the index in the list of the message that i means, outside the list where it has too few. It looks as
  -- deep from the end that i counts from as it must. LPOS looks for tombstones, because an entry handed to Lua costs
  -- twenty times as much (30 and 570 ns an entry of 115 bytes, measured on 2 cores).
  local function place(i)
    local rank, n = 1, i
    if i < 0 then rank, n = -1, -1 - i end
    n = math.min(n, len)
    local depth, at = n + 64
    repeat
      depth = 2 * depth
      at = call('LPOS', list, gone, 'RANK', rank, 'COUNT', 0, 'MAXLEN', depth)
    until depth - #at > n or depth >= len
    for _, p in ipairs(at) do
      if i < 0 then p = len - 1 - p end
      if p > n then break end
      n = n + 1
    end
    return i < 0 and len - 1 - n or n
  end
  first, last = math.max(place(tonumber(first)), 0), place(tonumber(last))
  if last < 0 then return {} end
end
local texts, bytes = {}, answerBytes
first, last = tonumber(first), tonumber(last)
if first < 0 then first = math.max(len + first, 0) end
if last < 0 then last = len + last end
last = math.min(last, len - 1)
while first <= last do
  for _, text in ipairs(call('LRANGE', list, first, math.min(first + 31, last))) do
    bytes = bytes - #text
    if bytes < 0 and #texts > 0 then return texts end
    texts[#texts + 1] = text
  end
  first = first + 32
end
return texts
