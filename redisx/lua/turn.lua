-- turn.lua lets one node at a time do something: Store.TakeTurn.
-- KEYS: whose turn it is.
-- ARGV: the node, "" to look only; for how long it has the turn, in ms, 0 to give it back.
-- It returns whose turn it is now, "" where it is nobody's.
local key, node, life = KEYS[1], ARGV[1], ARGV[2]

local holder = redis.call('GET', key) or ''
if node == '' or holder ~= '' and holder ~= node then return holder end
if life ~= '0' then
  redis.call('SET', key, node, 'PX', life)
  return node
end
redis.call('DEL', key)
return ''
