-- lib_collect.lua is joined in front of the scripts that read messages and leave tombstones out.

-- collect appends number and text of at most limit messages to page. They stand at the distances from .. to from the
-- end of the list, 1 for the newest; step is 1 or -1. Where bytes is given it takes no more than that, but one message
-- at least, and puts 'cut' behind them where it left some out for that.
local function collect(page, list, s, from, to, step, limit, bytes)
  local empty = #page
  while limit > 0 and (to - from) * step >= 0 do
    local last = from + step * (math.max(32, math.min(limit, 256)) - 1)
    if (to - last) * step < 0 then last = to end
    local far, near = math.max(from, last), math.min(from, last)
    local c = call('LRANGE', list, -far, -near)
    for d = from, last, step do
      local text = c[far - d + 1]
      if limit > 0 and text ~= gone then
        if bytes then
          bytes = bytes - #text
          if bytes < 0 and #page > empty then
            page[#page + 1] = 'cut'
            return page
          end
        end
        page[#page + 1] = s - d + 1
        page[#page + 1] = text
        limit = limit - 1
      end
    end
    from = last + step
  end
  return page
end
