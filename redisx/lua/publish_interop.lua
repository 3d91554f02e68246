-- publish_interop.lua is publish.lua beside original FastIM nodes: the list holds nothing but messages as JSON string
-- literals, and the channel carries nothing else, one each. It follows lib_room_interop.lua.
-- KEYS: history, meta, prefix of the sets of last ts, prefix of the sets of ids; see publish.lua.
-- ARGV: channel; the batch's number; how many drafts; the node's field. Then for n drafts n users, n ts and n heads.
--   Where a draft has an id, n fields of ids follow, '' for a draft without one.
-- It returns what publish.lua does. The epoch is 'fastim', the numbers are places in the list, and rev is 0.
local list, meta, timesPrefix, idsPrefix = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local channel, number, drafts, node = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local USER, TS, HEAD, ID = 4, 4 + drafts, 4 + 2 * drafts, 4 + 3 * drafts

local clock = call('TIME')[1]
local bucket = math.floor(clock / timesBucket)
local times = timesPrefix .. bucket
local present = call('HMGET', times, unpack(ARGV, USER, USER + drafts)) -- node, users
local previous = call('HMGET', timesPrefix .. (bucket - 1), unpack(ARGV, USER, USER + drafts))
local answer = present[1] or previous[1]
if answer and tonumber(answer:match('^%d+')) >= number then
  call('HSET', present[1] and times or timesPrefix .. (bucket - 1), node, answer) -- see publish.lua
  return answer
end

-- was[i] is the note of the message that draft i repeats, or the index of an earlier draft with the same id.
local was, first, ids = {}, {}, nil
if ARGV[ID + 1] then
  local now = math.floor(clock / idsBucket)
  ids = idsPrefix .. now
  local notes = call('HMGET', ids, unpack(ARGV, ID + 1, ID + drafts))
  local earlier = call('HMGET', idsPrefix .. (now - 1), unpack(ARGV, ID + 1, ID + drafts))
  for i = 1, drafts do
    local field = ARGV[ID + i]
    was[i] = notes[i] or earlier[i] or first[field]
    if field ~= '' then first[field] = first[field] or i end
  end
end

local kept, set, msgs, moved, lastTS = {}, {}, {}, {}, {}
for i = 1, drafts do
  if not was[i] then
    kept[#kept + 1] = i
    local user, text = ARGV[USER + i], ARGV[TS + i]
    local least, ts = lastTS[user] or math.max(present[i + 1] or 0, previous[i + 1] or 0), tonumber(text)
    if ts <= least then
      ts = least + 1
      text = string.format('%d', ts)
      moved[#moved + 1] = i - 1 .. ':' .. text
    end
    lastTS[user] = ts
    set[2 * #kept - 1], set[2 * #kept] = user, text
    msgs[#kept] = ARGV[HEAD + i] .. text .. '}"'
  end
end

local n, seq = #kept, 0
if n > 0 then
  call('RPUSH', list, unpack(msgs)) -- untrimmed: original nodes push to list sockets when the length changes
  call('PEXPIRE', list, listLife)
  forget(list, meta)
  for i = 1, n do call('PUBLISH', channel, msgs[i]) end
end
local total = call('LLEN', list)
if n > 0 then seq = total - n + 1 end

if ids then
  local stored, notes = {}, {}
  for place, i in ipairs(kept) do
    if ARGV[ID + i] ~= '' then
      stored[i] = string.format('fastim %d %s', seq + place - 1, set[2 * place])
      notes[#notes + 1] = ARGV[ID + i]
      notes[#notes + 1] = stored[i]
    end
  end
  if #notes > 0 then
    call('HSET', ids, unpack(notes))
    call('EXPIRE', ids, 2 * idsBucket)
  end
  for i, note in pairs(was) do was[i] = stored[note] or note end
end
answer = string.format('%s fastim %d %d 0 - %s', ARGV[2], seq, total, moved[1] and table.concat(moved, ',') or '-')
for i = 1, drafts do
  if was[i] then answer = answer .. ' ' .. i - 1 .. was[i]:match(' .*') end
end
set[#set + 1], set[#set + 2] = node, answer
call('HSET', times, unpack(set))
if not present[1] then call('EXPIRE', times, 3 * timesBucket) end
return answer
