-- read_rules.lua returns a room's rules: Store.Rules.
-- KEYS: rules, meta.
-- It writes the version of the rules to meta, where another one stands there: one of the two keys was lost.
-- It returns the fields and values of the rules.
local rules, meta = KEYS[1], KEYS[2]

local all = call('HGETALL', rules)
local version, noted = call('HGET', rules, 'v'), call('HGET', meta, 'x')
if version and version ~= noted then
  call('HSET', meta, 'x', version)
  if call('PTTL', meta) < 0 then call('PEXPIRE', meta, metaLife) end
elseif noted and not version then
  call('HDEL', meta, 'x')
end
return all
