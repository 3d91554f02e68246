-- lib_forget.lua is joined in front of the scripts that write beside original FastIM nodes.

-- forget throws the count of an earlier time away, with the tombstones that were made for its sake.
local function forget(list, meta)
  if redis.call('HDEL', meta, 'e', 's', 'b', 'v', 't', 'o', 'r', 'ub', 'ib') > 0 then
    redis.call('LREM', list, 0, '{"recalled":true}')
  end
end
