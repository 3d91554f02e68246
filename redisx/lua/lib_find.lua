-- lib_find.lua is joined in front of the scripts that look for a message by its sender and ts.

-- looks is how many entries are looked at from the newest on, and again about the place that the ts has in the list.
-- They are stored in the order of their ts, but for those of nodes whose clocks differ, and those that waited for the
-- store. All of them take 1.1 to 1.5 ms, and 10,000 would take 5.8. A client that asks for a message that is not there
-- shall not keep the store from others.
local looks = 1024

-- A message may have waited for the store for batchLife, room.queue_age at its most and the calls of its batch. It
-- stands behind those that were stored meanwhile, and they stand where its ts would have it. Of either so many are
-- looked at, too, where a room has more than 17 a second: those of 68 a second.
local meanwhile = 2 * looks

-- written is when an entry was written, nil of a tombstone.
local function written(text)
  return tonumber(text:match('"ts\\?":(%d+)}"?$'))
end

-- placed is the least distance, 1 for the newest, from near on and below far, from which on entries were written before
-- ts. Tombstones have no ts, and a purge leaves many in a row. It reads some most of these, and returns what is left of
-- that, too.
local function placed(list, near, far, ts, most)
  while near < far do
    local d = math.floor((near + far) / 2)
    local own, at, first, width = nil, d, d, 8
    while not own and first < far and (first == d or most > 0) do
      local last = math.min(first + width, far) - 1
      local c = call('LRANGE', list, -last, -first)
      for i = #c, 1, -1 do
        own, at = written(c[i]), last - i + 1
        if own then break end
        most = most - 1
      end
      first, width = last + 1, math.max(8, math.min(4 * width, most))
    end
    if own and own >= ts then near = at + 1 else far = d end
  end
  return near, most
end

-- find is the distance from the end, 1 for the newest, of the entry that begins and ends like one of two needles.
-- It is nil where none of those that it looks at does.
local function find(list, len, head1, tail1, head2, tail2)
  local ts = tonumber(tail1:match('(%d+)}$')) or 0
  -- old says whether nothing behind an entry is what is looked for: clocks of nodes may be 2 h 10 min apart.
  local function old(text)
    local own = written(text)
    return own and own < ts - 7800000
  end
  -- among is find for the distances from near to far. over is set where nothing lies behind them either.
  local function among(near, far)
    for d = near, far, 256 do
      local c = call('LRANGE', list, -math.min(d + 255, far), -d)
      -- Two of them: one may be of a node whose clock is quite wrong.
      if #c > 1 and old(c[#c]) and old(c[#c - 1]) then return nil, true end
      for i = #c, 1, -1 do
        local x = c[i]
        if x:sub(-#tail1) == tail1 and x:sub(1, #head1) == head1
          or x:sub(-#tail2) == tail2 and x:sub(1, #head2) == head2 then
          return d + #c - i
        end
      end
    end
  end
  local d, over = among(1, math.min(looks, len))
  if d or over or len <= looks then return d end
  local place, most = placed(list, looks + 1, len + 1, ts, 8 * looks)
  local late, early
  late, most = placed(list, looks + 1, place, ts + batchLife, most)
  early = placed(list, place, len + 1, ts - batchLife, most)
  local from = math.min(math.max(late, place - meanwhile), place - looks / 2)
  local to = math.max(math.min(early, place + meanwhile), place + looks / 2)
  return among(math.max(looks + 1, from), math.min(len, to))
end
