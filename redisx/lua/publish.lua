-- publish.lua stores a batch of drafts in a room and notifies every node: Store.Publish. It follows lib_room.lua.
-- It follows lib_held.lua as well where drafts were held.
-- KEYS: history, meta, prefix of the sets of last ts, prefix of the sets of ids, log of recalls, marks. Then held
--   messages where drafts were held. A set's name is its prefix and the number of a bucket of time. No key has the name
--   of a prefix. While its slot moves to another node of a cluster, Redis answers TRYAGAIN to that, instead of an error
--   in the middle of the script.
-- ARGV: channel; a random name for a new epoch; the epoch, rev and tip that the node knows. Then the batch's number;
--   how often it was tried before; how many drafts; the version of the rules that judged them; how many marks. Then the
--   letter of each draft's class; how many messages of classes normal and low the node has dropped, with a space
--   between. Then the witness; the node's field. Then for n drafts n users, n ts and n heads. Where a draft has an id,
--   the witness follows again, and n fields of ids, '' for a draft without one. Then for each mark the index of its
--   draft from 1, its name and its life in ms. A draft that was held has one more with the name h and the id, which it
--   needs to be held still, and takes off.
-- It reads and writes all keys but the log, which it reads. The payload it publishes is codec.AppendEvent's.
-- It returns 'number.try epoch seq total rev prev moved', and for each draft that was not stored ' index seq ts'. It is
--   ' index ! ms' where the draft's user sends too much and may try again after so many ms. Behind the ! stands the
--   first letter of the mark that it stumbled over, or q where the room has its quota. Indexes begin at 0. The number
--   of the first message is seq, 0 where none was stored. The tip before the batch is prev. The field moved has
--   'index:ts' of each draft whose ts was moved on, with commas between; '-' stands for none. Where the node has
--   published a later batch, it returns what it returned for that. It returns 'stale' where the room has other rules.
local list, meta, timesPrefix, idsPrefix, log, marked = unpack(KEYS)
local channel, random, knownEpoch, knownRev, knownTip, batch, try, drafts, rules, marks, classes, dropped = unpack(ARGV, 1, 12)
local witness, node = ARGV[13], ARGV[14]
local tried, number = try ~= '0', tonumber(batch)
drafts = tonumber(drafts)
local USER, TS, HEAD, ID = 14, 14 + drafts, 14 + 2 * drafts, 15 + 3 * drafts -- ARGV[USER + 1] is the first user
local MARK = #ARGV - 3 * marks -- ARGV[MARK + 1] is the first mark's index
local withIDs = MARK >= ID

-- lost says whether the set of this bucket or of the previous one is missing, or lies in the future: Redis' clock went
-- back. The bucket written is the one that meta names as the last. The witness of a set is 1 where there was a
-- previous one, else 0, and r where the set was restored.
local function lost(written, bucket, witness, previousWitness)
  if not written then return false end -- since the room began, or by an older version
  if written == '-' or witness == '1' and not previousWitness then return true end
  written = tonumber(written)
  return written > bucket or not witness and (written == bucket or written == bucket - 1 and not previousWitness)
end

-- 1. Look where the room stands.

local time = call('TIME')
local clock = time[1]
local bucket = math.floor(clock / timesBucket)
local times = timesPrefix .. bucket
local present = call('HMGET', times, unpack(ARGV, 13, USER + drafts)) -- witness, node, users
local previous, known = {}, 1
while present[known] do known = known + 1 end
local complete = not tried and known > drafts + 2 -- then the previous set knows nothing newer
if not complete then previous = call('HMGET', timesPrefix .. (bucket - 1), unpack(ARGV, 13, USER + drafts)) end
local room = stand(list, meta, random, knownEpoch, tonumber(knownRev), knownTip)
if room.e == '' then
  room.e, room.p, room.began = named(random, knownEpoch, ''), '', true
end
local timesLost = lost(room.ub, bucket, present[1], complete or previous[1])

-- 2. Look whether the batch was carried out, or given up by its node.

local answer, search = present[2] or previous[2], false
if timesLost then
  local future = tonumber(room.ub) or 0
  for b = math.max(bucket + 1, future - 1), future do
    local other = call('HGET', timesPrefix .. b, node)
    if other and (not answer or tonumber(other:match('^%d+')) > tonumber(answer:match('^%d+'))) then answer = other end
  end
end
local last = answer and tonumber(answer:match('^%d+')) or -1
if last > number then return answer end
if last == number and answer:match('^%S+ (%S+)') == room.e then
  call('HSET', meta, 'e', room.e) -- WAIT, which may follow, is about what a connection has written
  return answer
end
if room.x ~= rules then return 'stale' end
-- Answers that were lost are not restored: then an older one does not prove that there was no later one.
search = last == number or tried and (last < 0 or timesLost or present[1] == 'r' or previous[1] == 'r')

-- 3. Look which drafts the room has. The entry was[i] is the note of the stored message, 'epoch number ts', or the
-- index of an earlier draft with the same id.

local was, notes = {}, {} -- notes: fields and values to write to the set of ids
local ids, idsNow, idsWitness, earlierWitness, idsLost, stale = nil, 0, nil, nil, false, false
if withIDs then
  idsNow = math.floor(clock / idsBucket)
  ids = idsPrefix .. idsNow
  local noted = call('HMGET', ids, unpack(ARGV, ID, ID + drafts)) -- witness, fields
  local earlier = call('HMGET', idsPrefix .. (idsNow - 1), unpack(ARGV, ID, ID + drafts))
  idsWitness, earlierWitness = noted[1], earlier[1]
  idsLost = lost(room.ib, idsNow, idsWitness, earlierWitness)
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
    if id then seen[id] = room.e .. ' ' .. whole(seq) .. ' ' .. whole(ts) end
  end
  -- each calls take with the fields of all sets that could be asked instead of a lost one.
  local function each(prefix, now, written, take)
    written = tonumber(written or nil) or 0
    for _, b in ipairs({written - 1, written, now - 1, now}) do
      local set = call('HGETALL', prefix .. b)
      for i = 1, #set, 2 do
        if set[i] ~= witness then take(set[i], set[i + 1]) end
      end
    end
  end
  for _, payload in ipairs(call('LRANGE', log, 0, -1)) do
    local epoch, seq, husk = payload:match('^r2 (%S+) (%d+) .-\n(.*)$')
    if husk then learn(husk, epoch == room.e and seq or 0) end
  end
  for far = math.min(room.len, most), 1, -256 do -- older messages are about to go
    for i, text in ipairs(call('LRANGE', list, -far, -math.max(far - 255, 1))) do
      learn(text, room.s - far + i)
    end
  end
  if timesLost then
    local answers = {}
    each(timesPrefix, bucket, room.ub, function(field, value)
      local other = answers[field]
      if field:byte(1) ~= 255 then
        newest[field] = math.max(newest[field] or 0, tonumber(value:match('^%d+')) or 0)
      elseif not other or tonumber(value:match('^%d+')) > tonumber(other:match('^%d+')) then
        answers[field] = value
      end
    end)
    for user, ts in pairs(newest) do
      restored[#restored + 1] = user
      restored[#restored + 1] = whole(ts)
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

-- A draft that was held is refused where it does not wait any more. approved are the entries of the others.
local approved
for m = MARK + 1, #ARGV, 3 do
  local i, name = tonumber(ARGV[m]), ARGV[m + 1]
  if name:sub(1, 1) == 'h' then
    approved = approved or {}
    local entry = find(KEYS[7], name:sub(2))
    if entry and not approved[entry] then approved[entry] = true else was[i] = '! !h 1' end
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

-- 4. Give each message its ts, which its user has no other message with, unless its user sends too much.

-- A user's rate is used up until a ts (GCRA). The set has the user's last ts, and behind a space by how much longer,
-- where that is more than one message uses up. Of most users it has no more than before.
local lastTS, usedUp = {}, {}

-- look reads where a user stands before draft i.
local function look(user, i)
  local text = present[i + 2] or previous[i + 2]
  local last = tonumber(text or 0)
  if not last then
    local ahead
    last, ahead = text:match('^(%d+) (%d+)$')
    last = tonumber(last)
    usedUp[user] = last + ahead
  elseif text then
    usedUp[user] = last + userEvery
  end
  lastTS[user] = math.max(last, newest and newest[user] or 0)
end

-- Marks: a draft with one that lasts still is refused.
local lasts, marksOf, now = {}, {}, time[1] * 1000 + math.floor(time[2] / 1000)
-- lasts: until when, by name; marksOf: the places of a draft's marks in ARGV
if MARK < #ARGV then
  call('ZREMRANGEBYSCORE', marked, '-inf', now)
  for m = MARK + 1, #ARGV, 3 do
    local i, name = tonumber(ARGV[m]), ARGV[m + 1]
    if name:sub(1, 1) ~= 'h' then
      lasts[name] = tonumber(call('ZSCORE', marked, name) or 0)
      marksOf[i] = marksOf[i] or {}
      table.insert(marksOf[i], m)
    end
  end
end

-- stumbles returns how long draft i has to wait for a mark, and that mark's first letter.
local function stumbles(i)
  for _, m in ipairs(marksOf[i] or {}) do
    local name, life = ARGV[m + 1], tonumber(ARGV[m + 2])
    local left = lasts[name] - now
    if left > 0 and left <= life then return left, name:sub(1, 1) end -- longer: the clock of Redis went back
  end
  return 0, ''
end

-- leave puts the marks of draft i, which is stored, in the room.
local function leave(i)
  for _, m in ipairs(marksOf[i] or {}) do
    local name, life = ARGV[m + 1], tonumber(ARGV[m + 2])
    lasts[name] = now + life
    call('ZADD', marked, whole(lasts[name]), name)
    if call('PTTL', marked) < life then call('PEXPIRE', marked, whole(life)) end
  end
end

-- The quota of the room: shed has how long each draft has to wait that it does not take.
local shed, give, storm = {}, nil, ''
if quotaEvery > 0 then shed, give, storm = judge(meta, now, classes, kept, drafts, dropped) end

local set, msgs, moved, out, admitted = {}, {}, {}, 0, nil
for place = 1, n do
  local i = kept and kept[place] or place
  local user, text = ARGV[USER + i], ARGV[TS + i]
  local ts, wait, mark = tonumber(text), 0, ''
  if not lastTS[user] then look(user, i) end
  if shed[i] then
    wait, mark = shed[i], 'q'
  elseif MARK < #ARGV then
    wait, mark = stumbles(i)
  end
  if wait == 0 and userEvery > 0 and classes:sub(i, i) ~= 's' then
    local ahead = (usedUp[user] or 0) - ts
    -- another node's clock is that much ahead: it does not count
    if ahead < 0 or ahead > 2 * userBurst then ahead = 0 end
    wait = ahead + userEvery - userBurst
    if wait <= 0 then usedUp[user] = ts + ahead + userEvery end
  end
  if wait > 0 then
    if give and not shed[i] then give(classes:sub(i, i)) end
    if not admitted then
      admitted = {}
      for p = 1, out do admitted[p] = kept and kept[p] or p end
    end
    was[i] = '! !' .. mark .. ' ' .. whole(wait)
  else
    if MARK < #ARGV then leave(i) end
    if ts <= lastTS[user] then
      ts = lastTS[user] + 1
      text = whole(ts)
      moved[#moved + 1] = i - 1 .. ':' .. text
    end
    lastTS[user] = ts
    out = out + 1
    if admitted then admitted[out] = i end
    set[2 * out - 1], set[2 * out] = user, text
    if userEvery > 0 and usedUp[user] and usedUp[user] - ts > userEvery then
      set[2 * out] = text .. ' ' .. whole(usedUp[user] - ts)
    end
    msgs[out] = ARGV[HEAD + i] .. text .. '}'
  end
end
if admitted then kept, n = admitted, out end

-- 5. Store, and notify the nodes. The first command is the one that may fail.

local prev, first, total, rev = room.t == '' and '-' or room.t, '0', '0', nil
if n > 0 then
  local len = call('RPUSH', list, unpack(msgs))
  local left = shorten(list, len, room.s, n)
  if room.began then begin(meta, room) end
  if len == n then -- the history had expired: a new life, a new total
    room.b = room.s
    call('HSET', meta, 'b', whole(room.b))
  end
  first, rev, room.t = whole(room.s + 1), whole(room.v + 1), node:sub(2) .. '.' .. batch .. '.' .. try
  local newest = n == 1 and first or whole(room.s + n)
  total = room.b == 0 and newest or whole(room.s + n - room.b)
  if room.n == left then
    call('HSET', meta, 's', newest, 'v', rev, 't', room.t)
  else
    call('HSET', meta, 's', newest, 'v', rev, 't', room.t, 'n', whole(left))
  end
  if not present[1] or len == n then -- once a bucket, which the history has more; the others have a day more
    call('PEXPIRE', list, listLife)
    call('PEXPIRE', meta, metaLife)
    call('PEXPIRE', log, metaLife)
  end
  local head = (storm == '' and 'm2 ' or 'm3 ') .. room.e .. ' ' .. first .. ' ' .. total .. ' ' .. rev .. ' ' .. prev
    .. ' ' .. room.t .. storm .. '\n'
  call(command, channel, head .. (n == 1 and msgs[1] or table.concat(msgs, '\n')))
else
  if room.began then begin(meta, room) end
  rev = whole(room.v)
  if room.len > 0 then total = whole(room.s - room.b) end
end

for entry in pairs(approved or {}) do leaves(KEYS[7], channel, entry, 'approved') end

-- 6. Note what was stored, and answer.

-- put writes to a set, in parts that unpack can take.
local function put(key, fields)
  for from = 1, #fields, 2000 do
    call('HSET', key, unpack(fields, from, math.min(from + 1999, #fields)))
  end
end
if withIDs then
  local stored = {}
  for place = 1, n do
    local i = kept and kept[place] or place
    if ARGV[ID + i] ~= '' then
      stored[i] = room.e .. ' ' .. whole(first + place - 1) .. ' ' .. set[2 * place]:match('^%d+')
      notes[#notes + 1] = ARGV[ID + i]
      notes[#notes + 1] = stored[i]
    end
  end
  -- an index: that draft was stored, or refused
  for i, note in pairs(was) do was[i] = stored[note] or was[note] or note end
  if not idsWitness or idsLost then
    notes[#notes + 1] = witness
    notes[#notes + 1] = idsLost and 'r' or earlierWitness and '1' or '0'
    if tonumber(room.ib or nil) ~= idsNow then call('HSET', meta, 'ib', idsNow) end
  end
  put(ids, notes)
  if not idsWitness then call('EXPIRE', ids, 2 * idsBucket) end
end

answer = batch .. '.' .. try .. ' ' .. room.e .. ' ' .. first .. ' ' .. total .. ' ' .. rev .. ' ' .. prev
  .. ' ' .. (moved[1] and table.concat(moved, ',') or '-')
if kept then
  for i = 1, drafts do
    if was[i] then answer = answer .. ' ' .. i - 1 .. was[i]:match(' .*') end
  end
end
set[#set + 1], set[#set + 2] = node, answer
if not present[1] or timesLost then
  set[#set + 1] = witness
  set[#set + 1] = timesLost and 'r' or previous[1] and '1' or '0'
  if tonumber(room.ub or nil) ~= bucket then call('HSET', meta, 'ub', bucket) end
  put(times, restored or {})
end
call('HSET', times, unpack(set))
if not present[1] then call('EXPIRE', times, 3 * timesBucket) end
return answer
