-- notify.lua tells the nodes that have members of a room something that is no change: Store.Notify.
-- KEYS: history, for its slot.
-- ARGV: channel; payload.
-- It returns nothing.
call(command, ARGV[1], ARGV[2])
