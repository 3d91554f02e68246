-- lib_tokens.lua reads and writes the tokens that a user had before the newest: a line each, newest first, as
-- "<Unix ms of its end> <token>". The first ones count, as many as are allowed beside the newest. The others were
-- replaced, and are remembered so that a client that shows one receives that as the reason.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- plain is a token as original FastIM nodes do not write it: without quotes.
local function plain(token)
  if #token >= 2 and token:sub(1, 1) == '"' and token:sub(-1) == '"' then
    local ok, text = pcall(cjson.decode, token)
    if ok and type(text) == 'string' then return text end
  end
  return token
end

-- read is the value at key; nothing where it has the wrong type.
local function read(key)
  local value = redis.pcall('GET', key)
  return type(value) == 'string' and value or false
end

-- earlier returns the tokens at key and their ends, those whose life is over left out.
local function earlier(key)
  local tokens, ends = {}, {}
  for line in (read(key) or ''):gmatch('[^\n]+') do
    local over, token = line:match('^(%d+) (.+)$')
    if token and tonumber(over) > now then
      tokens[#tokens + 1], ends[#ends + 1] = token, tonumber(over)
    end
  end
  return tokens, ends
end

local function keep(key, tokens, ends)
  local lines, last = {}, 0
  for i = 1, #tokens do
    lines[i] = string.format('%.0f %s', ends[i], tokens[i])
    last = math.max(last, ends[i])
  end
  if #lines > 0 then
    redis.call('SET', key, table.concat(lines, '\n'), 'PXAT', string.format('%.0f', last))
  else
    redis.call('DEL', key)
  end
end

