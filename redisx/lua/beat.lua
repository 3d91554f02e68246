-- beat.lua keeps a node's beat, and forgets nodes that sent none for a life: Store.Beat, Store.Beats.
-- KEYS: the beat of each node, a hash; when it came, a zset.
-- ARGV: the life in ms; the node, "" to look only; the text of its beat, "" to be forgotten.
-- It returns the beats of all nodes; nothing to a node that sends one.
local says, times = KEYS[1], KEYS[2]
local life, node, text = tonumber(ARGV[1]), ARGV[2], ARGV[3]

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local dead = redis.call('ZRANGEBYSCORE', times, '-inf', now - life)
if node ~= '' and text == '' then dead[#dead + 1] = node end
for _, gone in ipairs(dead) do
  redis.call('ZREM', times, gone)
  redis.call('HDEL', says, gone)
end
if node == '' then return redis.call('HVALS', says) end
if text ~= '' then
  redis.call('ZADD', times, now, node)
  redis.call('HSET', says, node, text)
end
redis.call('PEXPIRE', times, life)
redis.call('PEXPIRE', says, life)
