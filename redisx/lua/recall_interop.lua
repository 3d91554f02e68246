-- recall_interop.lua is recall.lua beside original FastIM nodes: the message leaves the list, and its text goes to the
-- channel that those nodes do not know. Where there are several of the user's at that ts, all leave, as on an original
-- node. It follows lib_room_interop.lua and lib_find.lua.
-- KEYS: history, meta, the messages that were taken back lately.
-- ARGV: channel; head, tail, head and tail of the two forms that the message can have.
-- It returns an entry, or nil where there is no such message, and was none lately. A repeated recall is published
-- again.
local list, meta, lately = KEYS[1], KEYS[2], KEYS[3]
local channel = ARGV[1]

local function look(key)
  local d = find(key, call('LLEN', key), ARGV[2], ARGV[3], ARGV[4], ARGV[5])
  return d and call('LINDEX', key, -d)
end

local answer
for text in look, list do
  call('LREM', list, -1, text)
  call('RPUSH', lately, text)
  call(command, channel, text)
  answer = text
end
if answer then
  call('LTRIM', lately, -recallsKept, -1)
  call('EXPIRE', lately, 2 * idsBucket)
else
  answer = look(lately)
  if not answer then return nil end
  call(command, channel, answer)
end
forget(list, meta)
return answer
