-- lib_room.lua is joined in front of the scripts about rooms that Barrage counts. doc.go has the fields of meta.
-- Numbers leave Lua through %.0f, because its own form loses digits after the fourteenth.

-- gone stands in a history in the place of a recalled message.
local gone = '{"recalled":true}'

-- generation is the number that the name of an epoch begins with. Names without one have 0.
local function generation(epoch)
  return tonumber(epoch:match('^(%d+)%-')) or 0
end

-- named makes the name of an epoch that comes after two others.
local function named(random, one, other)
  return string.format('%.0f-%s', math.max(generation(one), generation(other)) + 1, random)
end

-- stand reads where a room stands and writes nothing. The table has the fields of meta, but o, r and l: see rest.
-- It begins a new epoch where the count is missing but the list is there, where the list is not as long as its last
-- own writer left it, and where the store has gone back: it has less than the node knows. Then began is true, and the
-- caller must call begin. e is '' for a room without both.
local function stand(list, meta, random, knownEpoch, knownRev, knownTip)
  local m = redis.call('HMGET', meta, 'e', 's', 'b', 'v', 't', 'ub', 'ib', 'n')
  local len = redis.call('LLEN', list)
  local room = {
    e = m[1] or '', s = tonumber(m[2]), b = tonumber(m[3]), v = tonumber(m[4]) or 0, t = m[5] or '',
    ub = m[6], ib = m[7], len = len, began = false,
  }
  local old, n = room.e, tonumber(m[8] or nil)
  local counted = m[1] and room.s and room.b
  if counted and n and n ~= len and len > 0 then -- an original FastIM node wrote to it
    room.s = room.s + math.max(len - n, 0)
    local last = redis.call('LPOS', list, gone, 'RANK', -1)
    room.r = last and room.s - len + last + 1 or 0
    room.began = true
  elseif not counted then
    room.e, room.s, room.b, room.v, room.t, room.o, room.r = '', len, 0, 0, '', len, 0
    room.ub, room.ib, room.began = false, false, len > 0
    if room.began then -- the list of an original FastIM server, or the count was lost
      room.r = (redis.call('LPOS', list, gone, 'RANK', -1) or -1) + 1
      room.ub, room.ib = '-', '-'
    end
  elseif knownEpoch == old then
    room.began = knownRev > room.v or knownRev == room.v and knownTip ~= room.t and knownTip ~= '' and room.t ~= ''
  elseif knownEpoch ~= '' then
    room.began = generation(knownEpoch) > generation(old)
  end
  if room.began then
    room.e, room.v, room.t, room.o = named(random, old, knownEpoch), 0, '', room.s
  end
  return room
end

-- rest reads the fields of meta that publish.lua does not need.
local function rest(meta, room)
  local m = redis.call('HMGET', meta, 'o', 'r', 'l')
  room.o, room.r, room.l = room.o or tonumber(m[1]) or 0, room.r or tonumber(m[2]) or 0, tonumber(m[3]) or 0
end

-- begin writes the epoch that stand began. life is that of meta in ms.
local function begin(meta, room, life)
  redis.call('HSET', meta, 'e', room.e, 's', string.format('%.0f', room.s), 'b', string.format('%.0f', room.b),
    'v', '0', 't', '', 'o', string.format('%.0f', room.o), 'n', string.format('%.0f', room.len))
  if room.r then redis.call('HSET', meta, 'r', string.format('%.0f', room.r)) end
  if room.ub == '-' then
    redis.call('HSET', meta, 'ub', '-', 'ib', '-')
  end
  redis.call('PEXPIRE', meta, life)
end
