-- check_token.lua compares a user's token and may prolong its life: Store.CheckToken and CheckTokens.
-- KEYS: token.
-- ARGV: the token, the same quoted; its life in ms; how little of it may be left, in ms, before it begins anew, -1 for
--   never. Without that bound nodes that check in turn would write each time, and every write makes all nodes read
--   again.
-- It returns 1 for the right token, else 0.
local key = KEYS[1]
local plain, quoted, life, least = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])

local token = redis.call('GET', key)
if token ~= plain and token ~= quoted then return 0 end
if redis.call('PTTL', key) < least then redis.call('PEXPIRE', key, life) end
return 1
