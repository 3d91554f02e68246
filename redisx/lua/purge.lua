-- purge.lua takes a user's newest messages out of the history: Store.Purge. It follows lib_room.lua and
-- lib_recall.lua.
-- KEYS: history, meta, log of recalls.
-- ARGV: a random name for a new epoch; the recalls' name; channel; the oldest ts that goes; the head of the user's
--   messages in both forms, the plain one first.
-- It returns the payloads that it published, those of the newest messages first; at most as many as the log keeps.
local list, meta, log = KEYS[1], KEYS[2], KEYS[3]
local random, name, channel = ARGV[1], ARGV[2], ARGV[3]
local since, head, quotedHead = tonumber(ARGV[4]), ARGV[5], ARGV[6]

local len = call('LLEN', list)
local room = stand(list, meta, random, '', 0, '')
rest(meta, room)
if room.began then begin(meta, room) end
local found = {} -- distance from the end, text, ts
for near = 1, len, 256 do
  local c = call('LRANGE', list, -math.min(near + 255, len), -near)
  for i = #c, 1, -1 do
    local text = c[i]
    if #found < recallsKept and (text:sub(1, #head) == head or text:sub(1, #quotedHead) == quotedHead) then
      local ts = text:match('"ts\\?":(%d+)}"?$')
      if ts and tonumber(ts) >= since then found[#found + 1] = {near + #c - i, text, ts} end
    end
  end
end
local payloads = {}
for i, f in ipairs(found) do
  payloads[i] = takeOut(list, meta, log, room, f[1], f[2], head, ',"ts":' .. f[3] .. '}', name .. i, channel)
  local rev, tip = room.v + 1, name .. i
  room.v, room.t = rev, tip
end
return payloads
