-- hold.lua has messages wait for a moderator and tells every node: Store.Hold. It follows lib_held.lua.
-- KEYS: held messages, history, for its slot.
-- ARGV: channel; how many are kept of a room, and of one user; how many bytes; how many bytes of an id are its user's;
--   then the id, the reason and the text of each message.
-- What has waited for its time goes. Where there are too many the oldest go, and every node is told.
-- It returns how many were dropped so.
local key, channel = KEYS[1], ARGV[1]
local kept, ofUser, mostBytes, userBytes = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local live, over = waiting(key)
local there, bytes, dropped = {}, 0, 0
for _, entry in ipairs(live) do
  there[idOf(entry)] = true
  bytes = bytes + #entry
end
if over > 0 then call('LTRIM', key, over, -1) end

-- drop takes the entry at a place out.
local function drop(place)
  local entry = table.remove(live, place)
  leaves(key, channel, entry, 'dropped')
  bytes, dropped = bytes - #entry, dropped + 1
end

for i = 6, #ARGV, 3 do
  local id = ARGV[i]
  if not there[id] then
    local entry = string.format('%d', heldNow) .. ' ' .. id .. ' ' .. ARGV[i + 1] .. ' ' .. ARGV[i + 2]
    call('RPUSH', key, entry)
    there[id] = true
    live[#live + 1] = entry
    bytes = bytes + #entry
    call(command, channel, 'h1 waiting\n' .. entry)
    local first, own = nil, 0
    for place, other in ipairs(live) do
      if idOf(other):sub(1, userBytes) == id:sub(1, userBytes) then
        first, own = first or place, own + 1
      end
    end
    if own > ofUser then drop(first) end
    while #live > 1 and (#live > kept or bytes > mostBytes) do drop(1) end
  end
end
if #live > 0 then call('PEXPIRE', key, string.format('%d', heldLife)) end
return dropped
