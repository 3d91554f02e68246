-- lib_held.lua is joined in front of the scripts about messages that wait for a moderator. Their list has an entry for
-- each, oldest first, as codec.HeldEntry writes it: '<at> <id> <why> <message>', at in ms.

local time = call('TIME')
local heldNow = time[1] * 1000 + math.floor(time[2] / 1000)

-- waiting returns the entries that still wait, and how many others stand in front of them.
local function waiting(key)
  local all, live = call('LRANGE', key, 0, -1), {}
  for _, entry in ipairs(all) do
    if tonumber(entry:match('^%d+')) + heldLife > heldNow then live[#live + 1] = entry end
  end
  return live, #all - #live
end

-- idOf is the id of an entry.
local function idOf(entry) return entry:match('^%d+ (%S+)') end

-- leaves takes an entry off the list and notifies every node of the state that it leaves in.
local function leaves(key, channel, entry, state)
  call('LREM', key, 1, entry)
  call(command, channel, 'h1 ' .. state .. '\n' .. entry)
end

-- find returns the entry with an id, nil where none waits.
local function find(key, id)
  for _, entry in ipairs((waiting(key))) do
    if idOf(entry) == id then return entry end
  end
end
