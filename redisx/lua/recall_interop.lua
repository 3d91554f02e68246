-- recall_interop.lua is recall.lua beside original FastIM nodes: the message leaves the list, and its text goes to the
-- channel that those nodes do not know. It follows lib_room_interop.lua and lib_find.lua.
-- KEYS: history, meta.
-- ARGV: channel; head, tail, head and tail of the two forms that the message can have.
-- It returns the entry, or nil where there is no such message.
local list, meta = KEYS[1], KEYS[2]
local channel = ARGV[1]

local d = find(list, call('LLEN', list), ARGV[2], ARGV[3], ARGV[4], ARGV[5])
if not d then return nil end
local text = call('LINDEX', list, -d)
call('LREM', list, -1, text)
call(command, channel, text)
forget(list, meta)
return text
