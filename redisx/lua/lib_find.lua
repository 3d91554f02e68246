-- lib_find.lua is joined in front of the scripts that look for a message by its sender and ts.

-- before says whether an entry was written before a ts, false of a tombstone.
local function before(text, ts)
  local own = tonumber(text:match('"ts\\?":(%d+)}"?$'))
  return own and own < ts
end

-- find is the distance from the end, 1 for the newest, of the entry that begins and ends like one of two needles.
-- It is nil where there is none. It looks no further than to entries that are much older than what is looked for:
-- entries stand in the order in which they were stored, theirs but for messages that waited, ten minutes, and for
-- clocks of nodes, which may be two hours apart.
local function find(list, len, head1, tail1, head2, tail2)
  local oldest = (tonumber(tail1:match('(%d+)}$')) or 0) - 7800000
  for near = 1, len, 256 do
    local c = call('LRANGE', list, -math.min(near + 255, len), -near)
    -- Two of them: one may be of a node whose clock is quite wrong.
    if #c > 1 and before(c[#c], oldest) and before(c[#c - 1], oldest) then return nil end
    for i = #c, 1, -1 do
      local x = c[i]
      if x:sub(-#tail1) == tail1 and x:sub(1, #head1) == head1
        or x:sub(-#tail2) == tail2 and x:sub(1, #head2) == head2 then
        return near + #c - i
      end
    end
  end
end
