-- set_token.lua makes a token one of the user's: Store.SetToken. It stands behind lib_tokens.lua.
-- KEYS: token; the tokens before it, if there is a key for them.
-- ARGV: the token, as it is written; its life in ms; how many tokens a user may have; how many that were replaced are
--   remembered.
local key, before = KEYS[1], KEYS[2]
local token, life, most, replaced = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

if before then
  local last, left = read(key), redis.call('PTTL', key)
  local tokens, ends = earlier(before)
  if last and last ~= token then
    table.insert(tokens, 1, plain(last))
    table.insert(ends, 1, now + (left < 0 and tonumber(life) or left))
  end
  for i = #tokens, 1, -1 do
    if i >= most + replaced or tokens[i] == plain(token) then
      table.remove(tokens, i)
      table.remove(ends, i)
    end
  end
  keep(before, tokens, ends)
end
redis.call('SET', key, token, 'PX', life)
return 1
