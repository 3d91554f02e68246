-- lib_page.lua is joined in front of the scripts that read a history by number, tombstones and all.

-- entries returns the entries at the distances first .. last from the end of the list, 1 for the newest; step is 1 or
-- -1. It takes no more than pageBytes, but one entry at least.
--
-- An entry that is read and does not fit costs Redis as much as one that does. A message of 8000 bytes can take 48 KiB,
-- and 32 of them are 1.5 MiB. So it reads two at first, and then as many as fit if they are like those before. It reads
-- eight at most, as strangers choose what comes behind short ones.
local function entries(list, first, last, step)
  local texts, bytes, n = {}, pageBytes, 2
  while (last - first) * step >= 0 do
    local upTo = first + (n - 1) * step
    if (last - upTo) * step < 0 then upTo = last end
    local high = math.max(first, upTo)
    local read = call('LRANGE', list, -high, -math.min(first, upTo))
    for d = first, upTo, step do
      local text = read[high - d + 1]
      bytes = bytes - #text
      if bytes < 0 and #texts > 0 then return texts end
      texts[#texts + 1] = text
    end
    n = math.max(1, math.min(4 * n, 8, math.floor(bytes * #texts / (pageBytes - bytes))))
    first = upTo + step
  end
  return texts
end
