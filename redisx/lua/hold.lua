-- hold.lua has messages wait for a moderator and notifies every node: Store.Hold. It follows lib_held.lua.
-- KEYS: held messages, history, for its slot.
-- ARGV: channel; how many are kept of a room, and of one user; how many bytes; how many bytes of an id are its user's.
--   Then the id, the reason and the text of each message.
-- Messages that have waited for their time go. Where there are too many the oldest go of whoever has the most, in bytes
-- where it is these that are too many. Of two who have as many it is the one whose oldest is older. Every node is
-- notified.
-- It returns how many were dropped so.
local key, channel = KEYS[1], ARGV[1]
local kept, ofUser, mostBytes, userBytes = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local live, over = waiting(key)
local there, users, own, size, bytes, dropped = {}, {}, {}, {}, 0, 0
-- users: the user of each of live; own and size: how many of these a user has, and how many bytes

-- count adds an entry of a user, or takes it off where sign is -1.
local function count(user, entry, sign)
  own[user] = (own[user] or 0) + sign
  size[user] = (size[user] or 0) + sign * #entry
  bytes = bytes + sign * #entry
end

for place, entry in ipairs(live) do
  local id = idOf(entry)
  there[id] = true
  users[place] = id:sub(1, userBytes)
  count(users[place], entry, 1)
end
if over > 0 then call('LTRIM', key, over, -1) end

-- drop takes a user's oldest entry out.
local function drop(user)
  local place = 1
  while users[place] ~= user do place = place + 1 end
  local entry = table.remove(live, place)
  table.remove(users, place)
  leaves(key, channel, entry, 'dropped')
  count(user, entry, -1)
  dropped = dropped + 1
end

-- largest is the user who has the most of what is counted.
local function largest(counted)
  local first = users[1]
  for _, user in ipairs(users) do
    if counted[user] > counted[first] then first = user end
  end
  return first
end

for i = 6, #ARGV, 3 do
  local id = ARGV[i]
  if not there[id] then
    local user = id:sub(1, userBytes)
    local entry = string.format('%d', heldNow) .. ' ' .. id .. ' ' .. ARGV[i + 1] .. ' ' .. ARGV[i + 2]
    call('RPUSH', key, entry)
    there[id] = true
    live[#live + 1], users[#users + 1] = entry, user
    count(user, entry, 1)
    call(command, channel, 'h1 waiting\n' .. entry)
    if own[user] > ofUser then drop(user) end
    while #live > 1 and bytes > mostBytes do drop(largest(size)) end
    while #live > kept do drop(largest(own)) end
  end
end
if #live > 0 then call('PEXPIRE', key, string.format('%d', heldLife)) end
return dropped
