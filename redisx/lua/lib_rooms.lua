-- lib_rooms.lua is joined in front of the scripts about a user's rooms.

-- prolong begins the life of the rooms anew where less than least of it is left, where they have none, and where they
-- have more. A life of 0 is for ever. All are in ms. Without least every use would be a write, and every write makes
-- the nodes read again.
local function prolong(rooms, life, least)
  local left = redis.call('PTTL', rooms)
  if life == '0' then
    if left >= 0 then redis.call('PERSIST', rooms) end
  elseif left ~= -2 and (left < tonumber(least) or left > tonumber(life)) then
    redis.call('PEXPIRE', rooms, life)
  end
end
