-- recall_interop.lua is recall.lua beside original FastIM nodes: the message leaves the list, and its text goes to the
-- channel that those nodes do not know. It follows lib_find.lua and lib_forget.lua.
-- KEYS: history, meta.
-- ARGV: command to publish with; channel; head, tail, head and tail of the two forms that the message can have.
-- It returns the entry, or nil where there is no such message.
local list, meta = KEYS[1], KEYS[2]
local command, channel = ARGV[1], ARGV[2]

local d = find(list, redis.call('LLEN', list), ARGV[3], ARGV[4], ARGV[5], ARGV[6])
if not d then return nil end
local text = redis.call('LINDEX', list, -d)
redis.call('LREM', list, -1, text)
redis.call(command, channel, text)
forget(list, meta)
return text
