-- range.lua finds messages by their index, as LRANGE has it in a list without tombstones: Store.Range. It follows a
-- lib_room and lib_page.lua.
-- KEYS: history, meta.
-- ARGV: a random name for a new epoch; the first and the last index; how many entries at most.
-- It writes nothing but a new epoch.
-- It returns the page that begins with the first one: epoch, newest number, total, rev, tip, number of the first entry,
--   {entries, the oldest first}. Then the number of the last message: page.lua reads what does not fit.
local list, meta = KEYS[1], KEYS[2]
local random, first, last, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

local len = call('LLEN', list)
local room = stand(list, meta, random, '', 0, '')
rest(meta, room)
if room.began then begin(meta, room) end
if room.r > room.s - len then
  -- place is the index in the list of the message that i means, outside the list where it has too few. It looks as
  -- deep from the end that i counts from as it must. LPOS looks for tombstones, to save time. An entry handed to Lua
  -- costs twenty times as much (30 and 570 ns an entry of 115 bytes, measured on 2 cores).
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
  first, last = place(first), place(last)
else
  if first < 0 then first = len + first end
  if last < 0 then last = len + last end
end
first, last = math.max(first, 0), math.min(last, len - 1)
local total = len == 0 and 0 or room.s - room.b
local texts = entries(list, len - first, math.max(len - last, len - first - limit + 1), -1)
return {room.e, room.s, total, room.v, room.t, room.s - len + first + 1, texts, room.s - len + last + 1}
