-- lib_quota.lua is joined in front of publish.lua where rooms have a quota. It decides which drafts a room takes that
-- is offered more than that, see chat.Quota. The field q of meta has what it knows, 9 numbers. Two say until when the
-- quota of all and that of normal and low drafts is used up, in ms. Then the second that is counted; how many were
-- offered in it of classes normal, low, and above; how many were taken. Then the level; how many were offered and taken
-- in the second before, as offered * 2^20 + taken.

local clockStep = 2 * math.max(quotaBurst, shiftTime) -- nobody has used the quota up for longer than that

-- levelOf is the level at which so many of what was offered a second would be taken, see chat.Storm.
local function levelOf(normal, low)
  local takes = 1000 / quotaLow
  if normal + low <= takes then return 0 end
  if normal <= takes then return math.ceil(stormLow * (1 - (takes - normal) / low)) end
  return math.min(2 * stormLow, stormLow + math.ceil(stormLow * (1 - takes / normal)))
end

-- judge returns which of the drafts at kept, nil for all, are not taken: how many ms each has to wait. It returns a
-- function for a taken draft of a class that is refused for another reason, as by slow mode. The draft's place is given
-- back, and the room was not offered it. It also returns the storm as an event carries it, '' for none.
local function judge(meta, now, classes, kept, drafts, dropped)
  local q = {}
  for number in (call('HGET', meta, 'q') or ''):gmatch('%S+') do q[#q + 1] = tonumber(number) end
  local all, most, second = q[1] or 0, q[2] or 0, q[3] or 0
  local normal, low, above, taken, level, last = q[4] or 0, q[5] or 0, q[6] or 0, q[7] or 0, q[8] or 0, q[9] or 0

  local passed = math.floor(now / 1000) - second
  if passed ~= 0 then
    local offered = normal + low + above
    local was = passed == 1 and taken < offered and levelOf(normal, low) or 0 -- else the burst had room for all of it
    level = math.max(was, level - levelFalls * math.max(1, math.min(passed, 8)))
    last = passed == 1 and offered * 1048576 + taken or 0
    second, normal, low, above, taken = second + passed, 0, 0, 0, 0
  end

  local droppedNormal, droppedLow = dropped:match('^(%d+) (%d+)$')
  normal, low = normal + (droppedNormal or 0), low + (droppedLow or 0)
  local shed, wait = {}, shiftTime - now % shiftTime
  if all - now > clockStep then all = now end -- the clock of Redis went back
  if most - now > clockStep then most = now end
  all, most = math.max(all, now), math.max(most, now)
  for class in ('shnl'):gmatch('.') do
    for place = 1, kept and #kept or drafts do
      local i = kept and kept[place] or place
      if classes:sub(i, i) == class then
        local bound = class == 'n' or class == 'l'
        if class == 'n' then normal = normal + 1 elseif class == 'l' then low = low + 1 else above = above + 1 end
        if class ~= 's' and all + quotaEvery - now > quotaBurst or bound and most + quotaLow - now > quotaBurst then
          shed[i] = wait
        else
          all, taken = all + quotaEvery, taken + 1
          if bound then most = most + quotaLow end
        end
      end
    end
  end

  local function keep()
    call('HSET', meta, 'q', string.format('%.3f %.3f %d %d %d %d %d %d %d', all, most, second, normal, low, above, taken, level, last))
  end
  local function give(class)
    all, taken = all - quotaEvery, taken - 1
    if class == 'n' then normal = normal - 1 elseif class == 'l' then low = low - 1 else above = above - 1 end
    if class == 'n' or class == 'l' then most = most - quotaLow end
    keep()
  end
  keep()
  if level == 0 and last == 0 then return shed, give, '' end
  local offered = math.floor(last / 1048576)
  local shown = last % 1048576
  if level == 0 and offered == shown then return shed, give, '' end
  return shed, give, string.format(' %d %d %d', level, offered, shown)
end
