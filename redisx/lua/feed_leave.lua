-- feed_leave.lua ends a node's lease of a roster: Store.LeaveFeeds.
-- KEYS: the lease.
-- ARGV: node.
-- It returns nothing.
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
