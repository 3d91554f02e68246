-- read_rules.lua returns a room's rules: Store.Rules. It follows lib_room.lua.
-- KEYS: rules, meta.
-- ARGV: channel; for how many seconds rules that were lost are waited for.
-- It writes the version of the rules to meta, where another one stands there and the rules were not lost just now.
-- It returns the fields and values of the rules, and where the room was cleared. It returns 'lost' where a node that
--   knows them may bring them back. It asks all nodes for them then, and no batch that was judged without them is
--   taken meanwhile.
local rules, meta = KEYS[1], KEYS[2]

local all, m = call('HGETALL', rules), call('HMGET', meta, 'x', 'e', 'c', 'y')
local version, noted, lostAt = call('HGET', rules, 'v'), m[1], m[4]
if not version and noted then
  local now = tonumber(call('TIME')[1])
  lostAt = tonumber(lostAt or now)
  if now >= lostAt and now - lostAt < tonumber(ARGV[2]) then
    call('HSET', meta, 'y', lostAt)
    call(command, ARGV[1], 'x2 - 0-lost\n{}')
    return 'lost'
  end
  call('HDEL', meta, 'x', 'y')
elseif version ~= noted or lostAt then
  call('HSET', meta, 'x', version)
  call('HDEL', meta, 'y')
  if call('PTTL', meta) < 0 then call('PEXPIRE', meta, metaLife) end
end
if m[2] and tonumber(m[3] or 0) > 0 then
  all[#all + 1] = 'clear'
  all[#all + 1] = m[2] .. ' ' .. m[3]
end
return all
