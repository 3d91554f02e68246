-- lib_rooms.lua is joined in front of the scripts about a user's rooms.

-- prolong begins the life of the rooms anew where less than least of it is left, or where they have none; life 0 is for
-- ever. Both are in ms. Without least every use would be a write, and every write makes the nodes read again.
local function prolong(rooms, life, least)
  if life ~= '0' and redis.call('PTTL', rooms) < tonumber(least) then redis.call('PEXPIRE', rooms, life) end
end
