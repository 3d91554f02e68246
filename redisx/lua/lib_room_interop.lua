-- lib_room_interop.lua takes the place of lib_room.lua beside original FastIM nodes: nobody counts there, so the
-- number of a message is its place in the list.

-- stand looks at a room. While the count of an earlier time is there, see forget, the list may have its tombstones.
local function stand(list, meta)
  local len = call('LLEN', list)
  local known = call('HMGET', meta, 'l', 'e')
  local r = known[2] and len or 0
  return {e = 'fastim', s = len, b = 0, v = 0, t = '', o = 0, r = r, l = tonumber(known[1]) or 0, began = false}
end

local function rest() end

local function begin() end

-- forget throws the count of an earlier time away, with the tombstones that were made for its sake. It gives the
-- messages of that time the form that original nodes take.
local function forget(list, meta)
  if call('HDEL', meta, 'e', 's', 'b', 'v', 't', 'o', 'r', 'n', 'ub', 'ib') == 0 then return end
  call('LREM', list, 0, gone)
  for far = call('LLEN', list), 1, -256 do
    for i, text in ipairs(call('LRANGE', list, -far, -math.max(far - 255, 1))) do
      if text:byte(1) == 123 then -- a brace: it has no quotes around it
        call('LSET', list, i - 1 - far, '"' .. text:gsub('[\\"]', '\\%0') .. '"')
      end
    end
  end
end
