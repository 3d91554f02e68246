-- deny.lua takes a message away that waits for a moderator, and notifies every node: Store.Deny. It follows
-- lib_held.lua.
-- KEYS: held messages, history, for its slot.
-- ARGV: channel; the id.
-- It returns its entry, nil where none waits.
local entry = find(KEYS[1], ARGV[2])
if entry then leaves(KEYS[1], ARGV[1], entry, 'denied') end
return entry
