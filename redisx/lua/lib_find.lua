-- lib_find.lua is joined in front of the scripts that look for a message by its sender and ts.

-- find is the distance from the end, 1 for the newest, of the entry that begins and ends like one of two needles.
-- It is nil where there is none.
local function find(list, len, head1, tail1, head2, tail2)
  for near = 1, len, 256 do
    local c = call('LRANGE', list, -math.min(near + 255, len), -near)
    for i = #c, 1, -1 do
      local x = c[i]
      if x:sub(-#tail1) == tail1 and x:sub(1, #head1) == head1
        or x:sub(-#tail2) == tail2 and x:sub(1, #head2) == head2 then
        return near + #c - i
      end
    end
  end
end
