-- page.lua returns messages by number, and the tombstones between them: Store.Page. It follows a lib_room.
-- KEYS: history, meta.
-- ARGV: a random name for a new epoch; the number that the page ends before, 0 for none; the
--   number that it begins behind; how many entries at most.
-- It writes nothing but a new epoch.
-- It returns a page: epoch, newest number, total, rev, tip, then number and text of each entry, the oldest first.
local list, meta = KEYS[1], KEYS[2]
local random = ARGV[1]
local before, after, limit = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

local len = call('LLEN', list)
local room = stand(list, meta, random, '', 0, '')
if room.began then begin(meta, room) end
local page = {room.e, room.s, len == 0 and 0 or room.s - room.b, room.v, room.t}
local far, near = math.min(len, room.s - after), 1 -- distances from the end, 1 for the newest
if before > 0 then near = math.max(1, room.s - before + 2) end
if far - near + 1 > limit then
  if before > 0 then far = near + limit - 1 else near = far - limit + 1 end
end
if near <= far then
  for i, text in ipairs(call('LRANGE', list, -far, -near)) do
    page[#page + 1] = room.s - far + i
    page[#page + 1] = text
  end
end
return page
