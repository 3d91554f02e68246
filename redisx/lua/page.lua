-- page.lua returns messages by number, and the tombstones between them: Store.Page. It follows a lib_room.
-- KEYS: history, meta.
-- ARGV: a random name for a new epoch; the number that the page ends before, 0 for none; the
--   number that it begins behind; how many entries at most.
-- It writes nothing but a new epoch.
-- It returns a page: epoch, newest number, total, rev, tip, then number and text of each entry, the oldest first.
local list, meta = KEYS[1], KEYS[2]
local random = ARGV[1]
local before, after, limit = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

-- reversed is a page with its entries in the other order.
local function reversed(page)
  local back = {unpack(page, 1, 5)}
  for i = #page - 1, 6, -2 do
    back[#back + 1] = page[i]
    back[#back + 1] = page[i + 1]
  end
  return back
end

local len = call('LLEN', list)
local room = stand(list, meta, random, '', 0, '')
if room.began then begin(meta, room) end
local page = {room.e, room.s, len == 0 and 0 or room.s - room.b, room.v, room.t}
local far, near = math.min(len, room.s - after), 1 -- distances from the end, 1 for the newest
if before > 0 then near = math.max(1, room.s - before + 2) end
if far - near + 1 > limit then
  if before > 0 then far = near + limit - 1 else near = far - limit + 1 end
end
-- Of what is left a page has no more than pageBytes, but one entry at least: of the newest where it ends before a
-- number, else of the oldest.
local bytes, first, last = pageBytes, before > 0 and near or far, before > 0 and far or near
local step = first <= last and 1 or -1
while near <= far and (last - first) * step >= 0 do
  local upTo = first + 31 * step
  if (last - upTo) * step < 0 then upTo = last end
  local high = math.max(first, upTo)
  local texts = call('LRANGE', list, -high, -math.min(first, upTo))
  for d = first, upTo, step do
    local text = texts[high - d + 1]
    bytes = bytes - #text
    if bytes < 0 and #page > 5 then
      return before > 0 and reversed(page) or page
    end
    page[#page + 1] = room.s - d + 1
    page[#page + 1] = text
  end
  first = upTo + step
end
return before > 0 and reversed(page) or page
