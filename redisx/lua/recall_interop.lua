-- recall_interop.lua is recall.lua beside original FastIM nodes: the message leaves the list, and its text goes to the
-- channel that those nodes do not know. It follows lib_room_interop.lua and lib_find.lua.
-- KEYS: history, meta, what was taken back lately.
-- ARGV: channel; head, tail, head and tail of the two forms that the message can have.
-- It returns the entry, or nil where there is no such message, and was none lately. A repeated recall is told again.
local list, meta, lately = KEYS[1], KEYS[2], KEYS[3]
local channel = ARGV[1]

local function look(key)
  local d = find(key, call('LLEN', key), ARGV[2], ARGV[3], ARGV[4], ARGV[5])
  return d and call('LINDEX', key, -d)
end

local text = look(list)
if text then
  call('LREM', list, -1, text)
  call('RPUSH', lately, text)
  call('LTRIM', lately, -recallsKept, -1)
  call('EXPIRE', lately, 2 * idsBucket)
else
  text = look(lately)
end
if not text then return nil end
call(command, channel, text)
forget(list, meta)
return text
