-- before.lua returns the messages before one: Store.Before. It follows a lib_room and lib_find.lua.
-- KEYS: history, meta.
-- ARGV: a random name for a new epoch; how many messages; head, tail, head and tail of the two
--   forms that the message can have.
-- It writes nothing but a new epoch.
-- It returns the messages, the newest first, without tombstones; nil where it finds no such message.
local list, meta = KEYS[1], KEYS[2]
local random, count = ARGV[1], tonumber(ARGV[2])

local len = call('LLEN', list)
local room = stand(list, meta, random, '', 0, '')
if room.began then begin(meta, room) end
local d = find(list, len, ARGV[3], ARGV[4], ARGV[5], ARGV[6])
if not d then return false end
local texts, bytes, n = {}, pageBytes, 8 -- few at a time, see lib_page.lua; more where all are tombstones
while d < len and #texts < count do
  local far = math.min(d + n, len)
  local read = call('LRANGE', list, -far, -d - 1)
  local had = #texts
  for i = #read, 1, -1 do
    local text = read[i]
    if text ~= gone then
      bytes = bytes - #text
      if #texts == count or bytes < 0 and #texts > 0 then return texts end
      texts[#texts + 1] = text
    end
  end
  n = #texts == had and math.min(2 * n, 256) or 8
  d = far
end
return texts
