-- check_token.lua compares a user's token and may prolong its life: Store.CheckToken and CheckTokens. It stands behind
-- lib_tokens.lua.
-- KEYS: token; the tokens before it, if there is a key for them.
-- ARGV: the token, the same quoted; its life in ms; how little of it may be left, in ms, before it begins anew, -1:
--   never. Then how many tokens a user may have. Without the bound on what is left nodes that check in turn would write
--   each time, and every write makes all nodes read again.
-- It returns a chat.TokenState: 1 for a token that counts, 2 for one that was replaced. For any other one it is 4 where
--   the user has a token and may have no more, else 0.
local key, before = KEYS[1], KEYS[2]
local text, quoted, life, least, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])

local token = read(key)
if token == text or token == quoted then
  if redis.call('PTTL', key) < least then redis.call('PEXPIRE', key, life) end
  return 1
end
local none = token and most == 1 and 4 or 0
if not before then return none end
local tokens, ends = earlier(before)
for i = 1, #tokens do
  if tokens[i] == text then
    if i >= most then return 2 end
    if ends[i] - now < least then
      ends[i] = now + tonumber(life)
      keep(before, tokens, ends)
    end
    return 1
  end
end
return none
