-- allowed.lua tries the commands that other scripts and the node use: Diagnose. It changes nothing that lasts.
-- KEYS: a key that is not there, which all the commands are tried on.
-- ARGV: channels to publish on; none where only what changes nothing is tried.
-- It returns what Redis refused, as "COMMAND: why".
local key, refused = KEYS[1], {}
local function try(...)
  local r = redis.pcall(...)
  local why = type(r) == 'table' and r.err
  if why and (why:find('NOPERM') or why:find("can't") or why:find('permission')) then
    refused[#refused + 1] = select(1, ...) .. ': ' .. why
  end
end
try('GET', key)
try('EXISTS', key)
try('SMEMBERS', key)
try('SISMEMBER', key, '')
try('SMISMEMBER', key, '')
try('SCARD', key)
try('PTTL', key)
try('PERSIST', key)
try('SET', key, '', 'XX')
if #ARGV > 0 then
  try('TIME')
  try('HSET', key, 'f', '1')
  try('EXPIRE', key, 10)
  try('PEXPIRE', key, 10000)
  try('HSETNX', key, 'f', '1')
  try('HGET', key, 'f')
  try('HMGET', key, 'f')
  try('HGETALL', key)
  try('HVALS', key)
  try('HLEN', key)
  try('HEXISTS', key, 'f')
  try('HINCRBY', key, 'f', 1)
  try('MEMORY', 'USAGE', key)
  try('HDEL', key, 'f')
  try('RPUSH', key, 'a')
  try('LLEN', key)
  try('LRANGE', key, 0, 0)
  try('LINDEX', key, 0)
  try('LPOS', key, 'a')
  try('LSET', key, 0, 'b')
  try('LTRIM', key, 0, 0)
  try('LREM', key, 0, 'b')
  try('ZADD', key, 1, 'm')
  try('ZSCORE', key, 'm')
  try('ZCOUNT', key, 0, 1)
  try('ZRANGE', key, 0, 0)
  try('ZRANGEBYSCORE', key, 0, 1)
  try('ZREMRANGEBYSCORE', key, 2, 3)
  try('ZREM', key, 'm')
  try('SADD', key, 'm')
  for _, channel in ipairs(ARGV) do
    try('PUBLISH', channel, '')
  end
end
try('DEL', key)
return refused
