package redisx

import "github.com/redis/rueidis"

// Scripts run as one step: nothing else happens in Redis meanwhile. Numbers leave Lua
// through %.0f, because its own form loses digits after the fourteenth.

// checkTokenScript: KEYS token. ARGV token, the same quoted, life in ms.
var checkTokenScript = rueidis.NewLuaScript(`
local t=redis.call('GET',KEYS[1])
if t~=ARGV[1] and t~=ARGV[2] then return 0 end
redis.call('PEXPIRE',KEYS[1],ARGV[3])
return 1`)

// joinScript: KEYS rooms. ARGV room, the same quoted, channel.
var joinScript = rueidis.NewLuaScript(`
if redis.call('SISMEMBER',KEYS[1],ARGV[2])==1 or redis.call('SADD',KEYS[1],ARGV[1])==0 then return 0 end
redis.call('PUBLISH',ARGV[3],'')
return 1`)

// newestGone is the number of the newest tombstone in a list without a count, whose
// oldest entry has number 1; 0 where there is no tombstone.
const newestGone = `(redis.call('LPOS',list,'` + tombstone + `','RANK',-1) or -1)+1`

// publishScript: KEYS history, meta, prefix of the last ts. ARGV most entries, life of
// the history and of the meta in ms, channel, epoch to use if there is none, seconds a
// bucket of last ts is written; then for n drafts n users, n ts and n heads.
//
// The payload is what codec.AppendEvent writes.
var publishScript = rueidis.NewLuaScript(`
local list,meta=KEYS[1],KEYS[2]
local n=(#ARGV-6)/3
local m=redis.call('HMGET',meta,'e','s','b')
local r=m[1] and 0 or ` + newestGone + `
local bucket=math.floor(redis.call('TIME')[1]/ARGV[6])
local now=KEYS[3]..bucket
local a=redis.call('HMGET',now,unpack(ARGV,7,6+n))
local o=redis.call('HMGET',KEYS[3]..(bucket-1),unpack(ARGV,7,6+n))
local last,set,msgs={},{},{}
for i=1,n do
  local user,ts=ARGV[6+i],tonumber(ARGV[6+n+i])
  local l=last[user] or math.max(tonumber(a[i] or 0),tonumber(o[i] or 0))
  if ts<=l then ts=l+1 end
  last[user]=ts
  local text=string.format('%.0f',ts)
  set[2*i-1],set[2*i]=user,text
  msgs[i]=ARGV[6+2*n+i]..text..'}'
end
local len=redis.call('RPUSH',list,unpack(msgs))
if len>tonumber(ARGV[1]) then redis.call('LTRIM',list,-ARGV[1],-1) end
redis.call('PEXPIRE',list,ARGV[2])
redis.call('HSET',now,unpack(set))
redis.call('EXPIRE',now,3*ARGV[6])
local e,s,b=m[1],tonumber(m[2]),tonumber(m[3])
if not e then                         -- maybe the list of an original FastIM server: count on
  e,s,b=ARGV[5],len-n,0
  if r>0 then redis.call('HSET',meta,'r',r) end
elseif len==n then b=s end            -- the history had expired: a new life, a new total
s=s+n
redis.call('HSET',meta,'e',e,'s',string.format('%.0f',s),'b',string.format('%.0f',b))
redis.call('PEXPIRE',meta,ARGV[3])
redis.call('PUBLISH',ARGV[4],string.format('m1 %s %.0f %.0f\n',e,s-n+1,s-b)..table.concat(msgs,'\n'))`)

// roomScript begins every script that reads a history. KEYS history, meta. ARGV epoch
// to use if there is none, life of the meta in ms. A place in the history is told by
// its distance from the end: 1 is the newest.
const roomScript = `
local list,meta=KEYS[1],KEYS[2]
local gone='` + tombstone + `'
local len=redis.call('LLEN',list)
local m=redis.call('HMGET',meta,'e','s','b','r')
local e,s,b,r=m[1] or '',tonumber(m[2] or 0),tonumber(m[3] or 0),tonumber(m[4] or 0)
if e=='' and len>0 then -- the list of an original FastIM server, or the count was lost
  e,s,r=ARGV[1],len,` + newestGone + `
  redis.call('HSET',meta,'e',e,'s',s,'b',0,'r',r)
  redis.call('PEXPIRE',meta,ARGV[2])
end
`

// pageScript defines the answer: epoch, newest number, total, then number and text of
// each entry.
const pageScript = roomScript + `
local page={e,s,len==0 and 0 or s-b}
-- collect adds at most limit entries at distances from..to, going by step 1 or -1.
local function collect(from,to,step,limit)
  while limit>0 and (to-from)*step>=0 do
    local last=from+step*(math.max(32,math.min(limit,256))-1)
    if (to-last)*step<0 then last=to end
    local far,near=math.max(from,last),math.min(from,last)
    local c=redis.call('LRANGE',list,-far,-near)
    for d=from,last,step do
      local text=c[far-d+1]
      if limit>0 and text~=gone then
        page[#page+1]=s-d+1
        page[#page+1]=text
        limit=limit-1
      end
    end
    from=last+step
  end
  return page
end
`

// findScript defines find: the distance of the entry that begins and ends like one of
// the two needles at ARGV[at], head, tail, head, tail; nil where there is none.
const findScript = `
local function find(at)
  local h1,t1,h2,t2=unpack(ARGV,at,at+3)
  for near=1,len,256 do
    local c=redis.call('LRANGE',list,-math.min(near+255,len),-near)
    for i=#c,1,-1 do
      local x=c[i]
      if (x:sub(-#t1)==t1 and x:sub(1,#h1)==h1) or (x:sub(-#t2)==t2 and x:sub(1,#h2)==h2) then return near+#c-i end
    end
  end
end
`

// newestScript: ARGV[3] limit. The page is newest first.
var newestScript = rueidis.NewLuaScript(pageScript + `
return collect(1,len,1,tonumber(ARGV[3]))`)

// sinceScript: ARGV[3] sequence number, [4] limit. The page is oldest first.
var sinceScript = rueidis.NewLuaScript(pageScript + `
return collect(math.min(s-ARGV[3],len),1,-1,tonumber(ARGV[4]))`)

// beforeScript: ARGV[3] count, [4] to [7] the needles. The page is newest first; nil
// where the message is not found.
var beforeScript = rueidis.NewLuaScript(pageScript + findScript + `
local d=find(4)
return d and collect(d+1,len,1,tonumber(ARGV[3]))`)

// rangeScript: ARGV[3] start, [4] stop. The entries from the message that start means
// to the one that stop means, with the tombstones between them. LPOS looks for them
// because handing every entry to Lua costs twenty times as much (30 and 570 ns an entry
// of 115 bytes, measured on 2 cores).
var rangeScript = rueidis.NewLuaScript(roomScript + `
local first,last=ARGV[3],ARGV[4]
if r>s-len then
  -- place is the index of the message that i means; outside the list where it has too
  -- few. It looks as deep from the end that i counts from as it must.
  local function place(i)
    local rank,n=1,i
    if i<0 then rank,n=-1,-1-i end
    n=math.min(n,len)
    local depth,at=n+64
    repeat
      depth=2*depth
      at=redis.call('LPOS',list,gone,'RANK',rank,'COUNT',0,'MAXLEN',depth)
    until depth-#at>n or depth>=len
    for _,p in ipairs(at) do
      if i<0 then p=len-1-p end
      if p>n then break end
      n=n+1
    end
    return i<0 and len-1-n or n
  end
  first,last=math.max(place(tonumber(first)),0),place(tonumber(last))
  if last<0 then return {} end
end
return redis.call('LRANGE',list,first,last)`)

// recallScript: ARGV[3] channel, [4] to [7] the needles.
var recallScript = rueidis.NewLuaScript(roomScript + findScript + `
local d=find(4)
if not d then return 0 end
redis.call('LSET',list,-d,gone)
redis.call('HSET',meta,'r',string.format('%.0f',math.max(r,s-d+1)))
redis.call('PUBLISH',ARGV[3],string.format('r1 %s %.0f %.0f',e,s-d+1,s-b))
return 1`)
