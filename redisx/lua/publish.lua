-- publish.lua stores a batch of drafts in a room and tells every node: Store.Publish. It follows lib_room.lua.
-- KEYS: history, meta, prefix of the sets of last ts, prefix of the sets of ids, log of recalls. A set's name is its
--   prefix and the number of a bucket of time. No key has the name of a prefix: while its slot moves to another node of
--   a cluster, Redis answers TRYAGAIN to that, instead of an error in the middle of the script.
-- ARGV: most entries of the history; its life and that of meta in ms; command to publish with; channel; a random name
--   for a new epoch; seconds of a bucket of last ts and of one of ids; the epoch, rev and tip that the node knows; the
--   batch's number; how often it was tried before; how many drafts; the field that marks a set; the node's field.
--   Then for n drafts n users, n ts and n heads. Where a draft has an id, the marking field follows again, and n fields
--   of ids, '' for a draft without one.
-- It reads and writes all keys but the log, which it reads. The payload it publishes is codec.AppendEvent's.
-- It returns 'number.try epoch seq total rev prev moved', and ' index seq ts' for each draft that was not stored.
--   Indexes begin at 0. seq is the number of the first message, 0 where none was stored. prev is the tip before the
--   batch. moved has 'index:ts' of each draft whose ts was moved on, with commas between; '-' stands for none.
--   Where the node has published a later batch, it returns what it returned for that.
local list, meta, timesPrefix, idsPrefix, log = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local most, listLife, metaLife, command, channel, random = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local timesBucket, idsBucket = tonumber(ARGV[7]), tonumber(ARGV[8])
local knownEpoch, knownRev, knownTip = ARGV[9], tonumber(ARGV[10]), ARGV[11]
local number, tried, drafts, marker, node = tonumber(ARGV[12]), ARGV[13] ~= '0', tonumber(ARGV[14]), ARGV[15], ARGV[16]
local USER, TS, HEAD, ID = 16, 16 + drafts, 16 + 2 * drafts, 17 + 3 * drafts -- ARGV[USER + 1] is the first user
local withIDs = ARGV[ID]

-- lost says whether the set of this bucket or of the previous one is missing, or lies in the future because the clock
-- of Redis went back. written is the bucket that meta says was written last. The mark of a set is 1 where there was a
-- previous one, else 0, and r where the set was restored.
local function lost(written, bucket, mark, previousMark)
  if not written then return false end -- since the room began, or by an older version
  if written == '-' or mark == '1' and not previousMark then return true end
  written = tonumber(written)
  return written > bucket or not mark and (written == bucket or written == bucket - 1 and not previousMark)
end

-- 1. Look where the room stands.

local clock = redis.call('TIME')[1]
local bucket = math.floor(clock / timesBucket)
local times = timesPrefix .. bucket
local present = redis.call('HMGET', times, unpack(ARGV, 15, USER + drafts)) -- marker, node, users
local previous = redis.call('HMGET', timesPrefix .. (bucket - 1), unpack(ARGV, 15, USER + drafts))
local room = stand(list, meta, random, knownEpoch, knownRev, knownTip)
if room.e == '' then
  room.e, room.began = named(random, knownEpoch, ''), true
end
local timesLost = lost(room.ub, bucket, present[1], previous[1])

-- 2. Look whether the batch was carried out, or given up by its node.

local answer, search = present[2] or previous[2], false
if timesLost then
  local future = tonumber(room.ub) or 0
  for b = math.max(bucket + 1, future - 1), future do
    local other = redis.call('HGET', timesPrefix .. b, node)
    if other and (not answer or tonumber(other:match('^%d+')) > tonumber(answer:match('^%d+'))) then answer = other end
  end
end
local last = answer and tonumber(answer:match('^%d+')) or -1
if last > number or last == number and answer:match('^%S+ (%S+)') == room.e then return answer end
-- Answers that were lost are not restored: then an older one does not say that there was no later one.
search = last == number or tried and (last < 0 or timesLost or present[1] == 'r' or previous[1] == 'r')

-- 3. Look which drafts the room has. was[i] is the note of the stored message, 'epoch number ts', or the index of an
-- earlier draft with the same id.

local was, notes = {}, {} -- notes: fields and values to write to the set of ids
local ids, idsNow, idsMark, earlierMark, idsLost, stale = nil, 0, nil, nil, false, false
if withIDs then
  idsNow = math.floor(clock / idsBucket)
  ids = idsPrefix .. idsNow
  local noted = redis.call('HMGET', ids, unpack(ARGV, ID, ID + drafts)) -- marker, fields
  local earlier = redis.call('HMGET', idsPrefix .. (idsNow - 1), unpack(ARGV, ID, ID + drafts))
  idsMark, earlierMark = noted[1], earlier[1]
  idsLost = lost(room.ib, idsNow, idsMark, earlierMark)
  local begins, first = room.e .. ' ', {} -- first: the index of the first draft with an id
  for i = 1, drafts do
    local field, note = ARGV[ID + i], noted[i + 1] or earlier[i + 1]
    if note then
      was[i], stale = note, stale or note:sub(1, #begins) ~= begins
    elseif field ~= '' then
      was[i], first[field] = first[field], first[field] or i
    end
  end
end

-- The slow path: something was lost, or a note has a number of another epoch. It reads the whole history.
local newest, restored -- the newest ts of each user; fields and values to write to the set of last ts
if timesLost or idsLost or search or stale then
  local seen = {} -- the note of each message that is there, under the field of its id
  newest, restored = {}, {}
  -- key is what a message is known by, nil where it has no id.
  local function key(text)
    local ok, m = pcall(cjson.decode, text)
    if ok and type(m) == 'string' then ok, m = pcall(cjson.decode, m) end -- an original FastIM node wrote it
    if not ok or type(m) ~= 'table' or type(m.userId) ~= 'string' or type(m.ts) ~= 'number' then return end
    local id = type(m.x) == 'table' and type(m.x.id) == 'string' and m.userId .. '\0' .. m.x.id
    return id, m.userId, m.ts
  end
  -- learn takes in a message with its number.
  local function learn(text, seq)
    local id, user, ts = key(text)
    if user then newest[user] = math.max(newest[user] or 0, ts) end
    if id then seen[id] = string.format('%s %.0f %.0f', room.e, seq, ts) end
  end
  -- each calls take with the fields of all sets that could be asked instead of a lost one.
  local function each(prefix, now, written, take)
    written = tonumber(written or nil) or 0
    for _, b in ipairs({written - 1, written, now - 1, now}) do
      local set = redis.call('HGETALL', prefix .. b)
      for i = 1, #set, 2 do
        if set[i] ~= marker then take(set[i], set[i + 1]) end
      end
    end
  end
  for _, payload in ipairs(redis.call('LRANGE', log, 0, -1)) do
    local epoch, seq, husk = payload:match('^r2 (%S+) (%d+) .-\n(.*)$')
    if husk then learn(husk, epoch == room.e and seq or 0) end
  end
  for far = math.min(room.len, most), 1, -256 do -- what is older is about to go
    for i, text in ipairs(redis.call('LRANGE', list, -far, -math.max(far - 255, 1))) do
      learn(text, room.s - far + i)
    end
  end
  if timesLost then
    local answers = {}
    each(timesPrefix, bucket, room.ub, function(field, value)
      local other = answers[field]
      if field:byte(1) ~= 255 then
        newest[field] = math.max(newest[field] or 0, tonumber(value) or 0)
      elseif not other or tonumber(value:match('^%d+')) > tonumber(other:match('^%d+')) then
        answers[field] = value
      end
    end)
    for user, ts in pairs(newest) do
      restored[#restored + 1] = user
      restored[#restored + 1] = string.format('%.0f', ts)
    end
    for field, value in pairs(answers) do
      restored[#restored + 1] = field
      restored[#restored + 1] = value
    end
  end
  if idsLost then
    each(idsPrefix, idsNow, room.ib, function(field, note)
      if note:match('^%S+') ~= room.e then note = room.e .. ' 0 ' .. note:match('%d+$') end
      seen[field] = seen[field] or note
    end)
    for field, note in pairs(seen) do
      -- As old as no set remembers: its sender may use the id again.
      if ARGV[TS + 1] - note:match('%d+$') <= 2000 * idsBucket then
        notes[#notes + 1] = field
        notes[#notes + 1] = note
      end
    end
  end
  for i = 1, drafts do
    local id, note = withIDs and ARGV[ID + i] or '', was[i]
    if id == '' and search then id = key(ARGV[HEAD + i] .. '0}') end
    local there = id and seen[id]
    if type(note) == 'string' then
      local ts = note:match('%d+$')
      if not there or there:match('%d+$') ~= ts then there = room.e .. ' 0 ' .. ts end
      if note:match('^%S+') ~= room.e then -- the number is of another epoch
        was[i] = there
        notes[#notes + 1] = id
        notes[#notes + 1] = there
      end
    elseif (search or idsLost) and there and ARGV[TS + i] - there:match('%d+$') <= 2000 * idsBucket then
      was[i] = there
    elseif note and was[note] then
      was[i] = was[note]
    end
  end
end

local kept -- the indexes of the drafts to store; nil: all
if next(was) then
  kept = {}
  for i = 1, drafts do
    if not was[i] then kept[#kept + 1] = i end
  end
end
local n = kept and #kept or drafts

-- 4. Give each message its ts, which its user has no other message with.

local set, msgs, moved, lastTS = {}, {}, {}, {}
for place = 1, n do
  local i = kept and kept[place] or place
  local user, text = ARGV[USER + i], ARGV[TS + i]
  local ts, least = tonumber(text), lastTS[user]
  if not least then
    least = math.max(present[i + 2] or 0, previous[i + 2] or 0, newest and newest[user] or 0)
  end
  if ts <= least then
    ts = least + 1
    text = string.format('%.0f', ts)
    moved[#moved + 1] = i - 1 .. ':' .. text
  end
  lastTS[user] = ts
  set[2 * place - 1], set[2 * place] = user, text
  msgs[place] = ARGV[HEAD + i] .. text .. '}'
end

-- 5. Store, and tell the nodes. The first command is the one that may fail.

local prev, first, total = room.t == '' and '-' or room.t, 0, 0
if n > 0 then
  local len = redis.call('RPUSH', list, unpack(msgs))
  local trimmed = math.min(len, most)
  if len > trimmed then redis.call('LTRIM', list, len - most, -1) end
  redis.call('PEXPIRE', list, listLife)
  if room.began then begin(meta, room, metaLife) end
  if len == n then -- the history had expired: a new life, a new total
    room.b = room.s
    redis.call('HSET', meta, 'b', string.format('%.0f', room.b))
  end
  first, room.s, room.v, room.t = room.s + 1, room.s + n, room.v + 1, node:sub(2) .. '.' .. ARGV[12] .. '.' .. ARGV[13]
  redis.call('HSET', meta, 's', string.format('%.0f', room.s), 'v', string.format('%.0f', room.v), 't', room.t,
    'n', string.format('%.0f', trimmed))
  redis.call('PEXPIRE', meta, metaLife)
  total = room.s - room.b
  local head = string.format('m2 %s %.0f %.0f %.0f %s %s\n', room.e, first, total, room.v, prev, room.t)
  redis.call(command, channel, head .. table.concat(msgs, '\n'))
else
  if room.began then begin(meta, room, metaLife) end
  if room.len > 0 then total = room.s - room.b end
end

-- 6. Note what was stored, and answer.

-- put writes to a set, in parts that unpack can take.
local function put(key, fields)
  for from = 1, #fields, 2000 do
    redis.call('HSET', key, unpack(fields, from, math.min(from + 1999, #fields)))
  end
end
if withIDs then
  local stored = {}
  for place = 1, n do
    local i = kept and kept[place] or place
    if ARGV[ID + i] ~= '' then
      stored[i] = string.format('%s %.0f %s', room.e, first + place - 1, set[2 * place])
      notes[#notes + 1] = ARGV[ID + i]
      notes[#notes + 1] = stored[i]
    end
  end
  for i, note in pairs(was) do was[i] = stored[note] or note end
  if not idsMark or idsLost then
    notes[#notes + 1] = marker
    notes[#notes + 1] = idsLost and 'r' or earlierMark and '1' or '0'
    if tonumber(room.ib or nil) ~= idsNow then redis.call('HSET', meta, 'ib', idsNow) end
  end
  put(ids, notes)
  if not idsMark then redis.call('EXPIRE', ids, 2 * idsBucket) end
end

answer = string.format('%s.%s %s %.0f %.0f %.0f %s %s', ARGV[12], ARGV[13], room.e, first, total, room.v, prev,
  moved[1] and table.concat(moved, ',') or '-')
if kept then
  for i = 1, drafts do
    if was[i] then answer = answer .. ' ' .. i - 1 .. was[i]:match(' .*') end
  end
end
set[#set + 1], set[#set + 2] = node, answer
if not present[1] or timesLost then
  set[#set + 1] = marker
  set[#set + 1] = timesLost and 'r' or previous[1] and '1' or '0'
  if tonumber(room.ub or nil) ~= bucket then redis.call('HSET', meta, 'ub', bucket) end
  put(times, restored or {})
end
redis.call('HSET', times, unpack(set))
if not present[1] then redis.call('EXPIRE', times, 3 * timesBucket) end
return answer
