-- lib_log.lua is joined in front of the scripts that read the log of recalls.

-- logged takes the field k of meta apart: epoch, rev and name of the newest recall or purge, and how many there ever
-- were. The log of recalls has all that there were if it has so many entries; where k was lost nobody knows.
local function logged(room)
  local epoch, rev, name, all = room.k:match('^(%S+) (%d+) (%S+) (%d+)$')
  return epoch, tonumber(rev), name, tonumber(all)
end
