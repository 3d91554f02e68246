-- lease.lua lets one node at a time send its clients away: Store.TakeLease.
-- KEYS: the node that has the lease.
-- ARGV: the node, "" to look only; for how long it has the lease, in ms, 0 to give it back.
-- It returns who has the lease now, "" where nobody has.
local key, node, life = KEYS[1], ARGV[1], ARGV[2]

local holder = redis.call('GET', key) or ''
if node == '' or holder ~= '' and holder ~= node then return holder end
if life ~= '0' then
  redis.call('SET', key, node, 'PX', life)
  return node
end
redis.call('DEL', key)
return ''
