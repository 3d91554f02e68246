-- write_log.lua appends an entry to a room's log of moderation: Store.WriteLog.
-- KEYS: the log.
-- ARGV: the entry; how many are kept; the log's life in ms.
-- It returns nothing.
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], -ARGV[2], -1)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
