-- lib_room.lua is joined in front of the scripts about rooms that Barrage counts. doc.go has the fields of meta.

-- whole is the text of a whole number up to 2^53: Lua's own form loses digits after the fourteenth. It costs half of
-- what %.0f does.
local function whole(number)
  return string.format('%d', number)
end

-- generation is the number that the name of an epoch begins with. Names without one have 0.
local function generation(epoch)
  return tonumber(epoch:match('^(%d+)%-')) or 0
end

-- named makes the name of an epoch that comes after two others.
local function named(random, one, other)
  return whole(math.max(generation(one), generation(other)) + 1) .. '-' .. random
end

-- stand reads where a room stands and writes nothing. The table has the fields of meta, but those that rest reads.
-- It begins a new epoch where the count is missing but the list is there or the node knows an epoch. It does so as well
-- where the list is not as long as its last own writer left it. It does, too, where the store has gone back: it has
-- less than the node knows. Then began is true, and the caller must call begin. e is '' for a room without both that
-- the node does not know.
local function stand(list, meta, random, knownEpoch, knownRev, knownTip)
  local m = call('HMGET', meta, 'e', 's', 'b', 'v', 't', 'ub', 'ib', 'n', 'x')
  local len = call('LLEN', list)
  local room = {
    e = m[1] or '', s = tonumber(m[2]), b = tonumber(m[3]), v = tonumber(m[4]) or 0, t = m[5] or '',
    ub = m[6], ib = m[7], n = tonumber(m[8] or nil), x = m[9] or '', len = len, began = false,
  }
  local old, n = room.e, room.n
  local counted = m[1] and room.s and room.b
  if counted and n and n ~= len and len > 0 then -- an original FastIM node wrote to it
    room.s = room.s + math.max(len - n, 0)
    local last = call('LPOS', list, gone, 'RANK', -1)
    room.r = last and room.s - len + last + 1 or 0
    room.began = true
  elseif not counted then
    room.e, room.s, room.b, room.v, room.t, room.o, room.r = '', len, 0, 0, '', len, 0
    -- Where nothing is left a node that knows an epoch needs a later one: should the earlier one come back, that has
    -- gone back, too.
    room.ub, room.ib, room.began = false, false, len > 0 or knownEpoch ~= ''
    if len > 0 then -- the list of an original FastIM server, or the count was lost
      room.r = (call('LPOS', list, gone, 'RANK', -1) or -1) + 1
      room.ub, room.ib = '-', '-'
    end
  elseif knownEpoch == old then
    room.began = knownRev > room.v or knownRev == room.v and knownTip ~= room.t and knownTip ~= '' and room.t ~= ''
  elseif knownEpoch ~= '' then
    room.began = generation(knownEpoch) >= generation(old) -- of two of one generation nobody knows which came later
  end
  if room.began then
    room.p = counted and old or '' -- else the numbers are others
    room.e, room.v, room.t, room.o = named(random, old, knownEpoch), 0, '', room.s
  end
  return room
end

-- shorten takes out of a list of len entries what is more than the limits, and returns how many are left. The newest n,
-- behind number s, stay. How many bytes there are is looked at once in 16 entries, as Redis walks over the whole list
-- for that. The walk takes 2 us for 10,000 of 115 bytes, 4.4 us for 4 MiB of them (measured on Redis 7.0).
local function shorten(list, len, s, n)
  local left = math.min(len, most)
  if len > left then call('LTRIM', list, -left, -1) end
  if mostBytes > 0 and left > n and math.floor(s / 16) < math.floor((s + n) / 16) then
    local bytes = tonumber(redis.pcall('MEMORY', 'USAGE', list, 'SAMPLES', 0)) -- nil where Redis does not report it
    while bytes and bytes > mostBytes and left > n do
      left = math.max(n, left - math.ceil(left / 16))
      call('LTRIM', list, -left, -1)
      bytes = call('MEMORY', 'USAGE', list, 'SAMPLES', 0)
    end
  end
  return left
end

-- clearedIn is the number up to which a room is cleared in an epoch that begins, where it was c in the one before.
local function clearedIn(room, c)
  return room.p == '' and 0 or math.min(c, room.o)
end

-- rest reads the fields of meta that publish.lua does not need.
local function rest(meta, room)
  local m = call('HMGET', meta, 'o', 'r', 'l', 'c', 'p', 'k')
  room.o, room.r, room.l = room.o or tonumber(m[1]) or 0, room.r or tonumber(m[2]) or 0, tonumber(m[3]) or 0
  room.c, room.p, room.k = tonumber(m[4]) or 0, room.p or m[5] or '', m[6] or ''
  if room.began then room.c = clearedIn(room, room.c) end
end

-- begin writes the epoch that stand began.
local function begin(meta, room)
  room.n = room.len
  local c = clearedIn(room, tonumber(call('HGET', meta, 'c')) or 0)
  call('HSET', meta, 'e', room.e, 's', whole(room.s), 'b', whole(room.b),
    'v', '0', 't', '', 'o', whole(room.o), 'n', whole(room.len), 'p', room.p, 'c', whole(c))
  if room.r then call('HSET', meta, 'r', whole(room.r)) end
  if room.ub == '-' then
    call('HSET', meta, 'ub', '-', 'ib', '-')
  end
  call('PEXPIRE', meta, metaLife)
end
