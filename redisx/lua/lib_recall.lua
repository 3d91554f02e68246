-- lib_recall.lua is joined in front of recall.lua, recall_seq.lua and purge.lua.

-- cut returns the JSON string that begins at a place in text, with its quotes, and the place behind it.
local function cut(text, at)
  local from = at + 1
  while text:byte(at) == 34 do
    local i = text:find('["\\]', from)
    if not i then return nil end
    if text:byte(i) == 34 then return text:sub(at, i), i + 1 end
    from = i + 2
  end
end

-- x is the field x of a husk: the id of the stored message, '' where it has none. See codec.SendKey.
local function x(text)
  local _, at = text:find(',"x":{', 1, true)
  if not at then return '' end
  at = at + 1
  if text:sub(at, at + 6) == '"kind":' then
    _, at = cut(text, at + 7)
    if not at then return '' end
    if text:sub(at, at) == ',' then at = at + 1 end
  end
  local id = text:sub(at, at + 4) == '"id":' and cut(text, at + 5)
  return id and ',"x":{"id":' .. id .. '}' or ''
end

-- headOf is the beginning of a message up to its info, nil where its fields stand otherwise.
local function headOf(text)
  if text:byte(1) == 34 then text = cjson.decode(text) end
  if text:sub(1, 11) ~= '{"groupId":' then return nil end
  local _, at = cut(text, 12)
  if not at or text:sub(at, at + 9) ~= ',"userId":' then return nil end
  _, at = cut(text, at + 10)
  return at and text:sub(1, at)
end

-- change counts, logs and publishes a recall or a purge, and returns the payload, as codec.AppendEvent writes it. There
-- head is its first word, seq its number, name its name. Meta has the newest one, and how many there ever were, see
-- lib_log.lua.
local function change(meta, log, room, channel, head, seq, name, body)
  local rev = whole(room.v + 1)
  local payload = string.format('%s %s %d %d %s %s %s\n', head, room.e, seq, room.s - room.b, rev,
    room.t == '' and '-' or room.t, name) .. body
  local all = tonumber(room.k:match(' (%d+)$')) or call('LLEN', log)
  call('HSET', meta, 'v', rev, 't', name, 'r', whole(room.r),
    'k', room.e .. ' ' .. rev .. ' ' .. name .. ' ' .. whole(all + 1))
  call('RPUSH', log, payload)
  call('LTRIM', log, -recallsKept, -1)
  call('PEXPIRE', log, metaLife)
  call(command, channel, payload)
  return payload
end

-- takeOut puts a tombstone in the place of the entry at distance d, so that the others keep their numbers. It logs
-- and publishes the recall, and returns the payload, with a codec.Husk. There head is the beginning of the message up
-- to its info, tail the end that has its ts, name the recall's name.
local function takeOut(list, meta, log, room, d, text, head, tail, name, channel)
  if text:byte(1) == 34 then text = cjson.decode(text) end -- an original FastIM node wrote it
  local seq = room.s - d + 1
  call('LSET', list, -d, gone)
  room.r = math.max(room.r, seq)
  return change(meta, log, room, channel, 'r2', seq, name, head .. '"info":""' .. x(text) .. tail)
end

-- found is the newest recall in the log that fits: its epoch, number, total, name and husk; nil where there is none.
local function found(log, fits)
  local all = call('LRANGE', log, 0, -1)
  for i = #all, 1, -1 do
    local epoch, seq, total, name, husk = all[i]:match('^r2 (%S+) (%d+) (%d+) %d+ %S+ (%S+)\n(.*)$')
    if epoch and fits(epoch, seq, husk) then return epoch, seq, total, name, husk end
  end
end

-- repeated publishes a logged recall again: its rev is 0, because it changes nothing.
local function repeated(channel, epoch, seq, total, name, husk)
  local payload = string.format('r2 %s %s %s 0 - %s\n', epoch, seq, total, name) .. husk
  call(command, channel, payload)
  return payload
end
