-- page.lua returns messages by number, and the tombstones between them: Store.Page. It follows a lib_room and
-- lib_page.lua.
-- KEYS: history, meta.
-- ARGV: a random name for a new epoch; the number that the page ends before, 0 for none. Then the number that it begins
--   behind; how many entries at most.
-- It writes nothing but a new epoch.
-- It returns a page: epoch, newest number, total, rev, tip, the number of the first entry, {entries, the oldest first}.
local list, meta = KEYS[1], KEYS[2]
local random = ARGV[1]
local before, after, limit = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

local len = call('LLEN', list)
local room = stand(list, meta, random, '', 0, '')
if room.began then begin(meta, room) end
local far, near = math.min(len, room.s - after), 1 -- distances from the end, 1 for the newest
if before > 0 then near = math.max(1, room.s - before + 2) end
-- A page has the newest of the wanted messages where it ends before a number, else the oldest.
local texts = {}
if before > 0 then
  local back = entries(list, near, math.min(far, near + limit - 1), 1)
  for i = #back, 1, -1 do texts[#texts + 1] = back[i] end
  far = near + #back - 1
else
  texts = entries(list, far, math.max(near, far - limit + 1), -1)
end
return {room.e, room.s, len == 0 and 0 or room.s - room.b, room.v, room.t, room.s - far + 1, texts}
