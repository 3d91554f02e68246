-- change_rules.lua changes the rules of a room and notifies every node: Store.ChangeRules. It follows lib_room.lua.
-- KEYS: rules, meta.
-- ARGV: channel; a random name; the version of rules that are restored, '' for a change; the time in ms. Then the
--   event's body; how many fields are set; these fields, each with its value; then the fields that go.
-- It writes all keys. Measures that are over go where there would be too many.
-- It returns the head of the payload that it published, a line as codec.AppendEvent writes it. It returns 0 where there
--   would be too many measures still: then it writes nothing else. Rules are restored by adding them to those that are
--   there, under a version that is newer than both. They are not added to rules that are newer or the same: then it
--   returns nil.
local rules, meta = KEYS[1], KEYS[2]
local channel, random, restored, now, body = unpack(ARGV, 1, 5)
local sets = 6 + 2 * ARGV[6] -- ARGV[sets + 1] is the first field that goes

local old = call('HGET', rules, 'v') or ''
if restored ~= '' and (restored == old or generation(restored) < generation(old)) then return nil end
local version = named(random, old, restored)

local more = 0
for i = 7, sets, 2 do more = more + 1 - call('HEXISTS', rules, ARGV[i]) end
if more > 0 and call('HLEN', rules) + more > rulesKept then
  local all = call('HGETALL', rules)
  for i = 1, #all, 2 do
    local ends = all[i]:sub(2, 2) == ':' and all[i]:sub(1, 1) ~= 'o' and tonumber(all[i + 1]:match('^%d+'))
    if ends and ends <= tonumber(now) then call('HDEL', rules, all[i]) end
  end
  if restored == '' and call('HLEN', rules) + more > rulesKept then return 0 end
end

for i = 7, sets, 2 do call('HSET', rules, ARGV[i], ARGV[i + 1]) end
for i = sets + 1, #ARGV do call('HDEL', rules, ARGV[i]) end
call('HSET', rules, 'v', version)
call('PEXPIRE', rules, rulesLife)
call('HSET', meta, 'x', version)
if call('PTTL', meta) < 0 then call('PEXPIRE', meta, metaLife) end

local head = 'x2 ' .. (old == '' and '-' or old) .. ' ' .. version
call(command, channel, head .. '\n' .. body)
return head
