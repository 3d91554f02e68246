-- lib_forget.lua is joined in front of the scripts that write beside original FastIM nodes.

-- forget throws the count of an earlier time away, with the tombstones that were made for its sake, and gives the
-- messages of that time the form that original nodes take.
local function forget(list, meta)
  if redis.call('HDEL', meta, 'e', 's', 'b', 'v', 't', 'o', 'r', 'n', 'ub', 'ib') == 0 then return end
  redis.call('LREM', list, 0, '{"recalled":true}')
  for far = redis.call('LLEN', list), 1, -256 do
    for i, text in ipairs(redis.call('LRANGE', list, -far, -math.max(far - 255, 1))) do
      if text:byte(1) == 123 then -- a brace: it has no quotes around it
        redis.call('LSET', list, i - 1 - far, '"' .. text:gsub('[\\"]', '\\%0') .. '"')
      end
    end
  end
end
